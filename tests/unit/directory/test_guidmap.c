/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "directory/guidmap.h"

enum { MANY = 5000 };

static void
guid_of(unsigned n, uint8_t out[GUIDMAP_GUID_OCTETS])
{
	memset(out, 0, GUIDMAP_GUID_OCTETS);
	memcpy(out, &n, sizeof n);
}

/* Against an array: whatever is added and removed, the map holds just that. */
static void
a_map_is_what_was_put_there(void **state)
{
	static uint64_t model[MANY];
	struct guidmap m;
	size_t n = 0;

	(void)state;
	guidmap_init(&m, MANY);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned k = randombytes_uniform(i < 50000 ? MANY : MANY / 8);
		uint8_t guid[GUIDMAP_GUID_OCTETS];
		struct guidmap_slot *slot;

		guid_of(k, guid);
		slot = guidmap_get(&m, guid);
		assert_int_equal(slot != NULL, model[k] != 0);
		if (slot != NULL) {
			assert_int_equal(slot->value, model[k]);
			guidmap_remove(&m, slot);
			model[k] = 0;
			n--;
		} else {
			slot = guidmap_add(&m, guid);
			assert_non_null(slot);
			assert_int_equal(slot->value, 0);
			slot->value = model[k] = i + 1;
			n++;
		}
		assert_int_equal(m.n, n);
	}
	guidmap_fini(&m);
}

static void
over_the_bound_nothing_is_added(void **state)
{
	uint8_t guid[GUIDMAP_GUID_OCTETS];
	struct guidmap m;

	(void)state;
	guidmap_init(&m, 10);
	for (unsigned i = 0; i < 20; i++) {
		guid_of(i, guid);
		assert_int_equal(guidmap_add(&m, guid) != NULL, i < 10);
	}
	guid_of(3, guid);
	assert_non_null(guidmap_add(&m, guid));
	guidmap_fini(&m);
	assert_null(guidmap_get(&m, guid));
}

/* Removing while iterating: everything is met, at least once. */
static void
an_iteration_meets_all(void **state)
{
	uint8_t guid[GUIDMAP_GUID_OCTETS];
	struct guidmap_slot *slot;
	struct guidmap m;
	unsigned kept = 0;
	size_t at = 0;

	(void)state;
	guidmap_init(&m, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		guid_of(i, guid);
		slot = guidmap_add(&m, guid);
		assert_non_null(slot);
		slot->value = i % 3;
	}
	while ((slot = guidmap_next(&m, &at)) != NULL) {
		if (slot->value == 1)
			guidmap_remove(&m, slot);
		else
			at++;
	}
	for (unsigned i = 0; i < MANY; i++) {
		guid_of(i, guid);
		slot = guidmap_get(&m, guid);
		assert_int_equal(slot != NULL, i % 3 != 1);
		kept += slot != NULL;
	}
	assert_int_equal(m.n, kept);
	guidmap_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_map_is_what_was_put_there),
		cmocka_unit_test(over_the_bound_nothing_is_added),
		cmocka_unit_test(an_iteration_meets_all),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(t, NULL, NULL);
}
