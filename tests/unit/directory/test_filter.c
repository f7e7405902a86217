/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "directory/filter.h"

#define S(s)	{ s, sizeof(s) - 1 }
static const struct {
	const char *name, *attribute;
	struct slice value;
	const char *text;	/* NULL: refused */
} cases[] = {
	{ "plain", "mail", S("a@x.vn"), "(mail=a@x.vn)" },
	{ "star", "uid", S("*"), "(uid=\\2a)" },
	{ "injection", "uid", S("x)(uid=*"), "(uid=x\\29\\28uid=\\2a)" },
	{ "NUL", "uid", S("a\0b"), "(uid=a\\00b)" },
	{ "backslash", "uid", S("a\\2a"), "(uid=a\\5c2a)" },
	{ "UTF-8", "cn", S("\xe1\xba\xad"), "(cn=\\e1\\ba\\ad)" },
	{ "octets", "cn", S("\xff\x80"), "(cn=\\ff\\80)" },
	{ "empty", "uid", S(""), "(uid=)" },
	{ "option left out", "userCertificate;binary", S("x"), "(userCertificate=x)" },
	{ "OID", "2.5.4.3", S("x"), "(2.5.4.3=x)" },
	{ "bad attribute", "uid=*)(cn", S("x"), NULL },
};

static void
filter_escapes_every_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;

		buf_init(&b, FILTER_OCTETS_MAX);
		filter_equals(&b, cases[i].attribute, cases[i].value);
		if (cases[i].text == NULL ? b.err != ERR_INVAL :
		    !slice_is(buf_slice(&b), cases[i].text))
			fail_msg("%s: %.*s", cases[i].name, (int)b.n, b.p);
		buf_fini(&b);
	}
}

static void
filter_nests(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 30);
	filter_open(&b, '&');
	filter_equals(&b, "a", SLICE("1"));
	filter_open(&b, '|');
	filter_equals(&b, "b", SLICE("2"));
	filter_at_least(&b, "t", SLICE("3*"));
	filter_close(&b);
	filter_close(&b);
	assert_true(slice_is(buf_slice(&b), "(&(a=1)(|(b=2)(t>=3\\2a)))"));
	filter_equals(&b, "c", SLICE("long"));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(filter_escapes_every_value), cmocka_unit_test(filter_nests),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
