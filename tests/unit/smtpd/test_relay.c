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
		uint64_t now_s, due_s;
	} rows[] = {
		{ 0, 5000, 5001 }, { 1, 5000, 5001 }, { 2, 5000, 5060 }, { 3, 5000, 5300 },
		{ 4, 5000, 5300 }, { 4000000000, 5999, 6299 }, { 1, 6000, 0 }, { 9, 9999, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct st_queue_entry e = { .attempts = rows[i].attempts, .arrived_s = 5000 };

		assert_int_equal(relay_due_s(&conf, &e, rows[i].now_s), rows[i].due_s);
	}
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
		cmocka_unit_test(octets_are_counted_by_address),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
