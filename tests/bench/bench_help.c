/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "bench_help.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

static unsigned model_us;
static bool encrypt = true;

void
bench_die(const char *what, int r)
{
	fprintf(stderr, "bench: %s: %s\n", what, err_text(r));
	exit(1);
}

/* ---- the disk ---- */

void
bench_model(unsigned us)
{
	model_us = us;
	if (us > 0)
		prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
}

static void
take_time(void)
{
	struct timespec ts = { .tv_nsec = (long)model_us * 1000 };

	if (model_us > 0)
		nanosleep(&ts, NULL);
}

/* LMDB's calls come here too: what an executable defines goes before the libraries. */
int
fdatasync(int fd)
{
	take_time();
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t r = syscall(SYS_pwrite64, fd, p, n, at);

	if (model_us > 0 && (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		take_time();
	return r;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at) __attribute__((alias("pwrite")));

void __real_crypt_seal(const uint8_t key[32], const struct crypt_place *at, struct slice plain,
    char *dst);
void __wrap_crypt_seal(const uint8_t key[32], const struct crypt_place *at, struct slice plain,
    char *dst);

void
__wrap_crypt_seal(const uint8_t key[32], const struct crypt_place *at, struct slice plain,
    char *dst)
{
	if (encrypt) {
		__real_crypt_seal(key, at, plain, dst);
		return;
	}
	if (plain.n > 0)
		memcpy(dst, plain.p, plain.n);
	memset(dst + plain.n, 0, CRYPT_TAG_OCTETS);
}

void
bench_encrypt(bool on)
{
	encrypt = on;
}

/* ---- the store ---- */

struct slice
bench_guid(unsigned who, char out[16])
{
	memset(out, 0, 16);
	memcpy(out, &who, sizeof who);
	return (struct slice){ out, 16 };
}

struct slice
bench_text(size_t n)
{
	char *p = malloc(n + 1);
	uint32_t x = 12345;

	if (p == NULL)
		bench_die("memory", ERR_NOMEM);
	/* About a third is gained, as with text in base64. */
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)('A' + (x >> 27));
	}
	return (struct slice){ p, n };
}

struct making {
	struct engine_job ej;
	unsigned	  from, to;
};

static int
make_accounts(struct engine *e, struct engine_job *ej)
{
	static const uint8_t class[] = { KEYSET_OPEN, KEYSET_MAT };
	const struct making *m = (const struct making *)(const void *)ej;
	int r = OK;

	for (unsigned i = m->from; i < m->to && r == OK; i++) {
		uint8_t public[2][32], secret[32];
		struct st_keyset ks[2];
		char guid[16];
		struct control_account row = { .guid = bench_guid(i, guid), .keysets = ks,
			.keysets_n = 2 };

		for (int k = 0; k < 2; k++) {
			crypt_pair(public[k], secret);
			ks[k] = (struct st_keyset){ .class = class[k],
				.public_key = { (const char *)public[k], 32 } };
		}
		r = engine_account_control(e, &row);
		if (r == OK)
			r = accounts_add(e->accounts, &row);
	}
	return r;
}

static void
accounts_made(struct engine *e, struct engine_job *ej)
{
	(void)e;
	if (ej->status != OK)
		bench_die("accounts", ej->status);
}

static struct engine_conf
conf_of(const struct bench *b, uint64_t map_octets)
{
	return (struct engine_conf){ .state_dir = b->state, .run_dir = b->run,
		.map_octets = map_octets, .segment_octets = 256 << 20, .compress = true,
		.threads = sealer_threads() };
}

void
bench_open_again(struct bench *b, uint64_t map_octets)
{
	struct engine_conf conf = conf_of(b, map_octets);
	int r = engine_open(&conf, &b->e);

	if (r != OK)
		bench_die("open", r);
}

void
bench_reopen(struct bench *b)
{
	uint64_t map_octets = b->e->conf.map_octets;

	engine_close(&b->e);
	bench_open_again(b, map_octets);
}

void
bench_open(struct bench *b, const char *parent, unsigned accounts, uint64_t map_octets)
{
	struct engine_conf conf;
	int r;

	*b = (struct bench){ .accounts = accounts };
	snprintf(b->dir, sizeof b->dir, "%s/bench-XXXXXX", parent);
	if (mkdtemp(b->dir) == NULL)
		bench_die(b->dir, -errno);
	snprintf(b->state, sizeof b->state, "%s/state", b->dir);
	snprintf(b->run, sizeof b->run, "%s/run", b->dir);
	if (mkdir(b->state, 0700) != 0 || mkdir(b->run, 0700) != 0)
		bench_die(b->dir, -errno);
	conf = conf_of(b, map_octets);
	if ((r = engine_open(&conf, &b->e)) != OK)
		bench_die("open", r);
	bench_accounts(b, 0, accounts);
	bench_reopen(b);	/* opening completes the accounts */
}

void
bench_accounts(struct bench *b, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i += 1000) {
		struct making m = { .ej = { .control = make_accounts, .done = accounts_made },
			.from = i, .to = i + 1000 < to ? i + 1000 : to };

		engine_commit(b->e, &m.ej);
	}
}

void
bench_take(struct bench *b, const char *state, const char *run, uint64_t map_octets)
{
	struct timespec wait = { .tv_nsec = 2000000 };
	int r;

	*b = (struct bench){ .accounts = 1 };
	snprintf(b->state, sizeof b->state, "%s", state);
	snprintf(b->run, sizeof b->run, "%s", run);
	do {
		struct engine_conf conf = conf_of(b, map_octets);

		r = engine_open(&conf, &b->e);
	} while (r == ERR_EXIST && nanosleep(&wait, NULL) == 0);
	if (r != OK)
		bench_die(state, r);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
bench_close(struct bench *b)
{
	engine_close(&b->e);
	if (nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		bench_die(b->dir, -errno);
}

/* ---- costs ---- */

static uint64_t
written(void)
{
	unsigned long long n = 0;
	char line[100];
	FILE *f = fopen("/proc/self/io", "re");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "wchar: %llu", &n) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return n;
}

struct bench_cost
bench_cost(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (struct bench_cost){ clock_us(),
		(uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
		(uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec), written() };
}

struct bench_cost
bench_since(const struct bench_cost *then)
{
	struct bench_cost now = bench_cost();

	return (struct bench_cost){ now.us - then->us, now.cpu_us - then->cpu_us,
		now.written - then->written };
}

uint64_t
bench_resident_octets(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL) {
		if (fscanf(f, "%lu %lu", &size, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return resident * 4096;
}

/* ---- deliveries ---- */

static int
mail_prepare(struct engine *e, struct engine_job *ej)
{
	struct bench_mail *m = (struct bench_mail *)(void *)ej;
	int r = engine_deliver_prepare(e, &m->req, m->message, m->summary, &m->a, &m->d);

	ej->task = r == OK ? &m->d.sealing.task : NULL;
	return r;
}

static int
mail_seal(struct engine *e, struct engine_job *ej)
{
	return engine_deliver_put(e, &((struct bench_mail *)(void *)ej)->d);
}

static int
mail_control(struct engine *e, struct engine_job *ej)
{
	struct bench_mail *m = (struct bench_mail *)(void *)ej;

	return engine_deliver_control(e, &m->req, &m->d);
}

static void
mail_done(struct engine *e, struct engine_job *ej)
{
	struct bench_mail *m = (struct bench_mail *)(void *)ej;
	int r = engine_deliver_done(e, &m->req, &m->d, ej->status);

	if (r != OK)
		bench_die("deliver", r);
	m->took_us = clock_us() - m->begun_us;
	m->over = true;
	arena_clear(&m->a);
}

void
bench_mail_init(struct bench_mail *m, size_t recipients)
{
	memset(m, 0, sizeof *m);
	m->local = calloc(recipients, sizeof *m->local);
	m->guids = calloc(recipients, sizeof *m->guids);
	m->local_cap = recipients;
	m->summary = SLICE("a summary of no great length");
	if (m->local == NULL || m->guids == NULL)
		bench_die("memory", ERR_NOMEM);
	arena_init(&m->a, 48 << 20);
}

void
bench_mail_fini(struct bench_mail *m)
{
	free(m->local);
	free(m->guids);
	arena_clear(&m->a);
}

void
bench_mail_add(struct bench *b, struct sched *s, struct bench_mail *m, unsigned first, size_t n,
    struct slice message)
{
	static unsigned long long serial;

	for (size_t i = 0; i < n && i < m->local_cap; i++)
		m->local[i] = (struct st_local){ .guid = bench_guid((unsigned)(first + i) %
		    b->accounts, m->guids[i]) };
	snprintf(m->id, sizeof m->id, "%016llu", ++serial);
	m->req = (struct st_deliver_request){ .id = { m->id, 16 }, .local = m->local,
		.local_n = n };
	memset(&m->d, 0, sizeof m->d);
	m->message = message;
	m->over = false;
	m->begun_us = clock_us();
	m->ej = (struct engine_job){ .prepare = mail_prepare, .seal = mail_seal,
		.control = mail_control, .done = mail_done };
	sched_add(s, &m->ej);
}

static void
apply(struct bench *b)
{
	int r = engine_apply(b->e);

	if (r != OK)
		bench_die("apply", r);
}

size_t
bench_round(struct bench *b, struct sched *s)
{
	struct engine_job *jobs;
	size_t n;

	sched_gather(s, engine_behind(b->e));
	jobs = sched_group(s, &n);
	if (jobs != NULL)
		engine_commit(b->e, jobs);
	for (int i = 0; i < 3 && engine_behind(b->e); i++)
		apply(b);
	if (n <= 2 || b->e->copies_pending >= ENGINE_COPIES_MAX)
		apply(b);
	return n;
}

void
bench_settle(struct bench *b, struct sched *s)
{
	while (sched_ready(s) + sched_coming(s) > 0)
		(void)bench_round(b, s);
	while (b->e->intents != NULL)
		apply(b);
}

/* ---- figures ---- */

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t
bench_percentile(uint64_t *v, size_t n, unsigned percent)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof *v, by_value);
	return v[(n - 1) * percent / 100];
}
