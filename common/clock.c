/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/clock.h"

#include <assert.h>
#include <time.h>

enum { DAY_S = 86400 };

static int64_t test_offset_ms;

static int64_t
now_us(clockid_t which)
{
	struct timespec ts;
	int r = clock_gettime(which, &ts);

	assert(r == 0);
	(void)r;
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + test_offset_ms * 1000;
}

uint64_t
clock_us(void)
{
	return (uint64_t)now_us(CLOCK_MONOTONIC);
}

uint64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t
clock_real_ms(void)
{
	return now_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_real_s(void)
{
	return clock_real_ms() / 1000;
}

void
clock_test_set(int64_t offset_ms)
{
	test_offset_ms = offset_ms;
}

static int64_t
clip(int64_t v, int64_t min, int64_t max)
{
	return v < min ? min : v > max ? max : v;
}

void
clock_utc(int64_t real_s, struct clock_utc *out)
{
	/* Moments of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
	int64_t s = clip(real_s, -62135596800, 253402300799);
	/* Days are counted from 0000-03-01, so that the leap day ends a year: then each 400, 100,
	 * 4 and 1 year period and each month begins at a day given by plain division. */
	int64_t days = (s + 62135596800) / DAY_S + 306;
	int64_t sec = (s + 62135596800) % DAY_S;
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;	/* 0 is March */

	*out = (struct clock_utc){
		.year = (int)(era * 400 + year + (month >= 10)),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
		.hour = (int)(sec / 3600),
		.minute = (int)(sec / 60 % 60),
		.second = (int)(sec % 60),
		.weekday = (int)((days + 3) % 7),
	};
}
