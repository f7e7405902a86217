/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Where queued mail goes and when, and how sessions are counted. Whole deliveries are in
 * tests/system/test_smtpd.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>


#include "smtpd/peers.h"
#include "smtpd/relay.h"

static struct conf_route routes[2];
static struct conf conf;

static int
setup(void **state)
{
	static const char *gov[] = { ".gov" }, *all[] = { "*" }, *retry[] = { "1", "60", "300" };

	(void)state;
	routes[0] = (struct conf_route){ .title = "gov", .domains = { gov, 1 },
	    .zone = ZONE_INTERNAL };
	routes[1] = (struct conf_route){ .title = "all", .domains = { all, 1 },
	    .zone = ZONE_INTERNET };
	conf = (struct conf){ .route = routes, .route_n = 2, .relay = { .retry = { retry, 3 },
	    .expire_s = 1000 } };
	return 0;
}

static void
a_route_that_has_gone_is_found_anew(void **state)
{
	static const struct {
		const char *title, *address, *want;
	} rows[] = {
		{ "gov", "x@bo.gov", "gov" },
		{ "all", "x@bo.gov", "all" },	/* by its title, as long as there is one */
		{ "old", "x@bo.gov", "gov" },
		{ "old", "x@khach.example", "all" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct st_queue_rcpt rcpt = { .address = slice_of(rows[i].address) };
		struct st_queue_entry e = { .route = slice_of(rows[i].title), .recipients = &rcpt,
		    .recipients_n = 1 };

		assert_string_equal(relay_route(&conf, &e)->title, rows[i].want);
	}
	assert_null(relay_route(&conf, &(struct st_queue_entry){ .route = SLICE("old") }));
	conf.route_n = 1;
	assert_null(relay_route(&conf, &(struct st_queue_entry){ .route = SLICE("old"),
	    .recipients = &(struct st_queue_rcpt){ .address = SLICE("x@khach.example") },
	    .recipients_n = 1 }));
	conf.route_n = 2;
}

static void
waiting_grows_and_ends(void **state)
{
	static const struct {
		uint32_t attempts;
		uint64_t age_s, due_s;
	} rows[] = {
		{ 0, 0, 5001 }, { 1, 0, 5001 }, { 2, 1, 5060 }, { 3, 61, 5300 },
		{ 4, 361, 5300 }, { 4000000000, 999, 5300 }, { 1, 1000, 0 }, { 9, 9999, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* It arrived ages ago by the clock: that alone says nothing. */
		struct st_queue_entry e = { .attempts = rows[i].attempts, .arrived_s = 1,
		    .age_s = rows[i].age_s };

		assert_int_equal(relay_due_s(&conf, &e, 5000), rows[i].due_s);
	}
}

static void
a_notice_is_not_tried_for_ever(void **state)
{
	struct st_queue_entry e = { .notice_tries = 1 };

	(void)state;
	assert_int_equal(relay_notice_due_s(&conf, &e, 5000), 5001);
	e.notice_tries = 3;
	assert_int_equal(relay_notice_due_s(&conf, &e, 5000), 5300);
	e.notice_tries = 6;	/* 1 + 60 + 300 + 300 + 300 before it */
	assert_int_equal(relay_notice_due_s(&conf, &e, 5000), 5300);
	e.notice_tries = 8;
	assert_int_equal(relay_notice_due_s(&conf, &e, 5000), 0);
	e.notice_tries = 4000000000;
	assert_int_equal(relay_notice_due_s(&conf, &e, 5000), 0);
}

static void
a_delay_is_worth_a_notice_once(void **state)
{
	struct st_queue_entry e = { .age_s = 100 };

	(void)state;
	assert_false(relay_is_delayed(&conf, &e));	/* 0: never */
	conf.relay.delay_notice_s = 100;
	assert_true(relay_is_delayed(&conf, &e));
	e.age_s = 99;
	assert_false(relay_is_delayed(&conf, &e));
	e.age_s = 500;
	e.delay_told = 1;
	assert_false(relay_is_delayed(&conf, &e));
	conf.relay.delay_notice_s = 0;
}

static void
a_route_that_does_not_answer_rests(void **state)
{
	static const uint64_t rests_ms[] = { 2000, 4000, 8000, 16000, 30000, 30000 };
	struct relay_hop hop = { .active = 0 };
	uint64_t now_ms = 1000000;

	(void)state;
	conf.relay.concurrency = 8;
	assert_int_equal(relay_hop_cap(&conf, &hop), 4);
	relay_hop_note(&hop, false, now_ms);
	assert_int_equal(hop.rest_ms, 0);
	for (size_t i = 0; i < ARRAY_LEN(rests_ms); i++) {
		relay_hop_note(&hop, false, now_ms);
		assert_int_equal(hop.rest_ms, now_ms + rests_ms[i]);
		assert_int_equal(relay_hop_cap(&conf, &hop), 1);
		now_ms += rests_ms[i] - 1;
		relay_hop_note(&hop, false, now_ms);	/* begun before the rest */
		assert_int_equal(hop.rest_ms, ++now_ms);
	}
	relay_hop_note(&hop, true, now_ms - 1);
	assert_int_equal(hop.rest_ms, 0);
	assert_int_equal(relay_hop_cap(&conf, &hop), 4);
	conf.route_n = 1;	/* nobody else could want a place */
	assert_int_equal(relay_hop_cap(&conf, &hop), 8);
	conf.route_n = 2;
	conf.relay.concurrency = 1;
	assert_int_equal(relay_hop_cap(&conf, &hop), 1);
}

static void
the_more_is_due_the_more_is_claimed(void **state)
{
	static const unsigned claims[] = { 2, 4, 8, 8 };
	struct relay r = { .claims = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		r.claiming++;
		relay_claim_note(&r, true, 7);
		assert_int_equal(r.claims, claims[i]);
	}
	assert_int_equal(r.looked_ms, 0);
	r.claiming = 3;
	relay_claim_note(&r, false, 9);
	assert_int_equal(r.claims, 1);
	assert_int_equal(r.claiming, 2);
	assert_int_equal(r.looked_ms, 9);
}

/* What waits for a dead hop never comes before what is due for others, and yet grows old. */
static void
resting_hops_are_looked_past(void **state)
{
	struct relay_hop hops[2] = { { .active = 0 } };
	struct relay r = { .conf = &conf, .hops = hops };
	struct st_route without[ST_ROUTES_MAX];
	uint64_t now_ms = 1000000;

	(void)state;
	conf.relay.concurrency = 8;
	assert_false(relay_looks_past(&r, now_ms));	/* nobody rests */
	assert_int_equal(relay_other_routes(&r, false, now_ms, without), 0);
	hops[1].rest_ms = now_ms + 1;
	assert_true(relay_looks_past(&r, now_ms));
	assert_int_equal(relay_other_routes(&r, true, now_ms, without), 1);
	assert_true(slice_is(without[0].title, "all"));
	assert_int_equal(relay_other_routes(&r, true, now_ms + 1, without), 0);
	assert_false(relay_looks_past(&r, now_ms + 1));	/* the rest is over */
	/* Nothing was due for others: those that rest have their time. */
	hops[1].rest_ms = now_ms + 100000;
	r.looked_ms = now_ms;
	assert_false(relay_looks_past(&r, now_ms + RELAY_LOOK_PAST_MS - 1));
	assert_true(relay_looks_past(&r, now_ms + RELAY_LOOK_PAST_MS));
	/* Others are due without end: one of so many is for those that rest. */
	r.looks = 0;
	for (size_t i = 0; i < 3 * (RELAY_LOOKS_MAX + 1); i++)
		assert_int_equal(relay_looks_past(&r, now_ms + 5000),
		    i % (RELAY_LOOKS_MAX + 1) != RELAY_LOOKS_MAX);
	/* Who has all its places taken is left out in any case: what is claimed may be for it. */
	hops[0].active = 3;
	assert_int_equal(relay_other_routes(&r, false, now_ms, without), 0);
	r.claiming = 1;
	assert_int_equal(relay_other_routes(&r, false, now_ms, without), 1);
	assert_true(slice_is(without[0].title, "gov"));
}

static void
octets_are_counted_by_address(void **state)
{
	static const uint8_t a[SHARE_KEY_OCTETS] = { 1 }, b[SHARE_KEY_OCTETS] = { 2 };
	static struct peers p;

	(void)state;
	assert_int_equal(peers_hold(&p, a, 0, 10), OK);
	assert_int_equal(peers_hold(&p, a, 11, 10), ERR_LIMIT);
	assert_int_equal(peers_hold(&p, a, 6, 10), OK);
	assert_int_equal(peers_hold(&p, a, 5, 10), ERR_LIMIT);
	assert_int_equal(peers_hold(&p, a, UINT64_MAX, 10), ERR_LIMIT);
	assert_int_equal(peers_hold(&p, b, 10, 10), OK);
	peers_release(&p, a, 1);
	assert_int_equal(peers_hold(&p, a, 5, 10), OK);
	assert_int_equal(peers_hold(&p, a, 1, 5), ERR_LIMIT);
	peers_release(&p, a, 10);
	peers_release(&p, a, 1);
	peers_release(&p, b, 11);
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		assert_null(p.buckets[i]);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup(a_route_that_has_gone_is_found_anew, setup),
		cmocka_unit_test_setup(waiting_grows_and_ends, setup),
		cmocka_unit_test_setup(a_notice_is_not_tried_for_ever, setup),
		cmocka_unit_test_setup(a_delay_is_worth_a_notice_once, setup),
		cmocka_unit_test_setup(a_route_that_does_not_answer_rests, setup),
		cmocka_unit_test(the_more_is_due_the_more_is_claimed),
		cmocka_unit_test_setup(resting_hops_are_looked_past, setup),
		cmocka_unit_test(octets_are_counted_by_address),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
