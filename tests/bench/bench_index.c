/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What the index costs: a large mailbox, one message to thousands, IMAP beside full delivery
 *         load, filing with the
 * index out of memory. The engine in this process, as bench_store has it.
 *
 *	bench_index [-m US] [-n MESSAGES] [DIR]		see bench_store; 100,000 messages
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_help.h"
#include "common/clock.h"

enum { PAGE = 1000, CROWD = 64, FILL = 100 };

/* ---- one act in the index, as a group ---- */

struct act {
	struct engine_job ej;		/* first */
	int		(*fn)(struct engine *e, struct act *a);
	struct box_scope  sc;
	struct st_range	  range;
	struct arena	  a;
	size_t		  n;
	uint64_t	  begun_us, took_us;
	bool		  over;
};

static int
act_step(struct engine *e, struct engine_job *ej)
{
	struct act *a = (struct act *)(void *)ej;

	return a->fn(e, a);
}

static void
act_done(struct engine *e, struct engine_job *ej)
{
	struct act *a = (struct act *)(void *)ej;

	(void)e;
	if (ej->status != OK)
		bench_die("act", ej->status);
	a->took_us = clock_us() - a->begun_us;
	a->over = true;
	arena_clear(&a->a);
}

static void
act_ready(struct act *a, int (*fn)(struct engine *e, struct act *a))
{
	a->fn = fn;
	a->over = false;
	a->begun_us = clock_us();
	arena_init(&a->a, 16 << 20);
	a->ej = (struct engine_job){ .index = act_step, .done = act_done };
}

static struct bench_cost
act_run(struct bench *b, struct act *a, int (*fn)(struct engine *e, struct act *a))
{
	struct bench_cost c = bench_cost();

	act_ready(a, fn);
	engine_commit(b->e, &a->ej);
	return bench_since(&c);
}

static int
add(struct engine *e, struct act *a)
{
	static const uint8_t wrapped[48], id[16];
	static uint64_t blob = 1;
	uint32_t uidvalidity, uid;
	int r = OK;

	for (size_t i = 0; i < a->n && r == OK; i++) {
		struct box_message m = { .blob = blob++, .level = LEVEL_THUONG, .email_id = id,
			.place = { .size_octets = 2048 } };

		r = box_blob(e->ix, &m, 1);
		if (r == OK)
			r = box_add(e->ix, &a->sc, BOX_INBOX, &m, accounts_number(e->accounts,
			    a->sc.account)->keysets[0].id, wrapped, &uidvalidity, &uid);
	}
	return r;
}

static int
flag(struct engine *e, struct act *a)
{
	struct st_flags_request req = { .mailbox = BOX_INBOX, .uids = &a->range, .uids_n = 1,
		.op = ST_FLAGS_ADD, .flags = ST_DELETED };
	struct st_flags_reply reply;

	return box_flags(e->ix, &a->sc, &req, &a->a, &reply);
}

static int
flag_back(struct engine *e, struct act *a)
{
	struct st_flags_request req = { .mailbox = BOX_INBOX, .uids = &a->range, .uids_n = 1,
		.op = a->n++ % 2 == 0 ? ST_FLAGS_ADD : ST_FLAGS_REMOVE, .flags = ST_FLAGGED };
	struct st_flags_reply reply;

	return box_flags(e->ix, &a->sc, &req, &a->a, &reply);
}

static int
expunge(struct engine *e, struct act *a)
{
	struct st_expunge_reply reply;

	return box_expunge(e->ix, &a->sc, BOX_INBOX, &a->range, 1, &a->a, &reply);
}

/* ---- a large mailbox ---- */

static struct store *
reader(const struct bench *b)
{
	struct store *s;
	int r = store_open(b->state, b->run, b->e->conf.map_octets, 0, &s);

	if (r != OK)
		bench_die("reader", r);
	return s;
}

/* What others do on this machine does not count. */
static uint64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static double
time_uids(struct store *s, uint32_t account, size_t messages)
{
	uint32_t *uids = calloc(messages + 1, sizeof *uids);
	uint64_t begun = cpu_us();
	size_t n;
	int r = store_uids(s, account, BOX_INBOX, 1, uids, messages + 1, &n);

	if (r != OK || n != messages)
		bench_die("uids", r);
	free(uids);
	return (double)(cpu_us() - begun);
}

static double
time_flags(struct store *s, uint32_t account)
{
	static struct store_record page[PAGE];
	uint64_t begun = cpu_us();
	uint32_t from = 1;
	size_t n;

	do {
		if (store_page(s, account, BOX_INBOX, from, page, PAGE, &n) != OK)
			bench_die("page", ERR_IO);
		from = n > 0 ? page[n - 1].uid + 1 : 0;
	} while (n == PAGE);
	return (double)(cpu_us() - begun);
}

static double
time_changes(struct store *s, uint32_t account, uint64_t since, size_t *found)
{
	static struct store_record page[PAGE];
	uint64_t begun = cpu_us();
	uint32_t from = 1;
	size_t n;

	*found = 0;
	do {
		if (store_changes(s, account, BOX_INBOX, since, from, page, PAGE, &n, &from) != OK)
			bench_die("changes", ERR_IO);
		*found += n;
	} while (from != 0);
	return (double)(cpu_us() - begun);
}

static uint64_t
modseq(struct store *s, uint32_t account)
{
	struct store_mailbox box;
	struct arena a;
	uint64_t v;

	arena_init(&a, 65536);
	if (store_mailbox(s, account, BOX_INBOX, &a, &box) != OK)
		bench_die("mailbox", ERR_IO);
	v = box.highestmodseq;
	arena_clear(&a);
	return v;
}

static uint64_t
index_octets(const struct bench *b)
{
	uint64_t used, size;

	return env_size(b->e->ix->env, &used, &size) == OK ? used : 0;
}

static void
bench_reads(struct bench *b, uint32_t account, size_t messages)
{
	struct act one = { .sc = { .account = account }, .range = { 5, 5 } };
	struct store *s = reader(b);
	uint64_t top = modseq(s, account);
	double scan, few, last;
	size_t found;

	(void)time_uids(s, account, messages);	/* warm */
	printf("  uids for SELECT      %8.2f ms CPU (target 3)\n",
	    time_uids(s, account, messages) / 1e3);
	last = time_flags(s, account);
	printf("  all records          %8.2f ms CPU, %.1f million/s\n", last / 1e3,
	    (double)messages / last);
	last = time_changes(s, account, top, &found);
	printf("  changes: none        %8.1f us\n", last);
	(void)act_run(b, &one, flag_back);
	few = time_changes(s, account, top, &found);
	printf("  changes: one flag    %8.1f us, %zu found\n", few, found);
	(void)time_changes(s, account, 2, &found);
	scan = time_changes(s, account, top - top / 100 - 1, &found);
	printf("  changes: walk of all %8.2f ms CPU, %.1f million/s (target 30), %zu found\n",
	    scan / 1e3, (double)messages / scan, found);
	store_close(&s);
}

static void
bench_mailbox(struct bench *b, size_t messages)
{
	uint32_t ten = messages < 20000 ? 10 : (uint32_t)messages / 10;
	struct act a = { .sc = { .account = 1 }, .n = 256 };
	uint64_t was = index_octets(b), begun = clock_us();
	struct bench_cost c;

	for (size_t i = 0; i < messages; i += a.n) {
		a.n = messages - i < 256 ? messages - i : 256;
		(void)act_run(b, &a, add);
	}
	printf("a mailbox of %zu messages (added in %.1f s)\n", messages,
	    (double)(clock_us() - begun) / 1e6);
	printf("  index                %8.0f octets a message (target 300)\n",
	    (double)(index_octets(b) - was) / (double)messages);
	bench_reads(b, 1, messages);
	a.range = (struct st_range){ 1, ten };
	c = act_run(b, &a, flag);
	printf("  STORE %-8" PRIu32 "       %8.1f ms CPU (target 15 for 10,000), %.1f ms\n", ten,
	    (double)c.cpu_us / 1e3, (double)c.us / 1e3);
	c = act_run(b, &a, expunge);
	printf("  EXPUNGE %-8" PRIu32 "     %8.1f ms CPU (target 40 for 10,000), %.1f ms\n", ten,
	    (double)c.cpu_us / 1e3, (double)c.us / 1e3);
}

/* ---- one to many ---- */

static void
bench_fanout(struct bench *b, size_t recipients)
{
	struct slice text = bench_text(2048);
	struct bench_cost c, acked;
	struct bench_mail m;
	struct sched s;

	bench_mail_init(&m, recipients);
	sched_init(&s, b->e);
	for (int epoch = 0; epoch < 2; epoch++) {
		uint64_t syncs = b->e->stats.syncs;

		c = bench_cost();
		bench_mail_add(b, &s, &m, 1, recipients, text);
		while (!m.over) {
			sched_gather(&s, false);
			if (sched_ready(&s) > 0) {
				size_t n;

				engine_commit(b->e, sched_group(&s, &n));
			}
		}
		acked = bench_since(&c);
		syncs = b->e->stats.syncs - syncs;
		bench_settle(b, &s);
		c = bench_since(&c);
		printf("  %6zu recipients, keys %-8s accepted after %7.1f ms, %7.1f ms CPU, %"
		    PRIu64 " syncs; all see it after %7.1f ms; %7.1f ms CPU and %.1f MB in all\n",
		    recipients, epoch == 0 ? "new:" : "known:", (double)acked.us / 1e3,
		    (double)acked.cpu_us / 1e3, syncs, (double)c.us / 1e3, (double)c.cpu_us / 1e3,
		    (double)c.written / 1e6);
	}
	bench_mail_fini(&m);
	free((void *)(uintptr_t)text.p);
}

/* ---- IMAP beside deliveries ---- */

static void
bench_mixed(struct bench *b)
{
	enum { SAMPLES = 2000, RUN_US = 2000000 };
	static uint64_t stores[SAMPLES];
	static struct bench_mail m[CROWD];
	struct slice text = bench_text(2048);
	struct act one = { .sc = { .account = 1 }, .range = { 50000, 50000 } };
	uint64_t end = clock_us() + RUN_US, mails = 0, groups = b->e->stats.commits;
	size_t n = 0;
	struct sched s;

	sched_init(&s, b->e);
	b->e->stats.lag_max_us = 0;
	for (unsigned i = 0; i < CROWD; i++) {
		bench_mail_init(&m[i], 1);
		bench_mail_add(b, &s, &m[i], i * 31, 1, text);
	}
	one.over = true;
	while (clock_us() < end && n < SAMPLES) {
		if (one.over) {
			act_ready(&one, flag_back);
			sched_add(&s, &one.ej);
		}
		(void)bench_round(b, &s);
		if (one.over)
			stores[n++] = one.took_us;
		for (unsigned i = 0; i < CROWD; i++)
			if (m[i].over) {
				mails++;
				bench_mail_add(b, &s, &m[i], (unsigned)(mails * 7919), 1, text);
			}
	}
	groups = b->e->stats.commits - groups;
	bench_settle(b, &s);
	printf("one STORE after the other beside %d submitters of 2 KB\n", CROWD);
	printf("  STORE p50 %.2f ms, p99 %.2f ms; a group %.2f ms; %.2f groups a STORE; %" PRIu64
	    " messages; visible after at most %.1f ms (target p99 250)\n",
	    (double)bench_percentile(stores, n, 50) / 1e3,
	    (double)bench_percentile(stores, n, 99) / 1e3, (double)b->e->stats.commit_us / 1e3,
	    (double)groups / (double)n, mails, b->e->stats.lag_max_us / 1e3);
	for (unsigned i = 0; i < CROWD; i++)
		bench_mail_fini(&m[i]);
	free((void *)(uintptr_t)text.p);
}

/* ---- filing with a cold index ---- */

static void
forget(struct bench *b)
{
	char path[300];
	int fd;

	engine_close(&b->e);
	snprintf(path, sizeof path, "%s/store/index/data.mdb", b->state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		bench_die("forget", -errno);
	close(fd);
}

static void
bench_cold(struct bench *b, uint64_t map_octets)
{
	enum { N = 256 };
	static struct bench_mail m[N];
	struct slice text = bench_text(2048);
	struct sched s;

	for (unsigned i = 0; i < N; i++)
		bench_mail_init(&m[i], 1);
	printf("filing %d messages with the index out of memory\n", N);
	for (int ahead = 0; ahead < 2; ahead++) {
		uint64_t begun;

		forget(b);
		bench_open_again(b, map_octets);
		sched_init(&s, b->e);
		b->e->cold_us = ahead == 0 ? 0 : UINT64_MAX;
		for (unsigned i = 0; i < N; i++)
			bench_mail_add(b, &s, &m[i], (unsigned)ahead * 7 + i * 71, 1, text);
		while (sched_ready(&s) < N) {
			sched_pump(&s, false);
			(void)sealer_help(b->e->sealer, 1000000);
		}
		while (sched_ready(&s) > 0) {
			size_t n;

			engine_commit(b->e, sched_group(&s, &n));
		}
		begun = clock_us();
		bench_settle(b, &s);
		printf("  %s %8.1f ms within write transactions\n",
		    ahead == 0 ? "as they come      " : "read in by workers", (double)(clock_us() - begun) / 1e3);
	}
	for (unsigned i = 0; i < N; i++)
		bench_mail_fini(&m[i]);
	free((void *)(uintptr_t)text.p);
}

static int
fill(struct engine *e, struct act *a)
{
	uint32_t from = a->sc.account;
	int r = OK;

	for (; a->sc.account < from + FILL && a->sc.account <= accounts_count(e->accounts) &&
	    r == OK; a->sc.account++)
		r = add(e, a);
	return r;
}

static void
fill_others(struct bench *b)
{
	struct act a = { .n = 30, .sc = { .account = 2 } };

	while (a.sc.account <= b->accounts)
		(void)act_run(b, &a, fill);
}

int
main(int argc, char **argv)
{
	const uint64_t map = UINT64_C(8) << 30;
	const char *dir = ".";
	size_t messages = 100000;
	struct bench b;
	int c;

	while ((c = getopt(argc, argv, "m:n:")) != -1)
		if (c == 'm')
			bench_model((unsigned)strtoul(optarg, NULL, 10));
		else if (c == 'n')
			messages = strtoul(optarg, NULL, 10);
		else
			return 2;
	if (optind < argc)
		dir = argv[optind];
	bench_open(&b, dir, 20000, map);
	bench_mailbox(&b, messages);
	printf("one message to many accounts\n");
	bench_fanout(&b, 1);
	bench_fanout(&b, 1000);
	bench_fanout(&b, 20000);
	bench_mixed(&b);
	printf("memory %.0f MB resident, of it %zu octets a keyset pair of each of %u accounts\n",
	    (double)bench_resident_octets() / 1e6, sizeof(struct account), b.accounts);
	fill_others(&b);
	bench_cold(&b, map);
	bench_close(&b);
	return 0;
}
