/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "queue_help.h"

static size_t
queue_size(struct help *h, uint8_t *state_out)
{
	struct st_list_request req = { 0, 10 };
	struct st_queue_list_reply list;
	struct arena a;
	size_t n;

	arena_init(&a, 1 << 20);
	assert_int_equal(control_begin_read(h->e->ctl), OK);
	assert_int_equal(queue_list(h->e->ctl, &req, &a, &list), OK);
	control_abort(h->e->ctl);
	n = list.entries_n;
	if (n > 0)
		*state_out = list.entries[0].state;
	arena_clear(&a);
	return n;
}

static int
shift_fn(struct engine *e, void *arg)
{
	return queue_shift(e->ctl, *(int64_t *)arg);
}

static int
settle_fn(struct engine *e, void *arg)
{
	(void)arg;
	return queue_settle_clock(e->ctl, queue_now());
}

static struct st_told_request
told(const struct claim *c)
{
	const struct st_queue_entry *e = c->q.entry;

	assert_int_equal(e->notice_id.n, ST_ID_OCTETS);
	return (struct st_told_request){ .id = e->id, .route = e->route,
		.notice_id = e->notice_id };
}

#define FROM	.mail_from = SLICE("a@x.vn")
#define TO(who, ...)	{ .address = SLICE(who), .route = SLICE("r1"), .zone = ZONE_INTERNET, \
	__VA_ARGS__ }
#define SAID(at, what, words)	{ .index = at, .outcome = what, .text = SLICE(words), .remote = 1 }

static void
queue_entry_lives_until_everyone_is_settled(void **state)
{
	struct help *h = *state;
	struct st_remote remote[] = { TO("a@y.vn"), TO("b@y.vn"), TO("c@y.vn") };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = remote,
		.remote_n = 3, .relay_skip = 4, FROM };
	struct st_queue_rcpt results[] = { SAID(0, ST_DELIVERED, "250"),
		SAID(1, ST_DEFERRED, "451"), SAID(2, ST_FAILED, "550") };
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = results,
		.results_n = 3, .due_s = (uint64_t)queue_now() / 1000 + 600 };
	struct st_queue_act_request act = { .id = req.id, .act = ST_ACT_HOLD };
	struct st_told_request t;
	struct slice m = help_text(70000), got;
	struct claim c = { .r = 0 };
	uint8_t st = 99;
	int fd;

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 3);
	assert_int_equal(c.q.entry[0].size_octets, m.n - 4);
	assert_int_equal(engine_spool_read(h->e, &c.q, &fd), OK);
	assert_int_equal(memfd_map(fd, 1 << 20, &got), OK);
	assert_int_equal(got.n, m.n - 4);
	assert_memory_equal(got.p, m.p + 4, got.n);
	memfd_unmap(&got);
	close(fd);
	queue_claim_at(h, &c, 0, 0);			/* leased */
	queue_claim_at(h, &c, 61000, 1);			/* the lease is over */
	assert_int_equal(c.q.entry[0].attempts, 2);
	assert_int_equal(c.q.entry[0].notice_id.n, 0);
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 0, 1);			/* at once, for the notice of c@ alone */
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	assert_int_equal(c.q.entry[0].recipients[0].index, 2);
	assert_int_equal(c.q.entry[0].recipients[0].tell, ST_TELL_FAILED);
	assert_int_equal(c.q.entry[0].attempts, 2);
	assert_int_equal(c.q.entry[0].history_n, 1);
	t = told(&c);
	t.due_s = (uint64_t)queue_now() / 1000 + 60;	/* not now */
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	queue_claim_at(h, &c, 59000 - 1000, 0);
	queue_claim_at(h, &c, 61000, 1);
	assert_int_equal(c.q.entry[0].notice_tries, 2);
	t = told(&c);
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	assert_int_equal(help_control(h, queue_told_fn, &t), ERR_NOENT);	/* that one is told */
	queue_claim_at(h, &c, 0, 0);
	queue_claim_at(h, &c, 601000, 1);		/* the other waits for its own time */
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	assert_int_equal(c.q.entry[0].recipients[0].index, 1);
	act.act = ST_ACT_HOLD;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	queue_claim_at(h, &c, 9999999, 0);
	assert_int_equal(queue_size(h, &st), 1);
	assert_int_equal(st, ST_QUEUE_HELD);
	act.act = ST_ACT_RETRY;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	res.results = &results[1], res.results_n = 1, res.due_s = 0;	/* given up */
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 0, 1);
	t = told(&c);
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	assert_int_equal(queue_size(h, &st), 0);
	assert_int_equal(help_control(h, queue_act_fn, &act), ERR_NOENT);
	assert_int_equal(help_control(h, queue_result_fn, &res), ERR_NOENT);
	arena_clear(&c.a);
	free((void *)(uintptr_t)m.p);
}

/* Who is told of what: one row, one recipient, one attempt. */
static void
senders_hear_what_they_asked_for(void **state)
{
	enum { N = ST_NOTIFY_NEVER, S = ST_NOTIFY_SUCCESS, F = ST_NOTIFY_FAILURE,
	    D = ST_NOTIFY_DELAY };
	static const struct {
		const char *from;
		uint8_t kind, notify, outcome, passed, delayed, give_up, tell;
	} rows[] = {
		{ "a@x.vn", KIND_MAIL, 0, ST_FAILED, 0, 0, 0, ST_TELL_FAILED },
		{ "a@x.vn", KIND_MAIL, 0, ST_DEFERRED, 0, 0, 1, ST_TELL_FAILED },
		{ "a@x.vn", KIND_MAIL, 0, ST_DEFERRED, 0, 1, 0, ST_TELL_DELAYED },
		{ "a@x.vn", KIND_MAIL, 0, ST_DEFERRED, 0, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, 0, ST_DELIVERED, 0, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, N, ST_FAILED, 0, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, N, ST_DEFERRED, 0, 1, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, S, ST_DELIVERED, 0, 0, 0, ST_TELL_RELAYED },
		{ "a@x.vn", KIND_MAIL, S, ST_DELIVERED, 1, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, S, ST_FAILED, 0, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, S | F, ST_FAILED, 0, 0, 0, ST_TELL_FAILED },
		{ "a@x.vn", KIND_MAIL, F, ST_DEFERRED, 0, 1, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_MAIL, D, ST_DEFERRED, 0, 1, 0, ST_TELL_DELAYED },
		{ "a@x.vn", KIND_MAIL, D, ST_DEFERRED, 0, 1, 1, ST_TELL_NOTHING },
		{ "", KIND_MAIL, S | F | D, ST_FAILED, 0, 0, 0, ST_TELL_NOTHING },
		{ "", KIND_MAIL, S | F | D, ST_DEFERRED, 0, 1, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_DSN, S | F | D, ST_FAILED, 0, 0, 0, ST_TELL_NOTHING },
		{ "a@x.vn", KIND_DSN, S | F | D, ST_DELIVERED, 0, 0, 0, ST_TELL_NOTHING },
	};
	struct help *h = *state;
	struct claim c = { .r = 0 };

	arena_init(&c.a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[] = "id-of-notice-000";
		struct st_remote to = TO("b@y.vn", .notify = rows[i].notify);
		struct st_deliver_request req = { .id = slice_of(id), .remote = &to, .remote_n = 1,
			.mail_from = slice_of(rows[i].from), .kind = rows[i].kind };
		struct st_queue_rcpt result = { .outcome = rows[i].outcome, .text = SLICE("so"),
			.passed = rows[i].passed };
		struct st_result_request res = { .id = req.id, .route = SLICE("r1"),
			.results = &result, .results_n = 1, .delayed = rows[i].delayed };
		struct st_queue_act_request del = { .id = req.id, .act = ST_ACT_DELETE };
		bool tells = rows[i].tell != ST_TELL_NOTHING;

		id[14] = (char)('0' + i / 10);
		id[15] = (char)('0' + i % 10);
		assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
		queue_now_set(clock_real_ms());
		queue_claim_at(h, &c, 0, 1);
		res.due_s = rows[i].give_up ? 0 : (uint64_t)queue_now() / 1000 + 600;
		assert_int_equal(help_control(h, queue_result_fn, &res), OK);
		queue_claim_at(h, &c, 0, tells);
		if (tells && c.q.entry[0].recipients[0].tell != rows[i].tell)
			fail_msg("row %zu", i);
		(void)help_control(h, queue_act_fn, &del);
	}
	arena_clear(&c.a);
}

static void
a_delay_is_told_once(void **state)
{
	struct help *h = *state;
	struct st_remote to = TO("b@y.vn");
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = &to,
		.remote_n = 1, FROM };
	struct st_queue_rcpt result = SAID(0, ST_DEFERRED, "451");
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = &result,
		.results_n = 1, .delayed = 1 };
	struct st_told_request t;
	struct claim c = { .r = 0 };

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	queue_claim_at(h, &c, 0, 1);
	res.due_s = (uint64_t)queue_now() / 1000 + 10;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 0, 1);
	t = told(&c);
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	queue_claim_at(h, &c, 0, 0);
	queue_claim_at(h, &c, 10000, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	assert_int_equal(c.q.entry[0].notice_id.n, 0);
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 0, 0);	/* not again */
	arena_clear(&c.a);
}

/* The sender's mailbox is full: those who are still to be tried are, and what becomes of them is told
 * in the end. */
static void
a_notice_that_must_wait_holds_up_nobody(void **state)
{
	struct help *h = *state;
	struct st_remote remote[] = { TO("a@y.vn"), TO("b@y.vn"), TO("c@y.vn") };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = remote,
		.remote_n = 3, FROM };
	struct st_queue_rcpt results[] = { SAID(0, ST_FAILED, "550"), SAID(1, ST_DEFERRED, "451"),
		SAID(2, ST_DEFERRED, "451") };
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = results,
		.results_n = 3, .delayed = 1 };
	struct st_told_request t, stale;
	struct claim c = { .r = 0 };
	char stale_id[ST_ID_OCTETS];

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	queue_claim_at(h, &c, 0, 1);
	res.due_s = (uint64_t)queue_now() / 1000 + 10;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 0, 1);
	t = stale = told(&c);
	memcpy(stale_id, t.notice_id.p, sizeof stale_id);
	stale.notice_id = (struct slice){ stale_id, sizeof stale_id };
	t.due_s = (uint64_t)queue_now() / 1000 + 3600;
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	queue_claim_at(h, &c, 5000, 0);
	queue_claim_at(h, &c, 10000, 1);		/* b and c, when they are due */
	assert_int_equal(c.q.entry[0].notice_id.n, 0);
	assert_int_equal(c.q.entry[0].recipients_n, 2);
	assert_int_equal(c.q.entry[0].attempts, 2);
	queue_now_set(queue_now() + 10000);
	results[1].outcome = ST_DELIVERED;
	results[2].outcome = ST_FAILED;
	res.results = &results[1];
	res.results_n = 2;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	stale.id = req.id;
	stale.route = res.route;
	assert_int_equal(help_control(h, queue_told_fn, &stale), ERR_NOENT);	/* it said something else */
	queue_claim_at(h, &c, 0, 1);
	t = told(&c);
	assert_int_equal(c.q.entry[0].recipients_n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(c.q.entry[0].recipients[i].tell, ST_TELL_FAILED);
	assert_true(slice_is(c.q.entry[0].recipients[1].address, "c@y.vn"));
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	assert_int_equal(queue_size(h, &(uint8_t){ 0 }), 0);
	arena_clear(&c.a);
}

static void
routes_that_are_full_are_passed_over(void **state)
{
	struct help *h = *state;
	struct st_remote remote[] = { TO("a@y.vn"),
		{ .address = SLICE("b@z.vn"), .route = SLICE("r2"), .zone = ZONE_INTERNET } };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = remote,
		.remote_n = 2, FROM };
	struct st_route full = { SLICE("r1") };
	struct claim c = { .r = 0 };

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	c.req = (struct st_claim_request){ .without = &full, .without_n = 1 };
	queue_claim_at(h, &c, 0, 1);
	assert_true(slice_is(c.q.entry[0].route, "r2"));
	queue_claim_at(h, &c, 0, 0);
	c.req.without_n = 0;
	queue_claim_at(h, &c, 0, 1);
	assert_true(slice_is(c.q.entry[0].route, "r1"));
	arena_clear(&c.a);
}

/* The clock is set by hours, to and fro: nothing is tried sooner or later for it, or grows old. */
static void
the_clock_is_set(void **state)
{
	static const int64_t steps[] = { 7200000, -7200000, 864000000, -86400000 };
	struct help *h = *state;
	struct st_remote to = TO("b@y.vn");
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = &to,
		.remote_n = 1, FROM };
	struct st_queue_rcpt result = SAID(0, ST_DEFERRED, "451");
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = &result,
		.results_n = 1 };
	struct claim c = { .r = 0 };

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	queue_claim_at(h, &c, 0, 1);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int64_t by = steps[i];

		queue_now_set(queue_now() + 1000 - queue_now() % 1000);
		res.due_s = (uint64_t)queue_now() / 1000 + 100;
		assert_int_equal(help_control(h, queue_result_fn, &res), OK);
		queue_now_set(queue_now() + by);
		assert_int_equal(help_control(h, shift_fn, &by), OK);
		queue_claim_at(h, &c, 99000, 0);
		queue_claim_at(h, &c, 100000, 1);
		queue_now_set(queue_now() + 100000);
	}
	assert_in_range(c.q.entry[0].age_s, 400, 410);
	/* Not seen while it happened: the store was down. */
	queue_now_set(queue_now() + 1000 - queue_now() % 1000);
	res.due_s = (uint64_t)queue_now() / 1000 + 100;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_now_set(queue_now() - 7200000);
	assert_int_equal(help_control(h, settle_fn, NULL), OK);
	queue_claim_at(h, &c, 99000, 0);
	queue_claim_at(h, &c, 100000, 1);
	queue_now_set(queue_now() + 100000);
	res.due_s = (uint64_t)queue_now() / 1000 + 100;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	queue_claim_at(h, &c, 864000000, 1);	/* or nobody came for days */
	assert_in_range(c.q.entry[0].age_s, 500, 620);
	arena_clear(&c.a);
}

static void
steps_of_the_clock_are_seen(void **state)
{
	static const struct { int64_t real_ms, mono_ms, step_ms; } rows[] = {
		{ 1000000, 50, 0 }, { 1010000, 10050, 0 }, { 1011900, 10150, 0 },
		{ 1100000, 20050, 79950 }, { 1110000, 30050, 0 }, { 30050, 30050, -1079950 },
		{ 30100, 30100, 0 },
	};
	struct queue_clock qc = { .known = false };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t step = queue_clock_step(&qc, rows[i].real_ms, rows[i].mono_ms);

		if (step < rows[i].step_ms - 2000 || step > rows[i].step_ms + 2000 ||
		    (step == 0) != (rows[i].step_ms == 0))
			fail_msg("row %zu: %lld", i, (long long)step);
	}
}

/* A row as version 1 wrote it, under its key. */
static int
old_fn(struct engine *e, void *arg)
{
	struct queue_old_rcpt rcpt[] = { { 0, SLICE("a@y.vn"), ST_DEFERRED, SLICE("451 later") },
		{ 1, SLICE("b@y.vn"), ST_FAILED, SLICE("550 no") } };
	struct queue_old_entry entry = { .id = SLICE("0123456789abcdef"),
		.mail_from = SLICE("a@x.vn"), .route = SLICE("r1"), .zone = ZONE_INTERNET,
		.attempts = 3, .arrived_s = (uint64_t)queue_now() / 1000, .recipients = rcpt,
		.recipients_n = 2, .state = *(uint8_t *)arg };
	struct control_blob body = { .blob = 1 };
	struct queue_old old = { .entry = &entry, .entry_n = 1, .body = &body, .body_n = 1,
		.due_ms = (uint64_t)queue_now(), .wrapped_key = SLICE("") };
	struct record_key k = queue_key(entry.id, entry.route), due = { .n = 0 };
	int r = control_put(e->ctl, CONTROL_QUEUE, record_key_slice(&k), &queue_old_wire, &old);

	record_key_u64(&due, old.due_ms);
	record_key_octets(&due, record_key_slice(&k));
	if (r == OK && entry.state != ST_QUEUE_GIVEN_UP)
		r = control_put_u64(e->ctl, CONTROL_DUE, record_key_slice(&due), 0);
	return r;
}

static void
rows_of_the_first_version_are_read(void **state)
{
	struct help *h = *state;
	uint8_t st = ST_QUEUE_WAITING;
	struct st_queue_act_request act = { .id = SLICE("0123456789abcdef"), .act = ST_ACT_RETRY };
	struct st_told_request t;
	struct claim c = { .r = 0 };

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_control(h, old_fn, &st), OK);
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	assert_true(slice_is(c.q.entry[0].recipients[0].text, "550 no"));
	t = told(&c);
	assert_int_equal(help_control(h, queue_told_fn, &t), OK);
	queue_claim_at(h, &c, 0, 1);
	assert_true(slice_is(c.q.entry[0].recipients[0].address, "a@y.vn"));
	assert_int_equal(c.q.entry[0].attempts, 4);
	act.act = ST_ACT_DELETE;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	st = ST_QUEUE_GIVEN_UP;
	assert_int_equal(help_control(h, old_fn, &st), OK);
	queue_claim_at(h, &c, 9999999, 0);
	st = 0;
	assert_int_equal(queue_size(h, &st), 1);
	assert_int_equal(st, ST_QUEUE_GIVEN_UP);
	act.act = ST_ACT_RETRY;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 2);
	arena_clear(&c.a);
}

/* The notice and what it settles are one commit; a second time nothing happens. */
static void
a_notice_settles_what_it_tells(void **state)
{
	struct help *h = *state;
	struct st_remote to = TO("b@y.vn");
	struct st_filed filed = { SLICE("c@x.vn"), SLICE(""), ST_TELL_DELIVERED };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = &to,
		.remote_n = 1, FROM, .filed = &filed, .filed_n = 1, .level = LEVEL_MAT };
	struct st_settles of = { .id = req.id };
	struct st_remote back = { .address = SLICE("a@x.vn"), .route = SLICE("r9"),
		.zone = ZONE_INTERNAL };
	struct st_deliver_request notice = { .remote = &back, .remote_n = 1, .kind = KIND_DSN,
		.settles = &of, .settles_n = 1, .level = LEVEL_MAT };
	struct claim c = { .r = 0 };
	char id[ST_ID_OCTETS];
	uint8_t st;

	arena_init(&c.a, 1 << 20);
	to.zone = ZONE_INTERNAL;
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	assert_int_equal(queue_size(h, &st), 2);
	do
		queue_claim_at(h, &c, 0, 1);
	while (c.q.entry[0].route.n > 0);	/* made in one commit, in any millisecond */
	assert_int_equal(c.q.entry[0].recipients[0].tell, ST_TELL_DELIVERED);
	memcpy(id, c.q.entry[0].notice_id.p, sizeof id);
	notice.id = SLICE("some other id...");
	assert_int_equal(help_deliver_request(h, &notice, SLICE("n\r\n"), SLICE("s")), ERR_NOENT);
	notice.id = (struct slice){ id, sizeof id };
	notice.level = LEVEL_THUONG;
	assert_int_equal(help_deliver_request(h, &notice, SLICE("n\r\n"), SLICE("s")), ERR_ACCESS);
	notice.level = LEVEL_MAT;
	assert_int_equal(queue_size(h, &st), 2);
	assert_int_equal(help_deliver_request(h, &notice, SLICE("n\r\n"), SLICE("s")), OK);
	assert_int_equal(queue_size(h, &st), 2);	/* the notice has come for what it told */
	assert_int_equal(help_deliver_request(h, &notice, SLICE("n\r\n"), SLICE("s")), OK);
	assert_int_equal(queue_size(h, &st), 2);
	arena_clear(&c.a);
}

static void
deleting_may_tell(void **state)
{
	struct help *h = *state;
	struct st_remote to = TO("b@y.vn");
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = &to,
		.remote_n = 1, FROM };
	struct st_queue_act_request act = { .id = req.id, .act = ST_ACT_DELETE, .notify = 1 };
	struct claim c = { .r = 0 };
	uint8_t st;

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, SLICE("m\r\n"), SLICE("s")), OK);
	queue_now_set(clock_real_ms());
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(help_control(h, queue_act_fn, &act), ERR_AGAIN);	/* it is being sent */
	queue_claim_at(h, &c, 61000, 1);
	act.act = ST_ACT_HOLD;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	act.act = ST_ACT_DELETE;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	queue_claim_at(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients[0].tell, ST_TELL_FAILED);
	assert_int_equal(c.q.entry[0].notice_id.n, ST_ID_OCTETS);
	act.notify = 0;
	assert_int_equal(help_control(h, queue_act_fn, &act), OK);
	assert_int_equal(queue_size(h, &st), 0);
	arena_clear(&c.a);
}

int
main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, queue_begin, queue_end)
	const struct CMUnitTest t[] = {
		TEST(queue_entry_lives_until_everyone_is_settled),
		TEST(senders_hear_what_they_asked_for),
		TEST(a_delay_is_told_once),
		TEST(a_notice_that_must_wait_holds_up_nobody),
		TEST(routes_that_are_full_are_passed_over),
		TEST(the_clock_is_set),
		TEST(rows_of_the_first_version_are_read),
		TEST(a_notice_settles_what_it_tells),
		TEST(deleting_may_tell),
		cmocka_unit_test(steps_of_the_clock_are_seen),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
