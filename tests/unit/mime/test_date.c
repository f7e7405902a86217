/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/date.h"

static const struct {
	const char *in;
	int64_t	    seconds;
	int	    zone;
	unsigned    flags;
} rows[] = {
	{ "Thu, 01 Jan 1970 00:00:00 +0000", 0, 0, 0 },
	{ "Sun, 22 Nov 2026 08:00:00 +0700", 1795309200, 420, 0 },
	{ "22 Nov 2026 08:00 +0700", 1795309200, 420, 0 },
	{ " Sun , 22\r\n Nov 2026 (x (y)) 08 : 00 : 00 +0700 (ICT)", 1795309200, 420, 0 },
	{ "Mon, 22 Nov 2026 08:00:00 +0700", 1795309200, 420, DATE_WRONG_WEEKDAY },
	{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600, 0, DATE_OBSOLETE },
	{ "1 Jan 70 00:00:00 EST", 18000, -300, DATE_OBSOLETE },
	{ "1 Jan 26 00:00:00 Z", 1767225600, 0, DATE_OBSOLETE },
	{ "1 Jan 126 00:00:00 A", 1767225600, 0, DATE_OBSOLETE | DATE_ZONE_UNKNOWN },
	{ "1 Jan 2026 00:00:00 -0000", 1767225600, 0, DATE_ZONE_UNKNOWN },
	{ "1 Jan 2026 00:00:00", 1767225600, 0, DATE_OBSOLETE | DATE_ZONE_UNKNOWN },
	{ "1 January 2026 00:00:00 +0000", 1767225600, 0, 0 },
	{ "31 Dec 2016 23:59:60 +0000", 1483228799, 0, 0 },
	{ "1 Jan 1900 00:00:00 +0000", -2208988800, 0, 0 },
	{ "1 Jan 2026 00:00:00 -0330 x", 1767238200, -210, DATE_TRAILING },
};

static const char *const bad[] = { "", "Sun", "Sun, 22", "30 Feb 2026 00:00 +0000",
	"29 Feb 2026 00:00 +0000", "1 Foo 2026 00:00 +0000", "1 Jan 2026 24:00 +0000",
	"1 Jan 2026 00:60 +0000", "1 Jan 2026 +0000", "1 Jan 2026 00:00 +07",
	    "1 Jan 1899 00:00 +0000",
	"1 Jan 2026 00:00 +0060", "1 Jan 2026 00:00 +9900", "0 Jan 2026 00:00 +0000", "(((((" };

static void
rows_hold(void **state)
{
	struct date d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (date_parse(slice_of(rows[i].in), &d) != OK)
			fail_msg("%s", rows[i].in);
		check_number(rows[i].in, (uint64_t)d.seconds, (uint64_t)rows[i].seconds);
		check_number(rows[i].in, (uint64_t)d.zone_min, (uint64_t)rows[i].zone);
		check_number(rows[i].in, d.flags, rows[i].flags);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (date_parse(slice_of(bad[i]), &d) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
}

static void
every_day_goes_round(void **state)
{
	char text[DATE_INTERNAL_OCTETS + 1];
	struct date d;

	(void)state;
	for (int64_t day = -25000; day < 100000; day += 7) {
		int64_t s = day * 86400 + 3661;
		int zone = (int)(day % 14) * 60 + 30;

		date_format_internal(s, zone, text);
		assert_int_equal(strlen(text), DATE_INTERNAL_OCTETS);
		assert_int_equal(date_parse_internal(slice_of(text), &d), OK);
		assert_true(d.seconds == s && d.zone_min == zone);
	}
}

static void
rfc5322_goes_round(void **state)
{
	char text[DATE_RFC5322_OCTETS + 1];
	struct date d;

	(void)state;
	date_format_rfc5322(1795309200, 420, text);
	assert_string_equal(text, "Sun, 22 Nov 2026 08:00:00 +0700");
	for (int64_t s = -2000000000; s < 10000000000; s += 123456789) {
		date_format_rfc5322(s, -210, text);
		assert_int_equal(date_parse(slice_of(text), &d), OK);
		assert_true(d.seconds == s && d.zone_min == -210 && d.flags == 0);
	}
}

static void
extremes_are_clamped(void **state)
{
	char text[DATE_RFC5322_OCTETS + 1];
	struct date d;

	(void)state;
	date_format_rfc5322(INT64_MAX, 99999, text);
	assert_int_equal(date_parse(slice_of(text), &d), OK);
	date_format_rfc5322(INT64_MIN, -1439, text);
	assert_int_equal(date_parse(slice_of(text), &d), OK);
}

static void
internal_form_is_strict(void **state)
{
	static const char *const refused[] = { "1-Jan-2026 00:00:00 +0000",
	    "01-Jan-2026 00:00:00 0000",
		"01-Jan-2026 00:00:00 +00000", "32-Jan-2026 00:00:00 +0000",
		    "01-Jxn-2026 00:00:00 +0000",
		"01-Jan-2026T00:00:00 +0000", "01-Jan-2026 25:00:00 +0000",
		    "01-Jan-2026 00:00:00 +0099" };
	struct date d;

	(void)state;
	assert_int_equal(date_parse_internal(SLICE(" 1-Jan-2026 00:00:00 +0000"), &d), OK);
	assert_int_equal(d.seconds, 1767225600);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_int_equal(date_parse_internal(slice_of(refused[i]), &d), ERR_SYNTAX);
}

static void
search_days(void **state)
{
	struct date d;
	int64_t day;

	(void)state;
	assert_int_equal(date_parse_day(SLICE("1-Jan-1970"), &day), OK);
	assert_int_equal(day, 0);
	assert_int_equal(date_parse_day(SLICE("22-Nov-2026"), &day), OK);
	assert_int_equal(date_parse(SLICE("Sun, 22 Nov 2026 01:00:00 +0700"), &d), OK);
	assert_int_equal(date_day(&d), day);	/* although it is still the 21st in UTC */
	assert_int_equal(date_parse_day(SLICE("31-Feb-2026"), &day), ERR_SYNTAX);
	assert_int_equal(date_parse_day(SLICE("1-Jan-26"), &day), ERR_SYNTAX);
	assert_int_equal(date_parse_day(SLICE(""), &day), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(every_day_goes_round),
		cmocka_unit_test(rfc5322_goes_round),
		cmocka_unit_test(extremes_are_clamped),
		cmocka_unit_test(internal_form_is_strict),
		cmocka_unit_test(search_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
