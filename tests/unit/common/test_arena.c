/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/arena.h"

static void
memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena a;
	unsigned char *last = NULL;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xa5, n);
		if (last != NULL && n > 1)
			assert_int_equal(last[n - 2], 0xa5);
		last = n > 0 ? p : NULL;
	}
	arena_clear(&a);
	assert_int_equal(a.used, 0);
}

static void
the_ceiling_holds_and_sticks(void **state)
{
	static const size_t maxima[] = { 0, 16, 100, 4096, 5000, 100000 };

	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(maxima); m++) {
		struct arena a;
		size_t got = 0;

		arena_init(&a, maxima[m]);
		while (arena_alloc(&a, 48) != NULL) {
			got += 48;
			assert_true(a.used <= maxima[m]);
		}
		assert_int_equal(a.err, ERR_LIMIT);
		/* At most one item or the rest of a block is not reached. */
		assert_true(got + 4096 > maxima[m]);
		assert_null(arena_alloc(&a, 1));
		assert_null(arena_copy(&a, SLICE("x")).p);
		arena_clear(&a);
		assert_int_equal(a.err, OK);
		assert_int_equal(arena_alloc(&a, 16) != NULL, maxima[m] >= 16);
		arena_clear(&a);
	}
}

static void
absurd_sizes_are_over_the_limit(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2, 1001, 1 << 30 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct arena a;

		arena_init(&a, 1000);
		assert_null(arena_alloc(&a, sizes[i]));
		assert_int_equal(a.err, ERR_LIMIT);
		arena_clear(&a);
		assert_null(arena_array(&a, sizes[i], 8));
		assert_int_equal(a.err, ERR_LIMIT);
		arena_clear(&a);
	}
}

static void
an_unlimited_arena_refuses_sizes_that_wrap(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_true(a.err == ERR_LIMIT || a.err == ERR_NOMEM);
	arena_clear(&a);
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	assert_true(a.err == ERR_LIMIT || a.err == ERR_NOMEM);
	arena_clear(&a);
}

static void
copies_are_ended(void **state)
{
	struct arena a;
	struct slice s;

	(void)state;
	arena_init(&a, 8192);
	s = arena_copy(&a, SLICE("ab\0c"));
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.p, "ab\0c", 5);
	s = arena_copy(&a, (struct slice){ NULL, 0 });
	assert_non_null(s.p);
	assert_int_equal(s.n, 0);
	assert_string_equal(arena_cstr(&a, SLICE("Mật")), "Mật");
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(the_ceiling_holds_and_sticks),
		cmocka_unit_test(absurd_sizes_are_over_the_limit),
		cmocka_unit_test(an_unlimited_arena_refuses_sizes_that_wrap),
		cmocka_unit_test(copies_are_ended),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
