/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "directory/cache.h"

static void
cache_forgets_in_time(void **state)
{
	struct cache *c;
	struct slice v;

	(void)state;
	assert_int_equal(cache_new(100, 100000, &c), OK);
	assert_false(cache_get(c, SLICE("k"), 0, &v));
	cache_put(c, SLICE("k"), SLICE("one"), 0);
	assert_true(cache_get(c, SLICE("k"), 99, &v) && slice_is(v, "one"));
	assert_false(cache_get(c, SLICE("k"), 100, &v));
	cache_put(c, SLICE("k"), SLICE("two"), 200);
	assert_true(cache_get(c, SLICE("k"), 200, &v) && slice_is(v, "two"));
	cache_put(c, SLICE("k"), SLICE(""), 210);
	assert_true(cache_get(c, SLICE("k"), 309, &v) && v.n == 0);
	cache_free(&c);
}

static void
cache_is_bounded(void **state)
{
	char key[32], value[1000] = "", large[10000] = "";
	struct cache *c;
	struct slice v;

	(void)state;
	assert_int_equal(cache_new(1000, 20000, &c), OK);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "k%d", i);
		cache_put(c, slice_of(key), (struct slice){ value, sizeof value }, 0);
	}
	assert_true(cache_get(c, SLICE("k99"), 1, &v));
	assert_false(cache_get(c, SLICE("k0"), 1, &v));
	cache_put(c, SLICE("big"), (struct slice){ large, sizeof large }, 0);
	assert_false(cache_get(c, SLICE("big"), 1, &v));
	assert_true(cache_get(c, SLICE("k99"), 1, &v));
	cache_free(&c);
}

static void
cache_of_no_time_keeps_nothing(void **state)
{
	struct cache *c;
	struct slice v;

	(void)state;
	assert_int_equal(cache_new(0, 20000, &c), OK);
	cache_put(c, SLICE("k"), SLICE("v"), 5);
	assert_false(cache_get(c, SLICE("k"), 5, &v));
	cache_free(&c);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(cache_forgets_in_time), cmocka_unit_test(cache_is_bounded),
		cmocka_unit_test(cache_of_no_time_keeps_nothing),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(t, NULL, NULL);
}
