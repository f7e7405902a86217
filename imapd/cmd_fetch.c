/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * FETCH: an iterator over messages, within one over items, within one over octets. What sets \Seen
 * is set first, for all messages in one change; then nothing is waited for any more.
 */
#include "imapd/deliver.h"

#include "common/control.h"
#include "mime/date.h"

enum {
	FIELDS_OCTETS = 1024 * 1024,
	SEEN_RANGES = 2048,
	MESSAGES_A_STEP = 2048,
	SUMMARIES_A_STEP = 256,
};

#define KEPT_INSIDE \
	"Noi dung khong kiem tra duoc, chi doc duoc tu mang noi bo / " \
	"This content cannot be inspected and is read from the internal network only"

/* ---- one item ---- */

static void
label(struct session *s, const struct fetch_item *it)
{
	buf_add(&s->out, it->label);
	if (it->partial)
		buf_addf(&s->out, "<%llu>", (unsigned long long)it->from);
	buf_addc(&s->out, ' ');
}

/* [begin, end) as far as it is asked for. */
static void
clip(const struct fetch_item *it, uint64_t *begin, uint64_t *end)
{
	if (!it->partial)
		return;
	*begin = it->from < *end - *begin ? *begin + it->from : *end;
	if (it->count < *end - *begin)
		*end = *begin + it->count;
}

/* Octets of the store as a string: the header of the literal now, the rest in steps. */
static void
add_range(struct session *s, struct deliver *d, const struct fetch_item *it, uint64_t begin,
    uint64_t end)
{
	clip(it, &begin, &end);
	label(s, it);
	if (begin == end) {
		buf_adds(&s->out, "\"\"");
		return;
	}
	buf_addf(&s->out, "{%llu}\r\n", (unsigned long long)(end - begin));
	d->begin = begin;
	d->end = end;
}

static int
read_range(struct session *s, const struct deliver *d, struct section_range r, struct buf *out)
{
	uint64_t at = r.begin;
	int err = OK;

	while (err == OK && at < r.end) {
		struct slice piece;

		err = s->conf.backend->octets(s->conf.ctx, s->view.box, d->msg.uid, at, r.end,
		    &piece);
		if (err == OK) {
			buf_add(out, piece);
			at += piece.n;
			err = out->err;
		}
	}
	return err;
}

/* The fields asked for, from the summary if they are there. */
static int
collect_fields(struct session *s, struct deliver *d, const struct fetch_item *it,
    struct section_range header, struct buf *fields)
{
	struct buf whole;
	int err = 0;

	if (it->section.depth == 0 && it->section.what == SECTION_FIELDS)
		err = summary_header_fields(&d->summary, it->section.fields,
		    it->section.field_count, fields);
	if (err != 0)
		return err < 0 ? err : OK;
	buf_init(&whole, FIELDS_OCTETS);
	err = read_range(s, d, header, &whole);
	if (err == OK)
		section_fields(&it->section, buf_slice(&whole), fields);
	buf_fini(&whole);
	return err == OK ? fields->err : err;
}

/* A header that is the whole of its message need not end in an empty line; then neither do fields
 * of it (RFC 3501 6.4.5). */
static int
ends_in_blank(struct session *s, const struct deliver *d, struct section_range header, bool *out)
{
	struct section_range tail = { header.end - header.begin > 4 ? header.end - 4 :
	    header.begin, header.end };
	struct buf last;
	int err;

	*out = true;
	if (header.end < d->msg.size_octets)
		return OK;
	buf_init(&last, 4);
	err = read_range(s, d, tail, &last);
	*out = slice_is(buf_slice(&last), "\r\n") || slice_is(buf_slice(&last), "\r\n\r\n") ||
	    slice_ends_nocase(buf_slice(&last), SLICE("\n\n"));
	buf_fini(&last);
	return err;
}

static int
add_fields(struct session *s, struct deliver *d, const struct fetch_item *it,
    struct section_range header)
{
	struct buf fields;
	uint64_t begin = 0, end;
	bool blank;
	int err;

	buf_init(&fields, FIELDS_OCTETS);
	err = collect_fields(s, d, it, header, &fields);
	if (err == OK)
		err = ends_in_blank(s, d, header, &blank);
	if (err == OK) {
		end = blank ? fields.n : fields.n - 2;
		clip(it, &begin, &end);
		label(s, it);
		buf_addf(&s->out, "{%zu}\r\n", (size_t)(end - begin));
		buf_add(&s->out, slice_sub(buf_slice(&fields), (size_t)begin,
		    (size_t)(end - begin)));
	}
	buf_fini(&fields);
	return err;
}

static int
add_section(struct session *s, struct deliver *d, const struct fetch_item *it)
{
	struct section_range r;
	int err = section_resolve(&it->section, &d->summary, &r);

	if (err == ERR_NOENT) {
		label(s, it);
		buf_adds(&s->out, "NIL");
		return OK;
	}
	if (err != OK)
		return err;
	if (it->section.what == SECTION_FIELDS || it->section.what == SECTION_FIELDS_NOT)
		return add_fields(s, d, it, r);
	if (r.begin > r.end || r.end > d->msg.size_octets)
		return ERR_CORRUPT;
	add_range(s, d, it, r.begin, r.end);
	return OK;
}

static void
add_text(struct session *s, const struct deliver *d, const char *name, enum summary_text which)
{
	buf_adds(&s->out, name);
	buf_add(&s->out, summary_text(&d->summary, which));
}

static int
add_item(struct session *s, struct deliver *d, const struct fetch_item *it)
{
	char date[DATE_INTERNAL_OCTETS + 1];

	switch (it->kind) {
	case FETCH_FLAGS:
		buf_adds(&s->out, "FLAGS (");
		session_add_flags(s, &d->msg);
		buf_addc(&s->out, ')');
		break;
	case FETCH_UID:
		buf_adds(&s->out, "UID ");
		session_add_number(&s->out, d->msg.uid);
		break;
	case FETCH_DATE:
		date_format_internal(d->msg.internal_date_s, FETCH_ZONE_MIN, date);
		buf_addf(&s->out, "INTERNALDATE \"%s\"", date);
		break;
	case FETCH_SIZE:
		buf_adds(&s->out, "RFC822.SIZE ");
		session_add_number(&s->out, d->msg.size_octets);
		break;
	case FETCH_ENVELOPE:
		add_text(s, d, "ENVELOPE ", SUMMARY_ENVELOPE);
		break;
	case FETCH_BODY:
		add_text(s, d, "BODY ", SUMMARY_BODY);
		break;
	case FETCH_BODYSTRUCTURE:
		add_text(s, d, "BODYSTRUCTURE ", SUMMARY_BODYSTRUCTURE);
		break;
	case FETCH_SECTION:
		return add_section(s, d, it);
	}
	return OK;
}

/* ---- messages ---- */

/* To the next message of the set: false at its end. */
static bool
next_message(struct deliver *d)
{
	d->in_message = false;
	if (d->index < d->set.v[d->range].hi)
		d->index++;
	else if (++d->range < d->set.n)
		d->index = d->set.v[d->range].lo;
	return d->range < d->set.n;
}

static int
message_begins(struct session *s, struct deliver *d)
{
	const struct backend *be = s->conf.backend;
	uint32_t uid = s->view.uids[d->index];
	struct slice blob;
	int err = OK;

	while (d->ahead_at < d->ahead_n && d->ahead[d->ahead_at].uid < uid)
		d->ahead_at++;
	if (d->ahead_at == d->ahead_n) {
		d->ahead_at = 0;
		err = be->scan(s->conf.ctx, s->view.box, uid, d->ahead, DELIVER_AHEAD, &d->ahead_n);
	}
	if (err == OK && (d->ahead_n == 0 || d->ahead[d->ahead_at].uid != uid))
		err = ERR_NOENT;
	if (err == OK)
		d->msg = d->ahead[d->ahead_at];
	if (err == OK && d->msg.withheld && d->items.content && !control_off("kept-inside")) {
		d->withheld = true;
		err = ERR_ACCESS;
	}
	if (err == OK && d->items.summary)
		err = be->summary(s->conf.ctx, s->view.box, uid, &blob);
	if (err == OK && d->items.summary)
		err = summary_open(blob, &d->summary);
	if (err != OK)
		return err;
	buf_adds(&s->out, "* ");
	session_add_number(&s->out, (uint64_t)d->index + 1);
	buf_adds(&s->out, " FETCH (");
	d->in_message = true;
	d->item = 0;
	return OK;
}

/* The octets of a literal that are still to come. */
static int
literal_step(struct session *s, struct deliver *d)
{
	while (d->begin < d->end && !session_is_full(s)) {
		uint64_t end = d->end - d->begin > ENGINE_STEP_OCTETS ?
		    d->begin + ENGINE_STEP_OCTETS : d->end;
		struct slice piece;
		int err = s->conf.backend->octets(s->conf.ctx, s->view.box, d->msg.uid, d->begin,
		    end, &piece);

		if (err != OK)
			return err;
		buf_add(&s->out, piece);
		d->begin += piece.n;
	}
	return OK;
}

/* FLAGS are told also when only this command changed them. */
static bool
is_news(const struct deliver *d)
{
	return d->own_modseq != 0 && d->msg.modseq == d->own_modseq && !d->items.has_flags;
}

static int
message_step(struct session *s, struct deliver *d)
{
	static const struct fetch_item flags = { .kind = FETCH_FLAGS };
	size_t items = d->items.n + is_news(d);
	int err = literal_step(s, d);

	while (err == OK && d->begin == d->end && d->item < items && !session_is_full(s)) {
		if (d->item > 0)
			buf_addc(&s->out, ' ');
		err = add_item(s, d, d->item < d->items.n ? &d->items.v[d->item] : &flags);
		d->item++;
		if (err == OK)
			err = literal_step(s, d);
	}
	if (err == OK && d->begin == d->end && d->item == items) {
		buf_adds(&s->out, ")\r\n");
		d->in_message = false;
		d->done = true;
	}
	return err;
}

/* A message that cannot be given: if nothing of it is written it is left out and the answer says
 * so. */
static void
note_missing(struct deliver *d, int err)
{
	if (d->failed == OK || d->failed == ERR_NOENT)
		d->failed = err;
}

static enum session_next
delivered(struct session *s, const struct deliver *d)
{
	s->view.skip_modseq = d->own_modseq;
	/* A UID that is not there is passed over (RFC 3501 6.4.8); a number that the client was
	 * told is not. */
	if (d->failed == ERR_NOENT && (s->command->flags & COMMAND_UID) != 0)
		return session_ok(s, "EXPUNGEISSUED", "Some messages are gone");
	if (d->failed == ERR_NOENT)
		return session_no(s, "EXPUNGEISSUED", "Some messages are gone");
	if (d->withheld && d->failed == ERR_ACCESS)
		return session_no(s, "CANNOT", KEPT_INSIDE);
	return d->failed != OK ? session_err(s, d->failed) : session_ok(s, NULL, "Done");
}

static enum session_next
deliver_step(struct session *s)
{
	struct deliver *d = s->work;

	unsigned most = d->items.summary ? SUMMARIES_A_STEP : MESSAGES_A_STEP;

	if (d->set.n == 0)
		return delivered(s, d);
	for (unsigned i = 0; i < most && !session_is_full(s); i++) {
		int err = OK;

		d->done = false;
		if (!d->in_message) {
			err = message_begins(s, d);
			d->done = err != OK;
			if (err != OK)
				note_missing(d, err);
		}
		if (d->in_message && message_step(s, d) != OK) {
			/* In the middle of a response: there is no honest way to go on. */
			s->state = SESSION_LOGOUT;
			return DONE;
		}
		if (d->done && !next_message(d))
			return delivered(s, d);
	}
	s->whole = !d->in_message;
	return MORE;
}

enum session_next
deliver_start(struct session *s, struct deliver *d)
{
	s->work = d;
	if (d->set.n > 0)
		d->index = d->set.v[0].lo;
	return session_step(s, deliver_step);
}

/* ---- \Seen ---- */

static enum session_next set_seen(struct session *s, struct deliver *d);

static enum session_next
seen_set(struct session *s, const struct backend_reply *r)
{
	struct deliver *d = s->work;

	/* Without mailstored mail is read all the same, it stays unseen. */
	if (r->status != OK)
		return deliver_start(s, d);
	d->own_modseq = r->modseq;
	return set_seen(s, d);
}

/* uid is unseen: false when there is no room to note it. */
static bool
note_unseen(struct seqset *set, uint32_t uid)
{
	if (set->n > 0 && set->v[set->n - 1].hi + 1 == uid) {
		set->v[set->n - 1].hi = uid;
		return true;
	}
	if (set->n == SEEN_RANGES)
		return false;
	set->v[set->n++] = (struct backend_range){ uid, uid };
	return true;
}

/* Go on with the present range of the set: 1 there may be more of it, 0 it is through, or an error.
 * */
static int
scan_unseen(struct session *s, struct deliver *d, bool *full_out)
{
	uint32_t to = s->view.uids[d->set.v[d->seen_range].hi];
	struct backend_msg chunk[64];
	size_t n;
	int err = s->conf.backend->scan(s->conf.ctx, s->view.box, d->seen_uid, chunk,
	    ARRAY_LEN(chunk), &n);

	if (err != OK)
		return err;
	for (size_t i = 0; i < n && chunk[i].uid <= to; i++) {
		if ((chunk[i].flags & BACKEND_SEEN) == 0 && !chunk[i].withheld &&
		    !note_unseen(&d->unseen, chunk[i].uid)) {
			*full_out = true;
			return 1;
		}
		d->seen_uid = chunk[i].uid + 1;
	}
	return n == ARRAY_LEN(chunk) && chunk[n - 1].uid < to;
}

/* Fill d->unseen as far as there is room. */
static int
find_unseen(struct session *s, struct deliver *d)
{
	bool full = false;
	int r = 0;

	d->unseen.n = 0;
	while (r >= 0 && !full && d->seen_range < d->set.n) {
		uint32_t from = s->view.uids[d->set.v[d->seen_range].lo];

		if (d->seen_uid < from)
			d->seen_uid = from;
		r = scan_unseen(s, d, &full);
		if (r == 0)
			d->seen_range++;
	}
	return r < 0 ? r : OK;
}

static enum session_next
set_seen(struct session *s, struct deliver *d)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_FLAGS, .box = s->view.box,
		.op = BACKEND_OP_ADD, .flags = BACKEND_SEEN, .known_modseq = s->view.modseq };
	int err = find_unseen(s, d);

	if (err != OK)
		return session_err(s, err);
	if (d->unseen.n == 0)
		return deliver_start(s, d);
	ask.ranges = d->unseen.v;
	ask.ranges_n = d->unseen.n;
	return session_ask(s, &ask, seen_set);
}

/* ---- the command ---- */

static enum session_next
begin(struct session *s, struct deliver *d)
{
	if (!d->items.sets_seen || s->view.readonly)
		return deliver_start(s, d);
	d->unseen.v = arena_array(&s->arena, SEEN_RANGES, sizeof *d->unseen.v);
	return d->unseen.v == NULL ? session_err(s, s->arena.err) : set_seen(s, d);
}

enum session_next
cmd_fetch(struct session *s, struct args *a)
{
	struct deliver *d = session_work(s, sizeof *d);
	struct slice text;
	int err;

	if (d == NULL)
		return session_err(s, s->arena.err);
	err = args_space(a);
	if (err == OK)
		err = args_set(a, &text);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = fetch_parse(a, &d->items);
	if (err == OK)
		err = args_end(a);
	if (err == OK)
		err = session_set(s, text, &d->set);
	if (err == OK && (s->command->flags & COMMAND_UID) != 0 && !d->items.has_uid)
		err = fetch_add(&d->items, FETCH_UID);
	if (err == ERR_INVAL)
		return session_bad(s, "No such message");
	if (err != OK)
		return session_err(s, err);
	return begin(s, d);
}
