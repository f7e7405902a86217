/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cmocka.h>

#include "config.h"
#include "help.h"
#include "mailstore/check.h"
#include "mailstore/recount.h"

void
help_open(struct help *h)
{
	struct engine_conf conf = { .state_dir = h->state, .run_dir = h->run,
		.map_octets = HELP_MAP, .segment_octets = 1 << 20, .compress = true };

	assert_int_equal(engine_open(&conf, &h->e), OK);
	assert_int_equal(engine_set_spool_key(h->e, h->spool), OK);
}

bool
help_long(void)
{
#ifdef WITH_SANITIZER
	return false;
#else
	const char *v = getenv("long");

	return v != NULL && *v != '\0';
#endif
}

/* TMPDIR, or in memory if there is room. Thousands of syncs take minutes on a slow disk, and what they
 * are for is proved by tests/crash, not by waiting. */
static const char *
where_folders_are(void)
{
	const char *given = getenv("TMPDIR"), *memory = "/dev/shm";
	struct statfs v;

	if (given != NULL)
		return given;
	return access(memory, W_OK) == 0 && statfs(memory, &v) == 0 &&
	    (uint64_t)v.f_bavail * (uint64_t)v.f_bsize >= HELP_ROOM ? memory : "/tmp";
}

void
help_folders(struct help *h)
{
	memset(h, 0, sizeof *h);
	snprintf(h->dir, sizeof h->dir, "%s/congvu-store-XXXXXX", where_folders_are());
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->state, sizeof h->state, "%s/state", h->dir);
	snprintf(h->run, sizeof h->run, "%s/run", h->dir);
	assert_int_equal(mkdir(h->state, 0700), 0);
	assert_int_equal(mkdir(h->run, 0700), 0);
}

void
help_begin(struct help *h)
{
	help_folders(h);
	assert_int_equal(crypt_start(), OK);
	crypt_random(h->spool, sizeof h->spool);
	help_open(h);
}

void
help_close(struct help *h)
{
	engine_close(&h->e);
}

void
help_end(struct help *h)
{
	char cmd[100];

	engine_close(&h->e);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", h->dir);
	assert_int_equal(system(cmd), 0);
}

struct slice
help_guid(unsigned who, char out[16])
{
	memset(out, 0, 16);
	memcpy(out, &who, sizeof who);
	out[15] = 'g';
	return (struct slice){ out, 16 };
}

struct slice
help_text(size_t n)
{
	char *p = malloc(n + 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = "Subject: cong van so 123\r\n"[(i * 7 + i / 1000) % 26];
	return (struct slice){ p, n };
}

/* ---- jobs ---- */

struct act {
	struct engine_job ej;
	int		(*fn)(struct engine *e, void *arg);
	void		 *arg;
	int		  status;
};

static int
act_step(struct engine *e, struct engine_job *ej)
{
	struct act *a = (struct act *)(void *)ej;

	return a->fn(e, a->arg);
}

static void
act_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	((struct act *)(void *)ej)->status = ej->status;
}

int
help_index(struct help *h, int (*fn)(struct engine *e, void *arg), void *arg)
{
	struct act a = { { .index = act_step, .done = act_done }, fn, arg, 1 };

	engine_commit(h->e, &a.ej);
	return a.status;
}

int
help_control(struct help *h, int (*fn)(struct engine *e, void *arg), void *arg)
{
	struct act a = { { .control = act_step, .done = act_done }, fn, arg, 1 };

	engine_commit(h->e, &a.ej);
	return a.status;
}

/* ---- accounts ---- */

static int
account_control(struct engine *e, void *arg)
{
	return engine_account_control(e, arg);
}

static int
account_index(struct engine *e, void *arg)
{
	return engine_account_index(e, arg);
}

uint32_t
help_account(struct help *h, unsigned who)
{
	static const uint8_t class[] = { KEYSET_OPEN, KEYSET_MAT };
	char guid[16];
	uint8_t public[ACCOUNT_CLASSES][32];
	struct st_keyset ks[ACCOUNT_CLASSES];
	struct control_account row = { .guid = help_guid(who, guid), .uid = SLICE("u"),
		.address = SLICE("u@x.vn"), .keysets = ks, .keysets_n = ACCOUNT_CLASSES };
	const struct account *a = accounts_find(h->e->accounts, row.guid);

	assert_true(who < HELP_ACCOUNTS);
	if (a != NULL)
		return a->number;
	for (int i = 0; i < ACCOUNT_CLASSES; i++) {
		crypt_pair(public[i], h->secrets[who][i]);
		ks[i] = (struct st_keyset){ .class = class[i],
			.public_key = { (const char *)public[i], 32 },
			.wrapped = SLICE("wrapped") };
	}
	assert_int_equal(help_control(h, account_control, &row), OK);
	assert_int_equal(help_index(h, account_index, &row), OK);
	assert_int_equal(accounts_add(h->e->accounts, &row), OK);
	return row.number;
}

const uint8_t *
help_secret(const struct help *h, unsigned who, uint8_t class)
{
	return h->secrets[who][class == KEYSET_MAT ? ACCOUNT_MAT : ACCOUNT_OPEN];
}

/* ---- deliveries ---- */

struct delivering {
	struct engine_job ej;
	const struct st_deliver_request *req;
	struct slice	  message, summary;
	struct engine_delivery d;
	struct arena	  a;
	int		  status;
};

static int
deliver_seal(struct engine *e, struct engine_job *ej)
{
	struct delivering *d = (struct delivering *)(void *)ej;

	return engine_deliver_seal(e, d->req, d->message, d->summary, &d->a, &d->d);
}

static int
deliver_control(struct engine *e, struct engine_job *ej)
{
	struct delivering *d = (struct delivering *)(void *)ej;

	return engine_deliver_control(e, d->req, &d->d);
}

static void
deliver_done(struct engine *e, struct engine_job *ej)
{
	struct delivering *d = (struct delivering *)(void *)ej;

	d->status = ej->status;
	assert_int_equal(engine_deliver_done(e, d->req, &d->d, ej->status), OK);
}

int
help_deliver_request(struct help *h, const struct st_deliver_request *req,
    struct slice message, struct slice summary)
{
	struct delivering d = { .ej = { .seal = deliver_seal, .control = deliver_control,
		.done = deliver_done }, .req = req, .message = message, .summary = summary,
		.status = 1 };

	arena_init(&d.a, 4 << 20);
	engine_commit(h->e, &d.ej);
	arena_clear(&d.a);
	return d.status;
}

int
help_deliver(struct help *h, unsigned id, const unsigned *who, size_t n, uint8_t place,
    struct slice message)
{
	char idtext[17], guids[HELP_ACCOUNTS][16];
	struct st_local local[HELP_ACCOUNTS];
	struct st_audit audit = { .event = SLICE("receive"), .account = SLICE("a@x.vn") };
	struct st_deliver_request req = { .id = { idtext, 16 }, .mail_from = SLICE("a@x.vn"),
		.level = place == ST_PLACE_INBOX ? LEVEL_THUONG : LEVEL_MAT,
		.local = local, .local_n = n, .audit = &audit, .audit_n = 1 };
	int r;

	snprintf(idtext, sizeof idtext, "id-%013u", id);
	for (size_t i = 0; i < n; i++) {
		help_account(h, who[i]);
		local[i] = (struct st_local){ .guid = help_guid(who[i], guids[i]),
			.place = place };
	}
	r = help_deliver_request(h, &req, message, SLICE("summary"));
	while (h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	return r;
}

/* ---- counters ---- */

enum { GROUPS_MAX = 16 };

static void
differs(void *arg, const struct recount_diff *d)
{
	(void)arg;
	print_error("account %u mailbox %u: %s is %llu, counted %llu\n", d->account, d->mailbox,
	    recount_name(d->what), (unsigned long long)d->is, (unsigned long long)d->counted);
}

static void
count(void *arg, const struct recount_diff *d)
{
	++*(unsigned *)arg;
	differs(NULL, d);
}

/* Agencies against their accounts. */
static unsigned
groups_differ(struct index *ix)
{
	struct record_group is, sums[GROUPS_MAX] = { { 0 } };
	uint8_t ids[GROUPS_MAX][QUOTA_GROUP_OCTETS];
	static const uint8_t none[QUOTA_GROUP_OCTETS];
	struct record_account a;
	unsigned n = 0, wrong = 0;
	uint64_t rows;

	for (uint32_t account = 1; account <= HELP_ACCOUNTS; account++) {
		unsigned g = 0;

		if (index_account_get(ix, account, &a) != OK || memcmp(a.group, none, 16) == 0)
			continue;
		while (g < n && memcmp(ids[g], a.group, 16) != 0)
			g++;
		assert_true(g < GROUPS_MAX);
		if (g == n)
			memcpy(ids[n++], a.group, 16);
		sums[g].octets += a.octets;
		sums[g].messages += a.messages;
		sums[g].accounts++;
	}
	for (unsigned g = 0; g < n; g++) {
		assert_int_equal(index_group_get(ix, (struct slice){ (const char *)ids[g], 16 },
		    &is), OK);
		wrong += is.octets != sums[g].octets || is.messages != sums[g].messages ||
		    is.accounts != sums[g].accounts;
	}
	assert_int_equal(env_count(ix->t, INDEX_GROUP, &rows), OK);
	return wrong + (rows < n);
}

void
help_invariant(struct help *h)
{
	unsigned n = 0;

	assert_int_equal(index_begin_read(h->e->ix), OK);
	assert_int_equal(recount_index(h->e->ix, count, NULL, &n), OK);
	assert_int_equal(groups_differ(h->e->ix), 0);
	index_abort(h->e->ix);
	assert_int_equal(n, 0);
}

static void
found(void *arg, const struct check_finding *f)
{
	++*(unsigned *)arg;
	print_error("check: %s, account %u mailbox %u uid %u segment %u: %llu, %llu %s\n",
	    check_kind_row(f->kind)->text, f->account, f->mailbox, f->uid, f->segment,
	    (unsigned long long)f->is, (unsigned long long)f->should, f->what);
}

void
help_check(struct help *h)
{
	unsigned n = 0;
	struct check_conf conf = { .state_dir = h->state, .map_octets = HELP_MAP,
		.offline = true, .who = "test", .found = found, .arg = &n };
	struct check_result result;

	help_close(h);
	assert_int_equal(check_run(&conf, &result), OK);
	assert_int_equal(n, 0);
	help_open(h);
}

/* ---- reading ---- */

struct store *
help_reader(const struct help *h, unsigned flags)
{
	struct store *s;

	assert_int_equal(store_open(h->state, h->run, HELP_MAP, flags, &s), OK);
	return s;
}

void
help_expect(struct help *h, struct store *s, unsigned who, uint32_t mailbox, uint32_t uid,
    uint8_t class, struct slice message)
{
	uint32_t account = help_account(h, who);
	struct store_message *m = NULL;
	struct store_record rec;
	char *got = malloc(message.n + 10);
	struct slice summary;
	size_t n;

	assert_non_null(got);
	assert_int_equal(store_record(s, account, mailbox, uid, &rec), OK);
	assert_int_equal(store_message_open(s, &rec, help_secret(h, who, class), &m), OK);
	assert_int_equal(store_message_octets(m), message.n);
	assert_int_equal(store_message_read(m, 0, got, message.n + 10, &n), OK);
	assert_int_equal(n, message.n);
	if (n > 0)
		assert_memory_equal(got, message.p, n);
	assert_int_equal(store_message_summary(m, &summary), OK);
	assert_int_equal(summary.n, 7);
	assert_memory_equal(summary.p, "summary", 7);
	store_message_close(&m);
	free(got);
}
