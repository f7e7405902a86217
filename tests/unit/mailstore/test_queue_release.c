/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "queue_help.h"

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
	queue_now_set(clock_real_ms());
	rel.now = queue_now();
	queue_claim_at(h, &c, 0, 1);
	rel.claimed = queue_claimed_of(c.q.entry);
	queue_claim_at(h, &c, 5000, 0);			/* leased */
	rel.claimed.attempts++;			/* another claim than that */
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	queue_claim_at(h, &c, 5000, 0);
	rel.claimed.attempts--;
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	queue_claim_at(h, &c, 500, 0);			/* not at once: it may be what kills */
	queue_claim_at(h, &c, 1000, 1);
	assert_int_equal(c.q.entry[0].attempts, 2);
	second = queue_claimed_of(c.q.entry);
	assert_int_equal(help_control(h, release_fn, &rel), OK);	/* of the first: too late */
	queue_claim_at(h, &c, 59000, 0);
	rel.claimed = second;
	assert_int_equal(help_control(h, release_fn, &rel), OK);
	queue_claim_at(h, &c, 59000, 0);			/* longer the second time */
	queue_claim_at(h, &c, 60000, 1);
	rel.claimed = queue_claimed_of(c.q.entry);
	res.due_s = (uint64_t)queue_now() / 1000 + 7200;
	assert_int_equal(help_control(h, queue_result_fn, &res), OK);
	assert_int_equal(help_control(h, release_fn, &rel), OK);	/* it has ended well */
	queue_claim_at(h, &c, 7100000, 0);
	rel.id = SLICE("0000000000000000");
	assert_int_equal(help_control(h, release_fn, &rel), ERR_NOENT);
	arena_clear(&c.a);
	free((void *)(uintptr_t)m.p);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(what_was_claimed_comes_back, queue_begin, queue_end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
