/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/word.h"

#define ENC WORD_FLAG_ENCODED
static const struct {
	struct slice in;
	const char  *out;
	unsigned     flags;
} rows[] = {
	{ B("plain"), "plain", 0 },
	{ B("=?utf-8?Q?B=C3=A1o_c=C3=A1o?="), "B\xc3\xa1o c\xc3\xa1o", ENC },
	{ B("=?UTF-8?b?QsOhbw==?="), "B\xc3\xa1o", ENC },
	{ B("=?utf-8*vi?q?a?="), "a", ENC },
	{ B("a =?utf-8?q?b?= c"), "a b c", ENC },
	{ B("=?utf-8?q?a?= =?utf-8?q?b?="), "ab", ENC },
	{ B("=?utf-8?q?a?=\r\n =?utf-8?b?Yg==?="), "ab", ENC },
	{ B("=?utf-8?q?a?= x =?utf-8?q?b?="), "a x b", ENC },
	/* a character cut in two by the sender */
	{ B("=?utf-8?q?M=E1=BA?= =?UTF-8?q?=ACT?="), "M\xe1\xba\xacT", ENC },
	{ B("=?utf-8?b?TeG6?= =?utf-8?b?rFQ=?="), "M\xe1\xba\xacT", ENC },
	/* different charsets are not joined */
	{ B("=?utf-8?q?=C3?= =?iso-8859-1?q?=E1?="), "\xef\xbf\xbd\xc3\xa1",
	    ENC | WORD_FLAG_BAD_CHARS },
	{ B("=?x-viet-tcvn3?q?M=CBT?="), "M\xe1\xba\xadT", ENC },
	{ B("=?windows-1258?q?M=C2=F2T?="), "M\xe1\xba\xacT", ENC },
	{ B("=?klingon?q?=E1?="), "\xc3\xa1", ENC | WORD_FLAG_CHARSET },
	{ B("=?us-ascii?q?=C3=A1?="), "\xc3\xa1", ENC | WORD_FLAG_CHARSET },
	{ B("=?utf-8?x?a?="), "=?utf-8?x?a?=", WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?open"), "=?utf-8?q?open", WORD_FLAG_MALFORMED },
	{ B("=?"), "=?", WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?"), "=?utf-8?q?", WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?\?="), "", ENC },
	{ B("=?utf-8?q?What's_up?\?="), "What's up?", ENC },
	{ B("=?utf-8?q?a b?="), "a b", ENC | WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?=4?="), "=4", ENC | WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?=41?="), "A", ENC },
	{ B("=?utf-8?b?!!!?="), "", ENC | WORD_FLAG_MALFORMED },
	{ B("=?utf-8?q?a=0D=0AFrom:_x?="), "a  From: x", ENC | WORD_FLAG_CONTROL },
	{ B("B\xc3\xa1o"), "B\xc3\xa1o", WORD_FLAG_RAW_8BIT },
	{ B("B\xe1o"), "B\xc3\xa1o", WORD_FLAG_RAW_OTHER },
	{ B("a\r\n b\r\n\tc"), "a b c", WORD_FLAG_CONTROL },
	{ B("a\0b"), "a b", WORD_FLAG_CONTROL },
	{ B(""), "", 0 },
};

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned flags = 0;
		struct buf b;

		buf_init(&b, 1000);
		assert_int_equal(word_decode(rows[i].in, &b, &flags), OK);
		check_slice(rows[i].in.p, buf_slice(&b), slice_of(rows[i].out));
		check_number(rows[i].in.p, flags, rows[i].flags);
		buf_fini(&b);
	}
}

static void
flood(size_t n, const char *item)
{
	struct buf in, out;

	buf_init(&in, 64 << 20);
	buf_init(&out, 256 << 20);
	for (size_t i = 0; i < n; i++)
		buf_adds(&in, item);
	assert_int_equal(word_decode(buf_slice(&in), &out, NULL), OK);
	buf_fini(&in);
	buf_fini(&out);
}

static void
run_open(size_t n)
{
	flood(n, "=?a?q?");
}

static void
run_sloppy(size_t n)
{
	flood(n, "=?a?q?x?x");
}

static void
run_alternating(size_t n)
{
	flood(n, "=?utf-8?q?a?= =?iso-8859-1?q?a?= ");
}

static void
hostile_fields_are_linear(void **state)
{
	(void)state;
	check_linear("open words", run_open, 10000);
	check_linear("sloppy words", run_sloppy, 10000);
	check_linear("alternating charsets", run_alternating, 5000);
}

static void
ceiling_holds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_int_equal(word_decode(SLICE("=?utf-8?q?abcdef?="), &b, NULL), ERR_LIMIT);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(hostile_fields_are_linear),
		cmocka_unit_test(ceiling_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
