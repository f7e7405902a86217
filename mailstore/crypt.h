/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/crypt.h: how a body is sealed, and how its key is wrapped for a keyset.
 *
 * Shape   every message has a random key. Its chunks are sealed with XChaCha20-Poly1305 under that
 *         key, the nonce being the chunk's number; place, order, end and length are authenticated.
 *         The key is wrapped once per keyset by an epoch box: a segment has one X25519 pair, and
 *         the wrapping key is what that pair and the keyset's pair have in common. So wrapping
 *         needs no secret of the keyset, and once the epoch's secret is wiped only the keyset's
 *         secret unwraps. A copy in the queue is wrapped with the spool key.
 * Source  STORE §6; libsodium's crypto_box_curve25519xchacha20poly1305 and
 *         crypto_aead_xchacha20poly1305_ietf.
 */
#ifndef MAILSTORE_CRYPT_H
#define MAILSTORE_CRYPT_H

#include "common/buf.h"

enum {
	CRYPT_KEY_OCTETS = 32,
	CRYPT_WRAP_OCTETS = 48,
	CRYPT_TAG_OCTETS = 16,
	CRYPT_CHUNK_OCTETS = 65536,
	CRYPT_SPOOL_KEYSET = -1,	/* the keyset number that stands for the spool key */
};

/* What a chunk is: authenticated with it. */
struct crypt_place {
	uint64_t blob;
	uint64_t size_octets;		/* of the whole message */
	uint32_t summary_octets;
	uint32_t index;			/* 0 is the summary */
	bool	 last, compressed;
};

/* Call once; ERR_CRYPTO if the system has no randomness. */
int crypt_start(void) MUST_USE;

void crypt_random(void *out, size_t n);
void crypt_wipe(void *p, size_t n);

/* Memory for secrets: locked, guarded, out of core dumps. */
void *crypt_secret_new(size_t n);
void crypt_secret_free(void *secret);

/* Many secrets of 32 octets (CRYPT_KEY_OCTETS) in guarded memory: pages for each would be too
 * many. */
struct crypt_vault;

int crypt_vault_new(struct crypt_vault **out) MUST_USE;
void crypt_vault_free(struct crypt_vault **v);
/* A place, zeroed; NULL: out of memory. Giving it back wipes it. */
uint8_t *crypt_vault_take(struct crypt_vault *v);
void crypt_vault_give(struct crypt_vault *v, uint8_t *place);

/* A fresh pair. */
void crypt_pair(uint8_t public[32], uint8_t secret[32]);

/* The wrapping key of a pair and a foreign public key. ERR_CRYPTO: a degenerate public key. */
int crypt_shared(const uint8_t public[32], const uint8_t secret[32], uint8_t shared_out[32])
    MUST_USE;

void crypt_wrap(const uint8_t shared[32], uint64_t blob, uint32_t keyset, const uint8_t key[32],
    uint8_t out[CRYPT_WRAP_OCTETS]);
int crypt_unwrap(const uint8_t shared[32], uint64_t blob, uint32_t keyset,
    const uint8_t wrapped[CRYPT_WRAP_OCTETS], uint8_t key_out[32]) MUST_USE;

/* Seal plain to dst: plain.n + CRYPT_TAG_OCTETS octets. Open does the reverse; ERR_CORRUPT. */
void crypt_seal(const uint8_t key[32], const struct crypt_place *at, struct slice plain, char *dst);
int crypt_open(const uint8_t key[32], const struct crypt_place *at, struct slice sealed, char *dst)
    MUST_USE;

/* zstd, level 1, with contexts that are used again. */
struct crypt_zip;

int crypt_zip_new(struct crypt_zip **out) MUST_USE;
void crypt_zip_free(struct crypt_zip **zip);

/* Compress to dst (as many octets as plain has): how many were written, or 0 if it did not get
 * smaller. */
size_t crypt_zip(struct crypt_zip *zip, struct slice plain, char *dst);

/* Decompress to exactly n octets: OK or ERR_CORRUPT. */
int crypt_unzip(struct crypt_zip *zip, struct slice packed, char *dst, size_t n) MUST_USE;

#endif
