/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Power cuts. A run of the real engine is recorded (tape.h); of what a cut at each place of the tape may
 * leave on the disk, images are made, and each is opened by the real engine in a process of its own: all
 * that was acknowledged must be there, exactly once and whole, and nothing half. Then work goes on; of
 * some images that is recorded too, and cut again.
 *
 * `SEED=n` repeats a run; with `long` in the environment all places of the tape are taken.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "common/clock.h"
#include "config.h"
#include "mailstore/gc.h"
#include "shim.h"

#ifdef WITH_SANITIZER
enum { STATES = 160 };
#else
enum { STATES = 500 };
#endif

enum {
	TAPE_OCTETS = 1 << 30, SUBSETS = 4, BAD_MAX = 5, GROUPS = 110,
	GROUPS_AGAIN = 4, AGAIN_LONG = 150,
};

struct sweep {
	char	    base[100];		/* folder for images */
	struct keys keys;
	struct tape *tape;
	uint64_t    seed;
	uint32_t    one_of;		/* places that are taken */
	uint32_t    again_of;		/* images that are cut again; 0: none */
	uint32_t    states, bad, agains;
	unsigned    depth;
	struct ledger ledger;
};

static void
make_dir(const char *base, const char *name, char out[200])
{
	snprintf(out, 200, "%s/%s", base, name);
	if (mkdir(out, 0700) != 0) {
		perror(out);
		exit(3);
	}
}

static void
remove_all(const char *dir)
{
	char cmd[300];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		exit(3);
}

/* ---- one image, in a process of its own ---- */

static int
complain(const struct sweep *s, const char *why)
{
	fprintf(stderr, "BAD (SEED=%llu, depth %u, state %u): %s\n", (unsigned long long)s->seed,
	    s->depth, s->states, why);
	return 1;
}

/* Whoever got no answer asks again, with the same id. */
static int
ask_again(struct site *t, const struct ledger *l)
{
	int status;

	for (uint32_t i = 0; i < l->group_n; i++) {
		struct act a = l->group[i];

		if (!l->open[i] || (a.kind != ACT_DELIVER && a.kind != ACT_APPEND))
			continue;
		site_group(t, &a, 1, &status);
		if (status != OK) {
			snprintf(t->why, sizeof t->why, "act %u, asked again: %s", a.id,
			    err_text(status));
			return status;
		}
	}
	return engine_apply(t->e);
}

/* A message that was asked for again is there once, in each place that it was for. */
static int
count_again(struct site *t, const struct ledger *l, const struct state *is)
{
	for (uint32_t i = 0; i < l->group_n; i++) {
		const struct act *a = &l->group[i];
		uint32_t n = 0, want = 0;

		if (!l->open[i] || (a->kind != ACT_DELIVER && a->kind != ACT_APPEND))
			continue;
		for (uint32_t k = 0; k < is->rows_n; k++)
			n += is->rows[k].id == a->id;
		for (uint32_t k = 0; k < ACCOUNTS; k++)
			want += a->accounts >> k & 1;
		want = a->kind == ACT_APPEND ? 1 : want;
		if (n == want)
			continue;
		snprintf(t->why, sizeof t->why, "act %u, asked again: %u messages", a->id, n);
		return ERR_CORRUPT;
	}
	return OK;
}

static int
check_audit(struct site *t, const struct ledger *l)
{
	static bool present[ACTS_MAX];
	int r = site_audit(t, present);

	for (uint32_t i = 0; i < ACTS_MAX && r == OK; i++)
		if (l->audited[i] && !present[i]) {
			snprintf(t->why, sizeof t->why, "LOST: act %u is not in the audit", i);
			r = ERR_CORRUPT;
		}
	return r;
}

/* What was left half done is found and done; nothing that can be seen changes by it. */
static int
reclaim(struct site *t, const struct state *was)
{
	enum { MUCH_LATER_S = 3 * 86400 };
	static struct state is;
	int r = site_recount(t);

	if (r == OK)
		r = engine_gc_all(t->e, clock_real_s() + MUCH_LATER_S);
	if (r == OK)
		r = engine_gc_all(t->e, clock_real_s() + MUCH_LATER_S + 2 * GC_DELAY_S);
	if (r == OK)
		r = site_look(t, &is);
	if (r == OK && (memcmp(was->rows, is.rows, sizeof is.rows) != 0 ||
	    memcmp(was->boxes, is.boxes, sizeof is.boxes) != 0)) {
		snprintf(t->why, sizeof t->why, "LOST by reclaiming");
		r = ERR_CORRUPT;
	}
	if (r == OK)
		r = site_spool(t);
	return r == OK ? site_recount(t) : r;
}

static int
check_image(struct sweep *s, const char *dir)
{
	static struct state is;
	struct site t;
	char why[400];
	int r = site_open(&t, &s->keys, dir, 0);

	t.whole = true;
	if (r == OK)
		r = site_look(&t, &is);
	if (r == OK && !ledger_check(&s->ledger, &is, why))
		return complain(s, why);
	if (r == OK)
		r = check_audit(&t, &s->ledger);
	if (r == OK)
		r = site_spool(&t);
	if (r == OK)
		r = ask_again(&t, &s->ledger);
	if (r == OK)
		r = site_look(&t, &is);
	if (r == OK)
		r = count_again(&t, &s->ledger, &is);
	if (r == OK)
		r = reclaim(&t, &is);
	if (r != OK)
		return complain(s, t.why[0] != '\0' ? t.why : err_text(r));
	site_close(&t);
	return 0;
}

static void sweep_tape(struct sweep *s);

/* The restart itself is recorded, and some acts after it, and cut. */
static int
cut_again(struct sweep *s, const char *dir)
{
	struct run run = { .dir = dir, .keys = &s->keys, .seed = s->seed + s->states,
		.groups = GROUPS_AGAIN, .first_id = ACTS_MAX / 2,
		.clock_s = s->ledger.clock_s };
	char state[200];
	int r;

	s->tape = tape_new(TAPE_OCTETS / 8);
	snprintf(state, sizeof state, "%s/state", dir);
	shim_begin(state, s->tape);
	r = run_acts(&run);
	shim_end();
	if (r != OK)
		return complain(s, "the run after it failed");
	s->depth++;
	s->one_of = s->one_of < 4 ? 4 : s->one_of;
	s->again_of = 0;
	s->states = 0;
	sweep_tape(s);
	return s->bad > 0 ? 1 : 0;
}

/* How many states the child saw comes back by a pipe. */
static void
try_image(struct sweep *s, const char *dir, bool again)
{
	int status = 0, fds[2];
	uint32_t more = 0;
	pid_t pid;

	if (pipe(fds) != 0)
		exit(3);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int r;

		alarm(again ? 120 : 20);
		shim_clock(s->ledger.clock_s);
		r = again ? cut_again(s, dir) : check_image(s, dir);
		if (again && write(fds[1], &s->states, sizeof s->states) < 0)
			r = 3;
		_exit(r);
	}
	close(fds[1]);
	if (read(fds[0], &more, sizeof more) == (ssize_t)sizeof more)
		s->agains += more;
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		s->bad++;
		if (!WIFEXITED(status))
			complain(s, "it died of a signal");
	}
}

/* ---- all images of a tape ---- */

static void
make_image(const struct sweep *s, const struct disk *d, unsigned v, char dir[200])
{
	char name[40], path[200];

	snprintf(name, sizeof name, "image%u-%d", s->depth, (int)getpid());
	make_dir(s->base, name, dir);
	make_dir(dir, "run", path);
	make_dir(dir, "state", path);
	disk_write(d, v == 0 ? DISK_NONE : v == 1 ? DISK_ALL : DISK_RANDOM, s->seed + s->states,
	    path);
}

static void
cut_here(struct sweep *s, const struct disk *d)
{
	unsigned variants = disk_unsure(d) ? 2 + SUBSETS : 1;

	for (unsigned v = 0; v < variants && s->bad < BAD_MAX; v++) {
		char dir[200];

		s->states++;
		make_image(s, d, v, dir);
		try_image(s, dir, false);
		remove_all(dir);
		if (s->again_of == 0 || s->states % s->again_of != 0)
			continue;
		make_image(s, d, v, dir);
		try_image(s, dir, true);
		remove_all(dir);
	}
}

static void
sweep_tape(struct sweep *s)
{
	struct disk *d = disk_new();
	const struct tape_record *r;
	uint64_t at = 0, seed = s->seed;
	const void *data;
	bool begun = false;

	while ((r = tape_next(s->tape, &at, &data)) != NULL && s->bad < BAD_MAX) {
		disk_play(d, r, data);
		if (r->kind == TAPE_NOTE)
			ledger_note(&s->ledger, r->file, data, r->octets);
		/* What was there before the run is no place to cut. */
		begun = begun || r->kind == TAPE_NOTE || s->depth == 0;
		if (begun && crash_random(&seed) % s->one_of == 0)
			cut_here(s, d);
	}
	disk_free(d);
}

static uint64_t
pick_seed(void)
{
	const char *given = getenv("SEED");

	return given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
}

/* Record in a child: the engine has no place in the process that makes images. */
static void
record(struct sweep *s, uint32_t groups)
{
	char dir[200], state[200], run[200];
	int status;
	pid_t pid;

	make_dir(s->base, "first", dir);
	make_dir(dir, "state", state);
	make_dir(dir, "run", run);
	s->tape = tape_new(TAPE_OCTETS);
	pid = fork();
	if (pid == 0) {
		struct run r = { .dir = dir, .keys = &s->keys, .seed = s->seed,
			.groups = groups, .first_id = 1 };

		shim_begin(state, s->tape);
		_exit(run_acts(&r) == OK ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		s->bad++;
		complain(s, "the run failed");
	}
	remove_all(dir);
}

int
main(void)
{
	/* With a check off it ends early, wherever that shows. */
	bool all = (getenv("long") != NULL && *getenv("long") != '\0') ||
	    getenv("CONGVU_CONTROL_OFF") != NULL;
	static struct sweep s;
	uint32_t want = STATES;

	setvbuf(stdout, NULL, _IOLBF, 0);
	s.seed = pick_seed();
	printf("SEED=%llu\n", (unsigned long long)s.seed);
	snprintf(s.base, sizeof s.base, "%s/congvu-crash-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(s.base) == NULL || crypt_start() != OK)
		return 3;
	keys_make(&s.keys, s.seed);
	record(&s, GROUPS);
	printf("%llu records, %llu octets\n", (unsigned long long)s.tape->count,
	    (unsigned long long)s.tape->used);
	s.one_of = all ? 1 : 1 + (uint32_t)(s.tape->count * 4 / want);
	s.again_of = all ? AGAIN_LONG : want / 6;
	sweep_tape(&s);
	remove_all(s.base);
	printf("%u states, %u states after a second cut, %u bad\n", s.states, s.agains, s.bad);
	return s.bad > 0;
}
