/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "directory/dn.h"

static const struct {
	const char *a, *b;
	bool same;
} cases[] = {
	{ "uid=a,dc=x", "UID=A, DC=X", true },
	{ "cn=a  b,dc=x", "cn= A B ,dc=x", true },
	{ "cn=a\\2cb,dc=x", "cn=a\\,b,dc=x", true },
	{ "cn=a\\,b,dc=x", "cn=a,b=x,dc=x", false },
	{ "cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x", true },
	{ "cn=a+ou=b,dc=x", "cn=a,ou=b,dc=x", false },
	{ "cn=\\e1\\ba\\ad,dc=x", "cn=\xe1\xba\xad,dc=x", true },
	{ "cn=a\xcc\xa3\xcc\x82,dc=x", "cn=\xe1\xba\xad,dc=x", true },	/* NFD and NFC */
	{ "cn=\"a,b\",dc=x", "cn=a\\2cb,dc=x", true },
	{ "cn=a;dc=x", "cn=a,dc=x", true },
	{ "cn=a\\20,dc=x", "cn=a,dc=x", true },	/* insignificant space */
	{ "cn=a,dc=x", "cn=b,dc=x", false },
	{ "cn=a,dc=x", "cn=a,dc=x,dc=y", false },
	{ "cn=a\\00,dc=x", "cn=a,dc=x", false },
	{ "", "", false },
	{ "cn", "cn", false },
	{ "cn=a,", "cn=a,", false },
	{ "=a", "=a", false },
	{ "cn=a\\", "cn=a\\", false },
	{ "cn=\"a", "cn=\"a", false },
	{ "cn=\xff", "cn=\xff", false },
};

static void
dn_compares(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (dn_equal(slice_of(cases[i].a), slice_of(cases[i].b)) != cases[i].same ||
		    dn_equal(slice_of(cases[i].b), slice_of(cases[i].a)) != cases[i].same)
			fail_msg("row %zu: %s | %s", i, cases[i].a, cases[i].b);
}

static void
dn_is_bounded(void **state)
{
	char many[DN_OCTETS_MAX + 2];
	struct buf b;

	(void)state;
	memset(many, 'a', sizeof many);
	memcpy(many, "cn=", 3);
	buf_init(&b, 16 * DN_OCTETS_MAX);
	assert_int_equal(dn_canon((struct slice){ many, DN_OCTETS_MAX + 1 }, &b), ERR_LIMIT);
	assert_int_equal(dn_canon((struct slice){ many, DN_OCTETS_MAX }, &b), OK);
	buf_clear(&b);
	assert_int_equal(dn_canon(SLICE("a=1+a=2+a=3+a=4+a=5+a=6+a=7+a=8+a=9"), &b), ERR_LIMIT);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(dn_compares), cmocka_unit_test(dn_is_bounded),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
