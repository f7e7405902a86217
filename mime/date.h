/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/date.h: dates of messages and of IMAP.
 *
 * Units   seconds and days since 1970-01-01 00:00:00 UTC; zones in minutes east of UTC.
 * Bounds  years 1900..9999; zones within 24 h.
 * Source  RFC 5322 3.3, 4.3 (obsolete years and zones); RFC 3501 / 9051 date-time, date.
 */
#ifndef MIME_DATE_H
#define MIME_DATE_H

#include "common/slice.h"

enum date_flag {
	DATE_OBSOLETE	   = 1 << 0,	/* short year, zone name, or no zone */
	DATE_ZONE_UNKNOWN  = 1 << 1,	/* -0000, a military letter or unknown name: as UTC */
	DATE_WRONG_WEEKDAY = 1 << 2,
	DATE_TRAILING	   = 1 << 3,	/* something stands behind the date */
};

struct date {
	int64_t	 seconds;
	int	 zone_min;	/* minutes east */
	unsigned flags;
};

/* 9999-12-30 00:00:00 UTC: the last time that is shown as it is, in any zone. */
#define DATE_SECONDS_MAX	INT64_C(253402128000)

enum { DATE_INTERNAL_OCTETS = 26, DATE_RFC5322_OCTETS = 31 };

/* A Date field's raw value (folds and comments allowed): OK or ERR_SYNTAX. */
int date_parse(struct slice raw, struct date *out) MUST_USE;

/* IMAP date-time without its quotes, "dd-Mmm-yyyy hh:mm:ss +zzzz": OK or ERR_SYNTAX. */
int date_parse_internal(struct slice s, struct date *out) MUST_USE;

/* IMAP date, "d-Mmm-yyyy" (quotes off), as the day it names: OK or ERR_SYNTAX. */
int date_parse_day(struct slice s, int64_t *day_out) MUST_USE;

/* The calendar day, in its own zone, on which d falls (SEARCH disregards time and zone). */
int64_t date_day(const struct date *d);

/* Write and NUL-terminate: "dd-Mmm-yyyy hh:mm:ss +zzzz" (26 octets), and
 * "Www, dd Mmm yyyy hh:mm:ss +zzzz" (31). Years outside 1900..9999 are clamped. */
void date_format_internal(int64_t seconds, int zone_min, char out[DATE_INTERNAL_OCTETS + 1]);
void date_format_rfc5322(int64_t seconds, int zone_min, char out[DATE_RFC5322_OCTETS + 1]);

#endif
