/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "smtpd/rate.h"

static const uint64_t HOUR_US = 3600000000U, NOW_US = 1000000000U;

static unsigned
take_many(struct rate *r, struct slice who, uint64_t per_hour, uint64_t now_us, unsigned tries)
{
	unsigned got = 0;

	for (unsigned i = 0; i < tries; i++)
		got += rate_take(r, RATE_MESSAGES, who, per_hour, now_us);
	return got;
}

static void
an_hours_worth_at_once_then_evenly(void **state)
{
	static const uint64_t rates[] = { 1, 2, 3, 7, 500, 100000, 1000000 };
	struct rate *r = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		uint64_t n = rates[i], one_us = HOUR_US / n;
		struct slice who = SLICE("ann");

		assert_int_equal(rate_open(&r), OK);
		assert_true(rate_has_left(r, RATE_MESSAGES, who, n, NOW_US));
		assert_int_equal(take_many(r, who, n, NOW_US, (unsigned)n + 3), n);
		assert_false(rate_has_left(r, RATE_MESSAGES, who, n, NOW_US));
		assert_false(rate_take(r, RATE_MESSAGES, who, n,
		    NOW_US + one_us - 1 - HOUR_US % n));
		assert_true(rate_has_left(r, RATE_MESSAGES, who, n, NOW_US + one_us));
		assert_int_equal(take_many(r, who, n, NOW_US + one_us, 3), 1);
		assert_int_equal(take_many(r, who, n, NOW_US + 3 * HOUR_US, (unsigned)n + 3), n);
		rate_close(&r);
	}
}

static void
nothing_is_shared_but_the_kind_and_the_name(void **state)
{
	struct rate *r = NULL;

	(void)state;
	assert_int_equal(rate_open(&r), OK);
	assert_int_equal(take_many(r, SLICE("ann"), 2, NOW_US, 5), 2);
	assert_int_equal(take_many(r, SLICE("bob"), 2, NOW_US, 5), 2);
	assert_true(rate_take(r, RATE_RECIPIENTS, SLICE("ann"), 2, NOW_US));
	assert_int_equal(take_many(r, SLICE("ann"), 0, NOW_US, 5), 5);	/* no limit */
	assert_true(rate_has_left(r, RATE_MESSAGES, SLICE("ann"), 0, NOW_US));
	rate_close(&r);
}

/* Strangers cannot push out who owes much: the place of least debt is given away. */
static void
who_owes_most_is_not_forgotten(void **state)
{
	struct rate *r = NULL;
	char name[20];

	(void)state;
	assert_int_equal(rate_open(&r), OK);
	assert_int_equal(take_many(r, SLICE("thief"), 100, NOW_US, 200), 100);
	for (unsigned i = 0; i < 10 * RATE_PLACES; i++) {
		snprintf(name, sizeof name, "s%u", i);
		assert_true(rate_take(r, RATE_MESSAGES, slice_of(name), 100, NOW_US));
	}
	assert_false(rate_take(r, RATE_MESSAGES, SLICE("thief"), 100, NOW_US));
	rate_close(&r);
}

/* Processes forked after rate_open() together get no more than one alone. */
static void
all_processes_share_one_allowance(void **state)
{
	enum { PROCESSES = 4, ALLOWED = 1000 };
	struct rate *r = NULL;
	unsigned got = 0;
	int ends[2];

	(void)state;
	assert_int_equal(rate_open(&r), OK);
	assert_true(rate_take(r, RATE_MESSAGES, SLICE("ann"), ALLOWED, NOW_US));
	assert_int_equal(pipe(ends), 0);
	for (unsigned i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			unsigned n = take_many(r, SLICE("ann"), ALLOWED, NOW_US, ALLOWED);

			_exit(write(ends[1], &n, sizeof n) == (ssize_t)sizeof n ? 0 : 1);
		}
	for (unsigned i = 0; i < PROCESSES; i++) {
		unsigned n;

		assert_int_equal(read(ends[0], &n, sizeof n), sizeof n);
		got += n;
	}
	while (wait(NULL) > 0)
		continue;
	assert_int_equal(got, ALLOWED - 1);
	close(ends[0]);
	close(ends[1]);
	rate_close(&r);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(an_hours_worth_at_once_then_evenly),
		cmocka_unit_test(nothing_is_shared_but_the_kind_and_the_name),
		cmocka_unit_test(who_owes_most_is_not_forgotten),
		cmocka_unit_test(all_processes_share_one_allowance),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
