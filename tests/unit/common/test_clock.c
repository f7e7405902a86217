/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <time.h>

#include "common/clock.h"
#include "common/err.h"

static void
monotonic_clocks_agree_and_do_not_go_back(void **state)
{
	uint64_t us = clock_us(), ms = clock_ms();

	(void)state;
	assert_true(ms >= us / 1000 && ms - us / 1000 < 10000);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_us();

		assert_true(now >= us);
		us = now;
	}
}

static void
the_real_clock_is_the_systems(void **state)
{
	(void)state;
	assert_in_range(clock_real_s() - (int64_t)time(NULL) + 2, 0, 4);
	assert_in_range(clock_real_ms() / 1000 - clock_real_s() + 1, 0, 2);
}

static void
a_test_moves_all_clocks_there_and_back(void **state)
{
	uint64_t ms = clock_ms(), us = clock_us();
	int64_t s = clock_real_s();

	(void)state;
	clock_test_set(3600 * 1000);
	assert_in_range(clock_ms() - ms, 3600000, 3610000);
	assert_in_range(clock_us() - us, 3600000000, 3610000000);
	assert_in_range(clock_real_s() - s, 3600, 3610);
	clock_test_set(-60000);
	assert_in_range(s - clock_real_s(), 50, 61);
	clock_test_set(0);
	assert_in_range(clock_ms() - ms, 0, 10000);
}

static void
assert_utc_is(int64_t at, const struct tm *want)
{
	struct clock_utc u;

	clock_utc(at, &u);
	if (u.year != want->tm_year + 1900 || u.month != want->tm_mon + 1 ||
	    u.day != want->tm_mday || u.hour != want->tm_hour || u.minute != want->tm_min ||
	    u.second != want->tm_sec || u.weekday != want->tm_wday)
		fail_msg("%lld: %d-%d-%d %d:%d:%d wd %d", (long long)at, u.year, u.month, u.day,
		    u.hour, u.minute, u.second, u.weekday);
}

/* Every day from 1890 to 2110, and a spread over all years, compared with the C library. */
static void
utc_is_what_gmtime_says(void **state)
{
	struct tm tm;
	time_t t;

	(void)state;
	for (int64_t day = -29220; day < 51135; day++) {
		t = (time_t)(day * 86400 + (day * 7919) % 86400);
		assert_non_null(gmtime_r(&t, &tm));
		assert_utc_is(t, &tm);
	}
	for (int64_t at = -62135596800; at <= 253402300799; at += 86400 * 146 + 12345) {
		t = (time_t)at;
		assert_non_null(gmtime_r(&t, &tm));
		assert_utc_is(at, &tm);
	}
}

static void
moments_outside_are_clipped(void **state)
{
	struct clock_utc u;

	(void)state;
	clock_utc(INT64_MIN, &u);
	assert_int_equal(u.year, 1);
	assert_int_equal(u.month, 1);
	clock_utc(INT64_MAX, &u);
	assert_int_equal(u.year, 9999);
	assert_int_equal(u.day, 31);
	assert_int_equal(u.second, 59);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(monotonic_clocks_agree_and_do_not_go_back),
		cmocka_unit_test(the_real_clock_is_the_systems),
		cmocka_unit_test(a_test_moves_all_clocks_there_and_back),
		cmocka_unit_test(utc_is_what_gmtime_says),
		cmocka_unit_test(moments_outside_are_clipped),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
