/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/clock.h"

#include <assert.h>
#include <time.h>

#include "common/civil.h"

enum { DAY_S = 86400, THURSDAY = 4 };

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
	int64_t of_day = (s % DAY_S + DAY_S) % DAY_S, days = (s - of_day) / DAY_S;
	struct civil c = civil_of(days);

	*out = (struct clock_utc){
		.year = (int)c.year,
		.month = c.month,
		.day = c.day,
		.hour = (int)(of_day / 3600),
		.minute = (int)(of_day / 60 % 60),
		.second = (int)(of_day % 60),
		/* 1970-01-01 was a Thursday */
		.weekday = (int)(((days + THURSDAY) % 7 + 7) % 7),
	};
}
