/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/utf8.h"

static const struct {
	const char *in, *clean;
	bool	    valid;
} rows[] = {
	{ "", "", true },
	{ "plain ascii, longer than eight", "plain ascii, longer than eight", true },
	{ "M\xe1\xba\xacT", "M\xe1\xba\xacT", true },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true },
	{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", false },		/* overlong */
	{ "\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
	{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },	/* surrogate */
	{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
	{ "a\xe1\xba", "a\xef\xbf\xbd", false },			/* cut: one mark */
	{ "a\xe1\xba" "b", "a\xef\xbf\xbd" "b", false },
	{ "\x80", "\xef\xbf\xbd", false },
	{ "12345678\xff", "12345678\xef\xbf\xbd", false },
};

static void
validity_and_repair(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice s = slice_of(rows[i].in);
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(utf8_valid(s), rows[i].valid);
		assert_int_equal(utf8_add_clean(&b, s), rows[i].valid);
		if (!slice_is(buf_slice(&b), rows[i].clean))
			fail_msg("row %zu: [%.*s]", i, (int)b.n, b.p);
		buf_fini(&b);
	}
}

static void
every_code_point_goes_round(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
		char mem[4];
		struct slice s = { mem, utf8_encode(cp, mem) };
		uint32_t back;

		assert_int_equal(utf8_next(&s, &back), 1);
		assert_int_equal(s.n, 0);
		assert_int_equal(back, surrogate ? UTF8_REPLACEMENT : cp);
	}
}

static const struct {
	const char *in, *nfc, *fold;
} forms[] = {
	{ "MA\xcc\xa3\xcc\x82T", "M\xe1\xba\xacT", "m\xe1\xba\xadt" },	/* NFD */
	{ "MA\xcc\x82\xcc\xa3T", "M\xe1\xba\xacT", "m\xe1\xba\xadt" },	/* marks out of order */
	{ "M\xc3\x82\xcc\xa3T", "M\xe1\xba\xacT", "m\xe1\xba\xadt" },	/* windows-1258 style */
	{ "M\xe1\xba\xa0\xcc\x82T", "M\xe1\xba\xacT", "m\xe1\xba\xadt" },
	{ "\xc4\x90\xe1\xbb\x98", "\xc4\x90\xe1\xbb\x98", "\xc4\x91\xe1\xbb\x99" },
	{ "ABC xyz", "ABC xyz", "abc xyz" },
	{ "\xc3\x9f", "\xc3\x9f", "ss" },
	{ "\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80", "\xea\xb0\x80" },	/* Hangul jamo */
};

static void
normal_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(utf8_nfc(slice_of(forms[i].in), &b), OK);
		if (!slice_is(buf_slice(&b), forms[i].nfc))
			fail_msg("nfc %zu: [%.*s]", i, (int)b.n, b.p);
		buf_clear(&b);
		assert_int_equal(utf8_casefold(slice_of(forms[i].in), &b), OK);
		if (!slice_is(buf_slice(&b), forms[i].fold))
			fail_msg("fold %zu: [%.*s]", i, (int)b.n, b.p);
		buf_fini(&b);
	}
}

static void
compatibility_form(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);	/* full-width, soft hyphen, zero-width space */
	assert_int_equal(utf8_nfkc_casefold(SLICE("\xef\xbc\xad\xc2\xad\xe1\xba\xac\xe2\x80\x8bT"),
	    &b),
	    OK);
	assert_true(slice_is(buf_slice(&b), "m\xe1\xba\xadt"));
	buf_fini(&b);
}

/* 500,000 marks whose order alternates would take utf8proc minutes as one run. */
static void
long_runs_of_marks_are_linear(void **state)
{
	size_t n = 500000;
	char *in = malloc(4 * n);
	struct buf b;
	clock_t t0 = clock();

	(void)state;
	assert_non_null(in);
	for (size_t i = 0; i < n; i++)
		memcpy(in + 4 * i, "\xcc\x82\xcc\xa3", 4);
	buf_init(&b, 16 * n);
	assert_int_equal(utf8_nfc((struct slice){ in, 4 * n }, &b), OK);
	assert_int_equal(b.n, 4 * n);
	assert_true(clock() - t0 < 20 * CLOCKS_PER_SEC);
	buf_fini(&b);
	free(in);
}

static void
output_is_bounded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(utf8_nfc(SLICE("\xe1\xba\xac\xe1\xba\xac\xe1\xba\xac\xe1\xba\xac"), &b),
	    ERR_LIMIT);
	assert_true(b.n <= 10);
	buf_fini(&b);
}

static void
safe_for_headers_and_logs(void **state)
{
	static const char *const bad[] = { "a\r\nb", "a\nb", "\x7f", "\x1b[0m", "\xc2\x85",
	    "\xc2\x9b",
		"\xe2\x80\xa8", "\xe2\x80\xae", "\xef\xbb\xbf", "\xff", "\xe2\x81\xa6" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(utf8_is_safe(slice_of(bad[i])));
	assert_false(utf8_is_safe((struct slice){ "a\0b", 3 }));
	assert_true(utf8_is_safe(SLICE("B\xc3\xa1o c\xc3\xa1o, t\xe1\xbb\x91i")));
}

static void
prefixes_do_not_cut_characters(void **state)
{
	struct slice s = SLICE("a\xe1\xba\xac" "b");

	(void)state;
	assert_int_equal(utf8_prefix(s, 2).n, 1);
	assert_int_equal(utf8_prefix(s, 3).n, 1);
	assert_int_equal(utf8_prefix(s, 4).n, 4);
	assert_int_equal(utf8_prefix(s, 9).n, 5);
	assert_int_equal(utf8_prefix_chars(s, 0).n, 0);
	assert_int_equal(utf8_prefix_chars(s, 2).n, 4);
	assert_int_equal(utf8_prefix_chars(s, 9).n, 5);
}

static void
pairs_compose(void **state)
{
	(void)state;
	assert_int_equal(utf8_compose(0xc2, 0x323), 0x1eac);
	assert_int_equal(utf8_compose('o', 0x31b), 0x1a1);
	assert_int_equal(utf8_compose('q', 0x323), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(validity_and_repair),
		cmocka_unit_test(every_code_point_goes_round),
		cmocka_unit_test(normal_forms),
		cmocka_unit_test(compatibility_form),
		cmocka_unit_test(long_runs_of_marks_are_linear),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(safe_for_headers_and_logs),
		cmocka_unit_test(prefixes_do_not_cut_characters),
		cmocka_unit_test(pairs_compose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
