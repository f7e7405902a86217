/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/slice.h"

static int
sign(int v)
{
	return v < 0 ? -1 : v > 0;
}

static void
equality_and_order(void **state)
{
	static const struct { const char *a, *b; bool eq, nocase; int cmp; } cases[] = {
		{ "", "", true, true, 0 },	{ "", "a", false, false, -1 },
		{ "abc", "abc", true, true, 0 }, { "abc", "ABC", false, true, 1 },
		{ "abc", "abd", false, false, -1 }, { "ab", "abc", false, false, -1 },
		{ "b", "abc", false, false, 1 }, { "a\xe1", "a\xc1", false, false, 1 },
		{ "a[", "a{", false, false, -1 }, { "@", "`", false, false, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);

		assert_int_equal(slice_eq(a, b), cases[i].eq);
		assert_int_equal(slice_is(a, cases[i].b), cases[i].eq);
		assert_int_equal(slice_eq_nocase(a, b), cases[i].nocase);
		assert_int_equal(slice_is_nocase(b, cases[i].a), cases[i].nocase);
		assert_int_equal(sign(slice_cmp(a, b)), cases[i].cmp);
		assert_int_equal(sign(slice_cmp(b, a)), -cases[i].cmp);
	}
	assert_true(slice_eq((struct slice){ NULL, 0 }, SLICE("")));
	assert_int_equal(slice_cmp((struct slice){ NULL, 0 }, SLICE("")), 0);
	assert_int_equal(slice_of(NULL).n, 0);
	assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
}

static void
starts_and_ends(void **state)
{
	(void)state;
	assert_true(slice_starts_nocase(SLICE("Content-Type"), SLICE("content-")));
	assert_true(slice_starts_nocase(SLICE("x"), SLICE("")));
	assert_false(slice_starts_nocase(SLICE("con"), SLICE("content")));
	assert_true(slice_ends_nocase(SLICE("a.DOCX"), SLICE(".docx")));
	assert_false(slice_ends_nocase(SLICE("docx"), SLICE(".docx")));
	assert_true(slice_ends_nocase((struct slice){ NULL, 0 }, SLICE("")));
}

static void
parts(void **state)
{
	struct slice s = SLICE("abcdef");

	(void)state;
	assert_true(slice_is(slice_from(s, 2), "cdef"));
	assert_int_equal(slice_from(s, 6).n, 0);
	assert_int_equal(slice_from(s, 600).n, 0);
	assert_true(slice_is(slice_sub(s, 1, 2), "bc"));
	assert_true(slice_is(slice_sub(s, 4, SIZE_MAX), "ef"));
	assert_int_equal(slice_sub(s, SIZE_MAX, SIZE_MAX).n, 0);
	assert_true(slice_is(slice_trim(SLICE(" \t\r\na b\r\n")), "a b"));
	assert_int_equal(slice_trim(SLICE(" \t ")).n, 0);
	assert_true(slice_is(slice_trim(SLICE("\xc2\xa0")), "\xc2\xa0"));
}

static void
finding(void **state)
{
	(void)state;
	assert_int_equal(slice_chr(SLICE("abca"), 'a'), 0);
	assert_int_equal(slice_chr(SLICE("abca"), 'c'), 2);
	assert_int_equal(slice_chr(SLICE("abca"), 'x'), -1);
	assert_int_equal(slice_chr((struct slice){ NULL, 0 }, 'x'), -1);
	assert_int_equal(slice_chr(SLICE("a\0b"), '\0'), 1);
	assert_int_equal(slice_find(SLICE("hello"), SLICE("ll")), 2);
	assert_int_equal(slice_find(SLICE("hello"), SLICE("")), 0);
	assert_int_equal(slice_find(SLICE("he"), SLICE("hello")), -1);
	assert_int_equal(slice_find((struct slice){ NULL, 0 }, SLICE("a")), -1);
	assert_int_equal(slice_find_nocase(SLICE("xAuTH="), SLICE("auth")), 1);
	assert_int_equal(slice_find_nocase(SLICE("aut"), SLICE("auth")), -1);
	assert_int_equal(slice_find_nocase(SLICE("aaab"), SLICE("AAB")), 1);
}

static void
cutting(void **state)
{
	struct slice s = SLICE("a,,b"), head;

	(void)state;
	assert_true(slice_cut(&s, ',', &head));
	assert_true(slice_is(head, "a"));
	assert_true(slice_cut(&s, ',', &head));
	assert_int_equal(head.n, 0);
	assert_false(slice_cut(&s, ',', &head));
	assert_true(slice_is(head, "b"));
	assert_int_equal(s.n, 0);
	s = SLICE("x,");
	assert_true(slice_cut(&s, ',', &head));
	assert_int_equal(s.n, 0);
}

static void
decimal_numbers(void **state)
{
	static const struct { const char *in; uint64_t max; int err; uint64_t v; } cases[] = {
		{ "0", 0, OK, 0 },		{ "7", 9, OK, 7 },
		{ "0010", 10, OK, 10 },		{ "10", 9, ERR_LIMIT, 0 },
		{ "9", 8, ERR_LIMIT, 0 },	{ "1", 0, ERR_LIMIT, 0 },
		{ "4294967295", UINT32_MAX, OK, UINT32_MAX },
		{ "4294967296", UINT32_MAX, ERR_LIMIT, 0 },
		{ "18446744073709551615", UINT64_MAX, OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
		{ "99999999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
		{ "", 9, ERR_SYNTAX, 0 },	{ "-1", 9, ERR_SYNTAX, 0 },
		{ "+1", 9, ERR_SYNTAX, 0 },	{ " 1", 9, ERR_SYNTAX, 0 },
		{ "1 ", 9, ERR_SYNTAX, 0 },	{ "0x1", 9, ERR_SYNTAX, 0 },
		{ "1a", 9, ERR_SYNTAX, 0 },	{ "\xd9\xa1", 9, ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 12345;
		int err = slice_u64(slice_of(cases[i].in), cases[i].max, &v);

		if (err != cases[i].err || v != (err == OK ? cases[i].v : 12345))
			fail_msg("%s: %d %llu", cases[i].in, err, (unsigned long long)v);
	}
}

static void
hex_octets(void **state)
{
	static const struct { const char *in; size_t n; int err; } cases[] = {
		{ "00fFa7", 3, OK }, { "", 0, OK }, { "00fFa", 3, ERR_SYNTAX },
		{ "00fFa70", 3, ERR_SYNTAX }, { "00fFa700", 3, ERR_SYNTAX }, { "", 3, ERR_SYNTAX },
		{ "00fFag", 3, ERR_SYNTAX }, { "00 Fa7", 3, ERR_SYNTAX }, { "0xfFa7", 3, ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char out[4] = { 1, 2, 3, 4 };
		int err = slice_hex(slice_of(cases[i].in), out, cases[i].n);

		if (err != cases[i].err || out[cases[i].n] != cases[i].n + 1)
			fail_msg("%s: %d", cases[i].in, err);
		if (err == OK)
			assert_memory_equal(out, "\x00\xff\xa7", cases[i].n);
	}
}

static void
ascii_stays_ascii(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool up = i >= 'A' && i <= 'Z', low = i >= 'a' && i <= 'z';
		bool dig = i >= '0' && i <= '9';
		int hex = dig ? i - '0' : i >= 'a' && i <= 'f' ? i - 'a' + 10 :
		    i >= 'A' && i <= 'F' ? i - 'A' + 10 : -1;

		assert_int_equal(ascii_lower(c), up ? (char)(i + 32) : c);
		assert_int_equal(ascii_upper(c), low ? (char)(i - 32) : c);
		assert_int_equal(ascii_is_alpha(c), up || low);
		assert_int_equal(ascii_is_digit(c), dig);
		assert_int_equal(ascii_is_alnum(c), up || low || dig);
		assert_int_equal(ascii_is_space(c), i == ' ' || i == '\t');
		assert_int_equal(ascii_is_white(c), i == ' ' || (i >= 9 && i <= 13));
		assert_int_equal(ascii_hex(c), hex);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(equality_and_order),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(parts),
		cmocka_unit_test(finding),
		cmocka_unit_test(cutting),
		cmocka_unit_test(decimal_numbers),
		cmocka_unit_test(hex_octets),
		cmocka_unit_test(ascii_stays_ascii),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
