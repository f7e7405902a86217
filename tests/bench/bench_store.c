/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Deliveries a second of the engine, in this process, against the least that any durable store must
 * do: append the same octets to a log and fdatasync once per group, on the same disk, in turn.
 * Submitters work in a closed loop: each has one message under way.
 *
 *	bench_store [-m US] [-s OCTETS] [-n SUBMITTERS] [-t MS] [-r ROUNDS] [-v] [DIR]
 *
 *	DIR	on the disk to be measured; default: the working directory
 *	-m	a model disk: each sync takes US microseconds (DIR on tmpfs)
 *	-s, -n	only this size, only so many submitters
 *	-v	where the committer's time went
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_help.h"
#include "common/clock.h"

enum { ACCOUNTS = 1000, SUBMITTERS_MAX = 256, ROUNDS_MAX = 9, SAMPLES_MAX = 1 << 20 };

struct result {
	double	 rate, cpu_us, written;	/* messages a second; of one; octets for each of payload */
	uint64_t p50_us, p99_us;
};

static struct {
	const char *dir;
	uint64_t    run_ms, rounds;
	size_t	    size, submitters;
	bool	    verbose;
} opt = { .dir = ".", .run_ms = 500, .rounds = 3 };

static uint64_t *samples;

static struct result
result_of(const struct bench_cost *c, size_t n, size_t samples_n, size_t octets)
{
	return (struct result){ .rate = (double)n * 1e6 / (double)c->us,
		.cpu_us = (double)c->cpu_us / (double)n,
		.written = (double)c->written / (double)n / (double)octets,
		.p50_us = bench_percentile(samples, samples_n, 50),
		.p99_us = bench_percentile(samples, samples_n, 99) };
}

/* ---- store ---- */

static void
print_parts(const struct engine_stats *was, const struct engine_stats *now, size_t n)
{
	static const char *const names[ENGINE_PARTS] = { "seal", "control", "index", "apply" };

	for (int i = 0; i < ENGINE_PARTS; i++)
		printf("  %s %.1f us", names[i],
		    (double)(now->part_us[i] - was->part_us[i]) / (double)n);
	printf(" a message; %.0f messages and %.1f syncs a group; visible after at most %.1f ms\n",
	    (double)n / (double)(now->commits - was->commits),
	    (double)(now->syncs - was->syncs) / (double)(now->commits - was->commits),
	    now->lag_max_us / 1e3);
}

static struct result
bench_engine(struct bench *b, size_t submitters, struct slice message)
{
	static struct bench_mail m[SUBMITTERS_MAX];
	struct engine_stats was = b->e->stats;
	struct bench_cost cost = bench_cost();
	uint64_t end = cost.us + opt.run_ms * 1000;
	size_t n = 0, samples_n = 0;
	struct sched s;

	sched_init(&s, b->e);
	b->e->stats.lag_max_us = 0;
	for (size_t i = 0; i < submitters; i++) {
		bench_mail_init(&m[i], 1);
		bench_mail_add(b, &s, &m[i], (unsigned)(i * 7919), 1, message);
	}
	while (clock_us() < end) {
		(void)bench_round(b, &s);
		for (size_t i = 0; i < submitters; i++) {
			if (!m[i].over)
				continue;
			n++;
			if (samples_n < SAMPLES_MAX)
				samples[samples_n++] = m[i].took_us;
			bench_mail_add(b, &s, &m[i], (unsigned)(n * 7919), 1, message);
		}
	}
	n += sched_ready(&s) + sched_coming(&s);
	bench_settle(b, &s);
	cost = bench_since(&cost);
	if (opt.verbose)
		print_parts(&was, &b->e->stats, n);
	for (size_t i = 0; i < submitters; i++)
		bench_mail_fini(&m[i]);
	return result_of(&cost, n, samples_n, message.n);
}

/* ---- log ---- */

static struct result
bench_log(const char *dir, size_t submitters, struct slice message)
{
	struct bench_cost cost = bench_cost();
	uint64_t end = cost.us + opt.run_ms * 1000;
	size_t n = 0, samples_n = 0;
	char path[300];
	int fd;

	snprintf(path, sizeof path, "%s/log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0)
		bench_die(path, -errno);
	while (clock_us() < end) {
		uint64_t begun = clock_us();

		for (size_t i = 0; i < submitters; i++)
			if (write(fd, message.p, message.n) != (ssize_t)message.n)
				bench_die("write", -errno);
		if (fdatasync(fd) != 0)
			bench_die("fdatasync", -errno);
		n += submitters;
		if (samples_n < SAMPLES_MAX)
			samples[samples_n++] = clock_us() - begun;
	}
	cost = bench_since(&cost);
	close(fd);
	unlink(path);
	return result_of(&cost, n, samples_n, message.n);
}

/* ---- both ---- */

static int
by_rate(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	return x->rate < y->rate ? -1 : x->rate > y->rate;
}

/* Alternating runs; the median of the ratios, and the runs with the median rate. */
static void
compare(struct bench *b, size_t submitters, struct slice message, bool encrypted)
{
	struct result store[ROUNDS_MAX], log[ROUNDS_MAX];
	size_t mid = opt.rounds / 2;
	double ratio;

	for (size_t i = 0; i < opt.rounds; i++) {
		log[i] = bench_log(b->dir, submitters, message);
		store[i] = bench_engine(b, submitters, message);
	}
	qsort(store, opt.rounds, sizeof *store, by_rate);
	qsort(log, opt.rounds, sizeof *log, by_rate);
	ratio = store[mid].rate / log[mid].rate;
	printf("%8zu %-9s %4zu  %9.0f %9.0f  %5.2f  %7.1f %7.1f  %6.2f  %7.2f %7.2f  %7.2f%s\n",
	    message.n, encrypted ? "encrypted" : "plain", submitters, store[mid].rate,
	    log[mid].rate, ratio, store[mid].cpu_us, log[mid].cpu_us, store[mid].written,
	    (double)store[mid].p50_us / 1e3, (double)store[mid].p99_us / 1e3,
	    (double)log[mid].p99_us / 1e3, submitters == 64 && encrypted && ratio < 0.33 ?
	    "  below 0.33" : "");
	fflush(stdout);
}

static void
bench_size(size_t size, bool encrypted)
{
	static const size_t submitters[] = { 1, 8, 64, 256 };
	struct slice text = bench_text(size);
	struct bench b;

	bench_encrypt(encrypted);
	bench_open(&b, opt.dir, ACCOUNTS, BENCH_MAP);
	for (size_t i = 0; i < ARRAY_LEN(submitters); i++)
		if (opt.submitters == 0 || opt.submitters == submitters[i])
			compare(&b, submitters[i], text, encrypted);
	bench_close(&b);
	free((void *)(uintptr_t)text.p);
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "m:s:n:t:r:v")) != -1) {
		unsigned long v = optarg == NULL ? 0 : strtoul(optarg, NULL, 10);

		switch (c) {
		case 'm': bench_model((unsigned)v); break;
		case 's': opt.size = v; break;
		case 'n': opt.submitters = v; break;
		case 't': opt.run_ms = v; break;
		case 'r': opt.rounds = v > 0 && v <= ROUNDS_MAX ? v : 1; break;
		case 'v': opt.verbose = true; break;
		default: exit(2);
		}
	}
	if (optind < argc)
		opt.dir = argv[optind];
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 2048, 51200, 1048576 };

	options(argc, argv);
	samples = calloc(SAMPLES_MAX, sizeof *samples);
	if (samples == NULL)
		bench_die("memory", ERR_NOMEM);
	printf("  octets           subm.    store/s     log/s  ratio   CPU us  of log  written"
	    "  p50 ms  p99 ms   of log\n");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int encrypted = 1; encrypted >= 0; encrypted--)
			if (opt.size == 0 || opt.size == sizes[i])
				bench_size(sizes[i], encrypted != 0);
	printf("targets: 64 submitters >= 0.33 of the log; written <= 4.5 at 2 KB with 64, 1.15 at"
	    " 50 KB, 1.02 at 1 MB\n");
	free(samples);
	return 0;
}
