/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Power cuts. A run of the real engine is recorded (tape.h); of what a cut at each place of the tape may
 * leave on the disk, images are made, and each is opened by the real engine in a process of its own: all
 * that was acknowledged must be there, exactly once and whole, and nothing half. Then work goes on; of
 * some images that is recorded too, and cut again.
 *
 * `SEED=n` repeats a run, and STATE=n tries that image alone; with `long` in the environment all places of the tape are taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "config.h"
#include "image.h"

#ifdef WITH_SANITIZER
enum { STATES = 100, LONG_OF = 6 };
#else
enum { STATES = 500, LONG_OF = 1 };
#endif

enum {
	TAPE_OCTETS = 1 << 30, SUBSETS = 4, BAD_MAX = 5, GROUPS = 110,
	THREADS = 2, GROUPS_AGAIN = 4, AGAIN_LONG = 150, TRIES = 4,
};

struct sweep {
	char	    base[64];		/* folder for images */
	struct keys keys;
	struct tape *tape;
	uint64_t    seed;
	uint32_t    one_of;		/* places that are taken */
	uint32_t    again_of;		/* images that are cut again; 0: none */
	uint32_t    states, bad, agains, only;
	unsigned    depth;
	bool	    strict;
	struct ledger ledger;
};

/* ---- one image, in a process of its own ---- */

static int
complain(const struct sweep *s, const char *why)
{
	fprintf(stderr, "BAD (SEED=%llu, depth %u, state %u): %s\n", (unsigned long long)s->seed,
	    s->depth, s->states, why);
	return 1;
}

static void sweep_tape(struct sweep *s);

/* The restart itself is recorded, and some acts after it, and cut. */
static int
cut_again(struct sweep *s, const char *dir)
{
	struct run run = { .dir = dir, .keys = &s->keys, .seed = s->seed + s->states,
		.groups = GROUPS_AGAIN, .first_id = ACTS_MAX / 2,
		.clock_s = s->ledger.clock_s, .threads = THREADS };
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
	s->states = s->bad = 0;
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
		char why[400] = "";
		int r;

		alarm(again ? 500 : 400);
		shim_clock(s->ledger.clock_s);
		r = again ? cut_again(s, dir) : check_image(&s->keys, &s->ledger, dir, why);
		if (r != 0 && !again)
			complain(s, why);
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
cut_here(struct sweep *s, const struct disk *d)
{
	unsigned variants = disk_unsure(d) && !s->strict ? 2 + SUBSETS : 1;

	for (unsigned v = 0; v < variants && s->bad < BAD_MAX; v++) {
		char dir[200];

		s->states++;
		if (s->depth == 0 && s->only != 0 && s->only != s->states)
			continue;
		image_make(s->base, s->depth, d, v, s->seed + s->states, dir);
		try_image(s, dir, false);
		image_remove(dir);
		if (s->again_of == 0 || s->states % s->again_of != 0)
			continue;
		image_make(s->base, s->depth, d, v, s->seed + s->states, dir);
		try_image(s, dir, true);
		image_remove(dir);
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

	image_dir(s->base, "first", dir);
	image_dir(dir, "state", state);
	image_dir(dir, "run", run);
	s->tape = tape_new(TAPE_OCTETS);
	pid = fork();
	if (pid == 0) {
		struct run r = { .dir = dir, .keys = &s->keys, .seed = s->seed,
			.groups = groups, .first_id = 1, .threads = THREADS };

		shim_begin(state, s->tape);
		_exit(run_acts(&r) == OK ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		s->bad++;
		complain(s, "the run failed");
	}
	image_remove(dir);
}

/* One run, and what is left of it wherever the power is cut. */
static void
play(struct sweep *s, bool all)
{
	uint32_t want = STATES;

	record(s, GROUPS);
	printf("%llu records, %llu octets\n", (unsigned long long)s->tape->count,
	    (unsigned long long)s->tape->used);
	s->one_of = all ? LONG_OF : 1 + (uint32_t)(s->tape->count * 4 / want);
	s->again_of = all ? AGAIN_LONG : want / 6;
	if (s->strict) {
		s->one_of = 3;
		s->again_of = 0;
	}
	sweep_tape(s);
	printf("%u states, %u states after a second cut, %u bad\n", s->states, s->agains, s->bad);
}

/* What a check that is off leaves unsynced shows where nothing unsynced is kept, in a run that does
 * what the check is for: not every one moves frames. Each in a process of its own. */
static bool
shows_in_some_run(struct sweep *s)
{
	int status = 0;

	for (unsigned i = 0; i < TRIES && status == 0; i++, s->seed++) {
		pid_t pid = fork();

		if (pid == 0) {
			play(s, false);
			_exit(s->bad > 0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return false;
	}
	return status != 0;
}

int
main(void)
{
	bool all = getenv("long") != NULL && *getenv("long") != '\0';
	static struct sweep s;

	setvbuf(stdout, NULL, _IOLBF, 0);
	s.seed = pick_seed();
	if (getenv("STATE") != NULL)
		s.only = (uint32_t)strtoul(getenv("STATE"), NULL, 10);
	printf("SEED=%llu\n", (unsigned long long)s.seed);
	if (image_base(s.base) != 0 || crypt_start() != OK)
		return 3;
	keys_make(&s.keys, s.seed);
	s.strict = getenv("CONGVU_CONTROL_OFF") != NULL;
	if (s.strict)
		s.bad = shows_in_some_run(&s);
	else
		play(&s, all);
	image_remove(s.base);
	return s.bad > 0;
}
