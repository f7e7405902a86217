/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/imap_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/name.h"
#include "mime/summary.h"

enum { BOXES = 16, MESSAGES = 640, KEYWORDS = 8 };

struct message {
	struct backend_msg rec;
	struct slice	   text;	/* owned */
};

struct box {
	char		     name[64];
	uint32_t	     id, uidvalidity, uidnext, first_recent;
	uint64_t	     modseq;
	unsigned	     use;
	bool		     exists, subscribed, mat;
	struct message	    *v;
	size_t		     n;
	char		     keywords[KEYWORDS][32];
	size_t		     keywords_n;
};

struct memory {
	unsigned	     zone;
	struct box	     boxes[BOXES];
	size_t		     boxes_n;
	struct buf	     spool, summary, notes;
	bool		     spooling, away, full, pending, forgetful;
	unsigned	     used_percent, group_used_percent;
	struct backend_reply reply;
	struct backend_range from[64], to[64];
	unsigned	     verdict, level;
};

static const char plain_text[] =
    "From: An <an@tinh.example>\r\nTo: binh@tinh.example\r\nSubject: Hop giao ban\r\n"
    "Date: Mon, 02 Feb 2026 08:00:00 +0700\r\nMessage-ID: <1@tinh.example>\r\n\r\n"
    "Noi dung thu mot.\r\n";
static const char mixed_text[] =
    "From: Binh <binh@tinh.example>\r\nTo: an@tinh.example\r\nCc: chi@tinh.example\r\n"
    "Subject: =?UTF-8?B?QsOhbyBjw6FvIHF1w70=?=\r\nDate: Tue, 03 Feb 2026 09:00:00 +0700\r\n"
    "Message-ID: <2@tinh.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b1\r\n\r\npreamble\r\n--b1\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "S+G6vyBob+G6oWNoIG7Eg20=\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: trong\r\n\r\nben trong\r\n--b1--\r\n";
static const char big_head[] = "Subject: to\r\n\r\n";

/* ---- building ---- */

static struct box *
add_box(struct memory *m, const char *name, unsigned use, bool mat)
{
	struct box *b = &m->boxes[m->boxes_n++];

	*b = (struct box){ .id = (uint32_t)m->boxes_n, .uidvalidity = 1000 + (uint32_t)m->boxes_n,
		.uidnext = 1, .first_recent = 1, .modseq = 1, .use = use, .exists = true,
		.mat = mat };
	snprintf(b->name, sizeof b->name, "%s", name);
	b->v = calloc(MESSAGES, sizeof *b->v);
	return b;
}

static struct message *
add_message(struct box *b, struct slice text, unsigned flags, int64_t date_s)
{
	struct message *msg = &b->v[b->n++];
	char *copy = malloc(text.n + 1);

	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	msg->text = (struct slice){ copy, text.n };
	msg->rec = (struct backend_msg){ .uid = b->uidnext++, .flags = flags, .modseq = ++b->modseq,
		.internal_date_s = date_s, .size_octets = text.n };
	return msg;
}

int
memory_new(unsigned zone, struct memory **out)
{
	struct memory *m = calloc(1, sizeof *m);
	struct box *inbox;

	if (m == NULL)
		return ERR_NOMEM;
	m->zone = zone;
	buf_init(&m->spool, 1 << 20);
	buf_init(&m->summary, 1 << 20);
	buf_init(&m->notes, 4096);
	inbox = add_box(m, "INBOX", 0, false);
	inbox->subscribed = true;
	add_message(inbox, slice_of(plain_text), BACKEND_SEEN, 1770000000);
	add_message(inbox, slice_of(mixed_text), 0, 1770086400);
	add_message(inbox, slice_of(plain_text), BACKEND_FLAGGED, 1770172800);
	inbox->first_recent = 3;
	add_box(m, "Sent", BACKEND_USE_SENT, false)->subscribed = true;
	add_box(m, "Du an/2026/Quy 1", 0, false);
	add_box(m, "Th\xc6\xb0 nh\xc3\xa1p", BACKEND_USE_DRAFTS, false);
	if (zone == ZONE_INTERNAL) {
		add_message(add_box(m, "M\xe1\xba\xadt", 0, true), slice_of(plain_text), 0, 1);
		add_box(m, "M\xe1\xba\xadt/\xc4\x90\xc3\xa3 g\xe1\xbb\xadi", 0, true);
	}
	*out = m;
	return OK;
}

void
memory_free(struct memory **mp)
{
	struct memory *m = *mp;

	for (size_t i = 0; i < m->boxes_n; i++) {
		for (size_t k = 0; k < m->boxes[i].n; k++)
			free((char *)(uintptr_t)m->boxes[i].v[k].text.p);
		free(m->boxes[i].v);
	}
	buf_fini(&m->spool);
	buf_fini(&m->summary);
	buf_fini(&m->notes);
	free(m);
	*mp = NULL;
}

struct slice
memory_notes(const struct memory *m)
{
	return buf_slice(&m->notes);
}

/* ---- reading ---- */

static struct box *
by_id(struct memory *m, uint32_t id)
{
	return id >= 1 && id <= m->boxes_n && m->boxes[id - 1].exists ? &m->boxes[id - 1] : NULL;
}

static struct box *
by_name(struct memory *m, struct slice name)
{
	for (size_t i = 0; i < m->boxes_n; i++)
		if (m->boxes[i].exists && slice_is(name, m->boxes[i].name))
			return &m->boxes[i];
	return NULL;
}

static struct backend_box
view_of(const struct box *b)
{
	return (struct backend_box){ .name = slice_of(b->name), .id = b->exists ? b->id : 0,
		.use = b->use, .subscribed = b->subscribed, .mat = b->mat };
}

static int
boxes(void *ctx, struct arena *a, struct backend_box **out, size_t *n_out)
{
	struct memory *m = ctx;

	*out = arena_array(a, m->boxes_n, sizeof **out);
	*n_out = 0;
	if (*out == NULL)
		return a->err;
	for (size_t i = m->boxes_n; i > 0; i--)
		if (m->boxes[i - 1].exists || m->boxes[i - 1].subscribed)
			(*out)[(*n_out)++] = view_of(&m->boxes[i - 1]);
	return OK;
}

static int
box(void *ctx, struct slice name, struct backend_box *out)
{
	struct box *b = by_name(ctx, name);

	if (b == NULL)
		return ERR_NOENT;
	*out = view_of(b);
	out->name = name;
	return OK;
}

static int
state(void *ctx, uint32_t id, struct backend_state *out)
{
	const struct memory *m = ctx;
	struct box *b = by_id(ctx, id);

	if (b == NULL)
		return ERR_NOENT;
	*out = (struct backend_state){ .uidvalidity = b->uidvalidity, .uidnext = b->uidnext,
		.messages = (uint32_t)b->n, .first_recent_uid = b->first_recent,
		.modseq = b->modseq, .used_percent = m->used_percent,
		.group_used_percent = m->group_used_percent };
	for (size_t i = 0; i < b->n; i++)
		out->unseen += (b->v[i].rec.flags & BACKEND_SEEN) == 0;
	return OK;
}

static int
keywords(void *ctx, uint32_t id, struct arena *a, struct slice **out, size_t *n_out)
{
	struct box *b = by_id(ctx, id);

	if (b == NULL)
		return ERR_NOENT;
	*out = arena_array(a, KEYWORDS, sizeof **out);
	*n_out = b->keywords_n;
	for (size_t i = 0; *out != NULL && i < b->keywords_n; i++)
		(*out)[i] = slice_of(b->keywords[i]);
	return *out == NULL ? a->err : OK;
}

static int
scan(void *ctx, uint32_t id, uint32_t first_uid, struct backend_msg *out, size_t max,
    size_t *n_out)
{
	struct box *b = by_id(ctx, id);

	*n_out = 0;
	if (b == NULL)
		return ERR_NOENT;
	for (size_t i = 0; i < b->n && *n_out < max; i++)
		if (b->v[i].rec.uid >= first_uid)
			out[(*n_out)++] = b->v[i].rec;
	return OK;
}

static int
uids(void *ctx, uint32_t id, uint32_t first_uid, uint32_t *out, size_t max, size_t *n_out)
{
	struct box *b = by_id(ctx, id);

	*n_out = 0;
	for (size_t i = 0; b != NULL && i < b->n && *n_out < max; i++)
		if (b->v[i].rec.uid >= first_uid)
			out[(*n_out)++] = b->v[i].rec.uid;
	return b == NULL ? ERR_NOENT : OK;
}

static int
first_unseen(void *ctx, uint32_t id, uint32_t *uid_out)
{
	struct box *b = by_id(ctx, id);

	*uid_out = 0;
	for (size_t i = 0; b != NULL && i < b->n && *uid_out == 0; i++)
		if ((b->v[i].rec.flags & BACKEND_SEEN) == 0)
			*uid_out = b->v[i].rec.uid;
	return b == NULL ? ERR_NOENT : OK;
}

static int
changes(void *ctx, uint32_t id, uint64_t since, uint32_t first_uid, struct backend_msg *out,
    size_t max, size_t *n_out, uint32_t *next_uid_out)
{
	struct box *b = by_id(ctx, id);
	size_t seen = 0;

	/* Two at a time, so that nobody relies on getting all at once. */
	*n_out = 0;
	*next_uid_out = 0;
	for (size_t i = 0; b != NULL && i < b->n && *n_out < max; i++) {
		const struct backend_msg *m = &b->v[i].rec;

		if (m->uid < first_uid)
			continue;
		if (seen++ == 2) {
			*next_uid_out = m->uid;
			break;
		}
		if (m->modseq > since)
			out[(*n_out)++] = *m;
	}
	return b == NULL ? ERR_NOENT : OK;
}

/* All numbers that are free, as far as that goes; a forgetful memory knows nothing. */
static int
vanished(void *ctx, uint32_t id, uint64_t since, struct arena *a, struct backend_range **out,
    size_t *n_out, bool *complete_out)
{
	struct memory *m = ctx;
	struct box *b = by_id(m, id);
	uint32_t uid = 1;

	(void)since;
	*n_out = 0;
	*complete_out = !m->forgetful;
	if (b == NULL)
		return ERR_NOENT;
	*out = arena_array(a, b->n + 1, sizeof **out);
	for (size_t i = 0; *out != NULL && i < b->n; i++) {
		if (b->v[i].rec.uid > uid)
			(*out)[(*n_out)++] = (struct backend_range){ uid, b->v[i].rec.uid - 1 };
		uid = b->v[i].rec.uid + 1;
	}
	if (*out != NULL)
		(*out)[(*n_out)++] = (struct backend_range){ uid, UINT32_MAX };
	return *out == NULL ? a->err : OK;
}

static struct message *
by_uid(struct memory *m, uint32_t id, uint32_t uid)
{
	struct box *b = by_id(m, id);

	for (size_t i = 0; b != NULL && i < b->n; i++)
		if (b->v[i].rec.uid == uid)
			return &b->v[i];
	return NULL;
}

static int
summary(void *ctx, uint32_t id, uint32_t uid, struct slice *out)
{
	struct memory *m = ctx;
	struct message *msg = by_uid(m, id, uid);
	struct arena a;
	struct tree t;
	int err;

	if (msg == NULL)
		return ERR_NOENT;
	arena_init(&a, TREE_ARENA_OCTETS(msg->text.n));
	buf_clear(&m->summary);
	err = tree_parse(msg->text, &a, &t);
	if (err == OK)
		err = summary_build(&t, &a, &m->summary);
	arena_clear(&a);
	*out = buf_slice(&m->summary);
	return err;
}

/* In pieces, so that nobody relies on getting all at once. */
static int
octets(void *ctx, uint32_t id, uint32_t uid, uint64_t begin, uint64_t end, struct slice *out)
{
	struct message *msg = by_uid(ctx, id, uid);

	if (msg == NULL)
		return ERR_NOENT;
	*out = slice_sub(msg->text, (size_t)begin,
	    (size_t)(end - begin > 7000 ? 7000 : end - begin));
	return out->n > 0 ? OK : ERR_CORRUPT;
}

static void
release(void *ctx)
{
	struct memory *m = ctx;

	buf_fini(&m->summary);
}

/* ---- spool ---- */

static int
spool_open(void *ctx, uint64_t size_octets)
{
	struct memory *m = ctx;

	(void)size_octets;
	buf_clear(&m->spool);
	m->spooling = true;
	return OK;
}

static int
spool_add(void *ctx, struct slice in)
{
	struct memory *m = ctx;

	buf_add(&m->spool, in);
	return m->spool.err;
}

static void
spool_drop(void *ctx)
{
	struct memory *m = ctx;

	buf_clear(&m->spool);
	m->spooling = false;
}

/* ---- changing ---- */

static bool
in_ranges(const struct backend_range *v, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++)
		if (uid >= v[i].lo && uid <= v[i].hi)
			return true;
	return false;
}

static void
remove_at(struct box *b, size_t i)
{
	free((char *)(uintptr_t)b->v[i].text.p);
	memmove(&b->v[i], &b->v[i + 1], (b->n - i - 1) * sizeof *b->v);
	b->n--;
	b->modseq++;
}

static uint64_t
keyword_bits(struct box *b, const struct slice *names, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < b->keywords_n && !slice_is_nocase(names[i], b->keywords[k]))
			k++;
		if (k == b->keywords_n && k < KEYWORDS)
			snprintf(b->keywords[b->keywords_n++], sizeof b->keywords[0], "%.*s",
			    (int)names[i].n, names[i].p);
		bits |= (uint64_t)1 << k;
	}
	return bits;
}

static void
change_flags(struct box *b, const struct backend_ask *q, struct backend_reply *r)
{
	bool room = b->keywords_n + q->keywords_n <= KEYWORDS;
	uint64_t bits = room ? keyword_bits(b, q->keywords, q->keywords_n) : 0;
	uint64_t modseq = b->modseq + 1, last = b->modseq;

	if (!room)
		r->status = ERR_LIMIT;
	for (size_t i = 0; room && i < b->n; i++) {
		struct backend_msg *m = &b->v[i].rec, was = *m;

		if (!in_ranges(q->ranges, q->ranges_n, m->uid))
			continue;
		m->flags = q->op == BACKEND_OP_SET ? q->flags : q->op == BACKEND_OP_ADD ?
		    m->flags | q->flags : m->flags & ~q->flags;
		m->keywords = q->op == BACKEND_OP_SET ? bits : q->op == BACKEND_OP_ADD ?
		    m->keywords | bits : m->keywords & ~bits;
		if (m->flags == was.flags && m->keywords == was.keywords)
			continue;
		m->modseq = modseq + (was.modseq > q->known_modseq);
		last = m->modseq > last ? m->modseq : last;
	}
	r->modseq = last > b->modseq ? modseq : 0;
	b->modseq = last;
}

static void
expunge(struct box *b, const struct backend_ask *q)
{
	for (size_t i = b->n; i > 0; i--)
		if (in_ranges(q->ranges, q->ranges_n, b->v[i - 1].rec.uid) &&
		    (b->v[i - 1].rec.flags & BACKEND_DELETED) != 0)
			remove_at(b, i - 1);
}

static void
copy(struct memory *m, struct box *b, const struct backend_ask *q, struct backend_reply *r)
{
	struct box *target = by_id(m, q->target);

	r->from = m->from;
	r->to = m->to;
	for (size_t i = 0; i < b->n; i++) {
		struct backend_msg rec = b->v[i].rec;
		struct message *made;

		if (!in_ranges(q->ranges, q->ranges_n, rec.uid))
			continue;
		made = add_message(target, b->v[i].text, rec.flags, rec.internal_date_s);
		m->from[r->from_n++] = (struct backend_range){ rec.uid, rec.uid };
		m->to[r->to_n++] = (struct backend_range){ made->rec.uid, made->rec.uid };
	}
	r->uidvalidity = target->uidvalidity;
	for (size_t i = b->n; q->move && i > 0; i--)
		if (in_ranges(q->ranges, q->ranges_n, b->v[i - 1].rec.uid))
			remove_at(b, i - 1);
}

static void
name_ask(struct memory *m, const struct backend_ask *q, struct backend_reply *r)
{
	struct box *b = by_name(m, q->name);
	char name[64];

	snprintf(name, sizeof name, "%.*s", (int)q->name.n, q->name.p);
	if (q->kind == BACKEND_ASK_CREATE) {
		r->status = b != NULL ? ERR_EXIST : OK;
		if (b == NULL)
			add_box(m, name, 0, name_is_mat(q->name));
	} else if (b == NULL)
		r->status = ERR_NOENT;
	else if (q->kind == BACKEND_ASK_DELETE)
		b->exists = false;
	else if (q->kind == BACKEND_ASK_SUBSCRIBE)
		b->subscribed = q->on;
	else if (by_name(m, q->new_name) != NULL)
		r->status = ERR_EXIST;
	else
		snprintf(b->name, sizeof b->name, "%.*s", (int)q->new_name.n, q->new_name.p);
}

static void
sign_in(const struct backend_ask *q, struct backend_reply *r)
{
	static const struct { const char *who; enum backend_auth outcome; int status; } known[] = {
		{ "an", BACKEND_AUTH_OK, OK }, { "khoa", BACKEND_AUTH_DISABLED, OK },
		{ "vung", BACKEND_AUTH_ZONE, OK }, { "nhieu", BACKEND_AUTH_THROTTLED, OK },
		{ "xa", BACKEND_AUTH_OK, ERR_UNAVAIL },
	};
	struct slice password = q->data, user, authzid;

	slice_cut(&password, '\0', &authzid);
	slice_cut(&password, '\0', &user);
	r->auth = BACKEND_AUTH_BAD;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_is(user, known[i].who) && slice_is(password, "mat khau")) {
			r->auth = known[i].outcome;
			r->status = known[i].status;
		}
}

static void
append(struct memory *m, const struct backend_ask *q, struct backend_reply *r)
{
	struct box *b = by_id(m, q->box);
	struct message *msg;

	msg = add_message(b, buf_slice(&m->spool), q->flags,
	    q->date_s == INT64_MIN ? 1770200000 : q->date_s);
	msg->rec.keywords = keyword_bits(b, q->keywords, q->keywords_n);
	r->uidvalidity = b->uidvalidity;
	r->uid = msg->rec.uid;
	buf_adds(&m->notes, "appended ");
}

static void
box_ask(struct memory *m, const struct backend_ask *q, struct backend_reply *r)
{
	struct box *b = by_id(m, q->box);

	if (b == NULL) {
		r->status = ERR_NOENT;
		return;
	}
	switch (q->kind) {
	case BACKEND_ASK_RECENT:
		r->uid = b->first_recent;
		r->end_uid = b->first_recent = b->uidnext;
		break;
	case BACKEND_ASK_FLAGS:
		change_flags(b, q, r);
		break;
	case BACKEND_ASK_EXPUNGE:
		expunge(b, q);
		break;
	case BACKEND_ASK_COPY:
		copy(m, b, q, r);
		break;
	default:
		append(m, q, r);
	}
}

static void
ask(void *ctx, const struct backend_ask *q)
{
	struct memory *m = ctx;
	struct backend_reply *r = &m->reply;

	if (q->kind == BACKEND_ASK_REFUSED) {
		buf_adds(&m->notes, "audited ");
		return;
	}
	m->pending = true;
	*r = (struct backend_reply){ .status = m->away ? ERR_UNAVAIL : OK };
	switch (q->kind) {
	case BACKEND_ASK_AUTH:
		sign_in(q, r);
		break;
	case BACKEND_ASK_DELAY:
		buf_addf(&m->notes, "delay%u ", q->delay_ms);
		break;
	case BACKEND_ASK_ROOM:
		r->status = m->full ? ERR_QUOTA : r->status;
		break;
	case BACKEND_ASK_JUDGE:
		r->verdict = m->verdict;
		r->level = m->level;
		r->reason_vi = SLICE("tu choi");
		r->reason_en = SLICE("refused\r\nA1 OK forged");
		break;
	case BACKEND_ASK_CREATE:
	case BACKEND_ASK_DELETE:
	case BACKEND_ASK_RENAME:
	case BACKEND_ASK_SUBSCRIBE:
		if (!m->away)
			name_ask(m, q, r);
		break;
	default:
		if (!m->away)
			box_ask(m, q, r);
	}
}

bool
memory_answer(struct memory *m, struct session *s)
{
	struct backend_reply r = m->reply;

	if (!m->pending)
		return false;
	m->pending = false;
	engine_answer(s, &r);
	return true;
}

/* ---- events: "arrive N", "mail TEXT", "recent" (another session claims), "gone UID", "flag UID",
 *	"keyword UID", "delete-box", "big",
 *	"away", "back", "full", "used" (80 % of the quota, then 95), "agency-used", "forget" (what was expunged), "allow", "reject", "defer", "mat",
 * "tls", "bye", "withdrawn" ---- */

static void
arrive(struct box *b, unsigned n)
{
	while (n-- > 0)
		add_message(b, slice_of(plain_text), 0, 1770200000);
}

static void
arrive_big(struct box *b)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_adds(&text, big_head);
	while (text.n < 200000)
		buf_adds(&text, "mot dong dai cua mot thu rat lon, de doc tung phan\r\n");
	add_message(b, buf_slice(&text), 0, 1770200000);
	buf_fini(&text);
}

static bool
world_event(struct memory *m, struct session *s, struct slice what)
{
	bool away = slice_is(what, "away");

	if (away || slice_is(what, "back"))
		m->away = away;
	else if (slice_is(what, "forget"))
		m->forgetful = true;
	else if (slice_is(what, "full"))
		m->full = true;
	else if (slice_is(what, "used"))
		m->used_percent = m->used_percent == 0 ? 80 : 95;
	else if (slice_is(what, "agency-used"))
		m->group_used_percent = 90;
	else if (slice_is(what, "reject") || slice_is(what, "defer") || slice_is(what, "allow"))
		m->verdict = slice_is(what, "reject") ? VERDICT_REJECT :
		    slice_is(what, "defer") ? VERDICT_DEFER : VERDICT_ALLOW;
	else if (slice_is(what, "mat"))
		m->level = LEVEL_MAT;
	else if (slice_is(what, "tls"))
		engine_answer(s, &(struct backend_reply){ .status = OK });
	else if (slice_is(what, "bye"))
		engine_bye(s, "UNAVAILABLE", "Server stops");
	else if (slice_is(what, "withdrawn"))
		engine_bye(s, "CONTACTADMIN", "Disabled");
	else
		return false;
	return true;
}

bool
memory_event(struct memory *m, struct session *s, struct slice text)
{
	struct box *b = &m->boxes[0];
	struct slice what;
	uint64_t n = 1;
	size_t i;

	slice_cut(&text, ' ', &what);
	if (slice_is(what, "mail")) {
		add_message(b, text, 0, 1770200000);
		engine_changed(s);
		return true;
	}
	if (text.n > 0 && slice_u64(text, MESSAGES, &n) != OK)
		return false;
	for (i = 0; i + 1 < b->n && b->v[i].rec.uid != n; i++)
		;
	if (slice_is(what, "arrive"))
		arrive(b, (unsigned)n);
	else if (slice_is(what, "recent"))
		b->first_recent = b->uidnext;
	else if (slice_is(what, "big"))
		arrive_big(b);
	else if (slice_is(what, "gone"))
		remove_at(b, i);
	else if (slice_is(what, "flag") || slice_is(what, "keyword")) {
		b->v[i].rec.modseq = ++b->modseq;
		if (slice_is(what, "flag"))
			b->v[i].rec.flags ^= BACKEND_FLAGGED;
		else
			b->v[i].rec.keywords |= keyword_bits(b, &SLICE("$Moi"), 1);
	} else if (slice_is(what, "withhold"))
		b->v[i].rec.withheld = true;
	else if (slice_is(what, "delete-box"))
		b->exists = false;
	else if (!world_event(m, s, what))
		return false;
	engine_changed(s);
	return true;
}

const struct backend memory_backend = {
	.boxes = boxes, .box = box, .state = state, .keywords = keywords, .scan = scan,
	.uids = uids, .first_unseen = first_unseen, .changes = changes, .vanished = vanished,
	.summary = summary, .octets = octets, .release = release,
	.spool_open = spool_open, .spool_add = spool_add, .spool_drop = spool_drop, .ask = ask,
};
