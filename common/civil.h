/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/civil.h: days of the Gregorian calendar, also before it began (proleptic).
 *
 * Units   days since 1970-01-01; month 1..12, day 1..31. Pure.
 * Bounds  years -9999..9999 and the days in them; others give a wrong day, never a trap.
 */
#ifndef COMMON_CIVIL_H
#define COMMON_CIVIL_H

#include <stdint.h>
#include <time.h>

struct civil {
	int64_t year;
	int	month, day;
};

int64_t civil_days(struct civil c);
struct civil civil_of(int64_t days);

/* Seconds since 1970-01-01 00:00 UTC of a broken-down UTC time. */
int64_t civil_seconds(const struct tm *tm);

#endif
