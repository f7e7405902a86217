/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/crypt.h"
#include "ms_memory.h"

enum {
	ACCOUNTS = 2, CLIENTS = 4, BOXES_MAX = 200, PAGE = 97, MESSAGES_MAX = 6000, TOKENS = 12,
	RANGES = 3, COMPARE_EVERY = 25, REOPEN_EVERY = 150, TEXT_OCTETS = 70000,
};

/* One of the two: the engine, or the reference. */
struct side {
	const struct ms_engine *engine;
	struct ms *ms;
	uint32_t account[ACCOUNTS];
	struct store_mailbox *box[ACCOUNTS];	/* all of them, by name */
	size_t boxes_n[ACCOUNTS];
	struct arena a;				/* of box */
};

/* A mail program with one mailbox selected. */
struct client {
	unsigned account;
	bool	 selected;
	uint32_t mailbox[2];		/* of either side */
	uint32_t uidvalidity;
	uint64_t modseq;
	size_t	 n;
	struct { uint32_t uid; uint16_t flags; } seen[MESSAGES_MAX];
};

struct play {
	const struct conform *what;
	struct side	side[2];
	struct client	client[CLIENTS];
	uint8_t		secret[ACCOUNTS][2][32], public[ACCOUNTS][2][32];
	uint32_t	seed, next_id;
	uint32_t	uidvalidity_max[ACCOUNTS];	/* of all mailboxes so far */
	uint32_t	last_box[ACCOUNTS];
	/* By blob of the reference. */
	struct { uint8_t id[16]; bool known; } email[MESSAGES_MAX];
	char		text[TEXT_OCTETS];
	const char     *why;
};

/* The first difference is the one that counts. */
#define SAME(p, cond, text) \
	do { \
		if (!(cond) && (p)->why == NULL) \
			(p)->why = (text); \
	} while (0)

static uint32_t
rnd(struct play *p, uint32_t n)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return (p->seed >> 8) % n;
}

/* ---- the acts ---- */

/* One act, as each side is asked for it. */
struct act {
	struct ms_call	call[2];
	union {
		struct st_deliver_request     deliver;
		struct st_append_request      append;
		struct st_flags_request	      flags;
		struct st_expunge_request     expunge;
		struct st_copy_request	      copy;
		struct st_name_request	      name;
		struct st_seen_recent_request recent;
	} req[2];
	struct st_local	  local[ACCOUNTS];
	struct st_range	  uids[RANGES];
	struct st_keyword keywords[2];
	char		  token[17], guid[ACCOUNTS][16], name[64], new_name[64];
	struct slice	  message, summary;
	unsigned	  account;
	size_t		  box;
	struct arena	  a;
};

static struct slice
guid_of(unsigned account, char out[16])
{
	memset(out, 'g', 16);
	out[0] = (char)('0' + account);
	return (struct slice){ out, 16 };
}

static const struct store_mailbox *
box_at(const struct play *p, unsigned side, unsigned account, size_t i)
{
	return &p->side[side].box[account][i];
}

/* Small ones, some empty, now and then one of several chunks. */
static void
random_text(struct play *p, struct act *act)
{
	size_t n = rnd(p, 40) == 0 ? rnd(p, TEXT_OCTETS) : rnd(p, 300);
	char *copy = arena_alloc(&act->a, n + 1);

	for (size_t i = 0; i < n; i++)
		p->text[i] = (char)(' ' + (i * (p->next_id + 3) + p->seed) % 90);
	memcpy(copy, p->text, n);
	act->message = (struct slice){ copy, n };
	act->summary = arena_copy(&act->a, rnd(p, 2) == 0 ? SLICE("one summary") : SLICE(""));
}

/* A quota that is just enough, or just not. */
static struct st_quota
random_quota(struct play *p, unsigned account, uint64_t waiting_octets, uint64_t waiting_n,
    uint64_t size)
{
	struct side *ref = &p->side[1];
	struct store_account now;
	struct st_quota q = { 0 };

	if (ref->engine->counters(ref->ms, ref->account[account], &now) != OK)
		return q;
	if (rnd(p, 2) == 0)
		q.octets = now.octets + waiting_octets + size + rnd(p, 3) - 1;
	if (rnd(p, 2) == 0)
		q.messages = now.messages + waiting_n + rnd(p, 2);
	if (rnd(p, 2) == 0 || q.octets == UINT64_MAX)
		q = (struct st_quota){ 0 };
	return q;
}

/* A new one, or now and then one that may have been used: its number. */
static uint32_t
random_token(struct play *p, struct act *act, char kind)
{
	bool again = rnd(p, 10) == 0 && p->next_id > TOKENS;
	uint32_t id = again ? p->next_id - 1 - rnd(p, TOKENS) : p->next_id++;

	snprintf(act->token, sizeof act->token, "toke%c-%010u", kind, id);
	return id;
}

static void
random_uids(struct play *p, struct act *act)
{
	uint32_t top = box_at(p, 1, act->account, act->box)->uidnext;

	for (size_t i = 0; i < RANGES; i++) {
		uint32_t lo = 1 + rnd(p, top + 2);

		act->uids[i] = (struct st_range){ lo, lo + rnd(p, 9) };
	}
	if (rnd(p, 12) == 0)
		act->uids[0] = (struct st_range){ 1, UINT32_MAX };
	if (rnd(p, 12) == 0)
		act->uids[0] = (struct st_range){ act->uids[0].hi, act->uids[0].lo };
}

static size_t
random_keywords(struct play *p, struct act *act)
{
	static const struct slice names[] = { { "$Forwarded", 10 }, { "viec", 4 }, { "VIEC", 4 },
		{ "k-3", 3 }, { "k-4", 3 } };

	for (size_t i = 0; i < 2; i++)
		act->keywords[i].name = names[rnd(p, ARRAY_LEN(names))];
	return rnd(p, 3);
}

static void
make_deliver(struct play *p, struct act *act, uint64_t waiting_octets, uint64_t waiting_n,
    bool with_quota)
{
	struct st_deliver_request *req = &act->req[0].deliver;
	uint32_t id = random_token(p, act, 'd');	/* what may be is the same, asked again */
	uint8_t level = id % 3 == 0 ? LEVEL_MAT : LEVEL_THUONG;
	size_t n = 1 + id % ACCOUNTS;
	unsigned first = rnd(p, ACCOUNTS);

	random_text(p, act);
	for (size_t i = 0; i < n; i++) {
		unsigned to = (first + (unsigned)i) % ACCOUNTS;

		act->local[i] = (struct st_local){ .guid = guid_of(to, act->guid[i]),
			.place = (uint8_t)(level == LEVEL_MAT && id / 3 % 8 != i ?
			ST_PLACE_MAT + rnd(p, 2) : ST_PLACE_INBOX) };
		if (with_quota)
			act->local[i].quota = random_quota(p, to, waiting_octets, waiting_n,
			    act->message.n);
	}
	*req = (struct st_deliver_request){ .id = { act->token, 16 }, .level = level,
		.local = act->local, .local_n = n };
	act->req[1].deliver = *req;
}

static void
make_append(struct play *p, struct act *act, bool with_quota)
{
	uint32_t next = p->next_id, id = random_token(p, act, 'a');

	random_text(p, act);
	act->req[0].append = (struct st_append_request){ .token = { act->token,
		rnd(p, 4) == 0 ? 0 : 16 }, .internal_date_s = rnd(p, 2000000000),
		.flags = (uint16_t)rnd(p, 32), .keywords = act->keywords,
		.keywords_n = random_keywords(p, act),
		.level = id == next && rnd(p, 6) == 0 ? LEVEL_MAT : LEVEL_THUONG };
	if (with_quota)
		act->req[0].append.quota = random_quota(p, act->account, 0, 0, act->message.n);
	act->req[1].append = act->req[0].append;
	for (unsigned s = 0; s < 2; s++) {
		act->req[s].append.account = p->side[s].account[act->account];
		act->req[s].append.mailbox = box_at(p, s, act->account, act->box)->id;
	}
}

static void
make_flags(struct play *p, struct act *act)
{
	uint32_t modseq = (uint32_t)box_at(p, 1, act->account, act->box)->highestmodseq;

	random_uids(p, act);
	act->req[0].flags = (struct st_flags_request){ .uids = act->uids, .uids_n = RANGES,
		.op = (uint8_t)rnd(p, 3), .flags = (uint16_t)rnd(p, 32),
		.keywords = act->keywords, .keywords_n = random_keywords(p, act),
		.unchanged_since = rnd(p, 3) == 0 ? 1 + rnd(p, modseq) : 0,
		.known_modseq = rnd(p, 2) == 0 ? 1 + rnd(p, modseq) : 0 };
	act->req[1].flags = act->req[0].flags;
	for (unsigned s = 0; s < 2; s++) {
		act->req[s].flags.account = p->side[s].account[act->account];
		act->req[s].flags.mailbox = box_at(p, s, act->account, act->box)->id;
	}
}

static void
make_expunge(struct play *p, struct act *act)
{
	random_uids(p, act);
	for (unsigned s = 0; s < 2; s++)
		act->req[s].expunge = (struct st_expunge_request){
			.account = p->side[s].account[act->account],
			.mailbox = box_at(p, s, act->account, act->box)->id, .uids = act->uids,
			.uids_n = RANGES };
}

static void
make_copy(struct play *p, struct act *act, bool with_quota)
{
	size_t target = rnd(p, 3) == 0 ? act->box :
	    rnd(p, (uint32_t)p->side[1].boxes_n[act->account]);
	uint8_t move = (uint8_t)rnd(p, 2);
	struct st_quota quota = { 0 };

	random_uids(p, act);
	(void)random_token(p, act, 'c');
	if (with_quota)
		quota = random_quota(p, act->account, 0, 0, rnd(p, 2000));
	for (unsigned s = 0; s < 2; s++)
		act->req[s].copy = (struct st_copy_request){
			.account = p->side[s].account[act->account],
			.mailbox = box_at(p, s, act->account, act->box)->id,
			.target = box_at(p, s, act->account, target)->id, .move = move,
			.token = { act->token, 16 }, .uids = act->uids, .uids_n = RANGES,
			.quota = quota };
}

static void
make_recent(struct play *p, struct act *act)
{
	for (unsigned s = 0; s < 2; s++)
		act->req[s].recent = (struct st_seen_recent_request){
			.account = p->side[s].account[act->account],
			.mailbox = box_at(p, s, act->account, act->box)->id };
}

static void
random_name(struct play *p, char out[64])
{
	static const char *const first[] = { "Hồ sơ", "a", "b", "inbox", "Mật", "" };
	static const char *const below[] = { "", "/2026", "/2026/Quý 1", "/x", "/", "/a*" };

	snprintf(out, 64, "%s%s", first[rnd(p, rnd(p, 4) == 0 ? 6 : 4)],
	    below[rnd(p, rnd(p, 6) == 0 ? 6 : 4)]);
}

static void
make_name(struct play *p, struct act *act)
{
	uint8_t use = rnd(p, 8) == 0 ? ST_USE_ARCHIVE : ST_USE_NONE, on = (uint8_t)rnd(p, 2);

	random_name(p, act->name);
	random_name(p, act->new_name);
	for (unsigned s = 0; s < 2; s++)
		act->req[s].name = (struct st_name_request){
			.account = p->side[s].account[act->account], .name = slice_of(act->name),
			.new_name = slice_of(act->new_name), .special_use = use, .on = on };
}

static void
make_act(struct play *p, struct act *act, enum ms_act what, bool alone)
{
	const struct client *c = &p->client[rnd(p, CLIENTS)];

	act->account = c->account;
	act->box = rnd(p, (uint32_t)p->side[1].boxes_n[act->account]);
	for (size_t i = 0; i < p->side[1].boxes_n[act->account] && c->selected; i++)
		if (box_at(p, 1, act->account, i)->id == c->mailbox[1])
			act->box = i;
	switch (what) {
	case MS_APPEND:
		make_append(p, act, alone);
		break;
	case MS_FLAGS:
		make_flags(p, act);
		break;
	case MS_EXPUNGE:
		make_expunge(p, act);
		break;
	case MS_COPY:
		make_copy(p, act, alone);
		break;
	case MS_SEEN_RECENT:
		make_recent(p, act);
		break;
	default:
		make_name(p, act);
		break;
	}
}

static void
make_calls(struct play *p, struct act *act, enum ms_act what)
{
	bool internet = rnd(p, 4) == 0;
	int64_t now_s = 1000000000 + p->next_id;

	for (unsigned s = 0; s < 2; s++)
		act->call[s] = (struct ms_call){ .act = what, .req = &act->req[s],
			.message = act->message, .summary = act->summary, .internet = internet,
			.now_s = now_s, .a = &act->a, .status = 1 };
}

/* ---- comparing answers ---- */

static bool
same_ranges(const struct st_range *a, size_t an, const struct st_range *b, size_t bn)
{
	if (an != bn)
		return false;
	for (size_t i = 0; i < an; i++)
		if (a[i].lo != b[i].lo || a[i].hi != b[i].hi)
			return false;
	return true;
}

static void
compare_reply(struct play *p, const struct act *act)
{
	const union ms_reply *e = &act->call[0].reply, *r = &act->call[1].reply;

	switch (act->call[0].act) {
	case MS_APPEND:
		SAME(p, e->append.uid == r->append.uid, "an append's UID");
		break;
	case MS_FLAGS:
		SAME(p, e->flags.modseq == r->flags.modseq, "the modseq of a change of flags");
		SAME(p, same_ranges(e->flags.modified, e->flags.modified_n, r->flags.modified,
		    r->flags.modified_n), "what was modified since");
		break;
	case MS_EXPUNGE:
		SAME(p, e->expunge.modseq == r->expunge.modseq, "the modseq of an expunge");
		SAME(p, same_ranges(e->expunge.expunged, e->expunge.expunged_n,
		    r->expunge.expunged, r->expunge.expunged_n), "what was expunged");
		break;
	case MS_COPY:
		SAME(p, same_ranges(e->copy.from, e->copy.from_n, r->copy.from, r->copy.from_n) &&
		    same_ranges(e->copy.to, e->copy.to_n, r->copy.to, r->copy.to_n),
		    "what was copied");
		break;
	case MS_SEEN_RECENT:
		SAME(p, e->recent.first_recent_uid == r->recent.first_recent_uid &&
		    e->recent.end_uid == r->recent.end_uid, "what is recent");
		break;
	default:
		break;
	}
}

static void
submit(struct play *p, struct act *acts, size_t n)
{
	uint64_t before[ACCOUNTS];
	struct side *e = &p->side[0];

	for (unsigned i = 0; i < ACCOUNTS; i++)
		before[i] = e->engine->generation(e->ms, e->account[i]);
	for (unsigned s = 0; s < 2; s++) {
		for (size_t i = 0; i < n; i++)
			acts[i].call[s].next = i + 1 < n ? &acts[i + 1].call[s] : NULL;
		p->side[s].engine->submit(p->side[s].ms, &acts[0].call[s]);
	}
	for (size_t i = 0; i < n; i++) {
		if (acts[i].call[0].status != acts[i].call[1].status && p->why == NULL) {
			fprintf(stderr, "act %d: %s instead of %s\n", (int)acts[i].call[0].act,
			    err_text(acts[i].call[0].status), err_text(acts[i].call[1].status));
			p->why = "the outcome of an act";
		}
		if (acts[i].call[0].status == OK && acts[i].call[1].status == OK)
			compare_reply(p, &acts[i]);
		if (acts[i].call[0].act == MS_CREATE && acts[i].call[0].status == OK)
			SAME(p, e->engine->generation(e->ms, e->account[acts[i].account]) !=
			    before[acts[i].account], "a change that is not told");
	}
}

/* ---- comparing what is there ---- */

static void
look_up(struct play *p)
{
	for (unsigned s = 0; s < 2; s++) {
		struct side *x = &p->side[s];

		arena_clear(&x->a);
		for (unsigned i = 0; i < ACCOUNTS; i++)
			SAME(p, x->engine->mailboxes(x->ms, x->account[i], false, &x->a,
			    &x->box[i], &x->boxes_n[i]) == OK, "a list of mailboxes");
	}
}

static uint64_t
known_bits(const struct store_mailbox *b, uint64_t bits)
{
	static const char *const names[] = { "$forwarded", "viec", "k-3", "k-4" };
	uint64_t out = 0;

	for (size_t i = 0; i < b->keywords_n; i++)
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if ((bits >> i & 1) != 0 && slice_is_nocase(b->keywords[i], names[k]))
				out |= UINT64_C(1) << k;
	return out;
}

/* The same message has the same EMAILID in all its copies, and no other has it. */
static void
compare_email(struct play *p, const struct store_record *e, const struct store_record *r)
{
	if (r->blob >= MESSAGES_MAX)
		return;
	if (!p->email[r->blob].known) {
		for (size_t i = 0; i < MESSAGES_MAX; i++)
			SAME(p, !p->email[i].known || memcmp(p->email[i].id, e->email_id, 16) != 0,
			    "two messages with one EMAILID");
		p->email[r->blob].known = true;
		memcpy(p->email[r->blob].id, e->email_id, 16);
	}
	SAME(p, memcmp(p->email[r->blob].id, e->email_id, 16) == 0, "a copy with another EMAILID");
}

static void
compare_record(struct play *p, const struct store_mailbox *eb, const struct store_mailbox *rb,
    const struct store_record *e, const struct store_record *r)
{
	SAME(p, e->uid == r->uid, "a message's UID");
	SAME(p, e->flags == r->flags, "a message's flags");
	SAME(p, known_bits(eb, e->keywords) == known_bits(rb, r->keywords), "a message's keywords");
	SAME(p, e->modseq == r->modseq, "a message's modseq");
	SAME(p, e->size_octets == r->size_octets && e->level == r->level,
	    "a message's size, level");
	SAME(p, r->internal_date_s == 0 || e->internal_date_s == r->internal_date_s,
	    "a message's date");
	compare_email(p, e, r);
}

static void
compare_octets(struct play *p, unsigned account, const struct store_mailbox *eb,
    const struct store_record *e, const struct store_record *r)
{
	struct slice message[2], summary[2];
	struct arena a;
	int err[2];

	arena_init(&a, 1 << 20);
	err[0] = p->side[0].engine->read(p->side[0].ms, e,
	    p->secret[account][eb->keyset_class == KEYSET_MAT], &a, &message[0], &summary[0]);
	err[1] = p->side[1].engine->read(p->side[1].ms, r, NULL, &a, &message[1], &summary[1]);
	SAME(p, err[0] == OK && err[1] == OK, "a message cannot be read");
	if (err[0] == OK && err[1] == OK) {
		SAME(p, slice_eq(message[0], message[1]), "a message's octets");
		SAME(p, slice_eq(summary[0], summary[1]), "a message's summary");
	}
	arena_clear(&a);
}

static void
compare_messages(struct play *p, unsigned account, const struct store_mailbox *eb,
    const struct store_mailbox *rb)
{
	struct store_record e[PAGE], r[PAGE];
	uint32_t from = 1;
	size_t en, rn;

	do {
		en = rn = 0;
		SAME(p, p->side[0].engine->page(p->side[0].ms, p->side[0].account[account], eb->id,
		    from, e, PAGE, &en) == OK, "a page");
		SAME(p, p->side[1].engine->page(p->side[1].ms, p->side[1].account[account], rb->id,
		    from, r, PAGE, &rn) == OK, "a page");
		SAME(p, en == rn, "how many messages there are");
		for (size_t i = 0; i < en && p->why == NULL; i++) {
			compare_record(p, eb, rb, &e[i], &r[i]);
			if (rnd(p, 20) == 0)
				compare_octets(p, account, eb, &e[i], &r[i]);
			from = e[i].uid + 1;
		}
	} while (en == PAGE && p->why == NULL);
}

static void
compare_vanished(struct play *p, unsigned account, const struct store_mailbox *eb,
    const struct store_mailbox *rb)
{
	uint64_t since = rnd(p, (uint32_t)rb->highestmodseq + 1);
	struct st_range *er = NULL, *rr = NULL;
	size_t en = 0, rn = 0;
	bool ec = true, rc = true;
	struct arena a;

	arena_init(&a, 4 << 20);
	SAME(p, p->side[0].engine->vanished(p->side[0].ms, p->side[0].account[account], eb->id,
	    since, &a, &er, &en, &ec) == OK, "a list of what vanished");
	SAME(p, p->side[1].engine->vanished(p->side[1].ms, p->side[1].account[account], rb->id,
	    since, &a, &rr, &rn, &rc) == OK, "a list of what vanished");
	SAME(p, !ec || same_ranges(er, en, rr, rn), "what vanished");
	arena_clear(&a);
}

static void
compare_box(struct play *p, unsigned account, const struct store_mailbox *e,
    const struct store_mailbox *r)
{
	SAME(p, slice_eq(e->name, r->name), "a mailbox's name");
	SAME(p, e->uidnext == r->uidnext && e->recent_uid == r->recent_uid, "UIDNEXT, recent");
	SAME(p, e->exists == r->exists && e->unseen == r->unseen && e->deleted == r->deleted,
	    "a mailbox's counters");
	SAME(p, e->octets == r->octets, "a mailbox's octets");
	SAME(p, e->highestmodseq == r->highestmodseq, "HIGHESTMODSEQ");
	SAME(p, e->special_use == r->special_use && e->keyset_class == r->keyset_class &&
	    e->subscribed == r->subscribed, "a mailbox's attributes");
	SAME(p, e->keywords_n == r->keywords_n, "a mailbox's keywords");
	if (e->id > p->last_box[account]) {
		SAME(p, e->uidvalidity > p->uidvalidity_max[account], "a UIDVALIDITY used before");
		p->last_box[account] = e->id;
		p->uidvalidity_max[account] = e->uidvalidity;
	}
	if (p->why == NULL)
		compare_messages(p, account, e, r);
	if (p->why == NULL)
		compare_vanished(p, account, e, r);
}

/* Mailboxes by number, so that new ones come in the order in which they were made. */
static void
compare_boxes(struct play *p, unsigned account)
{
	uint32_t done = 0;

	for (size_t k = 0; k < p->side[0].boxes_n[account] && p->why == NULL; k++) {
		size_t next = BOXES_MAX;

		for (size_t i = 0; i < p->side[0].boxes_n[account]; i++) {
			uint32_t id = box_at(p, 0, account, i)->id;

			if (id > done && (next == BOXES_MAX ||
			    id < box_at(p, 0, account, next)->id))
				next = i;
		}
		done = box_at(p, 0, account, next)->id;
		compare_box(p, account, box_at(p, 0, account, next), box_at(p, 1, account, next));
	}
}

static void
compare_names(struct play *p, unsigned account, bool internet)
{
	struct slice *e, *r;
	struct store_mailbox *eb, *rb;
	size_t en = 0, rn = 0, ebn = 0, rbn = 0;
	struct side *x = &p->side[0], *y = &p->side[1];
	struct arena a;

	arena_init(&a, 4 << 20);
	SAME(p, x->engine->subscriptions(x->ms, x->account[account], internet, &a, &e, &en) == OK &&
	    y->engine->subscriptions(y->ms, y->account[account], internet, &a, &r, &rn) == OK &&
	    x->engine->mailboxes(x->ms, x->account[account], internet, &a, &eb, &ebn) == OK &&
	    y->engine->mailboxes(y->ms, y->account[account], internet, &a, &rb, &rbn) == OK,
	    "a list of names");
	SAME(p, en == rn && ebn == rbn, "how many names there are");
	for (size_t i = 0; i < en && p->why == NULL; i++)
		SAME(p, slice_eq(e[i], r[i]), "a subscription");
	for (size_t i = 0; i < ebn && p->why == NULL; i++)
		SAME(p, slice_eq(eb[i].name, rb[i].name), "a name");
	arena_clear(&a);
}

static void
compare_all(struct play *p)
{
	look_up(p);
	for (unsigned i = 0; i < ACCOUNTS && p->why == NULL; i++) {
		struct store_account e = { 0 }, r = { 0 };

		for (unsigned s = 0; s < 2; s++)
			SAME(p, p->side[s].engine->counters(p->side[s].ms,
			    p->side[s].account[i], s == 0 ? &e : &r) == OK,
			    "an account's counters");
		SAME(p, e.octets == r.octets && e.messages == r.messages, "what an account has");
		SAME(p, p->side[0].boxes_n[i] == p->side[1].boxes_n[i],
		    "how many mailboxes there are");
		if (p->why == NULL)
			compare_boxes(p, i);
		compare_names(p, i, false);
		compare_names(p, i, true);
	}
}

/* ---- clients ---- */

static void
select_box(struct play *p, struct client *c)
{
	size_t i;

	/* The first of them share one mailbox now and then. */
	c->account = rnd(p, 3) == 0 ? p->client[0].account : rnd(p, ACCOUNTS);
	i = rnd(p, rnd(p, 2) == 0 ? 1 : (uint32_t)p->side[1].boxes_n[c->account]);
	for (unsigned s = 0; s < 2; s++)
		c->mailbox[s] = box_at(p, s, c->account, i)->id;
	c->uidvalidity = box_at(p, 0, c->account, i)->uidvalidity;
	c->modseq = 0;
	c->n = 0;
	c->selected = true;
}

static void
client_put(struct play *p, struct client *c, uint32_t uid, uint16_t flags)
{
	size_t i = c->n;

	while (i > 0 && c->seen[i - 1].uid > uid)
		i--;
	if (i > 0 && c->seen[i - 1].uid == uid) {
		c->seen[i - 1].flags = flags;
		return;
	}
	if (c->n == MESSAGES_MAX) {
		SAME(p, false, "the test's own bound");
		return;
	}
	memmove(&c->seen[i + 1], &c->seen[i], (c->n - i) * sizeof *c->seen);
	c->seen[i].uid = uid;
	c->seen[i].flags = flags;
	c->n++;
}

static void
client_remove(struct client *c, const struct st_range *gone, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++) {
		bool out = false;

		for (size_t k = 0; k < n; k++)
			out = out || (c->seen[i].uid >= gone[k].lo && c->seen[i].uid <= gone[k].hi);
		if (!out)
			c->seen[kept++] = c->seen[i];
	}
	c->n = kept;
}

static void
client_read(struct play *p, struct client *c, uint64_t modseq)
{
	const struct side *e = &p->side[0];
	struct store_record page[PAGE];
	struct st_range *gone = NULL;
	uint32_t next = 1;
	struct arena a;
	bool complete = true;
	size_t n = 0;

	arena_init(&a, 4 << 20);
	while (next != 0 && p->why == NULL) {
		SAME(p, e->engine->changes(e->ms, e->account[c->account], c->mailbox[0], c->modseq,
		    next, page, PAGE, &n, &next) == OK, "changes");
		for (size_t i = 0; i < n && p->why == NULL; i++)
			client_put(p, c, page[i].uid, page[i].flags);
	}
	n = 0;
	SAME(p, e->engine->vanished(e->ms, e->account[c->account], c->mailbox[0], c->modseq, &a,
	    &gone, &n, &complete) == OK && complete, "what vanished for a client");
	client_remove(c, gone, n);
	c->modseq = modseq;
	arena_clear(&a);
}

/* What the client believes is what is there. */
static void
client_compare(struct play *p, const struct client *c)
{
	const struct side *r = &p->side[1];
	struct store_record *all = calloc(MESSAGES_MAX, sizeof *all);
	size_t n = 0;

	if (all == NULL)
		abort();
	SAME(p, r->engine->page(r->ms, r->account[c->account], c->mailbox[1], 1, all, MESSAGES_MAX,
	    &n) == OK && n == c->n, "how many messages a client knows");
	for (size_t i = 0; i < n && p->why == NULL; i++)
		SAME(p, c->seen[i].uid == all[i].uid && c->seen[i].flags == all[i].flags,
		    "a message as a client knows it");
	free(all);
}

static void
client_turn(struct play *p, struct client *c)
{
	const struct store_mailbox *mine = NULL;

	look_up(p);
	for (size_t i = 0; i < p->side[0].boxes_n[c->account] && c->selected; i++)
		if (box_at(p, 0, c->account, i)->id == c->mailbox[0])
			mine = box_at(p, 0, c->account, i);
	if (mine == NULL || rnd(p, 30) == 0) {
		select_box(p, c);
		return;
	}
	SAME(p, mine->uidvalidity == c->uidvalidity, "UIDVALIDITY changed");
	client_read(p, c, mine->highestmodseq);
	if (p->why == NULL)
		client_compare(p, c);
}

/* ---- the play ---- */

static void
settle(struct play *p)
{
	for (unsigned s = 0; s < 2; s++)
		SAME(p, p->side[s].engine->settle(p->side[s].ms) == OK, "deliveries are not filed");
}

static enum ms_act
random_act(struct play *p)
{
	uint32_t n = rnd(p, 100);

	return n < 35 ? MS_APPEND : n < 65 ? MS_FLAGS : n < 80 ? MS_EXPUNGE : n < 95 ? MS_COPY :
	    MS_SEEN_RECENT;
}

static void
deliveries(struct play *p, struct act *acts)
{
	size_t n = 1 + rnd(p, CLIENTS);
	uint64_t octets = 0;

	for (size_t i = 0; i < n; i++) {
		make_deliver(p, &acts[i], 0, 0, n == 1);
		make_calls(p, &acts[i], MS_DELIVER);
	}
	submit(p, acts, n);
	if (n == 1 && acts[0].call[0].status == OK) {	/* one more while the first waits */
		octets = acts[0].message.n;
		make_deliver(p, &acts[1], octets, 1, true);
		make_calls(p, &acts[1], MS_DELIVER);
		submit(p, &acts[1], 1);
	}
}

static void
others(struct play *p, struct act *acts)
{
	size_t n = 1 + rnd(p, CLIENTS);
	static const enum ms_act names[] = { MS_CREATE, MS_CREATE, MS_DELETE, MS_RENAME,
		MS_SUBSCRIBE };

	if (rnd(p, 10) == 0) {	/* names change what the others speak of */
		enum ms_act what = names[rnd(p, ARRAY_LEN(names))];

		make_act(p, &acts[0], what, true);
		make_calls(p, &acts[0], what);
		submit(p, acts, 1);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		enum ms_act what = random_act(p);

		make_act(p, &acts[i], what, n == 1);
		make_calls(p, &acts[i], what);
	}
	submit(p, acts, n);
}

static void
one_round(struct play *p)
{
	struct act acts[CLIENTS];

	memset(acts, 0, sizeof acts);
	for (size_t i = 0; i < CLIENTS; i++)
		arena_init(&acts[i].a, 8 << 20);
	look_up(p);
	if (rnd(p, 4) == 0)
		deliveries(p, acts);
	else
		others(p, acts);
	settle(p);
	for (size_t i = 0; i < CLIENTS; i++)
		arena_clear(&acts[i].a);
	client_turn(p, &p->client[rnd(p, CLIENTS)]);
}

static void
begin(struct play *p)
{
	p->side[0].engine = p->what->engine;
	p->side[1].engine = ms_memory();
	for (unsigned s = 0; s < 2; s++) {
		arena_init(&p->side[s].a, 16 << 20);
		SAME(p, p->side[s].engine->open(p->what->conf, &p->side[s].ms) == OK, "open");
	}
	for (unsigned i = 0; i < ACCOUNTS && p->why == NULL; i++) {
		char guid[16];
		struct ms_account who = { .guid = guid_of(i, guid), .uid = SLICE("u"),
			.address = SLICE("u@x.vn"), .public_open = { (char *)p->public[i][0], 32 },
			.public_mat = { (char *)p->public[i][1], 32 },
			.wrapped_open = SLICE("open"), .wrapped_mat = SLICE("mat") };

		crypt_pair(p->public[i][0], p->secret[i][0]);
		crypt_pair(p->public[i][1], p->secret[i][1]);
		for (unsigned s = 0; s < 2; s++)
			SAME(p, p->side[s].engine->account(p->side[s].ms, &who,
			    &p->side[s].account[i]) == OK, "an account");
	}
}

const char *
conform(const struct conform *what)
{
	struct play *p = calloc(1, sizeof *p);
	const char *why;

	if (p == NULL)
		return "memory";
	p->what = what;
	p->seed = what->seed;
	begin(p);
	for (unsigned i = 1; i <= what->rounds && p->why == NULL; i++) {
		one_round(p);
		if (i % COMPARE_EVERY == 0 && p->why == NULL)
			compare_all(p);
		if (i % REOPEN_EVERY == 0 && what->lasting && p->why == NULL) {
			p->side[0].engine->close(&p->side[0].ms);
			SAME(p, p->side[0].engine->open(what->conf, &p->side[0].ms) == OK,
			    "open again");
		}
	}
	if (p->why == NULL)
		compare_all(p);
	why = p->why;
	for (unsigned s = 0; s < 2; s++) {
		p->side[s].engine->close(&p->side[s].ms);
		arena_clear(&p->side[s].a);
	}
	free(p);
	return why;
}
