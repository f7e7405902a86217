/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/words.h"

static const struct { enum word_set set; unsigned value; const char *name; } rows[] = {
#define WORD_ROW(set, constant, value, name) { WORD_##set, value, name },
#include "common/words.def"
#undef WORD_ROW
};

static void
names_and_values_go_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned v = 99;

		assert_string_equal(word_name(rows[i].set, rows[i].value), rows[i].name);
		assert_int_equal(word_value(rows[i].set, slice_of(rows[i].name), &v), OK);
		assert_int_equal(v, rows[i].value);
		for (size_t j = 0; j < i; j++)
			assert_false(rows[i].set == rows[j].set &&
			    (rows[i].value == rows[j].value ||
			    strcmp(rows[i].name, rows[j].name) == 0));
	}
}

/* Written on disk and sent between processes: these numbers are for ever. */
static void
stored_numbers_do_not_change(void **state)
{
	(void)state;
	assert_int_equal(LEVEL_THUONG, 0);
	assert_int_equal(LEVEL_TUYET_MAT, 3);
	assert_true(LEVEL_THUONG < LEVEL_MAT && LEVEL_MAT < LEVEL_TOI_MAT &&
	    LEVEL_TOI_MAT < LEVEL_TUYET_MAT);
	assert_int_equal(ZONE_INTERNAL, 1);
	assert_int_equal(ZONE_INTERNET, 2);
	assert_true(VERDICT_ALLOW < VERDICT_DEFER && VERDICT_DEFER < VERDICT_REJECT);
	assert_int_equal(SIG_BAD, 2);
	assert_int_equal(KEYSET_SPOOL, 3);
}

static void
unknown_words_are_refused(void **state)
{
	unsigned v = 99;

	(void)state;
	assert_string_equal(level_name(4), "?");
	assert_string_equal(word_name((enum word_set)77, 0), "?");
	assert_int_equal(word_value(WORD_level, SLICE("MAT"), &v), ERR_NOENT);
	assert_int_equal(word_value(WORD_level, SLICE("mat "), &v), ERR_NOENT);
	assert_int_equal(word_value(WORD_level, SLICE("internal"), &v), ERR_NOENT);
	assert_int_equal(word_value(WORD_level, SLICE(""), &v), ERR_NOENT);
	assert_int_equal(v, 99);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(names_and_values_go_both_ways),
		cmocka_unit_test(stored_numbers_do_not_change),
		cmocka_unit_test(unknown_words_are_refused),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
