/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/utf7.h"

static const struct {
	const char *wire, *utf8;	/* NULL: not the canonical form of anything */
} rows[] = {
	{ "INBOX", "INBOX" },		{ "a&-b", "a&b" },		{ "", "" },
	{ "M&Hq0-t", "M\u1eadt" },	{ "&ARAA4w- g&Hu0-i", "\u0110\u00e3 g\u1eedi" },
	{ "Th&AbA- m&Hu0-c", "Th\u01b0 m\u1eedc" },
	{ "&2D3eAA-", "\U0001f600" },	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
	    "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e" },
	{ "&", NULL },			{ "a&", NULL },			{ "&AAA", NULL },
	{ "&AGE-", NULL },		/* "a" has no business in base64 */
	{ "&Hq0", NULL },		{ "&Hq0=-", NULL },		{ "&Hq1-", NULL },
	{ "&Hq-", NULL },		{ "&H-", NULL },		{ "&2D0-", NULL },
	{ "&3gA-", NULL },		{ "&3gDYPQ-", NULL },		{ "&Hq0-&Hq0-", NULL },
	{ "a\x7f", NULL },		{ "M\u1eadt", NULL },		{ "a\tb", NULL },
	{ "&Hq0A-", NULL },		{ "&Hq0AAA-", NULL },
};

static void
utf7_goes_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf utf8, wire;

		buf_init(&utf8, 1000);
		buf_init(&wire, 1000);
		int err = utf7_decode(slice_of(rows[i].wire), &utf8);
		if (rows[i].utf8 == NULL)
			assert_int_not_equal(err, OK);
		else if (err != OK || !slice_is(buf_slice(&utf8), rows[i].utf8))
			fail_msg("%s: %d %.*s", rows[i].wire, err, (int)utf8.n, utf8.p);
		if (rows[i].utf8 != NULL) {
			assert_int_equal(utf7_encode(buf_slice(&utf8), &wire), OK);
			assert_true(slice_is(buf_slice(&wire), rows[i].wire));
		}
		buf_fini(&utf8);
		buf_fini(&wire);
	}
}

static void
utf7_refuses_what_is_not_utf8(void **state)
{
	struct buf wire;

	(void)state;
	buf_init(&wire, 100);
	assert_int_not_equal(utf7_encode(SLICE("a\xff"), &wire), OK);
	buf_fini(&wire);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(utf7_goes_both_ways),
		cmocka_unit_test(utf7_refuses_what_is_not_utf8) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
