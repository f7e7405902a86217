/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/seqset.h"

static const struct {
	const char *text;
	uint32_t    max;
	int	    err;
	const char *want;	/* ranges, merged */
} rows[] = {
	{ "1", 9, OK, "1-1 " },			{ "1:3", 9, OK, "1-3 " },
	{ "3:1", 9, OK, "1-3 " },		{ "*", 9, OK, "9-9 " },
	{ "*:3", 9, OK, "3-9 " },		{ "12:*", 9, OK, "9-12 " },
	{ "5,1,3:4", 9, OK, "1-1 3-5 " },	{ "1:4,2:3,5", 9, OK, "1-5 " },
	{ "1:4294967295,7", 9, OK, "1-4294967295 " },
	{ "*", 0, OK, "" },			{ "1:*", 0, OK, "1-1 " },
	{ "", 9, ERR_SYNTAX, "" },		{ "0", 9, ERR_SYNTAX, "" },
	{ "1,", 9, ERR_SYNTAX, "" },		{ ",1", 9, ERR_SYNTAX, "" },
	{ "1:", 9, ERR_SYNTAX, "" },		{ "1:2:3", 9, ERR_SYNTAX, "" },
	{ "4294967296", 9, ERR_SYNTAX, "" },	{ "1-2", 9, ERR_SYNTAX, "" },
	{ "**", 9, ERR_SYNTAX, "" },
};

static void
seqset_merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a;
		struct seqset s = { 0 };
		char got[200] = "";

		arena_init(&a, 4096);
		int err = seqset_parse(slice_of(rows[i].text), rows[i].max, &a, &s);
		for (size_t k = 0; err == OK && k < s.n; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%u-%u ", s.v[k].lo,
			    s.v[k].hi);
		if (err != rows[i].err || strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %d %s", rows[i].text, err, got);
		arena_clear(&a);
	}
}

static void
seqset_finds(void **state)
{
	struct backend_range v[] = { { 2, 4 }, { 7, 7 }, { 9, UINT32_MAX } };
	struct seqset s = { v, 3 };

	(void)state;
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(seqset_has(&s, i), (i >= 2 && i <= 4) || i == 7 || i >= 9);
	assert_true(seqset_has(&s, UINT32_MAX));
}

static void
seqset_is_bounded(void **state)
{
	static char text[2 * (SEQSET_RANGES_MAX + 1) + 1];
	struct arena a;
	struct seqset s;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof text; i++)
		text[i] = i % 2 == 0 ? '1' : ',';
	arena_init(&a, 16 << 20);
	assert_int_equal(seqset_parse((struct slice){ text, 2 * SEQSET_RANGES_MAX - 1 }, 9, &a, &s),
	    OK);
	assert_int_equal(s.n, 1);
	assert_int_equal(seqset_parse((struct slice){ text, 2 * SEQSET_RANGES_MAX + 1 }, 9, &a, &s),
	    ERR_LIMIT);
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(seqset_merges),
		cmocka_unit_test(seqset_finds), cmocka_unit_test(seqset_is_bounded) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
