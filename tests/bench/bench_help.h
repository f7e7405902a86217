/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/bench/bench_help.h: a store to measure, a disk to measure it on, and what it costs.
 *
 * Disk    the folder given; or with a model (bench_model) any folder on tmpfs, where each sync
 *         takes a fixed time: then the figures do not depend on what else the machine does with its
 *         disk.
 */
#ifndef TESTS_BENCH_HELP_H
#define TESTS_BENCH_HELP_H

#include "mailstore/engine.h"
#include "mailstore/sched.h"

enum { BENCH_MAP = 1 << 30 };

struct bench {
	char	       dir[200], state[220], run[220];
	struct engine *e;
	unsigned       accounts;
};

_Noreturn void bench_die(const char *what, int r);

/* Every sync takes us microseconds more. 0: none. */
void bench_model(unsigned us);
/* false: bodies are copied instead of encrypted. */
void bench_encrypt(bool on);

/* A store in a new folder under parent, and accounts in it. */
void bench_open(struct bench *b, const char *parent, unsigned accounts, uint64_t map_octets);
void bench_reopen(struct bench *b);
/* After b->e was closed. */
void bench_open_again(struct bench *b, uint64_t map_octets);
/* A store that is there, as soon as whoever has it lets go of it. */
void bench_take(struct bench *b, const char *state, const char *run, uint64_t map_octets);
/* More accounts, numbered from..to-1 by bench_guid; those that are there already are an error. */
void bench_accounts(struct bench *b, unsigned from, unsigned to);
void bench_close(struct bench *b);
struct slice bench_guid(unsigned who, char out[16]);
/* Text that compresses about as mail does. */
struct slice bench_text(size_t n);

/* What this process used up to now. */
struct bench_cost {
	uint64_t us, cpu_us, written;
};

struct bench_cost bench_cost(void);
struct bench_cost bench_since(const struct bench_cost *then);
uint64_t bench_resident_octets(void);

/* ---- deliveries ---- */

struct bench_mail {
	struct engine_job ej;		/* first */
	struct st_deliver_request req;
	struct st_local	 *local;
	char		(*guids)[16];
	size_t		  local_cap;
	struct engine_delivery d;
	struct arena	  a;
	char		  id[17];
	struct slice	  message, summary;	/* summary may be changed after bench_mail_init */
	uint64_t	  begun_us, took_us;
	bool		  over;
};

void bench_mail_init(struct bench_mail *m, size_t recipients);
void bench_mail_fini(struct bench_mail *m);
/* To n accounts from first on (modulo the store's). */
void bench_mail_add(struct bench *b, struct sched *s, struct bench_mail *m, unsigned first,
    size_t n, struct slice message);

/* One round as mailstored has it: a group, then mailbox rows. How many jobs were in it. */
size_t bench_round(struct bench *b, struct sched *s);
void bench_settle(struct bench *b, struct sched *s);

/* Percentile of n values, which are sorted. */
uint64_t bench_percentile(uint64_t *v, size_t n, unsigned percent);

#endif
