/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/recent.h"

/* Claims in the order they are answered, and which of the UIDs 1 to 9 are recent then. */
static const struct {
	struct { uint32_t first, end; } claims[4];
	const char *recent;
	size_t	    runs;
} rows[] = {
	{ { { 1, 1 } }, "", 0 },
	{ { { 1, 4 } }, "123", 1 },
	{ { { 3, 4 }, { 4, 6 } }, "345", 1 },		/* runs that touch are one */
	{ { { 1, 3 }, { 5, 7 } }, "1256", 2 },		/* 3 and 4 are another session's */
	{ { { 2, 4 }, { 1, 4 } }, "23", 1 },		/* what is decided stays so */
	{ { { 2, 4 }, { 2, 6 } }, "2345", 1 },
	{ { { 1, 2 }, { 4, 4 }, { 3, 5 } }, "14", 2 },	/* 2 and 3 went elsewhere before */
	{ { { 9, 3 }, { 1, 4 } }, "3", 1 },
};

static void
claims_add_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct recent r = { 0 };
		char got[10];
		size_t n = 0;

		for (size_t k = 0; k < 4; k++)
			recent_add(&r, rows[i].claims[k].first, rows[i].claims[k].end);
		for (uint32_t uid = 1; uid < 10; uid++)
			if (recent_has(&r, uid))
				got[n++] = (char)('0' + uid);
		got[n] = '\0';
		if (strcmp(got, rows[i].recent) != 0 || r.n != rows[i].runs)
			fail_msg("row %zu: %s in %zu runs", i, got, r.n);
		recent_fini(&r);
	}
}

static void
the_oldest_runs_are_forgotten(void **state)
{
	struct recent r = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= RECENT_RUNS_MAX + 10; i++)
		recent_add(&r, 2 * i, 2 * i + 1);
	assert_int_equal(r.n, RECENT_RUNS_MAX);
	assert_false(recent_has(&r, 20));
	assert_true(recent_has(&r, 22));
	assert_true(recent_has(&r, 2 * (RECENT_RUNS_MAX + 10)));
	recent_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(claims_add_up),
		cmocka_unit_test(the_oldest_runs_are_forgotten) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
