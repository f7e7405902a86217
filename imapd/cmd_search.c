/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * SEARCH (RFC 3501 6.4.4) and its RETURN options (RFC 4731). Messages are decided one by one, in
 * steps; a message that is gone or cannot be read does not match.
 */
#include <stdlib.h>

#include "imapd/search.h"

enum { MESSAGES_A_STEP = 512, SUMMARIES_A_STEP = 64, CHUNK = 64 };

enum give { GIVE_MIN = 1, GIVE_MAX = 2, GIVE_ALL = 4, GIVE_COUNT = 8, EXTENDED = 16 };

struct finding {
	struct search	      query;
	unsigned	      give;
	uint32_t	      index;	/* next message */
	uint32_t	      count;
	struct backend_range *found;	/* numbers or UIDs, merged */
	size_t		      found_n, found_cap;
	struct search_message m;
	bool		      reading;	/* m's texts are being read */
	struct search_text   *text;
	struct backend_msg    ahead[CHUNK];
	size_t		      ahead_n, ahead_at;
	size_t		      said;	/* ranges written */
	uint32_t	      said_in;	/* numbers of that range written */
	bool		      begun;
};

/* ---- results ---- */

static int
found(struct session *s, struct finding *f)
{
	uint32_t v = (s->command->flags & COMMAND_UID) != 0 ? f->m.msg.uid : f->m.index + 1;

	f->count++;
	if (f->found_n > 0 && f->found[f->found_n - 1].hi + 1 == v) {
		f->found[f->found_n - 1].hi = v;
		return OK;
	}
	if (f->found_n == f->found_cap) {
		size_t cap = f->found_cap == 0 ? 64 : 4 * f->found_cap;
		struct backend_range *more = arena_array(&s->arena, cap, sizeof *more);

		if (more == NULL)
			return s->arena.err;
		for (size_t i = 0; i < f->found_n; i++)
			more[i] = f->found[i];
		f->found = more;
		f->found_cap = cap;
	}
	f->found[f->found_n++] = (struct backend_range){ v, v };
	return OK;
}

static enum session_next
searched(struct session *s)
{
	return session_ok(s, NULL, "SEARCH done");
}

/* "* SEARCH 1 2 3", in steps. */
static enum session_next
say_step(struct session *s)
{
	struct finding *f = s->work;

	if (!f->begun)
		buf_adds(&s->out, "* SEARCH");
	f->begun = true;
	while (f->said < f->found_n && !session_is_full(s)) {
		const struct backend_range *r = &f->found[f->said];

		buf_addc(&s->out, ' ');
		session_add_number(&s->out, r->lo + f->said_in);
		if (r->lo + f->said_in++ == r->hi) {
			f->said++;
			f->said_in = 0;
		}
	}
	if (f->said < f->found_n)
		return MORE;
	buf_adds(&s->out, "\r\n");
	return searched(s);
}

/* "* ESEARCH (TAG "x") UID MIN 1 MAX 3 ALL 1:3 COUNT 3" */
static enum session_next
say_extended(struct session *s)
{
	const struct finding *f = s->work;

	buf_adds(&s->out, "* ESEARCH (TAG ");
	session_add_string(&s->out, s->tag);
	buf_addc(&s->out, ')');
	if ((s->command->flags & COMMAND_UID) != 0)
		buf_adds(&s->out, " UID");
	if ((f->give & GIVE_MIN) != 0 && f->count > 0)
		buf_addf(&s->out, " MIN %u", f->found[0].lo);
	if ((f->give & GIVE_MAX) != 0 && f->count > 0)
		buf_addf(&s->out, " MAX %u", f->found[f->found_n - 1].hi);
	if ((f->give & GIVE_ALL) != 0 && f->count > 0) {
		buf_adds(&s->out, " ALL ");
		session_add_number_list(&s->out, f->found, f->found_n);
	}
	if ((f->give & GIVE_COUNT) != 0)
		buf_addf(&s->out, " COUNT %u", f->count);
	buf_adds(&s->out, "\r\n");
	return searched(s);
}

/* ---- messages ---- */

/* Record of the message at f->index: OK, ERR_NOENT when it is gone. */
static int
fetch_record(struct session *s, struct finding *f)
{
	uint32_t uid = s->view.uids[f->index];
	int err = OK;

	while (f->ahead_at < f->ahead_n && f->ahead[f->ahead_at].uid < uid)
		f->ahead_at++;
	if (f->ahead_at == f->ahead_n) {
		f->ahead_at = 0;
		err = s->conf.backend->scan(s->conf.ctx, s->view.box, uid, f->ahead, CHUNK,
		    &f->ahead_n);
	}
	if (err == OK && (f->ahead_n == 0 || f->ahead[f->ahead_at].uid != uid))
		err = ERR_NOENT;
	f->m = (struct search_message){ .index = f->index };
	for (unsigned i = 0; i < f->query.texts_n; i++)
		f->m.texts[i] = SEARCH_DEPENDS;
	if (err == OK)
		f->m.msg = f->ahead[f->ahead_at];
	return err;
}

/* Decide the present message as far as possible: 1 it is decided, 0 its texts must be read on. */
static int
decide(struct session *s, struct finding *f)
{
	enum search_answer answer;
	int err = search_decide(s, &f->query, &f->m, &answer);

	if (err == OK && answer == SEARCH_DEPENDS) {
		search_text_begin(f->text);
		f->reading = true;
		return 0;
	}
	if (err == OK && answer == SEARCH_YES && (err = found(s, f)) != OK)
		return err;
	return 1;	/* what cannot be read does not match */
}

/* One turn: 1 the message is through, 0 not yet, or an error that ends the search. */
static int
turn(struct session *s, struct finding *f)
{
	int r;

	if (!f->reading) {
		r = fetch_record(s, f);
		return r == ERR_NOENT ? 1 : r != OK ? r : decide(s, f);
	}
	r = search_text_step(s, &f->query, &f->m, f->text);
	if (r == 1)
		return 0;
	f->reading = false;
	return r < 0 ? 1 : decide(s, f);
}

static enum session_next
search_step(struct session *s)
{
	struct finding *f = s->work;
	unsigned summaries = 0;

	for (unsigned i = 0; i < MESSAGES_A_STEP && summaries < SUMMARIES_A_STEP; i++) {
		int r;

		if (f->index >= s->view.n) {
			search_text_free(&s->search_text);
			return (f->give & EXTENDED) != 0 ? say_extended(s) :
			    session_step(s, say_step);
		}
		r = turn(s, f);
		summaries += f->m.has_summary;
		if (r < 0) {
			search_text_free(&s->search_text);
			return session_err(s, r);
		}
		if (r == 0)
			return MORE;
		f->index++;
	}
	return MORE;
}

/* ---- the command ---- */

/* [SP "RETURN" SP "(" [option *(SP option)] ")"] */
static int
parse_return(struct args *a, struct finding *f)
{
	static const struct { const char *word; unsigned bit; } options[] = {
		{ "MIN", GIVE_MIN }, { "MAX", GIVE_MAX }, { "ALL", GIVE_ALL },
		{ "COUNT", GIVE_COUNT },
	};
	size_t i;
	int err;

	if (!slice_starts_nocase(a->rest, SLICE(" RETURN (")))
		return OK;
	a->rest = slice_from(a->rest, 8);
	err = args_open(a);
	f->give = EXTENDED;
	while (err == OK && !args_peek(a, ')')) {
		if (f->give != EXTENDED)
			err = args_space(a);
		for (i = 0; i < ARRAY_LEN(options) && !args_word(a, options[i].word); i++)
			;
		if (i == ARRAY_LEN(options))
			return ERR_SYNTAX;
		f->give |= options[i].bit;
	}
	if (f->give == EXTENDED)
		f->give |= GIVE_ALL;
	return err == OK ? args_close(a) : err;
}

enum session_next
cmd_search(struct session *s, struct args *a)
{
	struct finding *f = session_work(s, sizeof *f);
	int err;

	if (f == NULL)
		return session_err(s, s->arena.err);
	err = parse_return(a, f);
	if (err == OK)
		err = search_parse(s, a, &f->query);
	if (f->query.no_charset)
		return session_no(s, "BADCHARSET (UTF-8 US-ASCII)", "Unknown charset");
	if (err != OK)
		return session_err(s, err);
	if (f->query.texts_n > 0) {
		f->text = s->search_text = search_text_new();
		if (f->text == NULL)
			return session_err(s, ERR_NOMEM);
	}
	return session_step(s, search_step);
}
