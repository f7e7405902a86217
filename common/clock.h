/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/clock.h: the time, in one place, so that a test can move it.
 *
 * Shape   the monotonic clock for deadlines and durations; the real clock for what people read and
 *         what is stored. Neither is ever mixed with the other.
 * Units   in the names.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Time since some fixed moment; never goes back (outside of tests). */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/* Time since 1970-01-01T00:00:00Z; may jump when the administrator sets the clock. */
int64_t clock_real_s(void);
int64_t clock_real_ms(void);

/* Move all clocks by offset_ms from the true time (0: back to it). Only tests call it. */
void clock_test_set(int64_t offset_ms);

/* The parts of a moment in UTC, proleptic Gregorian; no time-zone file is read, so it works in
 * every sandbox. Valid for years 1 to 9999, other moments are clipped to that range. */
struct clock_utc {
	int year, month, day;		/* month 1..12, day 1..31 */
	int hour, minute, second;
	int weekday;			/* 0 is Sunday */
};

void clock_utc(int64_t real_s, struct clock_utc *out);

#endif
