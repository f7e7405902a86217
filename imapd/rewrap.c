/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * COPY and MOVE. Where others can read the target than the source (another class of keyset, or a shared
 * mailbox), mailstored needs the key of each message wrapped for the target's keyset, and only this
 * process has both secrets. Some are made at a time; the lists are bounded by what one request takes.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "imapd/conn.h"

enum { CALL_MS = 30000, AT_ONCE = 64, WRAPS_MAX = 20000, TRIES = 3, WRAP_OCTETS = 48 };

struct wrap { uint32_t uid, keyset; uint64_t blob; uint8_t wrapped[WRAP_OCTETS]; };

struct rewrap {
	struct st_copy_request q;
	char		 token[ST_ID_OCTETS];
	struct st_range	*ranges;	/* ascending */
	size_t		 range;		/* where we are */
	uint32_t	 from_uid;
	struct wrap	*wraps;
	size_t		 wraps_n, wraps_cap;
	unsigned	 tries;
};

void
conn_copy_drop(struct conn *c)
{
	struct rewrap *w = c->rewrap;

	c->rewrap = NULL;
	if (w == NULL)
		return;
	free(w->ranges);
	free(w->wraps);
	free(w);
}

static void
over(struct conn *c, const struct backend_reply *r)
{
	conn_copy_drop(c);
	c->asked = NULL;
	conn_answer(c, r);
}

static void
fail(struct conn *c, int err)
{
	over(c, &(struct backend_reply){ .status = err == ERR_AGAIN ? ERR_UNAVAIL : err });
}

static struct backend_range *
ranges_in(struct worker *w, const struct st_range *v, size_t n)
{
	struct backend_range *out = arena_array(&w->arena, n, sizeof *out);

	for (size_t i = 0; out != NULL && i < n; i++)
		out[i] = (struct backend_range){ v[i].lo, v[i].hi };
	return out;
}

static void start(struct conn *c);

static void
on_copy(void *arg, struct chan_answer *a)
{
	struct conn *c = arg;
	const struct st_copy_reply *r = a->msg;
	struct backend_reply reply = { .status = a->status };

	/* What the wraps were made for has changed since: make them anew. */
	if (a->status == ERR_AGAIN && ++c->rewrap->tries < TRIES) {
		c->asked = NULL;
		start(c);
		return;
	}
	if (a->status == ERR_AGAIN)
		reply.status = ERR_UNAVAIL;
	if (a->status == OK) {
		arena_clear(&c->worker->arena);
		reply.uidvalidity = r->uidvalidity;
		reply.from = ranges_in(c->worker, r->from, r->from_n);
		reply.to = ranges_in(c->worker, r->to, r->to_n);
		reply.from_n = reply.from != NULL && reply.to != NULL ? r->from_n : 0;
		reply.to_n = reply.from_n > 0 ? r->to_n : 0;
	}
	over(c, &reply);
}

static void
send_copy(struct conn *c)
{
	struct rewrap *w = c->rewrap;
	struct arena *a = &c->worker->arena;

	arena_clear(a);
	w->q.wraps = arena_array(a, w->wraps_n, sizeof *w->q.wraps);
	if (w->q.wraps == NULL) {
		fail(c, ERR_NOMEM);
		return;
	}
	w->q.wraps_n = w->wraps_n;
	for (size_t i = 0; i < w->wraps_n; i++)
		w->q.wraps[i] = (struct st_wrap){ w->wraps[i].uid, w->wraps[i].blob,
			w->wraps[i].keyset, { (const char *)w->wraps[i].wrapped, WRAP_OCTETS } };
	c->asked = c->worker->mailstore;
	chan_call(c->worker->mailstore, ST_COPY, &w->q, NULL, 0, CALL_MS, on_copy, c, &c->call);
}

/* ---- wraps ---- */

static struct wrap *
room(struct rewrap *w)
{
	if (w->wraps_n == w->wraps_cap) {
		size_t cap = w->wraps_cap == 0 ? AT_ONCE : 2 * w->wraps_cap;
		struct wrap *v = realloc(w->wraps, cap * sizeof *v);

		if (v == NULL)
			return NULL;
		w->wraps = v;
		w->wraps_cap = cap;
	}
	return &w->wraps[w->wraps_n];
}

static int
add_wrap(struct conn *c, const struct store_record *r)
{
	struct rewrap *w = c->rewrap;
	const uint8_t *from = conn_secret(c, r->keyset), *to = conn_secret(c, w->q.keyset);
	struct wrap *at;
	int err;

	if (r->keyset == w->q.keyset)
		return OK;
	if (r->level > c->account->clearance)
		return ERR_ACCESS;
	if (w->wraps_n == WRAPS_MAX)
		return ERR_LIMIT;
	at = room(w);
	if (from == NULL || to == NULL || at == NULL)
		return at == NULL ? ERR_NOMEM : ERR_CRYPTO;
	*at = (struct wrap){ .uid = r->uid, .keyset = r->keyset, .blob = r->blob };
	err = store_rewrap(c->worker->store, r, from, w->q.keyset, to, at->wrapped);
	w->wraps_n += err == OK;
	return err;
}

/* The next messages of the set: 1, or 0 when all are through. */
static int
wrap_some(struct conn *c)
{
	struct rewrap *w = c->rewrap;
	struct store_record page[AT_ONCE];
	const struct st_range *range = &w->ranges[w->range];
	size_t n;
	int err;

	if (w->range == w->q.uids_n)
		return 0;
	if (w->from_uid < range->lo)
		w->from_uid = range->lo;
	err = store_page(c->worker->store, w->q.account, w->q.mailbox, w->from_uid, page, AT_ONCE,
	    &n);
	for (size_t i = 0; err == OK && i < n && page[i].uid <= range->hi; i++) {
		err = add_wrap(c, &page[i]);
		w->from_uid = page[i].uid + 1;
	}
	if (err != OK)
		return err;
	if (n < AT_ONCE || page[n - 1].uid >= range->hi || w->from_uid == 0)
		w->range++;
	return 1;
}

static void
on_step(struct loop_timer *t)
{
	struct conn *c = t->arg;
	int err = wrap_some(c);

	if (err == 1 && loop_timer_set(c->worker->loop, &c->delay, 0, on_step, c) != OK)
		err = ERR_NOMEM;
	if (err == 0)
		send_copy(c);
	else if (err < 0)
		fail(c, err);
}

/* ---- the start ---- */

/* Does it need wraps, and for which keyset? As mailbox rows are now; mailstored looks again. */
static int
look(struct conn *c, bool *needs)
{
	struct rewrap *w = c->rewrap;
	struct arena *a = &c->worker->arena;
	struct store_mailbox from, to;
	int err;

	arena_clear(a);
	err = store_mailbox(c->worker->store, w->q.account, w->q.mailbox, a, &from);
	if (err == OK)
		err = store_mailbox(c->worker->store, w->q.account, w->q.target, a, &to);
	if (err != OK)
		return err;
	w->q.keyset = to.keyset;
	*needs = from.keyset_class != to.keyset_class ||
	    (to.keyset_class == KEYSET_SHARED && from.id != to.id);
	return OK;
}

static void
start(struct conn *c)
{
	struct rewrap *w = c->rewrap;
	bool needs = false;
	int err = look(c, &needs);

	w->wraps_n = w->range = 0;
	w->from_uid = 1;
	if (err != OK)
		fail(c, err);
	else if (needs)
		on_step(&c->delay);
	else
		send_copy(c);
}

static void
on_start(struct loop_timer *t)
{
	start(t->arg);
}

static int
by_lo(const void *a, const void *b)
{
	const struct st_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void
conn_copy(struct conn *c, const struct backend_ask *ask)
{
	struct rewrap *w = calloc(1, sizeof *w);

	conn_copy_drop(c);
	c->rewrap = w;
	if (w != NULL)
		w->ranges = calloc(ask->ranges_n + 1, sizeof *w->ranges);
	if (w == NULL || w->ranges == NULL) {
		conn_bye(c, "LIMIT", "Out of memory");
		return;
	}
	for (size_t i = 0; i < ask->ranges_n; i++)
		w->ranges[i] = (struct st_range){ ask->ranges[i].lo, ask->ranges[i].hi };
	qsort(w->ranges, ask->ranges_n, sizeof *w->ranges, by_lo);
	randombytes_buf(w->token, sizeof w->token);
	w->q = (struct st_copy_request){ .account = c->account->number, .mailbox = ask->box,
		.target = ask->target, .token = { w->token, sizeof w->token }, .move = ask->move,
		.quota = c->account->quota, .uids = w->ranges, .uids_n = ask->ranges_n };
	c->delay.arg = c;
	if (loop_timer_set(c->worker->loop, &c->delay, 0, on_start, c) != OK)
		conn_bye(c, "LIMIT", "Out of memory");
}
