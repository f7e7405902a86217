/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/date.h"

#include <stdio.h>
#include <string.h>

#include "common/civil.h"

enum { YEAR_MIN = 1900, YEAR_MAX = 9999, DAY_S = 86400, ZONE_MAX_MIN = 24 * 60 - 1 };

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

static const struct {
	const char *name;
	int	    minutes;
} zones[] = {
	{ "UT", 0 }, { "UTC", 0 }, { "GMT", 0 }, { "Z", 0 },
	{ "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },
	{ "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 },
};

static bool
is_real(struct civil c)
{
	struct civil back;

	if (c.year < YEAR_MIN || c.year > YEAR_MAX || c.month < 1 || c.month > 12 || c.day < 1 ||
	    c.day > 31)
		return false;
	back = civil_of(civil_days(c));
	return back.month == c.month && back.day == c.day;
}

/* 1-based index of the three-letter name that w begins with, or 0. */
static int
name_index(struct slice w, const char *names)
{
	if (w.n < 3)
		return 0;
	for (int i = 0; names[3 * i] != '\0'; i++)
		if (slice_starts_nocase(w, (struct slice){ names + 3 * i, 3 }))
			return i + 1;
	return 0;
}

/* White space, line ends and comments. An unclosed comment takes all. */
static void
skip_cfws(struct slice *s)
{
	unsigned depth = 0;
	size_t i;

	for (i = 0; i < s->n; i++) {
		char c = s->p[i];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0)
			i++;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
	}
	*s = slice_from(*s, i);
}

static bool
take_char(struct slice *s, char c)
{
	skip_cfws(s);
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

static struct slice
take_word(struct slice *s)
{
	struct slice w;
	size_t n = 0;

	skip_cfws(s);
	while (n < s->n && ascii_is_alpha(s->p[n]))
		n++;
	w = slice_sub(*s, 0, n);
	*s = slice_from(*s, n);
	return w;
}

/* Up to max digits, at least one: their count, or 0. */
static size_t
take_number(struct slice *s, size_t max_digits, int *out)
{
	size_t n = 0;

	skip_cfws(s);
	*out = 0;
	while (n < max_digits && n < s->n && ascii_is_digit(s->p[n]))
		*out = *out * 10 + (s->p[n++] - '0');
	*s = slice_from(*s, n);
	return n;
}

/* hh:mm[:ss], a leap second counts as :59. */
static bool
take_time(struct slice *s, int64_t *seconds_out)
{
	int h, m, sec = 0;

	if (take_number(s, 2, &h) == 0 || !take_char(s, ':') || take_number(s, 2, &m) == 0)
		return false;
	if (take_char(s, ':') && take_number(s, 2, &sec) == 0)
		return false;
	if (h > 23 || m > 59 || sec > 60)
		return false;
	*seconds_out = h * 3600 + m * 60 + (sec == 60 ? 59 : sec);
	return true;
}

/* "+hhmm" (exactly four digits); sign and digits must be there. */
static bool
take_offset(struct slice *s, int *minutes_out, bool *unknown_out)
{
	bool minus = s->n > 0 && s->p[0] == '-';
	int v;

	*s = slice_from(*s, 1);
	if (s->n < 4 || !ascii_is_digit(s->p[0]) || take_number(s, 4, &v) != 4 || v % 100 > 59)
		return false;
	*minutes_out = (v / 100 * 60 + v % 100) * (minus ? -1 : 1);
	*unknown_out = minus && v == 0;
	return *minutes_out <= ZONE_MAX_MIN && *minutes_out >= -ZONE_MAX_MIN;
}

static bool
take_zone(struct slice *s, struct date *d)
{
	struct slice w;
	bool unknown = false;

	skip_cfws(s);
	if (s->n > 0 && (s->p[0] == '+' || s->p[0] == '-')) {
		if (!take_offset(s, &d->zone_min, &unknown))
			return false;
		d->flags |= unknown ? DATE_ZONE_UNKNOWN : 0;
		return true;
	}
	d->flags |= DATE_OBSOLETE;
	w = take_word(s);
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		if (slice_is_nocase(w, zones[i].name)) {
			d->zone_min = zones[i].minutes;
			return true;
		}
	}
	d->flags |= DATE_ZONE_UNKNOWN;
	return true;
}

/* RFC 5322 4.3: two digits are 2000..2049 and 1950..1999, three digits count from 1900. */
static bool
take_year(struct slice *s, struct date *d, int64_t *year_out)
{
	int v;
	size_t digits = take_number(s, 4, &v);

	if (digits < 2)
		return false;
	if (digits < 4)
		d->flags |= DATE_OBSOLETE;
	*year_out = digits == 2 && v < 50 ? v + 2000 : digits < 4 ? v + 1900 : v;
	return true;
}

int
date_parse(struct slice raw, struct date *out)
{
	struct date d = { 0 };
	struct slice w = take_word(&raw);
	int weekday = name_index(w, weekdays);
	int64_t time_s, days;
	struct civil c;

	if (w.n > 0 && !take_char(&raw, ','))
		d.flags |= DATE_OBSOLETE;
	if (take_number(&raw, 2, &c.day) == 0)
		return ERR_SYNTAX;
	c.month = name_index(take_word(&raw), months);
	if (!take_year(&raw, &d, &c.year) || !is_real(c) || !take_time(&raw, &time_s) ||
	    !take_zone(&raw, &d))
		return ERR_SYNTAX;
	skip_cfws(&raw);
	days = civil_days(c);
	if (weekday > 0 && (days % 7 + 11) % 7 != weekday - 1)	/* day 0 was a Thursday */
		d.flags |= DATE_WRONG_WEEKDAY;
	if (raw.n > 0)
		d.flags |= DATE_TRAILING;
	d.seconds = days * DAY_S + time_s - (int64_t)d.zone_min * 60;
	*out = d;
	return OK;
}

static bool
fixed_digits(struct slice s, size_t at, size_t n, int *out)
{
	*out = 0;
	for (size_t i = at; i < at + n; i++) {
		if (i >= s.n || !ascii_is_digit(s.p[i]))
			return false;
		*out = *out * 10 + (s.p[i] - '0');
	}
	return true;
}

/* "Mmm-yyyy" at the given place. */
static bool
fixed_month_year(struct slice s, size_t at, struct civil *c)
{
	int year;

	c->month = name_index(slice_sub(s, at, 3), months);
	if (c->month == 0 || s.n < at + 8 || s.p[at + 3] != '-' ||
	    !fixed_digits(s, at + 4, 4, &year))
		return false;
	c->year = year;
	return true;
}

int
date_parse_day(struct slice s, int64_t *day_out)
{
	size_t digits = s.n == 10 ? 1 : 2;
	struct civil c;

	if (s.n != digits + 9 || !fixed_digits(s, 0, digits, &c.day) || s.p[digits] != '-' ||
	    !fixed_month_year(s, digits + 1, &c) || !is_real(c))
		return ERR_SYNTAX;
	*day_out = civil_days(c);
	return OK;
}

int
date_parse_internal(struct slice s, struct date *out)
{
	static const char form[] = "dd-Mmm-yyyy hh:mm:ss +zzzz";
	int h, m, sec, zone;
	struct civil c;
	bool minus;

	if (s.n != DATE_INTERNAL_OCTETS)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (strchr("-: ", form[i]) != NULL && s.p[i] != form[i])
			return ERR_SYNTAX;
	if (!fixed_digits(s, s.p[0] == ' ' ? 1 : 0, s.p[0] == ' ' ? 1 : 2, &c.day) ||
	    !fixed_month_year(s, 3, &c) || !is_real(c) || !fixed_digits(s, 12, 2, &h) ||
	    !fixed_digits(s, 15, 2, &m) || !fixed_digits(s, 18, 2, &sec) ||
	    !fixed_digits(s, 22, 4, &zone) || (s.p[21] != '+' && s.p[21] != '-') || h > 23 ||
	    m > 59 || sec > 60 || zone % 100 > 59 || zone / 100 > 23)
		return ERR_SYNTAX;
	minus = s.p[21] == '-';
	zone = zone / 100 * 60 + zone % 100;
	*out = (struct date){ .zone_min = minus ? -zone : zone };
	out->seconds = civil_days(c) * DAY_S + h * 3600 + m * 60 + (sec == 60 ? 59 : sec) -
	    (int64_t)out->zone_min * 60;
	return OK;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
date_day(const struct date *d)
{
	return floor_div(d->seconds + (int64_t)d->zone_min * 60, DAY_S);
}

struct shown { struct civil c; int weekday, h, m, s, zone; char sign; };

static struct shown
show(int64_t seconds, int zone_min)
{
	int64_t low = civil_days((struct civil){ YEAR_MIN, 1, 2 }) * DAY_S;
	int64_t high = civil_days((struct civil){ YEAR_MAX, 12, 30 }) * DAY_S;
	int64_t local, day;
	struct shown v;
	int abs_zone, rest;

	if (zone_min > ZONE_MAX_MIN || zone_min < -ZONE_MAX_MIN)
		zone_min = 0;
	seconds = seconds < low ? low : seconds > high ? high : seconds;
	local = seconds + (int64_t)zone_min * 60;
	day = floor_div(local, DAY_S);
	rest = (int)(local - day * DAY_S);
	abs_zone = zone_min < 0 ? -zone_min : zone_min;
	v.c = civil_of(day);
	v.weekday = (int)((day % 7 + 11) % 7);
	v.h = rest / 3600;
	v.m = rest / 60 % 60;
	v.s = rest % 60;
	v.zone = abs_zone / 60 * 100 + abs_zone % 60;
	v.sign = zone_min < 0 ? '-' : '+';
	return v;
}

void
date_format_internal(int64_t seconds, int zone_min, char out[DATE_INTERNAL_OCTETS + 1])
{
	struct shown v = show(seconds, zone_min);

	snprintf(out, DATE_INTERNAL_OCTETS + 1, "%2u-%.3s-%04u %02u:%02u:%02u %c%04u",
	    (unsigned)v.c.day % 100, months + 3 * (v.c.month - 1), (unsigned)v.c.year % 10000,
	    (unsigned)v.h % 100, (unsigned)v.m % 100, (unsigned)v.s % 100, v.sign,
	    (unsigned)v.zone % 10000);
}

void
date_format_rfc5322(int64_t seconds, int zone_min, char out[DATE_RFC5322_OCTETS + 1])
{
	struct shown v = show(seconds, zone_min);

	snprintf(out, DATE_RFC5322_OCTETS + 1, "%.3s, %02u %.3s %04u %02u:%02u:%02u %c%04u",
	    weekdays + 3 * v.weekday, (unsigned)v.c.day % 100, months + 3 * (v.c.month - 1),
	    (unsigned)v.c.year % 10000, (unsigned)v.h % 100, (unsigned)v.m % 100,
	    (unsigned)v.s % 100, v.sign, (unsigned)v.zone % 10000);
}
