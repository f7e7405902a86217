/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"

static const struct { int value; const char *name, *text; } rows[] = {
#define ERR_ROW(name, value, class, text) { name, #name, text },
#include "common/err.def"
#undef ERR_ROW
};

static void
every_row_is_negative_unique_and_has_its_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(rows[i].value < 0);
		assert_string_equal(err_text(rows[i].value), rows[i].text);
		for (size_t j = 0; j < i; j++)
			if (rows[i].value == rows[j].value)
				fail_msg("%s and %s are one number", rows[i].name, rows[j].name);
	}
}

static void
what_has_no_row_has_a_text_and_is_temporary(void **state)
{
	(void)state;
	assert_string_equal(err_text(OK), "no error");
	assert_string_equal(err_text(5), "no error");
	assert_string_equal(err_text(-EISDIR), strerror(EISDIR));
	assert_string_equal(err_text(-99999), "unknown error");
	assert_int_equal(err_class(-EISDIR), ERR_CLASS_TEMP);
	assert_int_equal(err_class(-99999), ERR_CLASS_TEMP);
	assert_int_equal(err_class(INT32_MIN), ERR_CLASS_TEMP);
}

static void
classes_are_those_of_the_rows(void **state)
{
	(void)state;
	assert_int_equal(err_class(ERR_NOENT), ERR_CLASS_PERM);
	assert_int_equal(err_class(ERR_NOMEM), ERR_CLASS_TEMP);
	assert_int_equal(err_class(ERR_PROTO_BARE_LF), ERR_CLASS_PROTO);
	assert_int_equal(err_class(ERR_FORBIDDEN), ERR_CLASS_BUG);
	assert_int_equal(err_class(ERR_UNAVAIL), ERR_CLASS_TEMP);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_row_is_negative_unique_and_has_its_text),
		cmocka_unit_test(what_has_no_row_has_a_text_and_is_temporary),
		cmocka_unit_test(classes_are_those_of_the_rows),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
