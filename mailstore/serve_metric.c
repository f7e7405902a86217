/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Figures that must be looked up: once a second, and of the queue a piece at a time, so that a long
 * queue never holds up a delivery. What a look at the queue found is shown when it is complete.
 */
#include "mailstore/serve_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "mailstore/gc.h"
#include "mailstore/queue.h"

enum {
	FIGURES_MS = 1000,
	PIECE_MS = 20, PIECE_ROWS = 200, PIECE_ARENA = 64 << 20,
	ROUTES_MAX = 128,
	READERS_MS = 2000, STUCK_MS = 5000,
};

/* The reader with the oldest view, since a look found that view to be behind. */
struct oldest {
	uint64_t looked_ms, since_ms;		/* since_ms 0: there is none */
	int64_t	 pid;
	uint64_t txn;
	bool	 told;
};

struct figures {
	struct server	 *sv;
	struct loop_timer timer;
	struct record_key at;			/* the next row of the queue; n 0: the first */
	uint64_t	  entries[ROUTES_MAX], oldest_s[ROUTES_MAX];
	struct oldest	  oldest;
};

static void
show_env(const struct env *env, unsigned which)
{
	uint64_t used = 0, size = 0;

	if (env_size(env, &used, &size) != OK)
		return;
	metric_set(METRIC_MAP_USED, which, used);
	metric_set(METRIC_MAP_SIZE, which, size);
}

static void
show(const struct engine *e)
{
	metric_set(METRIC_SYNCS, 0, e->stats.syncs);
	metric_set(METRIC_INTENTS_OPEN, 0, e->intents_n);
	metric_set(METRIC_STORE_FREE, 0, engine_free_octets(e));
	metric_set(METRIC_ACCOUNTS, 0, accounts_count(e->accounts));
	metric_set(METRIC_AUDIT_RECORDS, 0, e->audit.serial);
	show_env(e->ix->env, METRIC_INDEX);
	show_env(e->ctl->env, METRIC_CONTROL);
}

/* ---- readers ---- */

/* A backup has an old view as long as it works, which store_held shows; a stuck one is told after it. */
static void
tell_stuck(struct oldest *o, uint64_t age_ms, bool held)
{
	if (age_ms <= STUCK_MS || o->told || held)
		return;
	o->told = true;
	log_event(EV_STORE_READER_STUCK, F_I64("pid", o->pid), F_U64("view", o->txn),
	    F_U64("seconds", age_ms / 1000));
}

/* Who died with a view keeps it until somebody looks. */
static int
look_at_readers(struct env *env, struct env_readers *out)
{
	int r = env_readers(env, out);

	if (r != OK || !out->behind)
		return r;
	env_reap_readers(env);
	return env_readers(env, out);
}

static void
show_readers(struct oldest *o, struct engine *e)
{
	uint64_t now_ms = clock_ms(), age_ms;
	struct env_readers r;

	if ((o->looked_ms != 0 && now_ms - o->looked_ms < READERS_MS) ||
	    look_at_readers(e->ix->env, &r) != OK)
		return;
	o->looked_ms = now_ms;
	if (!r.behind)
		o->since_ms = 0;
	else if (o->since_ms == 0 || r.pid != o->pid || r.txn != o->txn)
		*o = (struct oldest){ now_ms, now_ms, r.pid, r.txn, false };
	age_ms = o->since_ms == 0 ? 0 : now_ms - o->since_ms;
	metric_set(METRIC_READERS, 0, r.used);
	metric_set(METRIC_OLDEST_READER, 0, age_ms / 1000);
	tell_stuck(o, age_ms, engine_held(e));
}

/* ---- the queue ---- */

static void
add_entry(struct figures *f, const struct st_queue_entry *e)
{
	unsigned at = metric_slot_find(METRIC_LABEL_ROUTE, e->route.p, e->route.n);

	if (at >= ROUTES_MAX)
		return;
	f->entries[at]++;
	if (f->oldest_s[at] == 0 || e->arrived_s < f->oldest_s[at])
		f->oldest_s[at] = e->arrived_s;
}

static void
show_queue(struct figures *f)
{
	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		metric_set(METRIC_QUEUE_ENTRIES, i, f->entries[i]);
		metric_set(METRIC_QUEUE_OLDEST, i, f->oldest_s[i]);
	}
	memset(f->entries, 0, sizeof f->entries);
	memset(f->oldest_s, 0, sizeof f->oldest_s);
}

/* The rows from f->at on: 1 there are more, 0 that was the end. */
static int
read_piece(struct figures *f, struct control *c, struct arena *a)
{
	struct slice first = f->at.n == 0 ? (struct slice){ "", 1 } : record_key_slice(&f->at);
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_QUEUE, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, first);
	for (unsigned i = 0; r == 1 && i < PIECE_ROWS; i++) {
		struct control_queue q;

		/* A row that cannot be read is for the checker to tell of. */
		if (queue_load(c, cur.key, a, &q) == OK)
			add_entry(f, &q.entry[0]);
		arena_clear(a);
		r = env_cursor_next(&cur);
	}
	f->at.n = 0;
	if (r == 1)
		record_key_octets(&f->at, slice_sub(cur.key, 0, RECORD_KEY_MAX));
	env_cursor_close(&cur);
	return r;
}

static bool
look_at_queue(struct figures *f)
{
	struct control *c = f->sv->e->ctl;
	struct arena a;
	int r;

	if (control_begin_read(c) != OK)
		return false;
	arena_init(&a, PIECE_ARENA);
	r = read_piece(f, c, &a);
	arena_clear(&a);
	control_abort(c);
	if (r == 0)
		show_queue(f);
	return r == 1;
}

/* ---- */

static void
on_time(struct loop_timer *t)
{
	struct figures *f = t->arg;
	bool more;

	if (f->at.n == 0) {
		show(f->sv->e);
		show_readers(&f->oldest, f->sv->e);
	}
	more = look_at_queue(f);
	if (loop_timer_set(f->sv->loop, &f->timer, more ? PIECE_MS : FIGURES_MS, on_time, f) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

void
figures_routes(const struct conf *conf)
{
	for (size_t i = 0; i < conf->route_n; i++)
		metric_slot(METRIC_LABEL_ROUTE, conf->route[i].title);
}

int
figures_start(struct server *sv)
{
	sv->figures = calloc(1, sizeof *sv->figures);
	if (sv->figures == NULL)
		return ERR_NOMEM;
	sv->figures->sv = sv;
	sv->figures->timer.arg = sv->figures;
	figures_routes(sv->conf);
	on_time(&sv->figures->timer);
	return OK;
}

void
figures_stop(struct server *sv)
{
	if (sv->figures != NULL)
		loop_timer_stop(&sv->figures->timer);
	free(sv->figures);
	sv->figures = NULL;
}
