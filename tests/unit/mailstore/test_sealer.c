/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Bodies sealed by threads. Built with -fsanitize=thread by ./check as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "common/clock.h"
#include "help.h"
#include "mailstore/sched.h"

enum { THREADS = 3, TASKS = 400 };

/* ---- the pool ---- */

struct sum {
	struct sealer_task task;	/* first */
	unsigned	   from, out;
	_Atomic unsigned  *at_once, *most;
};

static int
sum_task(struct sealer_task *t, struct crypt_zip *zip)
{
	struct sum *s = (struct sum *)(void *)t;
	unsigned now = atomic_fetch_add(s->at_once, 1) + 1;

	(void)zip;
	if (now > atomic_load(s->most))
		atomic_store(s->most, now);
	for (unsigned i = 0; i < 1000; i++)
		s->out += s->from * i;
	atomic_fetch_sub(s->at_once, 1);
	return s->from % 7 == 0 ? ERR_IO : OK;
}

/* Everything is done once, whoever does it, and its result seen by the committer. */
static void
every_task_is_done_once(unsigned threads)
{
	_Atomic unsigned at_once = 0, most = 0;
	struct sum *s = calloc(TASKS, sizeof *s);
	struct sealer *p;
	size_t done = 0;

	assert_non_null(s);
	assert_int_equal(sealer_new(threads, &p), OK);
	for (unsigned i = 0; i < TASKS; i++) {
		s[i] = (struct sum){ .task = { .fn = sum_task }, .from = i,
			.at_once = &at_once, .most = &most };
		sealer_start(p, &s[i].task, i % 5 == 0);
	}
	for (unsigned i = 0; i < TASKS / 2; i++)
		assert_int_equal(sealer_wait(p, &s[i].task), i % 7 == 0 ? ERR_IO : OK);
	while (sealer_help(p, 1000000))
		continue;
	for (unsigned i = 0; i < TASKS; i++) {
		done += sealer_is_done(p, &s[i].task);
		assert_int_equal(s[i].out, i * 499500);
		sealer_forget(p, &s[i].task);
	}
	assert_int_equal(done, TASKS);
	assert_true(atomic_load(&most) <= threads + 1);
	sealer_free(&p);
	free(s);
}

static void
tasks_with_and_without_threads(void **state)
{
	(void)state;
	every_task_is_done_once(0);
	every_task_is_done_once(1);
	every_task_is_done_once(THREADS);
}

/* Results that nobody took over yet are bounded; one alone may always be made. */
static void
results_are_bounded(void **state)
{
	_Atomic unsigned at_once = 0, most = 0;
	struct sum s[3];
	struct sealer *p;

	(void)state;
	assert_int_equal(sealer_new(0, &p), OK);
	for (unsigned i = 0; i < 3; i++) {
		s[i] = (struct sum){ .task = { .fn = sum_task,
			.octets = SEALER_OCTETS_MAX / 2 + 1 }, .from = 1, .at_once = &at_once, .most = &most };
		sealer_start(p, &s[i].task, false);
	}
	assert_true(sealer_help(p, 0));
	assert_false(sealer_help(p, 0));
	assert_false(sealer_is_done(p, &s[1].task));
	sealer_forget(p, &s[0].task);
	assert_true(sealer_help(p, 0));
	assert_true(sealer_is_done(p, &s[1].task));
	assert_int_equal(sealer_wait(p, &s[2].task), OK);	/* asked for: made all the same */
	sealer_free(&p);
}

static void
keys_are_wiped(void **state)
{
	static const uint8_t nothing[CRYPT_KEY_OCTETS];
	uint8_t *keys[SEALER_KEYS], *was;
	struct sealer *p;

	(void)state;
	assert_int_equal(sealer_new(0, &p), OK);
	for (size_t i = 0; i < SEALER_KEYS; i++) {
		keys[i] = sealer_key_take(p);
		assert_non_null(keys[i]);
		memset(keys[i], 7, CRYPT_KEY_OCTETS);
	}
	assert_null(sealer_key_take(p));
	was = keys[3];
	sealer_key_give(p, &keys[3]);
	assert_null(keys[3]);
	assert_memory_equal(was, nothing, sizeof nothing);
	assert_ptr_equal(sealer_key_take(p), was);
	sealer_free(&p);
}

/* ---- the store ---- */

struct mail {
	struct engine_job ej;		/* first */
	struct st_deliver_request req;
	struct st_local	  local[HELP_ACCOUNTS];
	char		  guids[HELP_ACCOUNTS][16], id[17];
	struct slice	  message;
	struct engine_delivery d;
	struct arena	  a;
	int		  status;
};

static int
mail_prepare(struct engine *e, struct engine_job *ej)
{
	struct mail *m = (struct mail *)(void *)ej;
	int r = engine_deliver_prepare(e, &m->req, m->message, SLICE("summary"), &m->a, &m->d);

	ej->task = r == OK ? &m->d.sealing.task : NULL;
	return r;
}

static int
mail_seal(struct engine *e, struct engine_job *ej)
{
	return engine_deliver_put(e, &((struct mail *)(void *)ej)->d);
}

static int
mail_control(struct engine *e, struct engine_job *ej)
{
	struct mail *m = (struct mail *)(void *)ej;

	return engine_deliver_control(e, &m->req, &m->d);
}

static void
mail_done(struct engine *e, struct engine_job *ej)
{
	struct mail *m = (struct mail *)(void *)ej;

	engine_deliver_cancel(e, &m->d);
	m->status = ej->status;
	assert_int_equal(engine_deliver_done(e, &m->req, &m->d, ej->status), OK);
	arena_clear(&m->a);
}

static void
mail_add(struct help *h, struct sched *s, struct mail *m, unsigned serial, unsigned accounts,
    struct slice message)
{
	memset(m, 0, sizeof *m);
	m->message = message;
	m->status = 1;
	snprintf(m->id, sizeof m->id, "mail-%011u", serial);
	for (unsigned i = 0; i < accounts; i++) {
		unsigned who = accounts == 1 ? serial % 8 : i;

		help_account(h, who);
		m->local[i] = (struct st_local){ .guid = help_guid(who, m->guids[i]),
			.place = ST_PLACE_INBOX };
	}
	m->req = (struct st_deliver_request){ .id = { m->id, 16 }, .local = m->local,
		.local_n = accounts };
	arena_init(&m->a, 1 << 20);
	m->ej = (struct engine_job){ .prepare = mail_prepare, .seal = mail_seal,
		.control = mail_control, .done = mail_done };
	sched_add(s, &m->ej);
}

/* Groups, one after the other, until nothing is left; what is sealed meanwhile comes with the
 * next. */
static size_t
run(struct help *h, struct sched *s)
{
	size_t n, groups = 0;

	while (sched_ready(s) + sched_coming(s) > 0) {
		struct engine_job *jobs;

		sched_pump(s, false);
		jobs = sched_group(s, &n);
		if (jobs != NULL)
			engine_commit(h->e, jobs);
		else
			(void)sealer_help(h->e->sealer, 1000000);
		groups += jobs != NULL;
		assert_int_equal(engine_apply(h->e), OK);
	}
	while (h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	return groups;
}

static void
open_with(struct help *h, unsigned threads, uint64_t segment_octets)
{
	struct engine_conf conf = { .state_dir = h->state, .run_dir = h->run,
		.map_octets = HELP_MAP, .segment_octets = segment_octets, .compress = true,
		.threads = threads };

	help_close(h);
	assert_int_equal(engine_open(&conf, &h->e), OK);
	assert_int_equal(engine_set_spool_key(h->e, h->spool), OK);
}

static int
begin(void **state)
{
	struct help *h = malloc(sizeof *h);

	assert_non_null(h);
	help_begin(h);
	*state = h;
	return 0;
}

static int
end(void **state)
{
	help_end(*state);
	free(*state);
	return 0;
}

/* Every message of m is in its mailboxes, whole. Mail of one account comes in any order: look by
 * size. */
static void
expect_all(struct help *h, const struct mail *m, size_t n)
{
	struct store *s = help_reader(h, 0);
	struct store_record page[TASKS];
	size_t got, found = 0;

	for (unsigned who = 0; who < 8; who++) {
		assert_int_equal(store_page(s, help_account(h, who), BOX_INBOX, 1, page, TASKS,
		    &got), OK);
		for (size_t k = 0; k < got; k++)
			for (size_t i = 0; i < n; i++)
				if (memcmp(page[k].email_id, m[i].id, 16) == 0) {
					help_expect(h, s, who, BOX_INBOX, page[k].uid,
					    KEYSET_OPEN, m[i].message);
					found++;
				}
	}
	assert_int_equal(found, n);
	store_close(&s);
}

/* Messages of all sizes through small segments: each stays with the segment and epoch that it
 * was given. */
static void
sealed_while_others_commit(void **state)
{
	static const size_t sizes[] = { 10, 3000, 70000, 5000, 1, 300000, 4096 };
	struct help *h = *state;
	struct mail *m = calloc(TASKS / 2, sizeof *m);
	struct slice text[ARRAY_LEN(sizes)];
	struct sched s;

	assert_non_null(m);
	open_with(h, THREADS, 16 * 1024);
	sched_init(&s, h->e);
	h->e->cold_us = UINT64_MAX;	/* so pages are read in, too */
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		text[i] = help_text(sizes[i]);
	for (unsigned i = 0; i < TASKS / 2; i++) {
		mail_add(h, &s, &m[i], i, 1, text[i % ARRAY_LEN(sizes)]);
		if (i % 50 == 49)
			assert_true(run(h, &s) > 0);
	}
	for (unsigned i = 0; i < TASKS / 2; i++)
		assert_int_equal(m[i].status, OK);
	assert_true(segment_number(h->e->seg) > 5);
	expect_all(h, m, TASKS / 2);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		free((void *)(uintptr_t)text[i].p);
	free(m);
}

/* So many recipients that their wrapping keys come first; and once more, with all keys known. */
static void
a_message_to_all(void **state)
{
	struct help *h = *state;
	struct mail m[2];
	struct slice text = help_text(9000);
	struct sched s;
	struct store *st;

	open_with(h, THREADS, 1 << 20);
	sched_init(&s, h->e);
	for (unsigned i = 0; i < 2; i++) {
		mail_add(h, &s, &m[i], i, HELP_ACCOUNTS, text);
		(void)run(h, &s);
		assert_int_equal(m[i].status, OK);
		assert_int_equal(m[i].d.warm_segment, 0);
		assert_int_equal(m[i].d.warmed, segment_number(h->e->seg));
	}
	st = help_reader(h, 0);
	for (unsigned who = 0; who < HELP_ACCOUNTS; who++)
		for (unsigned uid = 1; uid <= 2; uid++)
			help_expect(h, st, who, BOX_INBOX, uid, KEYSET_OPEN, text);
	store_close(&st);
	free((void *)(uintptr_t)text.p);
}

/* The disk takes no more in the middle of a group: whoever is told so, nobody is told OK who is
 * not there. */
static void
a_full_disk_in_the_middle(void **state)
{
	struct help *h = *state;
	struct rlimit was, now;
	struct mail *m = calloc(30, sizeof *m), *fine = calloc(30, sizeof *fine);
	struct slice text = help_text(300000);
	size_t ok = 0;
	struct sched s;

	assert_non_null(m);
	assert_non_null(fine);
	for (size_t i = 0; i < text.n; i++)	/* so that it does not get smaller */
		crypt_random((void *)(uintptr_t)(text.p + i), 1);
	open_with(h, THREADS, 64 << 20);
	signal(SIGXFSZ, SIG_IGN);
	help_account(h, 0);
	for (unsigned i = 0; i < 8; i++)
		help_account(h, i);
	sched_init(&s, h->e);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = (struct rlimit){ 4 << 20, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	for (unsigned i = 0; i < 30; i++)
		mail_add(h, &s, &m[i], i, 1, i % 2 == 0 ? text : SLICE("small"));
	(void)run(h, &s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	for (unsigned i = 0; i < 30; i++)
		if (m[i].status == OK)
			fine[ok++] = m[i];
	assert_true(ok < 30);
	mail_add(h, &s, &fine[ok], 1000, 1, SLICE("again"));	/* and there is a way on */
	(void)run(h, &s);
	assert_int_equal(fine[ok++].status, OK);
	for (size_t i = 0; i < ok; i++)
		fine[i].req.id.p = fine[i].id;
	expect_all(h, fine, ok);
	free((void *)(uintptr_t)text.p);
	free(m);
	free(fine);
}

/* Mail that nobody can see yet: too old, or too much of it. Then no other is begun, until it has
 * been filed. */
static void
behind(void **state)
{
	struct help *h = *state;
	struct mail *m = calloc(1, sizeof *m), late;
	unsigned who[HELP_ACCOUNTS], n = 0;
	struct sched s;
	size_t jobs;

	assert_non_null(m);
	open_with(h, THREADS, 1 << 20);
	sched_init(&s, h->e);
	mail_add(h, &s, m, n++, 1, SLICE("x"));
	sched_gather(&s, false);
	while (sched_ready(&s) == 0)
		sched_gather(&s, false);
	engine_commit(h->e, sched_group(&s, &jobs));
	clock_test_set(-100 * ENGINE_LAG_MS);	/* however long that took */
	assert_false(engine_behind(h->e));
	clock_test_set(ENGINE_LAG_MS + 1);
	assert_true(engine_behind(h->e));
	mail_add(h, &s, &late, n++, 1, SLICE("y"));
	sched_gather(&s, engine_behind(h->e));
	assert_int_equal(sched_ready(&s), 0);
	assert_int_equal(s.fresh.n, 1);
	while (h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	assert_false(engine_behind(h->e));
	assert_true(h->e->stats.lag_us > ENGINE_LAG_MS * 1000);
	clock_test_set(0);
	(void)run(h, &s);
	assert_int_equal(late.status, OK);

	for (unsigned i = 0; i < HELP_ACCOUNTS; i++)
		who[i] = i;
	(void)help_deliver(h, 999, who, HELP_ACCOUNTS, ST_PLACE_INBOX, SLICE("z"));
	while (h->e->copies_pending < ENGINE_COPIES_BEHIND) {
		mail_add(h, &s, m, n++, HELP_ACCOUNTS, SLICE("z"));
		while (m->status == 1) {
			sched_gather(&s, false);
			if (sched_ready(&s) > 0)
				engine_commit(h->e, sched_group(&s, &jobs));
		}
	}
	clock_test_set(-3600 * 1000);	/* not for their age */
	assert_true(engine_behind(h->e));
	clock_test_set(0);
	(void)run(h, &s);
	free(m);
}

/* One recipient's key is no key: the message fails, and none of the others is wrapped with what
 * was never computed. */
static void
a_bad_key_spoils_no_other(void **state)
{
	struct help *h = *state;
	struct account *bad;
	struct mail m;
	struct sched s;
	struct store *st;
	char guid[16];

	open_with(h, THREADS, 1 << 20);
	sched_init(&s, h->e);
	mail_add(h, &s, &m, 1, 3, SLICE("x"));
	bad = accounts_find(h->e->accounts, help_guid(0, guid));
	memset(bad->keysets[ACCOUNT_OPEN].public, 0, 32);
	(void)run(h, &s);
	assert_int_equal(m.status, ERR_CRYPTO);
	assert_null(m.d.sealing.key);
	for (unsigned who = 1; who < 3; who++) {
		mail_add(h, &s, &m, who, 1, SLICE("y"));
		(void)run(h, &s);
		assert_int_equal(m.status, OK);
	}
	st = help_reader(h, 0);
	for (unsigned who = 1; who < 3; who++)
		help_expect(h, st, who, BOX_INBOX, 1, KEYSET_OPEN, SLICE("y"));
	store_close(&st);
}

/* A job that is given up when its body was sealed leaves nothing: no key in use, no hold on the
 * segment. */
static void
given_up(void **state)
{
	struct help *h = *state;
	struct mail m;
	struct slice text = help_text(100000);
	struct sched s;
	uint32_t was;
	size_t n;

	open_with(h, THREADS, 1);	/* every message its own segment */
	sched_init(&s, h->e);
	mail_add(h, &s, &m, 1, 1, text);
	while (sched_ready(&s) == 0) {
		sched_pump(&s, false);
		(void)sealer_help(h->e->sealer, 1000000);
	}
	was = segment_number(h->e->seg);
	h->e->broken = ERR_IO;
	engine_commit(h->e, sched_group(&s, &n));
	assert_int_equal(m.status, ERR_IO);
	assert_null(m.d.sealing.key);
	h->e->broken = OK;
	mail_add(h, &s, &m, 2, 1, text);
	(void)run(h, &s);
	assert_int_equal(m.status, OK);
	assert_int_equal(segment_number(h->e->seg), was + 1);
	free((void *)(uintptr_t)text.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_with_and_without_threads),
		cmocka_unit_test(results_are_bounded),
		cmocka_unit_test(keys_are_wiped),
		cmocka_unit_test_setup_teardown(sealed_while_others_commit, begin, end),
		cmocka_unit_test_setup_teardown(a_message_to_all, begin, end),
		cmocka_unit_test_setup_teardown(a_full_disk_in_the_middle, begin, end),
		cmocka_unit_test_setup_teardown(behind, begin, end),
		cmocka_unit_test_setup_teardown(a_bad_key_spoils_no_other, begin, end),
		cmocka_unit_test_setup_teardown(given_up, begin, end),
	};

	if (crypt_start() != OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
