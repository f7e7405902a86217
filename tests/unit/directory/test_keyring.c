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
#include "directory/keyring.h"

static const uint8_t master[KEYRING_MASTER_OCTETS] = { 42 };
static const char guid[] = "0123456789abcdef", other[] = "fedcba9876543210";
static struct keyring *ring;

static struct token
token_of(const char *of, unsigned zone)
{
	struct token t = { .zone = (uint8_t)zone };

	memcpy(t.guid, of, sizeof t.guid);
	return t;
}

static int
unwrap(const char *of, unsigned zone, unsigned role_zone, const uint8_t *wrapped, uint8_t secret[32])
{
	struct token t = token_of(of, zone);
	uint8_t class;

	return keyring_unwrap(ring, &t, role_zone,
	    (struct slice){ (const char *)wrapped, KEYRING_WRAPPED_OCTETS }, secret, &class);
}

static const struct {
	const char *of;
	unsigned class, zone, role_zone;
	int result;
} cases[] = {
	{ guid, KEYSET_OPEN, ZONE_INTERNAL, ZONE_INTERNAL, OK },
	{ guid, KEYSET_OPEN, ZONE_INTERNET, ZONE_INTERNET, OK },
	{ guid, KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, OK },
	{ guid, KEYSET_MAT, ZONE_INTERNET, ZONE_INTERNAL, ERR_ACCESS },
	{ guid, KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNET, ERR_ACCESS },
	{ guid, KEYSET_MAT, ZONE_INTERNET, ZONE_INTERNET, ERR_ACCESS },
	{ other, KEYSET_OPEN, ZONE_INTERNAL, ZONE_INTERNAL, ERR_ACCESS },
	{ other, KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, ERR_ACCESS },
};

static void
keyring_gives_only_to_the_owner_in_his_zone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t public[32], wrapped[KEYRING_WRAPPED_OCTETS], secret[32] = { 0 }, again[32];

		assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, cases[i].class,
		    public, wrapped), OK);
		if (unwrap(cases[i].of, cases[i].zone, cases[i].role_zone, wrapped, secret) !=
		    cases[i].result)
			fail_msg("row %zu", i);
		if (cases[i].result != OK) {
			assert_true(sodium_is_zero(secret, sizeof secret));
			continue;
		}
		crypto_scalarmult_base(again, secret);
		assert_memory_equal(again, public, sizeof public);
	}
}

/* guid is an agency; other is its clerk, as far as the token vouches for it. */
static const struct {
	unsigned class, zone, role_zone;
	int clearance;		/* -1: no clerk */
	int result;
} clerks[] = {
	{ KEYSET_SHARED, ZONE_INTERNAL, ZONE_INTERNAL, LEVEL_THUONG, OK },
	{ KEYSET_SHARED, ZONE_INTERNET, ZONE_INTERNET, LEVEL_THUONG, OK },
	{ KEYSET_SHARED, ZONE_INTERNAL, ZONE_INTERNAL, -1, ERR_ACCESS },
	{ KEYSET_OPEN, ZONE_INTERNAL, ZONE_INTERNAL, LEVEL_TUYET_MAT, ERR_ACCESS },
	{ KEYSET_OPEN, ZONE_INTERNET, ZONE_INTERNET, LEVEL_THUONG, ERR_ACCESS },
	{ KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, LEVEL_MAT, OK },
	{ KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, LEVEL_THUONG, ERR_ACCESS },
	{ KEYSET_MAT, ZONE_INTERNET, ZONE_INTERNAL, LEVEL_MAT, ERR_ACCESS },
	{ KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNET, LEVEL_MAT, ERR_ACCESS },
	{ KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, 77, ERR_ACCESS },
	{ KEYSET_MAT, ZONE_INTERNAL, ZONE_INTERNAL, -1, ERR_ACCESS },
	{ KEYSET_SPOOL, ZONE_INTERNAL, ZONE_INTERNAL, LEVEL_TUYET_MAT, ERR_ACCESS },
};

static void
keyring_gives_a_clerk_what_is_shared(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(clerks); i++) {
		uint8_t public[32], wrapped[KEYRING_WRAPPED_OCTETS], secret[32] = { 0 }, class;
		struct token t = token_of(other, clerks[i].zone);

		if (clerks[i].clearance >= 0) {
			t.agencies_n = 1;
			t.agencies[0].clearance = (uint8_t)clerks[i].clearance;
			memcpy(t.agencies[0].guid, guid, 16);
		}
		assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, clerks[i].class,
		    public, wrapped), OK);
		if (keyring_unwrap(ring, &t, clerks[i].role_zone, (struct slice){ (char *)wrapped,
		    sizeof wrapped }, secret, &class) != clerks[i].result)
			fail_msg("row %zu", i);
		assert_int_equal(sodium_is_zero(secret, 32), clerks[i].result != OK);
	}
}

/* Nobody signed in gets the key of the queue, not even under a guid of zeros. */
static void
keyring_keeps_the_spool_key(void **state)
{
	uint8_t public[32], wrapped[KEYRING_WRAPPED_OCTETS], secret[32], class;
	struct slice w = { (char *)wrapped, sizeof wrapped };
	struct token t = { .zone = ZONE_INTERNAL };

	(void)state;
	assert_int_equal(keyring_make(ring, (struct slice){ (const char *)t.guid, 16 },
	    KEYSET_SPOOL, public, wrapped), OK);
	assert_int_equal(keyring_unwrap(ring, &t, ZONE_INTERNAL, w, secret, &class), ERR_ACCESS);
	assert_int_equal(keyring_open(ring, (struct slice){ (const char *)t.guid, 16 },
	    KEYSET_SPOOL, w, secret), OK);
}

static void
keyring_moves_to_another_master(void **state)
{
	uint8_t public[32], w[KEYRING_WRAPPED_OCTETS], moved[KEYRING_WRAPPED_OCTETS];
	uint8_t twice[KEYRING_WRAPPED_OCTETS], secret[32], again[32];
	struct slice of = { guid, 16 }, at = { (char *)moved, sizeof moved };
	uint8_t another[KEYRING_MASTER_OCTETS] = { 43 };
	struct keyring *next;

	(void)state;
	assert_int_equal(keyring_new(another, NULL, &next), OK);
	assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, KEYSET_MAT, public, w), OK);
	assert_int_equal(keyring_rewrap(ring, next, (struct slice){ (char *)w, sizeof w }, moved),
	    OK);
	assert_int_equal(keyring_open(ring, of, KEYSET_MAT, at, secret), ERR_CRYPTO);
	assert_int_equal(keyring_open(next, of, KEYSET_MAT, at, secret), OK);
	crypto_scalarmult_base(again, secret);
	assert_memory_equal(again, public, 32);
	assert_int_equal(keyring_rewrap(ring, next, at, twice), OK);
	assert_memory_equal(twice, moved, sizeof moved);
	w[60] ^= 1;
	assert_int_equal(keyring_rewrap(ring, next, (struct slice){ (char *)w, sizeof w }, twice),
	    ERR_CRYPTO);
	keyring_free(&next);
}

static void
keyring_opens_what_is_named_rightly(void **state)
{
	static const struct {
		const char *of;
		unsigned    made, class;
		int	    result;
	} rows[] = {
		{ guid, KEYSET_OPEN, KEYSET_OPEN, OK }, { guid, KEYSET_MAT, KEYSET_MAT, OK },
		{ guid, KEYSET_SHARED, KEYSET_SHARED, OK },
		{ guid, KEYSET_MAT, KEYSET_OPEN, ERR_ACCESS },
		{ other, KEYSET_OPEN, KEYSET_OPEN, ERR_ACCESS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t public[32], w[KEYRING_WRAPPED_OCTETS], secret[32] = { 0 }, again[32];
		struct slice wrapped = { (const char *)w, sizeof w };

		assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, rows[i].made,
		    public, w), OK);
		assert_int_equal(keyring_open(ring, (struct slice){ rows[i].of, 16 },
		    rows[i].class, wrapped, secret), rows[i].result);
		crypto_scalarmult_base(again, secret);
		assert_int_equal(memcmp(again, public, sizeof again) == 0, rows[i].result == OK);
		w[sizeof w - 1] ^= 1;
		assert_true(keyring_open(ring, (struct slice){ guid, 16 }, rows[i].made, wrapped,
		    secret) == ERR_CRYPTO);
		wrapped.n--;
		assert_true(keyring_open(ring, (struct slice){ guid, 16 }, rows[i].made, wrapped,
		    secret) == ERR_CRYPTO);
	}
}

static void
keyring_notices_every_change(void **state)
{
	uint8_t public[32], w[KEYRING_WRAPPED_OCTETS], secret[32], class;
	uint8_t another[KEYRING_MASTER_OCTETS] = { 43 };
	struct token t = token_of(guid, ZONE_INTERNAL);
	struct keyring *stranger;

	(void)state;
	assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, KEYSET_MAT, public, w), OK);
	for (size_t bit = 0; bit < 8 * sizeof w; bit++) {
		w[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (unwrap(guid, ZONE_INTERNAL, ZONE_INTERNAL, w, secret) == OK)
			fail_msg("bit %zu", bit);
		w[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < sizeof w; n++)
		assert_int_equal(keyring_unwrap(ring, &t, ZONE_INTERNAL,
		    (struct slice){ (char *)w, n }, secret, &class), ERR_CRYPTO);
	assert_int_equal(keyring_new(another, NULL, &stranger), OK);
	assert_int_equal(keyring_unwrap(stranger, &t, ZONE_INTERNAL,
	    (struct slice){ (char *)w, sizeof w }, secret, &class), ERR_CRYPTO);
	keyring_free(&stranger);
}

static void
keyring_makes_no_other_classes(void **state)
{
	uint8_t public[32], w[KEYRING_WRAPPED_OCTETS];

	(void)state;
	assert_int_equal(keyring_make(ring, (struct slice){ guid, 16 }, KEYSET_SPOOL + 1, public,
	    w), ERR_INVAL);
	assert_int_equal(keyring_make(ring, (struct slice){ guid, 15 }, KEYSET_OPEN, public, w),
	    ERR_INVAL);
}

static void
keyring_is_the_same_after_a_restart(void **state)
{
	struct keyring *again;
	uint8_t digest[32] = { 5 }, signature[64], public[32], public2[32];

	(void)state;
	assert_int_equal(keyring_new(master, NULL, &again), OK);
	assert_memory_equal(keyring_spool(ring), keyring_spool(again), 32);
	keyring_sign(ring, digest, signature, public);
	assert_int_equal(crypto_sign_verify_detached(signature, digest, 32, public), 0);
	keyring_sign(again, digest, signature, public2);
	assert_memory_equal(public, public2, 32);
	keyring_free(&again);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(keyring_gives_only_to_the_owner_in_his_zone),
		cmocka_unit_test(keyring_opens_what_is_named_rightly),
		cmocka_unit_test(keyring_gives_a_clerk_what_is_shared),
		cmocka_unit_test(keyring_keeps_the_spool_key),
		cmocka_unit_test(keyring_moves_to_another_master),
		cmocka_unit_test(keyring_notices_every_change),
		cmocka_unit_test(keyring_makes_no_other_classes),
		cmocka_unit_test(keyring_is_the_same_after_a_restart),
	};
	int failed;

	if (sodium_init() < 0 || keyring_new(master, NULL, &ring) != OK)
		return 1;
	failed = cmocka_run_group_tests(t, NULL, NULL);
	keyring_free(&ring);
	return failed;
}
