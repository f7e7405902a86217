/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/name.h"

static const struct { const char *pattern, *name; bool match; } patterns[] = {
	{ "*", "a/b", true },		{ "%", "a/b", false },		{ "%", "a", true },
	{ "%/%", "a/b", true },		{ "a*", "a", true },		{ "a%", "a/b", false },
	{ "a/%", "a/b", true },		{ "a/%", "a/b/c", false },	{ "*c", "a/b/c", true },
	{ "*b*", "a/b/c", true },	{ "%b%", "a/b/c", false },	{ "*%", "a/b", true },
	{ "%*", "a/b", true },		{ "*/%/c", "a/b/c", true },	{ "", "", true },
	{ "", "a", false },		{ "a", "A", false },		{ "**", "a", true },
	{ "%a%a%", "bababab", true },	{ "%a%a%", "ba/ab", false },	{ "*a%b", "xa/ab", true },
	{ "*a%b", "xab/a/b", false },	{ "*%*%*x", "aaaaaaaaaaaaaaaa", false },
};

static void
name_patterns_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		if (name_match(slice_of(patterns[i].pattern), slice_of(patterns[i].name)) !=
		    patterns[i].match)
			fail_msg("%s against %s", patterns[i].pattern, patterns[i].name);
}

static const struct { const char *wire; unsigned zone; const char *inner; } names[] = {
	{ "inbox", ZONE_INTERNET, "INBOX" },	{ "Inbox/x", ZONE_INTERNET, "INBOX/x" },
	{ "a/", ZONE_INTERNET, "a" },		{ "a//b", ZONE_INTERNET, NULL },
	{ "/a", ZONE_INTERNET, NULL },		{ "", ZONE_INTERNET, NULL },
	{ "/", ZONE_INTERNET, NULL },		{ " a", ZONE_INTERNET, NULL },
	{ "a ", ZONE_INTERNET, NULL },		{ "a/ b", ZONE_INTERNET, NULL },
	{ "M&Hq0-t", ZONE_INTERNAL, "M\u1eadt" },
	{ "M&Hq0-t", ZONE_INTERNET, NULL },	{ "M&Hq0-t", ZONE_LOCAL, NULL },
	{ "M&AOIDIw-t", ZONE_INTERNAL, "M\u1eadt" },	/* NFC of the parts */
	{ "M&HqEDAg-t", ZONE_INTERNET, NULL },	{ "M&HqwA-T", ZONE_INTERNET, NULL },
	{ "m&HqwAdA-", ZONE_INTERNET, NULL },	{ "M&Hqw-T/a", ZONE_INTERNET, NULL },
	{ "a/M&Hq0-t", ZONE_INTERNET, "a/M\u1eadt" },	/* not the first level: another name */
	{ "M&Hq0-t khau", ZONE_INTERNET, "M\u1eadt khau" },
	{ "M&Hq0gCw-t", ZONE_INTERNET, NULL },	{ "M&Hq0AoA-t", ZONE_INTERNET, NULL },
	{ "&,y0erf80-", ZONE_INTERNET, NULL },	{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0",
	    ZONE_INTERNET, "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0" },
	{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1", ZONE_INTERNET, NULL },
};

static void
name_has_one_inner_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct arena a;
		struct slice got = { NULL, 0 };

		arena_init(&a, 65536);
		int err = name_parse(slice_of(names[i].wire), names[i].zone, &a, &got);
		if (names[i].inner == NULL ? err != ERR_INVAL :
		    err != OK || !slice_is(got, names[i].inner))
			fail_msg("row %zu %s: %d %.*s", i, names[i].wire, err, (int)got.n, got.p);
		arena_clear(&a);
	}
}

static void
name_is_written_as_a_string(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	name_add(&out, SLICE("a\"b\\c d"));
	assert_true(slice_is(buf_slice(&out), "\"a\\\"b\\\\c d\""));
	buf_clear(&out);
	name_add(&out, NAME_MAT);
	assert_true(slice_is(buf_slice(&out), "M&Hq0-t"));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(name_patterns_match),
		cmocka_unit_test(name_has_one_inner_form),
		cmocka_unit_test(name_is_written_as_a_string) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
