/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "common/words.h"
#include "directory/token.h"

static const uint8_t key[TOKEN_KEY_OCTETS] = { 1, 2, 3 };
static const struct token in = { ZONE_INTERNET, { 7, 8, 9 }, 5000, 2,
    { { { 1, 1 }, LEVEL_MAT }, { { 2, 2 }, LEVEL_THUONG } } };

enum { IN_OCTETS = TOKEN_OCTETS + 2 * TOKEN_AGENCY_OCTETS };

static struct slice
text_of(const uint8_t *p)
{
	return (struct slice){ (const char *)p, IN_OCTETS };
}

static void
token_reads_back(void **state)
{
	uint8_t text[TOKEN_OCTETS_MAX] = { 0 }, again[TOKEN_OCTETS_MAX] = { 0 };
	struct token out;

	(void)state;
	assert_int_equal(token_make(&in, key, text), IN_OCTETS);
	(void)token_make(&in, key, again);
	assert_memory_not_equal(text, again, sizeof text);
	assert_int_equal(token_check(text_of(text), key, 4999, &out), OK);
	assert_int_equal(out.zone, in.zone);
	assert_int_equal(out.expires_ms, in.expires_ms);
	assert_memory_equal(out.guid, in.guid, sizeof in.guid);
	assert_int_equal(out.agencies_n, 2);
	assert_int_equal(token_agency(&out, in.agencies[0].guid)->clearance, LEVEL_MAT);
	assert_int_equal(token_agency(&out, in.agencies[1].guid)->clearance, LEVEL_THUONG);
	assert_null(token_agency(&out, in.guid));
}

static void
token_expires(void **state)
{
	uint8_t text[TOKEN_OCTETS_MAX];
	struct token out;

	(void)state;
	(void)token_make(&in, key, text);
	assert_int_equal(token_check(text_of(text), key, 5000, &out), ERR_ACCESS);
	assert_int_equal(token_check(text_of(text), key, UINT64_MAX, &out), ERR_ACCESS);
}

/* Every bit counts, and so do the key and the length. */
static void
token_cannot_be_changed(void **state)
{
	uint8_t text[TOKEN_OCTETS_MAX], other[TOKEN_KEY_OCTETS] = { 1, 2, 4 };
	struct token out;

	(void)state;
	(void)token_make(&in, key, text);
	for (size_t bit = 0; bit < 8 * (size_t)IN_OCTETS; bit++) {
		text[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (token_check(text_of(text), key, 0, &out) != ERR_ACCESS)
			fail_msg("bit %zu", bit);
		text[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(token_check(text_of(text), other, 0, &out), ERR_ACCESS);
	for (size_t n = 0; n < IN_OCTETS; n++)
		assert_int_equal(token_check((struct slice){ (char *)text, n }, key, 0, &out),
		    ERR_ACCESS);
	assert_int_equal(token_check((struct slice){ NULL, 0 }, key, 0, &out), ERR_ACCESS);
}

/* Also one that directoryd should never make. */
static void
token_needs_a_zone(void **state)
{
	struct token local = in, out;
	uint8_t text[TOKEN_OCTETS_MAX];

	(void)state;
	local.zone = ZONE_LOCAL;
	(void)token_make(&local, key, text);
	assert_int_equal(token_check(text_of(text), key, 0, &out), ERR_ACCESS);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(token_reads_back), cmocka_unit_test(token_expires),
		cmocka_unit_test(token_cannot_be_changed), cmocka_unit_test(token_needs_a_zone),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(t, NULL, NULL);
}
