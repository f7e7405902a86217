/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/civil.h"

enum { DAY_S = 86400 };

static void
days_are_those_of_the_calendar(void **state)
{
	static const struct { struct civil c; int64_t days; } rows[] = {
		{ { 1970, 1, 1 }, 0 }, { { 1969, 12, 31 }, -1 }, { { 1970, 2, 28 }, 58 },
		{ { 2000, 2, 29 }, 11016 }, { { 2000, 3, 1 }, 11017 }, { { 1900, 3, 1 }, -25508 },
		{ { 1900, 2, 28 }, -25509 }, { { 2100, 3, 1 }, 47541 }, { { 1, 1, 1 }, -719162 },
		{ { 0, 2, 29 }, -719469 }, { { -1, 12, 31 }, -719529 }, { { 9999, 12, 31 }, 2932896 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct civil back = civil_of(rows[i].days);

		assert_int_equal(civil_days(rows[i].c), rows[i].days);
		assert_int_equal(back.year, rows[i].c.year);
		assert_int_equal(back.month, rows[i].c.month);
		assert_int_equal(back.day, rows[i].c.day);
	}
}

/* Each day follows the one before it: by one, by a first of a month, or by a first of a year. */
static void
days_follow_each_other(void **state)
{
	struct civil was = civil_of(-800000);

	(void)state;
	for (int64_t d = -799999; d < 100000; d++) {
		struct civil c = civil_of(d);

		assert_int_equal(civil_days(c), d);
		if (c.day != 1)
			assert_true(c.day == was.day + 1 && c.month == was.month && c.year == was.year);
		else if (c.month != 1)
			assert_true(c.month == was.month + 1 && c.year == was.year && was.day >= 28);
		else
			assert_true(was.month == 12 && was.day == 31 && c.year == was.year + 1);
		was = c;
	}
}

static void
seconds_are_what_the_system_says(void **state)
{
	static const int64_t moments[] = { 0, 1, -1, 951782400, 4107542399, -2208988800,
		253402300799 };

	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		time_t t = (time_t)moments[i];
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(civil_seconds(&tm), moments[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(days_follow_each_other),
		cmocka_unit_test(seconds_are_what_the_system_says),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
