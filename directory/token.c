/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/token.h"

#include <string.h>
#include <sodium.h>

#include "common/control.h"
#include "common/words.h"

enum {
	TOKEN_VERSION = 1,
	AT_ZONE = 1, AT_GUID = 2, AT_EXPIRES = 18, AT_NONCE = 26, AT_MAC = 42,
	NONCE_OCTETS = 16, MAC_OCTETS = 32,
};
_Static_assert(AT_MAC + MAC_OCTETS == TOKEN_OCTETS, "layout");
_Static_assert(crypto_auth_hmacsha256_BYTES == MAC_OCTETS &&
    crypto_auth_hmacsha256_KEYBYTES == TOKEN_KEY_OCTETS, "sizes of libsodium");

void
token_make(const struct token *t, const uint8_t key[TOKEN_KEY_OCTETS], uint8_t out[TOKEN_OCTETS])
{
	out[0] = TOKEN_VERSION;
	out[AT_ZONE] = t->zone;
	memcpy(out + AT_GUID, t->guid, sizeof t->guid);
	for (size_t i = 0; i < 8; i++)
		out[AT_EXPIRES + i] = (uint8_t)(t->expires_ms >> (8 * i));
	randombytes_buf(out + AT_NONCE, NONCE_OCTETS);
	crypto_auth_hmacsha256(out + AT_MAC, out, AT_MAC, key);
}

int
token_check(struct slice text, const uint8_t key[TOKEN_KEY_OCTETS], uint64_t now_ms,
    struct token *out)
{
	const uint8_t *p = (const uint8_t *)text.p;

	if (text.n != TOKEN_OCTETS || p[0] != TOKEN_VERSION)
		return ERR_ACCESS;
	if (crypto_auth_hmacsha256_verify(p + AT_MAC, p, AT_MAC, key) != 0 &&
	    !control_off("token-mac"))
		return ERR_ACCESS;
	*out = (struct token){ .zone = p[AT_ZONE] };
	memcpy(out->guid, p + AT_GUID, sizeof out->guid);
	for (size_t i = 0; i < 8; i++)
		out->expires_ms |= (uint64_t)p[AT_EXPIRES + i] << (8 * i);
	if (out->zone != ZONE_INTERNAL && out->zone != ZONE_INTERNET)
		return ERR_ACCESS;
	if (now_ms >= out->expires_ms && !control_off("token-expiry"))
		return ERR_ACCESS;
	return OK;
}
