/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Every call of the store fails once, and LMDB's too: the n-th write, sync, open, ... of a run of the real
 * engine, for all n (in ./check some), with every error that such a call has; memory also. Whoever was
 * told that his act failed must find nothing of it, unless he was told that nobody knows; what was
 * acknowledged must be there after a power cut (nothing that a failed sync left behind may be trusted)
 * and without one; and the store goes on working, or says no to everything until it is opened again.
 *
 * `SEED=n`, CASE=name and CALL=n repeat one of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "image.h"

enum { TAPE_OCTETS = 1 << 28, GROUPS = 26, VARIANTS = 4, BAD_MAX = 5, HANGS_S = 400 };

#ifdef WITH_SANITIZER
enum { TRIES = 2, LONG_TRIES = 20, EVERY_CALL = 0 };	/* a run takes ten times as long */
#else
enum { TRIES = 5, LONG_TRIES = 1 << 30, EVERY_CALL = 1 };
#endif

static const struct fault_case {
	const char *name;
	unsigned    calls;
	int	    err;
	uint64_t    times;
} cases[] = {
	{ "write-full", SHIM_WRITE, ENOSPC, 1 }, { "write-full-for-long", SHIM_WRITE, ENOSPC, 0 },
	{ "write-error", SHIM_WRITE, EIO, 1 }, { "write-short", SHIM_WRITE, SHIM_SHORT, 1 },
	{ "write-interrupted", SHIM_WRITE, EINTR, 1 }, { "sync-once", SHIM_SYNC, EIO, 1 },
	{ "sync-for-long", SHIM_SYNC, EIO, 0 }, { "sync-full", SHIM_SYNC, ENOSPC, 1 },
	{ "open-too-many", SHIM_OPEN, EMFILE, 1 }, { "open-full", SHIM_OPEN, ENOSPC, 1 },
	{ "name-error", SHIM_NAME, EIO, 1 }, { "size-error", SHIM_SIZE, EIO, 1 },
	{ "hole-unknown", SHIM_HOLE, EOPNOTSUPP, 0 }, { "read-error", SHIM_READ, EIO, 1 },
	{ "map-memory", SHIM_MAP, ENOMEM, 1 },
	{ "all-error", SHIM_WRITE | SHIM_SYNC | SHIM_OPEN | SHIM_NAME | SHIM_SIZE, EIO, 0 },
#ifndef WITH_SANITIZER	/* whose allocator cannot be stood in for */
	{ "memory", SHIM_MEMORY, ENOMEM, 1 }, { "memory-for-long", SHIM_MEMORY, ENOMEM, 40 },
#endif
};

struct bench {
	char	    base[64];
	struct keys keys;
	uint64_t    seed;
	uint32_t    runs, images, hits, failed, restarts, bad;
};

/* What comes back from the run. */
struct outcome {
	uint64_t seen, hits;
	uint32_t failed, restarts;
};

/* What the engine logs is of interest only when something is bad. */
static void
quiet(const struct bench *b)
{
	char path[100];

	snprintf(path, sizeof path, "%s/log", b->base);
	if (freopen(path, "w", stderr) == NULL)
		_exit(3);
	setvbuf(stderr, NULL, _IONBF, 0);
}

static void
show_log(const struct bench *b)
{
	char line[400], path[100];
	FILE *f;

	snprintf(path, sizeof path, "%s/log", b->base);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		fputs(line, stderr);
	if (f != NULL)
		fclose(f);
}

static void
complain(struct bench *b, const struct fault_case *c, uint64_t n, const char *why)
{
	b->bad++;
	fprintf(stderr, "BAD (SEED=%llu CASE=%s CALL=%llu): %s\n", (unsigned long long)b->seed,
	    c->name, (unsigned long long)n, why);
	show_log(b);
}

static bool
run_child(struct bench *b, const struct fault_case *c, uint64_t n, struct tape *t,
    struct outcome *out)
{
	char dir[200], state[200], run[200];
	int status, fds[2];
	pid_t pid;

	image_dir(b->base, "run", dir);
	image_dir(dir, "state", state);
	image_dir(dir, "run", run);
	if (pipe(fds) != 0)
		exit(3);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct shim_fault f = { .calls = c->calls, .n = n, .times = c->times,
			.err = c->err };
		struct run r = { .dir = dir, .keys = &b->keys, .seed = b->seed,
			.groups = GROUPS, .first_id = 1, .fault = &f };
		int err;

		alarm(HANGS_S);
		quiet(b);
		shim_begin(state, t);
		err = run_acts(&r);
		shim_end();
		*out = (struct outcome){ f.seen, f.hits, r.failed, r.restarts };
		if (err != OK)
			fprintf(stderr, "the store does not come back: %s\n", err_text(err));
		_exit(err != OK || write(fds[1], out, sizeof *out) != (ssize_t)sizeof *out);
	}
	close(fds[1]);
	if (read(fds[0], out, sizeof *out) != (ssize_t)sizeof *out)
		memset(out, 0, sizeof *out);
	close(fds[0]);
	image_remove(dir);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool
check_child(struct bench *b, const struct ledger *l, const char *dir, char why[400])
{
	int status, fds[2];
	pid_t pid;

	why[0] = '\0';
	if (pipe(fds) != 0)
		exit(3);
	pid = fork();
	if (pid == 0) {
		int r;

		alarm(HANGS_S);
		shim_clock(l->clock_s);
		r = check_image(&b->keys, l, dir, why);
		_exit(write(fds[1], why, 400) != 400 || r != 0);
	}
	close(fds[1]);
	if (read(fds[0], why, 400) != 400)
		snprintf(why, 400, "it died");
	close(fds[0]);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* The end of the tape, as it is without a cut and after one. */
static void
check_tape(struct bench *b, const struct fault_case *c, uint64_t n, const struct tape *t)
{
	static struct ledger l;
	struct disk *d = disk_new();
	const struct tape_record *r;
	const void *data;
	uint64_t at = 0;

	memset(&l, 0, sizeof l);
	while ((r = tape_next(t, &at, &data)) != NULL) {
		disk_play(d, r, data);
		if (r->kind == TAPE_NOTE)
			ledger_note(&l, r->file, data, r->octets);
	}
	for (unsigned v = 0; v < (disk_unsure(d) ? VARIANTS : 1); v++) {
		char dir[200], why[400];

		image_make(b->base, 0, d, v, b->seed + v, dir);
		b->images++;
		if (!check_child(b, &l, dir, why))
			complain(b, c, n, why);
		image_remove(dir);
	}
	disk_free(d);
}

/* How many such calls there were. */
static uint64_t
try_one(struct bench *b, const struct fault_case *c, uint64_t n)
{
	struct tape *t = tape_new(TAPE_OCTETS);
	struct outcome o;

	b->runs++;
	if (!run_child(b, c, n, t, &o))
		complain(b, c, n, "the run ended");
	else if (n > 0)
		check_tape(b, c, n, t);
	b->hits += o.hits > 0;
	b->failed += o.failed;
	b->restarts += o.restarts;
	tape_free(t);
	return o.seen;
}

static void
try_case(struct bench *b, const struct fault_case *c, bool all)
{
	const char *call = getenv("CALL");
	uint64_t seed = b->seed, n, runs = b->runs, hits = b->hits;

	if (call != NULL) {
		(void)try_one(b, c, strtoull(call, NULL, 10));
		return;
	}
	n = try_one(b, c, 0);
	for (uint64_t i = 1; i <= (all ? LONG_TRIES : TRIES) && i <= n && b->bad < BAD_MAX; i++)
		(void)try_one(b, c, all && EVERY_CALL ? i : 1 + crash_random(&seed) % n);
	printf("%-20s %5llu calls, %llu runs, in %llu it failed\n", c->name, (unsigned long long)n,
	    (unsigned long long)(b->runs - runs), (unsigned long long)(b->hits - hits));
}

int
main(void)
{
	bool all = getenv("long") != NULL && *getenv("long") != '\0';
	const char *seed = getenv("SEED"), *only = getenv("CASE");
	static struct bench b;

	setvbuf(stdout, NULL, _IOLBF, 0);
	b.seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)b.seed);
	if (image_base(b.base) != 0 || crypt_start() != OK)
		return 3;
	keys_make(&b.keys, b.seed);
	for (size_t i = 0; i < ARRAY_LEN(cases) && b.bad < BAD_MAX; i++)
		if (only == NULL || strcmp(only, cases[i].name) == 0)
			try_case(&b, &cases[i], all);
	image_remove(b.base);
	printf("%u runs, %u with a fault, %u acts failed, %u restarts, %u images, %u bad\n", b.runs,
	    b.hits, b.failed, b.restarts, b.images, b.bad);
	return b.bad > 0;
}
