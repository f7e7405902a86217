/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "help.h"
#include "mailstore/queue.h"

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

struct claim {
	struct control_queue q;
	struct arena a;
	int64_t now, next;
	int r;
};

static int
claim_fn(struct engine *e, void *arg)
{
	struct claim *c = arg;

	c->r = queue_claim(e->ctl, c->now, 60000, &c->a, &c->q, &c->next);
	return c->r < 0 ? c->r : OK;
}

static int
result_fn(struct engine *e, void *arg)
{
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = queue_result(e->ctl, arg, clock_real_ms(), &a);
	arena_clear(&a);
	return r;
}

static int
act_fn(struct engine *e, void *arg)
{
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = queue_act(e->ctl, arg, clock_real_ms(), &a);
	arena_clear(&a);
	return r;
}

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

static void
claim(struct help *h, struct claim *c, int64_t after_ms, int expect)
{
	arena_clear(&c->a);
	c->now = clock_real_ms() + after_ms;
	assert_int_equal(help_control(h, claim_fn, c), OK);
	assert_int_equal(c->r, expect);
}

static void
queue_entry_lives_until_everyone_is_settled(void **state)
{
	struct help *h = *state;
	struct st_remote remote[] = { { SLICE("a@y.vn"), SLICE("r1"), ZONE_INTERNET },
		{ SLICE("b@y.vn"), SLICE("r1"), ZONE_INTERNET },
		{ SLICE("c@y.vn"), SLICE("r1"), ZONE_INTERNET } };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = remote,
		.remote_n = 3, .relay_skip = 4 };
	struct st_queue_rcpt results[] = { { 0, SLICE(""), ST_DELIVERED, SLICE("250") },
		{ 1, SLICE(""), ST_DEFERRED, SLICE("451") },
		{ 2, SLICE(""), ST_FAILED, SLICE("550") } };
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = results,
		.results_n = 3, .due_s = (uint64_t)clock_real_s() + 600 };
	struct st_queue_act_request act = { .id = req.id, .act = ST_ACT_HOLD };
	struct slice m = help_text(70000), got;
	struct claim c = { .r = 0 };
	uint8_t st = 99;
	int fd;

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), OK);
	claim(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 3);
	assert_int_equal(c.q.entry[0].size_octets, m.n - 4);
	assert_int_equal(engine_spool_read(h->e, &c.q, &fd), OK);
	assert_int_equal(memfd_map(fd, 1 << 20, &got), OK);
	assert_int_equal(got.n, m.n - 4);
	assert_memory_equal(got.p, m.p + 4, got.n);
	memfd_unmap(&got);
	close(fd);
	claim(h, &c, 0, 0);			/* leased */
	claim(h, &c, 61000, 1);			/* the lease is over */
	assert_int_equal(c.q.entry[0].attempts, 2);
	assert_int_equal(help_control(h, result_fn, &res), OK);
	claim(h, &c, 0, 0);
	claim(h, &c, 601000, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 1);
	assert_int_equal(c.q.entry[0].recipients[0].index, 1);
	res.results = &results[1], res.results_n = 1, res.due_s = 0;
	assert_int_equal(help_control(h, result_fn, &res), OK);
	assert_int_equal(queue_size(h, &st), 1);
	assert_int_equal(st, ST_QUEUE_GIVEN_UP);
	claim(h, &c, 9999999, 0);
	act.act = ST_ACT_RETRY;
	assert_int_equal(help_control(h, act_fn, &act), OK);
	claim(h, &c, 0, 1);
	assert_int_equal(c.q.entry[0].recipients_n, 2);
	act.act = ST_ACT_HOLD;
	assert_int_equal(help_control(h, act_fn, &act), OK);
	claim(h, &c, 9999999, 0);
	act.act = ST_ACT_DELETE;
	assert_int_equal(help_control(h, act_fn, &act), OK);
	assert_int_equal(queue_size(h, &st), 0);
	assert_int_equal(help_control(h, act_fn, &act), ERR_NOENT);
	assert_int_equal(help_control(h, result_fn, &res), ERR_NOENT);
	arena_clear(&c.a);
	free((void *)(uintptr_t)m.p);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(queue_entry_lives_until_everyone_is_settled, begin,
		    end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
