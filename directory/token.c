/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/token.h"

#include <string.h>
#include <sodium.h>

#include "common/control.h"
#include "common/words.h"

enum {
	TOKEN_VERSION = 2,
	AT_ZONE = 1, AT_GUID = 2, AT_EXPIRES = 18, AT_NONCE = 26, AT_COUNT = 42, AT_AGENCIES = 43,
	NONCE_OCTETS = 16, MAC_OCTETS = 32,
};
_Static_assert(AT_AGENCIES + MAC_OCTETS == TOKEN_OCTETS, "layout");
_Static_assert(crypto_auth_hmacsha256_BYTES == MAC_OCTETS &&
    crypto_auth_hmacsha256_KEYBYTES == TOKEN_KEY_OCTETS, "sizes of libsodium");

size_t
token_make(const struct token *t, const uint8_t key[TOKEN_KEY_OCTETS],
    uint8_t out[TOKEN_OCTETS_MAX])
{
	size_t n = t->agencies_n < TOKEN_AGENCIES_MAX ? t->agencies_n : TOKEN_AGENCIES_MAX;
	uint8_t *p = out + AT_AGENCIES;

	out[0] = TOKEN_VERSION;
	out[AT_ZONE] = t->zone;
	memcpy(out + AT_GUID, t->guid, sizeof t->guid);
	for (size_t i = 0; i < 8; i++)
		out[AT_EXPIRES + i] = (uint8_t)(t->expires_ms >> (8 * i));
	randombytes_buf(out + AT_NONCE, NONCE_OCTETS);
	out[AT_COUNT] = (uint8_t)n;
	for (size_t i = 0; i < n; i++, p += TOKEN_AGENCY_OCTETS) {
		memcpy(p, t->agencies[i].guid, 16);
		p[16] = t->agencies[i].clearance;
	}
	crypto_auth_hmacsha256(p, out, (size_t)(p - out), key);
	return (size_t)(p - out) + MAC_OCTETS;
}

static bool
is_whole(struct slice text, const uint8_t *p)
{
	return text.n >= TOKEN_OCTETS && p[0] == TOKEN_VERSION &&
	    p[AT_COUNT] <= TOKEN_AGENCIES_MAX &&
	    text.n == TOKEN_OCTETS + (size_t)p[AT_COUNT] * TOKEN_AGENCY_OCTETS;
}

int
token_check(struct slice text, const uint8_t key[TOKEN_KEY_OCTETS], uint64_t now_ms,
    struct token *out)
{
	const uint8_t *p = (const uint8_t *)text.p;
	size_t mac = text.n - MAC_OCTETS;

	if (!is_whole(text, p))
		return ERR_ACCESS;
	if (crypto_auth_hmacsha256_verify(p + mac, p, mac, key) != 0 && !control_off("token-mac"))
		return ERR_ACCESS;
	*out = (struct token){ .zone = p[AT_ZONE], .agencies_n = p[AT_COUNT] };
	memcpy(out->guid, p + AT_GUID, sizeof out->guid);
	for (size_t i = 0; i < 8; i++)
		out->expires_ms |= (uint64_t)p[AT_EXPIRES + i] << (8 * i);
	for (size_t i = 0; i < out->agencies_n; i++) {
		const uint8_t *a = p + AT_AGENCIES + i * TOKEN_AGENCY_OCTETS;

		memcpy(out->agencies[i].guid, a, 16);
		out->agencies[i].clearance = a[16];
	}
	if (out->zone != ZONE_INTERNAL && out->zone != ZONE_INTERNET)
		return ERR_ACCESS;
	if (now_ms >= out->expires_ms && !control_off("token-expiry"))
		return ERR_ACCESS;
	return OK;
}

const struct token_agency *
token_agency(const struct token *t, const uint8_t guid[16])
{
	for (size_t i = 0; i < t->agencies_n; i++)
		if (memcmp(t->agencies[i].guid, guid, 16) == 0)
			return &t->agencies[i];
	return NULL;
}
