/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "directory/throttle.h"

static struct throttle *t;

static int
setup(void **state)
{
	(void)state;
	return throttle_new(&t);
}

static int
teardown(void **state)
{
	(void)state;
	throttle_free(&t);
	return 0;
}

static void
fail_times(struct slice client, struct slice name, int n, uint64_t now_ms)
{
	for (int i = 0; i < n; i++)
		throttle_note(t, client, name, false, now_ms);
}

static void
throttle_holds_a_pair_and_lets_go(void **state)
{
	struct slice c = SLICE("192.0.2.1"), name = SLICE("ducnv");

	(void)state;
	fail_times(c, name, THROTTLE_PAIR_MAX - 1, 1000);
	assert_true(throttle_account_ok(t, c, name, 1000));
	fail_times(c, name, 1, 1000);
	assert_false(throttle_account_ok(t, c, name, 1000));
	assert_false(throttle_account_ok(t, c, SLICE("DUCNV"), 1000));
	assert_true(throttle_account_ok(t, c, SLICE("other"), 1000));
	assert_true(throttle_account_ok(t, SLICE("192.0.2.2"), name, 1000));
	assert_true(throttle_account_ok(t, c, name, 1000 + THROTTLE_PAIR_LEAK_MS));
	fail_times(c, name, 1, 1000 + THROTTLE_PAIR_LEAK_MS);
	assert_false(throttle_account_ok(t, c, name, 1000 + THROTTLE_PAIR_LEAK_MS));
}

/* Whoever guesses from many places is held, the official where he works is not. */
static void
throttle_spares_who_was_right_before(void **state)
{
	struct slice name = SLICE("nguyettta"), office = SLICE("10.1.1.1");
	char client[32];

	(void)state;
	throttle_note(t, office, name, true, 0);
	for (int i = 0; i < THROTTLE_ACCOUNT_MAX; i++) {
		snprintf(client, sizeof client, "198.51.100.%d", i);
		fail_times(slice_of(client), name, 1, 0);
	}
	assert_false(throttle_account_ok(t, SLICE("203.0.113.1"), name, 0));
	assert_true(throttle_account_ok(t, office, name, 0));
	fail_times(office, name, THROTTLE_PAIR_MAX, 0);
	assert_false(throttle_account_ok(t, office, name, 0));
}

static void
throttle_counts_clients(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < THROTTLE_CLIENT_MAX; i++) {
		snprintf(name, sizeof name, "u%d", i);
		fail_times(SLICE("2001:db8:0:1::1"), slice_of(name), 1, 0);
	}
	assert_false(throttle_client_ok(t, SLICE("2001:db8:0:1::1"), 0));
	assert_false(throttle_client_ok(t, SLICE("2001:db8:0:1:ffff::9"), 0));
	assert_true(throttle_client_ok(t, SLICE("2001:db8:0:2::1"), 0));
	assert_true(throttle_client_ok(t, SLICE("2001:db8:0:1::1"), THROTTLE_CLIENT_LEAK_MS));
}

static void
throttle_knows_mapped_addresses(void **state)
{
	(void)state;
	fail_times(SLICE("::ffff:192.0.2.1"), SLICE("a"), THROTTLE_PAIR_MAX, 0);
	assert_false(throttle_account_ok(t, SLICE("192.0.2.1"), SLICE("a"), 0));
}

/* A flood of names does not grow it, nor does it free who is held. */
static void
throttle_is_bounded(void **state)
{
	char name[32];

	(void)state;
	fail_times(SLICE("192.0.2.1"), SLICE("held"), THROTTLE_PAIR_MAX, 0);
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof name, "x%d", i);
		fail_times(SLICE("192.0.2.9"), slice_of(name), 1, 1);
	}
	assert_false(throttle_account_ok(t, SLICE("192.0.2.1"), SLICE("held"), 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(throttle_holds_a_pair_and_lets_go, setup, teardown),
		cmocka_unit_test_setup_teardown(throttle_spares_who_was_right_before, setup, teardown),
		cmocka_unit_test_setup_teardown(throttle_counts_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(throttle_knows_mapped_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(throttle_is_bounded, setup, teardown),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
