/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Deliveries a second of the engine, in this process, against the least that any durable store must
 * do: append the same octets to a log and fdatasync once per group, on the same disk. Submitters
 * work in a closed loop, so each group holds one message of every submitter.
 *
 *	bench_store [DIR]	DIR on the disk to be measured; default: the working directory
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "mailstore/engine.h"

enum { ACCOUNTS = 1000, SUBMITTERS_MAX = 64, RUN_MS = 600, ROUNDS = 3, MAP = 1 << 30 };

struct submit {
	struct engine_job ej;
	struct st_deliver_request req;
	struct st_local	 local;
	struct engine_delivery d;
	struct arena	 a;
	char		 id[17], guid[16];
	struct slice	 message;
};

static uint64_t serial;

static void
die(const char *what, int r)
{
	fprintf(stderr, "bench_store: %s: %s\n", what, err_text(r));
	exit(1);
}

/* ---- engine ---- */

static int
seal(struct engine *e, struct engine_job *ej)
{
	struct submit *s = (struct submit *)(void *)ej;

	return engine_deliver_seal(e, &s->req, s->message, SLICE("a summary of no great length"),
	    &s->a, &s->d);
}

static int
control(struct engine *e, struct engine_job *ej)
{
	struct submit *s = (struct submit *)(void *)ej;

	return engine_deliver_control(e, &s->req, &s->d);
}

static void
done(struct engine *e, struct engine_job *ej)
{
	struct submit *s = (struct submit *)(void *)ej;
	int r = engine_deliver_done(e, &s->req, &s->d, ej->status);

	if (r != OK || ej->status != OK)
		die("deliver", ej->status != OK ? ej->status : r);
	arena_clear(&s->a);
}

static void
guid_of(unsigned who, char out[16])
{
	memset(out, 0, 16);
	memcpy(out, &who, sizeof who);
}

static int
account_control(struct engine *e, struct engine_job *ej)
{
	(void)ej;
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		static const uint8_t class[] = { KEYSET_OPEN, KEYSET_MAT };
		uint8_t public[2][32], secret[32];
		struct st_keyset ks[2];
		char guid[16];
		struct control_account row = { .guid = { guid, 16 }, .keysets = ks,
			.keysets_n = 2 };
		int r;

		guid_of(i, guid);
		for (int k = 0; k < 2; k++) {
			crypt_pair(public[k], secret);
			ks[k] = (struct st_keyset){ .class = class[k],
				.public_key = { (const char *)public[k], 32 } };
		}
		r = engine_account_control(e, &row);
		if (r == OK)
			r = accounts_add(e->accounts, &row);
		if (r != OK)
			return r;
	}
	return OK;
}

static void
account_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	if (ej->status != OK)
		die("accounts", ej->status);
}

/* One message of each of n submitters, as one group. */
static void
round_of(struct engine *e, struct submit *s, size_t n, struct slice message)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(s[i].id, sizeof s[i].id, "%016llu", (unsigned long long)++serial);
		guid_of((unsigned)(serial * 7919 % ACCOUNTS), s[i].guid);
		s[i].local = (struct st_local){ .guid = { s[i].guid, 16 } };
		s[i].req = (struct st_deliver_request){ .id = { s[i].id, 16 },
			.local = &s[i].local, .local_n = 1 };
		s[i].message = message;
		arena_init(&s[i].a, 1 << 16);
		s[i].ej = (struct engine_job){ .seal = seal, .control = control, .done = done,
			.next = i + 1 < n ? &s[i + 1].ej : NULL };
	}
	engine_commit(e, &s[0].ej);
	/* As serve.c does. */
	if ((n <= 2 || e->copies_pending >= ENGINE_COPIES_MAX) && engine_apply(e) != OK)
		die("apply", ERR_IO);
}

static double
bench_engine(struct engine *e, size_t n, struct slice message)
{
	static struct submit s[SUBMITTERS_MAX];
	struct engine_stats was = e->stats;
	uint64_t begun = clock_us(), end = begun + RUN_MS * 1000, rounds = 0;

	while (clock_us() < end) {
		round_of(e, s, n, message);
		rounds++;
	}
	while (e->intents != NULL)
		if (engine_apply(e) != OK)
			die("apply", ERR_IO);
	for (int i = 0; i < ENGINE_PARTS; i++)
		printf(" %.1f", (double)(e->stats.part_us[i] - was.part_us[i]) / (double)(rounds * n));
	printf(" us per message; syncs per group %.1f\n", (double)(e->stats.syncs - was.syncs) / (double)rounds);
	return (double)(rounds * n) * 1e6 / (double)(clock_us() - begun);
}

/* ---- log ---- */

static double
bench_log(const char *dir, size_t n, struct slice message)
{
	uint64_t begun, end, rounds = 0;
	char path[300];
	int fd;

	snprintf(path, sizeof path, "%s/log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0)
		die(path, -errno);
	begun = clock_us();
	end = begun + RUN_MS * 1000;
	while (clock_us() < end) {
		for (size_t i = 0; i < n; i++)
			if (write(fd, message.p, message.n) != (ssize_t)message.n)
				die("write", -errno);
		if (fdatasync(fd) != 0)
			die("fdatasync", -errno);
		rounds++;
	}
	close(fd);
	return (double)(rounds * n) * 1e6 / (double)(clock_us() - begun);
}

/* ---- main ---- */

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Alternating runs, medians. */
static void
compare(struct engine *e, const char *dir, size_t n, struct slice message)
{
	double store[ROUNDS], log[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		log[i] = bench_log(dir, n, message);
		store[i] = bench_engine(e, n, message);
	}
	qsort(store, ROUNDS, sizeof *store, by_value);
	qsort(log, ROUNDS, sizeof *log, by_value);
	printf("%6zu octets %3zu submitters: store %8.0f/s  log %8.0f/s  ratio %.2f\n", message.n,
	    n, store[ROUNDS / 2], log[ROUNDS / 2], store[ROUNDS / 2] / log[ROUNDS / 2]);
}

int
main(int argc, char **argv)
{
	static const size_t submitters[] = { 1, 8, 64 }, sizes[] = { 2048, 51200 };
	char dir[200], state[220], run[220], cmd[300];
	struct engine_conf conf = { .state_dir = state, .run_dir = run, .map_octets = MAP,
		.segment_octets = 256 << 20, .compress = true };
	struct engine_job make = { .control = account_control, .done = account_done };
	struct engine *e;
	int r;

	snprintf(dir, sizeof dir, "%s/bench-XXXXXX", argc > 1 ? argv[1] : ".");
	if (mkdtemp(dir) == NULL)
		die(dir, -errno);
	snprintf(state, sizeof state, "%s/state", dir);
	snprintf(run, sizeof run, "%s/run", dir);
	if (mkdir(state, 0700) != 0 || mkdir(run, 0700) != 0)
		die(dir, -errno);
	if ((r = engine_open(&conf, &e)) != OK)
		die("open", r);
	engine_commit(e, &make);
	engine_close(&e);	/* opening completes the accounts */
	if ((r = engine_open(&conf, &e)) != OK)
		die("open", r);
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		char *text = malloc(sizes[k]);

		if (text == NULL)
			die("memory", ERR_NOMEM);
		for (size_t i = 0; i < sizes[k]; i++)
			text[i] = (char)(' ' + (i * i / 7 + i) % 90);
		for (size_t i = 0; i < ARRAY_LEN(submitters); i++)
			compare(e, dir, submitters[i], (struct slice){ text, sizes[k] });
		free(text);
	}
	engine_close(&e);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	return system(cmd) == 0 ? 0 : 1;
}
