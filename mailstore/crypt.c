/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/crypt.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static const unsigned char wrap_ad[] = "congvu wrap 1";

int
crypt_start(void)
{
	return sodium_init() >= 0 ? OK : ERR_CRYPTO;
}

void
crypt_random(void *out, size_t n)
{
	randombytes_buf(out, n);
}

void
crypt_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void *
crypt_secret_new(size_t n)
{
	return sodium_malloc(n);
}

void
crypt_secret_free(void *secret)
{
	sodium_free(secret);
}

void
crypt_pair(uint8_t public[32], uint8_t secret[32])
{
	crypto_box_curve25519xchacha20poly1305_keypair(public, secret);
}

int
crypt_shared(const uint8_t public[32], const uint8_t secret[32], uint8_t shared_out[32])
{
	return crypto_box_curve25519xchacha20poly1305_beforenm(shared_out, public, secret) == 0 ?
	    OK : ERR_CRYPTO;
}

static void
put_le(unsigned char *dst, uint64_t v, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		dst[i] = (unsigned char)(v >> 8 * i);
}

/* A blob's number is never used twice, so neither is this nonce under one wrapping key. */
static void
wrap_nonce(uint64_t blob, uint32_t keyset, unsigned char nonce[24])
{
	memset(nonce, 0, 24);
	put_le(nonce, blob, 8);
	put_le(nonce + 8, keyset, 4);
}

void
crypt_wrap(const uint8_t shared[32], uint64_t blob, uint32_t keyset, const uint8_t key[32],
    uint8_t out[CRYPT_WRAP_OCTETS])
{
	unsigned char nonce[24];

	wrap_nonce(blob, keyset, nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, key, CRYPT_KEY_OCTETS, wrap_ad,
	    sizeof wrap_ad, NULL, nonce, shared);
}

int
crypt_unwrap(const uint8_t shared[32], uint64_t blob, uint32_t keyset,
    const uint8_t wrapped[CRYPT_WRAP_OCTETS], uint8_t key_out[32])
{
	unsigned char nonce[24];

	wrap_nonce(blob, keyset, nonce);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(key_out, NULL, NULL, wrapped,
	    CRYPT_WRAP_OCTETS, wrap_ad, sizeof wrap_ad, nonce, shared) == 0 ? OK : ERR_CRYPTO;
}

static void
place_ad(const struct crypt_place *at, unsigned char ad[26], unsigned char nonce[24])
{
	put_le(ad, at->blob, 8);
	put_le(ad + 8, at->size_octets, 8);
	put_le(ad + 16, at->summary_octets, 4);
	put_le(ad + 20, at->index, 4);
	ad[24] = at->last;
	ad[25] = at->compressed;
	memset(nonce, 0, 24);
	put_le(nonce, at->index, 4);
}

void
crypt_seal(const uint8_t key[32], const struct crypt_place *at, struct slice plain, char *dst)
{
	unsigned char ad[26], nonce[24];

	place_ad(at, ad, nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt((unsigned char *)dst, NULL,
	    (const unsigned char *)plain.p, plain.n, ad, sizeof ad, NULL, nonce, key);
}

int
crypt_open(const uint8_t key[32], const struct crypt_place *at, struct slice sealed, char *dst)
{
	unsigned char ad[26], nonce[24];

	if (sealed.n < CRYPT_TAG_OCTETS)
		return ERR_CORRUPT;
	place_ad(at, ad, nonce);
	return crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)dst, NULL, NULL,
	    (const unsigned char *)sealed.p, sealed.n, ad, sizeof ad, nonce, key) == 0 ?
	    OK : ERR_CORRUPT;
}

struct crypt_zip {
	ZSTD_CCtx *c;
	ZSTD_DCtx *d;
};

int
crypt_zip_new(struct crypt_zip **out)
{
	struct crypt_zip *z = calloc(1, sizeof *z);

	*out = z;
	if (z == NULL)
		return ERR_NOMEM;
	z->c = ZSTD_createCCtx();
	z->d = ZSTD_createDCtx();
	if (z->c == NULL || z->d == NULL) {
		crypt_zip_free(out);
		return ERR_NOMEM;
	}
	return OK;
}

void
crypt_zip_free(struct crypt_zip **zip)
{
	if (*zip == NULL)
		return;
	ZSTD_freeCCtx((*zip)->c);
	ZSTD_freeDCtx((*zip)->d);
	free(*zip);
	*zip = NULL;
}

size_t
crypt_zip(struct crypt_zip *zip, struct slice plain, char *dst)
{
	size_t n = ZSTD_compressCCtx(zip->c, dst, plain.n, plain.p, plain.n, 1);

	return ZSTD_isError(n) || n >= plain.n ? 0 : n;
}

int
crypt_unzip(struct crypt_zip *zip, struct slice packed, char *dst, size_t n)
{
	size_t got = ZSTD_decompressDCtx(zip->d, dst, n, packed.p, packed.n);

	return !ZSTD_isError(got) && got == n ? OK : ERR_CORRUPT;
}
