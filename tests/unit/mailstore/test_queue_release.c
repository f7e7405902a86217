/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "help.h"
#include "mailstore/queue_internal.h"

static int64_t now_ms;	/* of the store, as this test moves it */

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
	struct st_claim_request req;
	struct control_queue q;
	struct arena a;
	int64_t now, next;
	int r;
};

static int
claim_fn(struct engine *e, void *arg)
{
	struct claim *c = arg;

	c->req.lease_ms = 60000;
	c->r = queue_claim(e->ctl, &c->req, c->now, &c->a, &c->q, &c->next);
	return c->r < 0 ? c->r : OK;
}

static int
result_fn(struct engine *e, void *arg)
{
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = queue_result(e->ctl, arg, now_ms, &a);
	arena_clear(&a);
	return r;
}

struct release {
	struct slice id, route;
	struct queue_claimed claimed;
	int64_t now;
};

static int
release_fn(struct engine *e, void *arg)
{
	const struct release *rel = arg;
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = queue_release(e->ctl, rel->id, rel->route, &rel->claimed, rel->now, &a);
	arena_clear(&a);
	return r;
}

static void
claim(struct help *h, struct claim *c, int64_t after_ms, int expect)
{
	arena_clear(&c->a);
	c->now = now_ms + after_ms;
	assert_int_equal(help_control(h, claim_fn, c), OK);
	assert_int_equal(c->r, expect);
}

/* A relay that went gives its claim back, and only that one. */
static void
what_was_claimed_comes_back(void **state)
{
	struct help *h = *state;
	struct st_remote remote[] = { { .address = SLICE("a@y.vn"), .route = SLICE("r1"),
		.zone = ZONE_INTERNET } };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .remote = remote,
		.remote_n = 1, .mail_from = SLICE("a@x.vn") };
	struct st_queue_rcpt late[] = { { .outcome = ST_DEFERRED, .text = SLICE("451") } };
	struct st_result_request res = { .id = req.id, .route = SLICE("r1"), .results = late,
		.results_n = 1 };
	struct release rel = { .id = req.id, .route = SLICE("r1") };
	struct slice m = help_text(700);
	struct claim c = { .r = 0 };
	struct queue_claimed second;

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), OK);
	now_ms = rel.now = clock_real_ms();
	claim(h, &c, 0, 1);
	rel.claimed = queue_claimed_of(c.q.entry);
	claim(h, &c, 5000, 0);			/* leased */
	rel.claimed.attempts++;			/* another claim than that */
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	claim(h, &c, 5000, 0);
	rel.claimed.attempts--;
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	claim(h, &c, 500, 0);			/* not at once: it may be what kills */
	claim(h, &c, 1000, 1);
	assert_int_equal(c.q.entry[0].attempts, 2);
	second = queue_claimed_of(c.q.entry);
	assert_int_equal(help_control(h, release_fn, &rel), OK);	/* of the first: too late */
	claim(h, &c, 59000, 0);
	rel.claimed = second;
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	claim(h, &c, 59000, 0);			/* longer the second time */
	claim(h, &c, 60000, 1);
	rel.claimed = queue_claimed_of(c.q.entry);
	res.due_s = (uint64_t)now_ms / 1000 + 7200;
	assert_int_equal(help_control(h, result_fn, &res), OK);
	assert_int_equal(help_control(h, release_fn, &rel), OK);	/* it has ended well */
	claim(h, &c, 7100000, 0);
	rel.id = SLICE("0000000000000000");
	assert_int_equal(help_control(h, release_fn, &rel), ERR_NOENT);
	arena_clear(&c.a);
	free((void *)(uintptr_t)m.p);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(what_was_claimed_comes_back, begin, end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
