/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Does a store that is in use for long stay as fast and as small as on the first day? Filled with
 * office mail, 60 % of it removed at random, filled again, and so on; while it is filled, what was
 * removed is given back, as mailstored does it.
 *
 *	bench_reclaim [-m US] [-o MEGABYTES] [-r ROUNDS] [DIR]
 *
 *	DIR	on the disk to be measured; default: the working directory
 *	-m	a model disk: each sync takes US microseconds (DIR on tmpfs)
 *	-o	of mail in the store when it is full; default 256 (the figure to compare: 8192)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_help.h"
#include "common/clock.h"
#include "mailstore/usage.h"

enum {
	ACCOUNTS = 50, SUBMITTERS = 8, SIZE_MAX_OCTETS = 20 << 20, SAMPLES_MAX = 1 << 20,
	BUSY_SHARE = 3,
};

static struct {
	const char *dir;
	uint64_t    octets, rounds;
} opt = { .dir = ".", .octets = 256 << 20, .rounds = 2 };

struct churn {
	struct bench b;
	struct sched s;
	struct slice text;
	uint32_t     rnd;
	int64_t	     shift_s;		/* of the clock that removing goes by */
	uint64_t     gc_ms;		/* when its next step is due */
	uint64_t     payload;		/* octets delivered */
	unsigned     uids[ACCOUNTS];	/* given */
	bool	    *gone[ACCOUNTS];
	unsigned     gone_cap[ACCOUNTS];
};

static uint64_t samples[SAMPLES_MAX];

static uint32_t
rnd(struct churn *c, uint32_t n)
{
	c->rnd = c->rnd * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(c->rnd >> 4) * n >> 28);
}

/* 3 KB to 20 MB, 400 KB on average: most letters are short, some carry scans. */
static size_t
office_size(struct churn *c)
{
	uint32_t kind = rnd(c, 1000);

	return kind < 600 ? 3000 + rnd(c, 30000) : kind < 900 ? 30000 + rnd(c, 400000) :
	    kind < 990 ? 400000 + rnd(c, 4000000) : 4000000 + rnd(c, 16000000);
}

static void
reclaim(struct churn *c)
{
	uint64_t begun = clock_us(), wait_ms, rest_ms;
	int r;

	if (begun / 1000 < c->gc_ms)
		return;
	r = engine_gc(c->b.e, clock_real_s() + c->shift_s, &wait_ms);
	if (r != OK)
		bench_die("reclaim", r);
	rest_ms = (clock_us() - begun) * BUSY_SHARE / 1000 + 1;
	if (wait_ms > 200)
		wait_ms = 200;
	c->gc_ms = clock_us() / 1000 + (wait_ms > rest_ms ? wait_ms : rest_ms);
}

static void
add(struct churn *c, struct bench_mail *m)
{
	struct slice message = slice_sub(c->text, rnd(c, 100), office_size(c));
	unsigned who = rnd(c, ACCOUNTS);

	c->payload += message.n;
	c->uids[who]++;
	bench_mail_add(&c->b, &c->s, m, who, 1, message);
}

static uint64_t
payload_in_store(struct churn *c)
{
	struct record_account row;
	uint64_t n = 0;

	if (index_begin_read(c->b.e->ix) != OK)
		bench_die("index", ERR_IO);
	for (uint32_t i = 1; i <= ACCOUNTS; i++)
		if (index_account_get(c->b.e->ix, i, &row) == OK)
			n += row.octets;
	index_abort(c->b.e->ix);
	return n;
}

/* Megabytes a second until the store is full again. */
static double
fill(struct churn *c, const char *name, double first)
{
	static struct bench_mail m[SUBMITTERS];
	uint64_t todo = opt.octets - payload_in_store(c), from = c->payload;
	struct gc_stats was = *engine_gc_stats(c->b.e), now;
	struct bench_cost cost = bench_cost();
	size_t samples_n = 0;
	double rate;

	for (size_t i = 0; i < SUBMITTERS; i++) {
		bench_mail_init(&m[i], 1);
		add(c, &m[i]);
	}
	while (c->payload - from < todo) {
		(void)bench_round(&c->b, &c->s);
		reclaim(c);
		for (size_t i = 0; i < SUBMITTERS; i++) {
			if (!m[i].over)
				continue;
			if (samples_n < SAMPLES_MAX)
				samples[samples_n++] = m[i].took_us;
			add(c, &m[i]);
		}
	}
	bench_settle(&c->b, &c->s);
	cost = bench_since(&cost);
	for (size_t i = 0; i < SUBMITTERS; i++)
		bench_mail_fini(&m[i]);
	now = *engine_gc_stats(c->b.e);
	rate = (double)(c->payload - from) / (double)cost.us;
	printf("%-8s %6.1f MB/s (%.2f of the first), CPU %.1f ms a MB, "
	    "acknowledged p50 %.1f p99 %.1f max %.1f ms; meanwhile dropped %llu, "
	    "moved %.1f MB\n", name, rate, first > 0 ? rate / first : 1,
	    (double)cost.cpu_us * 1e3 / (double)(c->payload - from),
	    (double)bench_percentile(samples, samples_n, 50) / 1e3,
	    (double)bench_percentile(samples, samples_n, 99) / 1e3,
	    (double)bench_percentile(samples, samples_n, 100) / 1e3,
	    (unsigned long long)(now.dropped_frames - was.dropped_frames),
	    (double)(now.moved_octets - was.moved_octets) / 1e6);
	return rate;
}

/* ---- removing ---- */

struct expunging {
	struct engine_job ej;		/* first */
	struct box_scope  sc;
	struct st_range	  uids[512];
	size_t		  n;
};

static int
expunge(struct engine *e, struct engine_job *ej)
{
	struct expunging *x = (struct expunging *)(void *)ej;
	struct st_flags_request req = { .mailbox = BOX_INBOX, .uids = x->uids, .uids_n = x->n,
		.op = ST_FLAGS_ADD, .flags = ST_DELETED };
	struct st_flags_reply flagged;
	struct st_expunge_reply gone;
	struct arena a;
	int r;

	arena_init(&a, 64 << 20);
	r = box_flags(e->ix, &x->sc, &req, &a, &flagged);
	if (r == OK)
		r = box_expunge(e->ix, &x->sc, BOX_INBOX, x->uids, x->n, &a, &gone);
	arena_clear(&a);
	return r;
}

static void
expunged(struct engine *e, struct engine_job *ej)
{
	(void)e;
	if (ej->status != OK)
		bench_die("expunge", ej->status);
}

static void
remove_some_of(struct churn *c, unsigned who)
{
	struct expunging x = { .ej = { .index = expunge, .done = expunged },
		.sc = { .account = who + 1, .now_s = clock_real_s() + c->shift_s } };

	if (c->gone_cap[who] <= c->uids[who]) {
		unsigned cap = 2 * c->uids[who] + 1;
		bool *v = realloc(c->gone[who], cap * sizeof *v);

		if (v == NULL)
			bench_die("memory", ERR_NOMEM);
		memset(v + c->gone_cap[who], 0, (cap - c->gone_cap[who]) * sizeof *v);
		c->gone[who] = v;
		c->gone_cap[who] = cap;
	}
	for (unsigned uid = 1; uid <= c->uids[who]; uid++) {
		if (c->gone[who][uid] || rnd(c, 100) >= 60)
			continue;
		c->gone[who][uid] = true;
		x.uids[x.n++] = (struct st_range){ uid, uid };
		if (x.n == ARRAY_LEN(x.uids)) {
			engine_commit(c->b.e, &x.ej);
			x.n = 0;
			x.ej.status = OK;
		}
	}
	if (x.n > 0)
		engine_commit(c->b.e, &x.ej);
}

static void
remove_most(struct churn *c)
{
	for (unsigned i = 0; i < ACCOUNTS; i++)
		remove_some_of(c, i);
	if (engine_close_intents(c->b.e) != OK)
		bench_die("intents", ERR_IO);
	c->shift_s += GC_DELAY_S + 1;
}

/* ---- */

static void
show_space(struct churn *c, const char *when)
{
	struct arena a;
	struct usage u;
	int r;

	arena_init(&a, 64 << 20);
	r = usage_read(c->b.e->ix, c->b.state, &a, &u);
	if (r != OK)
		bench_die("usage", r);
	printf("  %s: %.0f MB of mail, %.0f MB on disk (%.2f of what lives), %zu segments, "
	    "index %.1f MB\n", when, (double)u.octets / 1e6, (double)u.disk_octets / 1e6,
	    (double)u.disk_octets / (double)(u.live_octets + u.uncounted_octets), u.segments_n,
	    (double)u.index_used_octets / 1e6);
	arena_clear(&a);
}

/* All that is to be given back is, as it is some time later. */
static void
settle(struct churn *c)
{
	for (int i = 0; i < 4; i++) {
		c->shift_s += GC_DELAY_S + 1;
		if (engine_gc_all(c->b.e, clock_real_s() + c->shift_s) != OK)
			bench_die("reclaim", ERR_IO);
	}
}

static void
options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "m:o:r:")) != -1) {
		uint64_t v = o == '?' ? 0 : strtoull(optarg, NULL, 10);

		if (o == 'm')
			bench_model((unsigned)v);
		else if (o == 'o' && v >= 64 && v <= 65536)
			opt.octets = v << 20;
		else if (o == 'r' && v > 0 && v < 100)
			opt.rounds = v;
		else {
			fputs("usage: bench_reclaim [-m US] [-o MEGABYTES] [-r ROUNDS] [DIR]\n",
			    stderr);
			exit(2);
		}
	}
	if (optind < argc)
		opt.dir = argv[optind];
}

int
main(int argc, char **argv)
{
	static struct churn c = { .rnd = 1 };
	double first;

	options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	c.text = bench_text(SIZE_MAX_OCTETS + 1000);
	bench_open(&c.b, opt.dir, ACCOUNTS, BENCH_MAP);
	c.b.e->conf.segment_octets = opt.octets / 16 < (256 << 20) ? opt.octets / 16 : 256 << 20;
	segment_writer_limit(c.b.e->seg, c.b.e->conf.segment_octets);
	sched_init(&c.s, c.b.e);
	first = fill(&c, "fill", 0);
	show_space(&c, "full");
	for (uint64_t i = 0; i < opt.rounds; i++) {
		char name[20];

		remove_most(&c);
		snprintf(name, sizeof name, "refill %u", (unsigned)(i + 1));
		(void)fill(&c, name, first);
		show_space(&c, "full");
		settle(&c);
		show_space(&c, "and settled");
	}
	bench_close(&c.b);
	return 0;
}
