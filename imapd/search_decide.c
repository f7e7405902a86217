/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "common/utf8.h"
#include "imapd/fetch.h"
#include "imapd/search.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/word.h"

enum { HEADER_OCTETS = 1024 * 1024, FOLDED_OCTETS = 4 * HEADER_OCTETS };

int
search_need_summary(struct session *s, struct search_message *m)
{
	struct slice blob;
	int err = OK;

	if (m->has_summary)
		return OK;
	err = s->conf.backend->summary(s->conf.ctx, s->view.box, m->msg.uid, &blob);
	if (err == OK)
		err = summary_open(blob, &m->summary);
	m->has_summary = err == OK;
	return err;
}

int
search_read(struct session *s, const struct search_message *m, uint64_t begin, uint64_t end,
    uint64_t max_octets, struct buf *out)
{
	int err = OK;

	if (end > m->msg.size_octets)
		end = m->msg.size_octets;
	if (end > begin && end - begin > max_octets)
		end = begin + max_octets;
	while (err == OK && begin < end) {
		struct slice piece;

		err = s->conf.backend->octets(s->conf.ctx, s->view.box, m->msg.uid, begin, end,
		    &piece);
		if (err == OK) {
			buf_add(out, piece);
			begin += piece.n;
			err = out->err;
		}
	}
	return err;
}

/* value decoded and folded, behind what is in out. */
static int
fold_value(struct slice value, struct buf *out)
{
	struct buf text;
	int err;

	buf_init(&text, FOLDED_OCTETS);
	err = word_decode(value, &text, NULL);
	if (err == OK)
		err = utf8_casefold(buf_slice(&text), out);
	buf_fini(&text);
	return err;
}

int
search_header_holds(struct slice fields, struct slice name, struct slice want, bool *out)
{
	struct header_iter it;
	struct header_field f;
	struct buf folded;
	int err = OK;

	*out = false;
	buf_init(&folded, FOLDED_OCTETS);
	header_init(&it, fields);
	while (err == OK && !*out && header_next(&it, &f) == 1) {
		if (name.n > 0 && !slice_eq_nocase(f.name, name))
			continue;
		buf_clear(&folded);
		if (name.n == 0) {	/* TEXT: names, too */
			err = utf8_casefold(f.name, &folded);
			buf_adds(&folded, ": ");
		}
		if (err == OK)
			err = fold_value(f.value, &folded);
		*out = err == OK && memmem(folded.n > 0 ? folded.p : "", folded.n,
		    want.n > 0 ? want.p : "", want.n) != NULL;
	}
	buf_fini(&folded);
	return err == ERR_LIMIT ? OK : err;
}

/* The fields from the summary if it keeps them, else from the message. */
static int
header_key(struct session *s, const struct search_key *k, struct search_message *m, bool *yes)
{
	struct summary_part root;
	struct buf fields;
	int err = search_need_summary(s, m);

	if (err != OK)
		return err;
	buf_init(&fields, HEADER_OCTETS);
	err = summary_header_fields(&m->summary, &k->field, 1, &fields);
	if (err == 0) {
		buf_clear(&fields);
		err = summary_part(&m->summary, 0, &root);
		if (err == OK)
			err = search_read(s, m, root.header_begin, root.header_end, HEADER_OCTETS,
			    &fields);
	}
	if (err >= 0)
		err = search_header_holds(buf_slice(&fields), k->field, k->text, yes);
	buf_fini(&fields);
	return err;
}

static int64_t
floor_day(int64_t seconds)
{
	return seconds / 86400 - (seconds % 86400 < 0);
}

static bool
day_fits(enum search_kind kind, enum search_kind before, int64_t day, int64_t want)
{
	/* The kinds stand in the order BEFORE, ON, SINCE. */
	unsigned which = (unsigned)kind - (unsigned)before;

	return which == 0 ? day < want : which == 1 ? day == want : day >= want;
}

static int
sent_key(struct session *s, const struct search_key *k, struct search_message *m, bool *yes)
{
	int err = search_need_summary(s, m);
	struct date d;

	if (err != OK || (m->summary.flags & SUMMARY_HAS_DATE) == 0)
		return err;
	d = (struct date){ .seconds = m->summary.date_s, .zone_min = m->summary.date_zone_min };
	*yes = day_fits(k->kind, SEARCH_SENTBEFORE, date_day(&d), k->day);
	return OK;
}

static int
keyword_key(struct session *s, const struct search_key *k, const struct search_message *m,
    bool *yes)
{
	struct slice *names;
	size_t n;
	int err = session_keywords(s, &names, &n);

	for (size_t i = 0; err == OK && i < n; i++)
		if ((m->msg.keywords >> i & 1) != 0 && slice_eq_nocase(names[i], k->text))
			*yes = true;
	return err;
}

static int
simple(struct session *s, const struct search_key *k, struct search_message *m, bool *yes)
{
	const struct backend_msg *msg = &m->msg;
	bool recent = recent_has(&s->view.recent, msg->uid);

	*yes = false;
	switch (k->kind) {
	case SEARCH_ALL:
		*yes = true;
		return OK;
	case SEARCH_SET:
		*yes = seqset_has(&k->set, m->index);
		return OK;
	case SEARCH_FLAG:
	case SEARCH_NOFLAG:
		*yes = ((msg->flags & k->flags) != 0) == (k->kind == SEARCH_FLAG);
		return OK;
	case SEARCH_RECENT:
	case SEARCH_OLD:
		*yes = recent == (k->kind == SEARCH_RECENT);
		return OK;
	case SEARCH_NEW:
		*yes = recent && (msg->flags & BACKEND_SEEN) == 0;
		return OK;
	case SEARCH_LARGER:
		*yes = msg->size_octets > k->number;
		return OK;
	case SEARCH_SMALLER:
		*yes = msg->size_octets < k->number;
		return OK;
	case SEARCH_KEYWORD:
		return keyword_key(s, k, m, yes);
	case SEARCH_HEADER:
		return header_key(s, k, m, yes);
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
		return sent_key(s, k, m, yes);
	default:
		*yes = day_fits(k->kind, SEARCH_BEFORE,
		    floor_day(msg->internal_date_s + FETCH_ZONE_MIN * 60), k->day);
		return OK;
	}
}

static int decide(struct session *s, const struct search_key *k, struct search_message *m,
    enum search_answer *out);

/* All members, or one of them; what decides ends it. */
static int
members(struct session *s, const struct search_key *k, struct search_message *m,
    enum search_answer *out)
{
	enum search_answer ends = k->kind == SEARCH_OR ? SEARCH_YES : SEARCH_NO, one;
	bool depends = false;

	for (const struct search_key *member = k->first; member != NULL; member = member->next) {
		int err = decide(s, member, m, &one);

		if (err != OK)
			return err;
		if (one == ends) {
			*out = ends;
			return OK;
		}
		depends = depends || one == SEARCH_DEPENDS;
	}
	*out = depends ? SEARCH_DEPENDS : ends == SEARCH_YES ? SEARCH_NO : SEARCH_YES;
	return OK;
}

/* As deep as the parser let it get. */
static int
decide(struct session *s, const struct search_key *k, struct search_message *m,
    enum search_answer *out)
{
	bool yes;
	int err;

	switch (k->kind) {
	case SEARCH_AND:
	case SEARCH_OR:
		return members(s, k, m, out);
	case SEARCH_NOT:
		err = decide(s, k->first, m, out);
		if (*out != SEARCH_DEPENDS)
			*out = *out == SEARCH_YES ? SEARCH_NO : SEARCH_YES;
		return err;
	case SEARCH_BODY:
	case SEARCH_TEXT:
		*out = m->texts[k->at];
		return OK;
	default:
		err = simple(s, k, m, &yes);
		*out = yes ? SEARCH_YES : SEARCH_NO;
		return err;
	}
}

int
search_decide(struct session *s, const struct search *q, struct search_message *m,
    enum search_answer *out)
{
	*out = SEARCH_NO;
	return decide(s, q->root, m, out);
}
