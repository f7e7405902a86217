/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Tokens and wrapped keysets from strangers: none is ever good. */
#include <stdlib.h>
#include <sodium.h>

#include "common/words.h"
#include "directory/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keyring *ring;
	static uint8_t key[TOKEN_KEY_OCTETS];
	struct token t = { .zone = ZONE_INTERNAL }, out;
	uint8_t secret[32], class;

	if (ring == NULL) {
		if (sodium_init() < 0)
			abort();
		randombytes_buf(key, sizeof key);
		if (keyring_new(key, NULL, &ring) != OK)
			abort();
	}
	if (token_check((struct slice){ (const char *)data, size }, key, 0, &out) == OK)
		abort();
	if (keyring_unwrap(ring, &t, ZONE_INTERNAL, (struct slice){ (const char *)data, size },
	    secret, &class) == OK)
		abort();
	return 0;
}
