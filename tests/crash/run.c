/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Random acts, chosen by what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acts.h"
#include "common/clock.h"
#include "mailstore/gc.h"

enum { LIVE_MAX = 70, HISTORY = 64 };

struct running {
	struct run  *r;
	struct site  t;
	struct state is;
	uint64_t     seed;
	uint32_t     next_id;
	int64_t	     clock_s;
	struct act   delivered[HISTORY];	/* for ACT_AGAIN */
	uint32_t     delivered_n;
};

static uint32_t
rnd(struct running *g, uint32_t n)
{
	return (uint32_t)(crash_random(&g->seed) % n);
}

static void
see(struct running *g)
{
	shim_pause(true);
	if (site_look(&g->t, &g->is) != OK) {
		fprintf(stderr, "while it runs: %s\n", g->t.why);
		_Exit(5);
	}
	shim_note(NOTE_SEEN, &g->is, offsetof(struct state, rows) +
	    g->is.rows_n * sizeof g->is.rows[0]);
	shim_pause(false);
}

static const struct mbox *
some_box(struct running *g, uint32_t who)
{
	for (unsigned i = 0; i < 100; i++) {
		const struct mbox *m = &g->is.boxes[rnd(g, g->is.boxes_n)];

		/* The first few mailboxes often, so that something happens to the same mail. */
		if (m->who == who && (m->id <= BOX_SENT || m->id >= BOX_FIRST_FREE))
			return m;
	}
	return NULL;
}

static bool
choose_messages(struct running *g, struct act *a)
{
	const struct mbox *m = some_box(g, a->who), *to = some_box(g, a->who);

	if (m == NULL || to == NULL)
		return false;
	a->mailbox = m->id;
	a->target = to->id;
	a->uids.lo = 1 + rnd(g, m->uidnext);
	a->uids.hi = a->uids.lo + rnd(g, 6);
	if (a->kind == ACT_EXPUNGE)
		a->uids = (struct st_range){ 1, m->uidnext };
	a->uids.hi = a->uids.hi < m->uidnext ? a->uids.hi : m->uidnext - 1;
	if (a->uids.hi < a->uids.lo)
		return false;
	a->op = (uint8_t)rnd(g, 3);
	a->flags = (uint16_t)rnd(g, 32) | (rnd(g, 2) == 0 ? ST_DELETED : 0);
	a->keywords = rnd(g, 2) == 0 ? (uint8_t)rnd(g, 1 << KEYWORDS) : 0;
	return true;
}

static bool
choose_name(struct running *g, struct act *a)
{
	const struct mbox *m = NULL;

	act_name(rnd(g, NAMES), a->new_name);
	if (a->kind == ACT_CREATE) {
		memcpy(a->name, a->new_name, sizeof a->name);
		return true;
	}
	for (uint32_t i = 0; i < g->is.boxes_n; i++)
		if (g->is.boxes[i].who == a->who && g->is.boxes[i].id >= BOX_FIRST_FREE &&
		    (m == NULL || rnd(g, 2) == 0))
			m = &g->is.boxes[i];
	if (m == NULL)
		return false;
	memcpy(a->name, m->name, sizeof a->name);
	a->on = (uint8_t)rnd(g, 2);
	return true;
}

static bool
choose_delivery(struct running *g, struct act *a)
{
	for (uint32_t i = 0; i < ACCOUNTS; i++)
		if (g->is.number[i] != 0 && rnd(g, 2) == 0)
			a->accounts |= 1u << i;
	a->routes = g->is.queue_n < 12 && rnd(g, 3) == 0 ? 1 + rnd(g, 3) : 0;
	a->mat = rnd(g, 8) == 0;
	return a->accounts != 0 || a->routes != 0;
}

static bool
choose_again(struct running *g, struct act *a)
{
	if (g->delivered_n == 0)
		return false;
	*a = g->delivered[rnd(g, g->delivered_n < HISTORY ? g->delivered_n : HISTORY)];
	a->kind = ACT_AGAIN;
	return true;
}

static bool
choose_entry(struct running *g, struct act *a)
{
	const struct entry_state *e;

	if (g->is.queue_n == 0)
		return false;
	e = &g->is.queue[rnd(g, g->is.queue_n)];
	a->entry = e->id;
	a->route = (uint8_t)e->route;
	a->outcome = rnd(g, 3) == 0 ? ST_DEFERRED : ST_DELIVERED;
	return true;
}

static uint32_t
choose_kind(struct running *g)
{
	static const uint8_t often[] = { ACT_DELIVER, ACT_DELIVER, ACT_DELIVER, ACT_DELIVER,
		ACT_DELIVER, ACT_AGAIN, ACT_APPEND, ACT_APPEND, ACT_APPEND, ACT_FLAGS, ACT_FLAGS,
		ACT_FLAGS, ACT_FLAGS, ACT_EXPUNGE, ACT_EXPUNGE, ACT_COPY, ACT_MOVE, ACT_CREATE,
		ACT_RENAME, ACT_DELETE, ACT_SUBSCRIBE, ACT_CLAIM, ACT_RESULT, ACT_RESULT,
		ACT_QUEUE_DELETE, ACT_CHECKPOINT };
	static const uint8_t removing[] = { ACT_FLAGS, ACT_EXPUNGE, ACT_DELETE, ACT_RESULT };

	if (g->is.rows_n > LIVE_MAX)
		return removing[rnd(g, sizeof removing)];
	return often[rnd(g, sizeof often)];
}

static bool
choose(struct running *g, struct act *a)
{
	const struct mbox *m;

	*a = (struct act){ .kind = choose_kind(g), .id = g->next_id, .who = rnd(g, ACCOUNTS) };
	if (g->is.number[a->who] == 0)
		a->kind = ACT_ACCOUNT;
	a->account = g->is.number[a->who];
	switch (a->kind) {
	case ACT_DELIVER:
		return choose_delivery(g, a);
	case ACT_AGAIN:
		return choose_again(g, a);
	case ACT_APPEND:
		m = some_box(g, a->who);
		a->mailbox = m == NULL ? BOX_INBOX : m->id;
		a->flags = (uint16_t)rnd(g, 32);
		a->keywords = (uint8_t)rnd(g, 1 << KEYWORDS);
		return true;
	case ACT_FLAGS:
	case ACT_EXPUNGE:
	case ACT_COPY:
	case ACT_MOVE:
		return choose_messages(g, a);
	case ACT_CREATE:
	case ACT_RENAME:
	case ACT_DELETE:
	case ACT_SUBSCRIBE:
		return choose_name(g, a);
	case ACT_RESULT:
	case ACT_QUEUE_DELETE:
		return choose_entry(g, a);
	default:
		return true;
	}
}

/* Names, queue entries and accounts are told apart by what they are, so two acts of one group must not
 * be about the same. */
static bool
goes_with(const struct act *acts, size_t n, const struct act *a)
{
	bool name = a->kind >= ACT_CREATE && a->kind <= ACT_SUBSCRIBE;

	for (size_t i = 0; i < n; i++) {
		const struct act *b = &acts[i];
		bool b_name = b->kind >= ACT_CREATE && b->kind <= ACT_SUBSCRIBE;

		if (b->kind == ACT_ACCOUNT || a->kind == ACT_ACCOUNT)
			return false;
		if ((name || b_name) && a->who == b->who)
			return false;
		if (a->entry != 0 && (a->entry == b->entry || a->entry == b->id))
			return false;
		if (a->kind == ACT_AGAIN && a->id == b->id)
			return false;
	}
	return true;
}

/* What fails although nothing is wrong fails always in the same way. */
static void
count_failed(struct running *g, const struct act *acts, const int *status, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (status[i] == OK || status[i] == ERR_EXIST || status[i] == ERR_NOENT ||
		    status[i] == ERR_ACCESS)
			continue;
		g->r->failed++;
		if (g->r->fault == NULL || g->r->fault->hits == 0) {
			fprintf(stderr, "act %u fails: %s\n", acts[i].id, err_text(status[i]));
			_Exit(5);
		}
	}
}

static void
group(struct running *g)
{
	struct act acts[GROUP_MAX];
	int status[GROUP_MAX];
	size_t n = 0, want = rnd(g, 6) == 0 ? GROUP_MAX : 1 + rnd(g, 4);

	for (unsigned tries = 0; n < want && tries < 40; tries++)
		if (choose(g, &acts[n]) && goes_with(acts, n, &acts[n])) {
			n++;
			g->next_id++;
		}
	if (n == 0)
		return;
	site_group(&g->t, acts, n, status);
	count_failed(g, acts, status, n);
	for (size_t i = 0; i < n; i++)
		if (acts[i].kind == ACT_DELIVER && status[i] == OK)
			g->delivered[g->delivered_n++ % HISTORY] = acts[i];
	if (g->t.e->broken == OK)
		see(g);
}

/* Time passes, so that what was removed may go. */
static void
pass_time(struct running *g)
{
	bool long_time = rnd(g, 3) == 0;

	g->clock_s += long_time ? 90000 : 700;
	shim_clock(g->clock_s);
	shim_note(NOTE_CLOCK, &g->clock_s, sizeof g->clock_s);
	if (long_time)		/* ids are not remembered for ever */
		g->delivered_n = 0;
}

static int
reclaim(struct running *g)
{
	uint64_t wait_ms = 0;
	int r = OK;

	if (rnd(g, 4) == 0)
		r = engine_gc_all(g->t.e, clock_real_s());
	for (uint32_t i = rnd(g, 12); i > 0 && r == OK && wait_ms == 0; i--)
		r = engine_gc(g->t.e, clock_real_s(), &wait_ms);
	if (g->t.e->broken == OK)
		see(g);
	return r;
}

/* What mailstored does between the groups, in some order. */
static int
between(struct running *g)
{
	int r = OK;

	if (rnd(g, 2) == 0) {
		r = engine_apply(g->t.e);
		if (g->t.e->broken == OK)
			see(g);
	}
	if (r == OK && rnd(g, 5) == 0)
		r = engine_close_intents(g->t.e);
	if (rnd(g, 9) == 0)
		engine_tidy(g->t.e);
	if (rnd(g, 3) == 0)
		pass_time(g);
	if (r == OK && rnd(g, 2) == 0)
		r = reclaim(g);
	return r;
}

/* What the engine does by itself must have been part of the run. */
static void
add_stats(const struct running *g, struct gc_stats *sum)
{
	const struct gc_stats *s = engine_gc_stats(g->t.e);

	sum->expired += s->expired;
	sum->dropped_frames += s->dropped_frames;
	sum->moved_frames += s->moved_frames;
	sum->punched_octets += s->punched_octets;
	sum->unlinked_segments += s->unlinked_segments;
}

static int
open_site(struct running *g)
{
	int r = site_open(&g->t, g->r->keys, g->r->dir, g->r->threads);

	if (r == OK)
		see(g);
	else
		site_close(&g->t);
	return r;
}

/* The administrator has mended the disk. */
static int
restart(struct running *g)
{
	shim_fault(NULL);
	g->r->restarts++;
	site_close(&g->t);
	return open_site(g);
}

static int
run_groups(struct running *g, struct gc_stats *sum)
{
	bool may_fail = g->r->fault != NULL;
	int err = open_site(g);

	if (err != OK && may_fail)
		err = restart(g);
	for (uint32_t i = 0; i < g->r->groups && err == OK; i++) {
		group(g);
		err = g->t.e->broken;
		if (err == OK)
			err = between(g);
		if (err != OK && may_fail)
			err = g->t.e->broken != OK ? restart(g) : OK;
		if (err != OK || rnd(g, 30) != 0)
			continue;
		add_stats(g, sum);
		site_close(&g->t);
		err = open_site(g);
		if (err != OK && may_fail)
			err = restart(g);
	}
	return err;
}

int
run_acts(struct run *r)
{
	static struct running g;
	struct gc_stats sum = { 0 };
	int err;

	memset(&g, 0, sizeof g);
	g.r = r;
	g.seed = r->seed;
	g.next_id = r->first_id;
	g.clock_s = r->clock_s;
	shim_fault(r->fault);
	err = run_groups(&g, &sum);
	shim_fault(NULL);
	if (g.t.e != NULL)
		add_stats(&g, &sum);
	site_close(&g.t);
	if (r->first_id == 1 && r->fault == NULL)
		printf("reclaimed: %llu messages, %llu frames, %llu moved, %llu octets punched, "
		    "%llu segments\n", (unsigned long long)sum.expired,
		    (unsigned long long)sum.dropped_frames, (unsigned long long)sum.moved_frames,
		    (unsigned long long)sum.punched_octets,
		    (unsigned long long)sum.unlinked_segments);
	fflush(stdout);
	return err;
}
