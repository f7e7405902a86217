/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* One message to 20,000 accounts: stored once, filed in slices, once each, whenever the writer
 * is killed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/sched.h"

enum { ACCOUNTS = 20000, SLICES = (ACCOUNTS + ENGINE_COPIES_MAX - 1) / ENGINE_COPIES_MAX };

static uint8_t public[32], secret[32];	/* one pair serves for all: what is tested is the filing */

static void
guid_of(unsigned who, char out[16])
{
	memset(out, 0, 16);
	memcpy(out, &who, sizeof who);
}

static int
make_accounts(struct engine *e, void *arg)
{
	int r = OK;

	(void)arg;
	for (unsigned i = 0; i < ACCOUNTS && r == OK; i++) {
		struct st_keyset ks[2];
		char guid[16];
		struct control_account row = { .guid = { guid, 16 }, .keysets = ks,
			.keysets_n = 2 };

		guid_of(i, guid);
		for (int k = 0; k < 2; k++)
			ks[k] = (struct st_keyset){
				.class = (uint8_t)(k == 0 ? KEYSET_OPEN : KEYSET_MAT),
				.public_key = { (const char *)public, 32 } };
		r = engine_account_control(e, &row);
	}
	return r;
}

static void
open_again(struct help *h, unsigned threads)
{
	struct engine_conf conf = { .state_dir = h->state, .run_dir = h->run,
		.map_octets = 1 << 30, .segment_octets = 64 << 20, .threads = threads };

	engine_close(&h->e);
	assert_int_equal(engine_open(&conf, &h->e), OK);
}

/* ---- the delivery ---- */

struct circular {
	struct engine_job ej;		/* first */
	struct st_deliver_request req;
	struct st_audit	  audit;
	struct st_local	  local[ACCOUNTS];
	char		  guids[ACCOUNTS][16];
	struct engine_delivery d;
	struct arena	  a;
	int		  status;
};

static int
circular_prepare(struct engine *e, struct engine_job *ej)
{
	struct circular *c = (struct circular *)(void *)ej;
	int r = engine_deliver_prepare(e, &c->req, SLICE("to all\r\n"), SLICE("summary"), &c->a,
	    &c->d);

	ej->task = r == OK && !c->d.repeated ? &c->d.sealing.task : NULL;
	return r;
}

static int
circular_seal(struct engine *e, struct engine_job *ej)
{
	return engine_deliver_put(e, &((struct circular *)(void *)ej)->d);
}

static int
circular_control(struct engine *e, struct engine_job *ej)
{
	struct circular *c = (struct circular *)(void *)ej;

	return engine_deliver_control(e, &c->req, &c->d);
}

static void
circular_done(struct engine *e, struct engine_job *ej)
{
	struct circular *c = (struct circular *)(void *)ej;

	engine_deliver_cancel(e, &c->d);
	c->status = engine_deliver_done(e, &c->req, &c->d, ej->status);
	if (c->status == OK)
		c->status = ej->status;
}

/* Returns how many intents came of it. */
static size_t
deliver(struct help *h)
{
	struct circular *c = calloc(1, sizeof *c);
	struct sched s;
	size_t n;

	assert_non_null(c);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		guid_of(i, c->guids[i]);
		c->local[i] = (struct st_local){ .guid = { c->guids[i], 16 } };
	}
	c->audit = (struct st_audit){ .event = SLICE("receive"), .account = SLICE("a@x.vn") };
	c->req = (struct st_deliver_request){ .id = SLICE("to-20000-people!"),
		.local = c->local, .local_n = ACCOUNTS, .audit = &c->audit, .audit_n = 1 };
	c->ej = (struct engine_job){ .prepare = circular_prepare, .seal = circular_seal,
		.control = circular_control, .done = circular_done };
	c->status = 1;
	arena_init(&c->a, 48 << 20);
	sched_init(&s, h->e);
	sched_add(&s, &c->ej);
	while (sched_ready(&s) + sched_coming(&s) > 0) {
		sched_gather(&s, false);
		if (sched_ready(&s) > 0)
			engine_commit(h->e, sched_group(&s, &n));
	}
	assert_int_equal(c->status, OK);
	n = h->e->intents_n;
	arena_clear(&c->a);
	free(c);
	return n;
}

/* Deliver, file so many slices, and die. */
static void
die_after(struct help *h, unsigned slices)
{
	int status;
	pid_t pid;

	engine_close(&h->e);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_again(h, 2);
		(void)deliver(h);
		for (unsigned i = 0; i < slices; i++)
			if (engine_apply(h->e) != OK)
				_exit(1);
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static uint32_t
count_filed(struct store *s)
{
	struct store_account a;
	uint32_t filed = 0;

	for (uint32_t i = 1; i <= ACCOUNTS; i++) {
		assert_int_equal(store_account(s, i, &a), OK);
		assert_true(a.messages <= 1);
		filed += a.messages == 1;
	}
	return filed;
}

static void
expect_filed_once(struct help *h)
{
	struct store *s = help_reader(h, 0);
	struct store_message *m = NULL;
	struct record_blob row;
	struct store_record rec;
	char got[20];
	size_t n;

	assert_int_equal(count_filed(s), ACCOUNTS);
	for (uint32_t i = 1; i <= ACCOUNTS; i += 1999) {
		assert_int_equal(store_record(s, i, BOX_INBOX, 1, &rec), OK);
		assert_int_equal(store_message_open(s, &rec, secret, &m), OK);
		assert_int_equal(store_message_read(m, 0, got, sizeof got, &n), OK);
		assert_int_equal(n, 8);
		assert_memory_equal(got, "to all\r\n", 8);
	}
	store_message_close(&m);
	store_close(&s);
	assert_int_equal(index_begin_read(h->e->ix), OK);
	assert_int_equal(index_blob_get(h->e->ix, rec.blob, &row), OK);
	index_abort(h->e->ix);
	assert_int_equal(row.refs, ACCOUNTS);
	assert_int_equal(h->e->audit.serial, 1);
}

static void
killed_in_the_middle(void **state)
{
	struct help h;
	struct store *s;

	(void)state;
	help_begin(&h);
	crypt_pair(public, secret);
	assert_int_equal(help_control(&h, make_accounts, NULL), OK);
	open_again(&h, 0);		/* opening completes the accounts */

	die_after(&h, SLICES / 3);
	s = help_reader(&h, 0);		/* what the dead one left */
	assert_in_range(count_filed(s), SLICES / 3, SLICES / 3 * ENGINE_COPIES_MAX);
	store_close(&s);
	open_again(&h, 2);		/* and the rest is filed */
	expect_filed_once(&h);
	assert_int_equal(deliver(&h), 0);	/* the sender asks again */
	assert_int_equal(engine_apply(h.e), OK);
	expect_filed_once(&h);
	help_end(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(killed_in_the_middle) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
