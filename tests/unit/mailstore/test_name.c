/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mailstore/name.h"

static const struct {
	const char *name;
	bool mat;
} reserved[] = {
	{ "Mật", true }, { "MẬT", true }, { "mật", true }, { "Mật/Dự án", true },
	{ "Ma\xcc\x82\xcc\xa3t", true },		/* a + circumflex + dot below */
	{ "Ma\xcc\xa3\xcc\x82t", true },		/* in the other order */
	{ "M\xe1\xba\xa1\xcc\x82t", true },		/* a with dot + circumflex */
	{ "M\xc3\xa2\xcc\xa3t", true },			/* a with circumflex + dot */
	{ "\xef\xbc\xad\xe1\xba\xadt", true },		/* full-width M */
	{ "M\xe2\x80\x8b\xe1\xba\xadt", true },		/* zero-width space inside */
	{ " Mật ", true },
	{ "Mat", false }, { "Mất", false }, { "Mặt", false }, { "Bảo mật", false },
	{ "Mật mã", false }, { "Hồ sơ/Mật", false }, { "", false }, { "INBOX", false },
};

static void
reserved_in_every_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (store_name_is_mat(slice_of(reserved[i].name)) != reserved[i].mat)
			fail_msg("row %zu: %s", i, reserved[i].name);
}

static const struct {
	const char *in, *out;	/* NULL: refused */
} names[] = {
	{ "inbox", "INBOX" }, { "InBox/a", "INBOX/a" }, { "inboxes", "inboxes" },
	{ "Ho\xcc\x82\xcc\x80 so", "Hồ so" }, { "a/b/c", "a/b/c" }, { "a b", "a b" },
	{ "", NULL }, { "/", NULL }, { "a/", NULL }, { "/a", NULL }, { "a//b", NULL },
	{ "a/ /b", NULL }, { "a*", NULL }, { "a%b", NULL }, { "a\nb", NULL },
	{ "\xff", NULL }, { "\xe2\x80\xae" "a", NULL },
};

static void
names_have_one_form(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5000);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = name_normal(slice_of(names[i].in), &b);

		if ((r == OK) != (names[i].out != NULL) ||
		    (r == OK && !slice_is(buf_slice(&b), names[i].out)))
			fail_msg("row %zu: %s: %d %.*s", i, names[i].in, r, (int)b.n, b.p);
	}
	buf_fini(&b);
}

static void
long_names_are_refused(void **state)
{
	char text[ST_NAME_MAX + 1];
	struct buf b;

	(void)state;
	memset(text, 'a', sizeof text);
	buf_init(&b, 5000);
	assert_int_equal(name_normal((struct slice){ text, ST_NAME_MAX }, &b), OK);
	assert_int_equal(name_normal((struct slice){ text, sizeof text }, &b), ERR_LIMIT);
	buf_fini(&b);
}

static void
below(void **state)
{
	(void)state;
	assert_true(name_is_below(SLICE("a/b"), SLICE("a")));
	assert_false(name_is_below(SLICE("a"), SLICE("a")));
	assert_false(name_is_below(SLICE("ab/c"), SLICE("a")));
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(reserved_in_every_form),
		cmocka_unit_test(names_have_one_form), cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(below) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
