/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyring.h"

#include <string.h>
#include <sodium.h>

#include "common/control.h"
#include "common/words.h"

enum {
	KEYRING_VERSION = 1,
	GUID_OCTETS = 16,
	AT_CLASS = 1, AT_GUID = 2, AT_NONCE = 18, AT_BOX = 42,
	AAD_OCTETS = AT_NONCE,
};
_Static_assert(AT_BOX + 32 + crypto_aead_xchacha20poly1305_ietf_ABYTES == KEYRING_WRAPPED_OCTETS,
    "layout");
_Static_assert(crypto_kdf_KEYBYTES == KEYRING_MASTER_OCTETS && crypto_box_SECRETKEYBYTES == 32 &&
    crypto_sign_SEEDBYTES == 32, "sizes of libsodium");

enum purpose { PURPOSE_WRAP = 1, PURPOSE_SPOOL = 2, PURPOSE_AUDIT = 3 };

struct keyring {
	uint8_t wrap[32];
	uint8_t spool[32];
	uint8_t audit_secret[crypto_sign_SECRETKEYBYTES];
	uint8_t audit_public[crypto_sign_PUBLICKEYBYTES];
};

static const char context[] = "congvuk1";

void
keyring_audit_seed(const uint8_t master[KEYRING_MASTER_OCTETS], uint8_t out[32])
{
	crypto_kdf_derive_from_key(out, 32, PURPOSE_AUDIT, context, master);
}

int
keyring_new(const uint8_t master[KEYRING_MASTER_OCTETS], const uint8_t *audit_seed,
    struct keyring **out)
{
	struct keyring *k = sodium_malloc(sizeof *k);
	_Static_assert(sizeof context - 1 == crypto_kdf_CONTEXTBYTES, "sizes of libsodium");
	uint8_t seed[crypto_sign_SEEDBYTES];

	if (k == NULL)
		return ERR_NOMEM;
	crypto_kdf_derive_from_key(k->wrap, sizeof k->wrap, PURPOSE_WRAP, context, master);
	crypto_kdf_derive_from_key(k->spool, sizeof k->spool, PURPOSE_SPOOL, context, master);
	if (audit_seed != NULL)
		memcpy(seed, audit_seed, sizeof seed);
	else
		keyring_audit_seed(master, seed);
	crypto_sign_seed_keypair(k->audit_public, k->audit_secret, seed);
	sodium_memzero(seed, sizeof seed);
	sodium_mprotect_readonly(k);
	*out = k;
	return OK;
}

void
keyring_free(struct keyring **k)
{
	sodium_free(*k);	/* zeroes */
	*k = NULL;
}

static void
wrap_secret(const struct keyring *k, const uint8_t *guid, unsigned class, const uint8_t *secret,
    uint8_t out[KEYRING_WRAPPED_OCTETS])
{
	out[0] = KEYRING_VERSION;
	out[AT_CLASS] = (uint8_t)class;
	memcpy(out + AT_GUID, guid, GUID_OCTETS);
	randombytes_buf(out + AT_NONCE, AT_BOX - AT_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + AT_BOX, NULL, secret,
	    crypto_box_SECRETKEYBYTES, out, AAD_OCTETS, NULL, out + AT_NONCE, k->wrap);
}

int
keyring_make(const struct keyring *k, struct slice guid, unsigned class, uint8_t public_out[32],
    uint8_t out[KEYRING_WRAPPED_OCTETS])
{
	uint8_t *secret;

	if (guid.n != GUID_OCTETS || class > KEYSET_SPOOL)
		return ERR_INVAL;
	secret = sodium_malloc(crypto_box_SECRETKEYBYTES);
	if (secret == NULL)
		return ERR_NOMEM;
	crypto_box_keypair(public_out, secret);
	wrap_secret(k, (const uint8_t *)guid.p, class, secret, out);
	sodium_free(secret);
	return OK;
}

static int
unwrap(const struct keyring *k, struct slice wrapped, uint8_t secret_out[32])
{
	const uint8_t *w = (const uint8_t *)wrapped.p;

	return crypto_aead_xchacha20poly1305_ietf_decrypt(secret_out, NULL, NULL, w + AT_BOX,
	    wrapped.n - AT_BOX, w, AAD_OCTETS, w + AT_NONCE, k->wrap) == 0 ? OK : ERR_CRYPTO;
}

static bool
is_wrapped(struct slice wrapped)
{
	return wrapped.n == KEYRING_WRAPPED_OCTETS && wrapped.p[0] == KEYRING_VERSION;
}

/* The owner has all; the clerk of an agency what is shared, and mat mail that both are cleared for;
 * never what is the agency's own alone. */
static bool
may_have(const struct token *t, const uint8_t *guid, unsigned class)
{
	const struct token_agency *of = token_agency(t, guid);

	if (memcmp(guid, t->guid, GUID_OCTETS) == 0 || control_off("keyset-owner"))
		return true;
	if (of == NULL)
		return false;
	return class == KEYSET_SHARED || control_off("keyset-clerk") ||
	    (class == KEYSET_MAT && of->clearance >= LEVEL_MAT && of->clearance <= LEVEL_TUYET_MAT);
}

int
keyring_unwrap(const struct keyring *k, const struct token *t, unsigned role_zone,
    struct slice wrapped, uint8_t secret_out[32], uint8_t *class_out)
{
	const uint8_t *w = (const uint8_t *)wrapped.p;

	if (!is_wrapped(wrapped))
		return ERR_CRYPTO;
	if (!may_have(t, w + AT_GUID, w[AT_CLASS]) || w[AT_CLASS] > KEYSET_SHARED)
		return ERR_ACCESS;
	if (w[AT_CLASS] == KEYSET_MAT &&
	    (t->zone != ZONE_INTERNAL || role_zone != ZONE_INTERNAL) &&
	    !control_off("keyset-zone"))
		return ERR_ACCESS;
	*class_out = w[AT_CLASS];
	return unwrap(k, wrapped, secret_out);
}

int
keyring_open(const struct keyring *k, struct slice guid, unsigned class, struct slice wrapped,
    uint8_t secret_out[32])
{
	const uint8_t *w = (const uint8_t *)wrapped.p;

	if (!is_wrapped(wrapped))
		return ERR_CRYPTO;
	if (guid.n != GUID_OCTETS || memcmp(w + AT_GUID, guid.p, GUID_OCTETS) != 0 ||
	    w[AT_CLASS] != class)
		return ERR_ACCESS;
	return unwrap(k, wrapped, secret_out);
}

int
keyring_rewrap(const struct keyring *from, const struct keyring *to, struct slice wrapped,
    uint8_t out[KEYRING_WRAPPED_OCTETS])
{
	uint8_t *secret = is_wrapped(wrapped) ? sodium_malloc(crypto_box_SECRETKEYBYTES) : NULL;
	const uint8_t *w = (const uint8_t *)wrapped.p;
	int r;

	if (secret == NULL)
		return is_wrapped(wrapped) ? ERR_NOMEM : ERR_CRYPTO;
	r = unwrap(to, wrapped, secret);
	if (r == OK)	/* done before */
		memcpy(out, wrapped.p, KEYRING_WRAPPED_OCTETS);
	else if ((r = unwrap(from, wrapped, secret)) == OK)
		wrap_secret(to, w + AT_GUID, w[AT_CLASS], secret, out);
	sodium_free(secret);
	return r;
}

const uint8_t *
keyring_spool(const struct keyring *k)
{
	return k->spool;
}

void
keyring_sign(const struct keyring *k, const uint8_t digest[32], uint8_t signature_out[64],
    uint8_t public_out[32])
{
	crypto_sign_detached(signature_out, NULL, digest, 32, k->audit_secret);
	memcpy(public_out, k->audit_public, sizeof k->audit_public);
}
