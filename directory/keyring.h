/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyring.h: what is done with the master key; the logic of keyd, without its sockets.
 *
 * Shape   the master never serves itself: a key is derived from it for each purpose (wrapping,
 *         spool, audit). A keyset is an X25519 pair whose secret leaves wrapped in
 *         XChaCha20-Poly1305:
 *             u8 version, u8 class, guid[16], nonce[24], ciphertext and tag[48]
 *         with the first 18 octets as additional data: a secret cannot be passed off for
 *         another account or class.
 * Safety  secrets live in sodium_malloc and are zeroed; none is logged.
 */
#ifndef DIRECTORY_KEYRING_H
#define DIRECTORY_KEYRING_H

#include "common/slice.h"
#include "directory/token.h"

enum { KEYRING_MASTER_OCTETS = 32, KEYRING_WRAPPED_OCTETS = 1 + 1 + 16 + 24 + 32 + 16 };

struct keyring;

/* The keys derived from a master. audit_seed: 32 octets, of the key that signs the audit, where it is
 * older than this master; NULL: derived, too. ERR_NOMEM. */
int keyring_new(const uint8_t master[KEYRING_MASTER_OCTETS], const uint8_t *audit_seed,
    struct keyring **out) MUST_USE;
/* That seed, as a master gives it. */
void keyring_audit_seed(const uint8_t master[KEYRING_MASTER_OCTETS], uint8_t out[32]);
void keyring_free(struct keyring **k);

/* A new keyset of guid (16 octets) and class KEYSET_OPEN, _MAT, _SHARED, or _SPOOL (whose secret
 * is a symmetric key). ERR_INVAL. */
int keyring_make(const struct keyring *k, struct slice guid, unsigned class,
    uint8_t public_out[32], uint8_t wrapped_out[KEYRING_WRAPPED_OCTETS]) MUST_USE;

/*
 * The secret of a keyset for a session. role_zone is what the asking socket stands for
 * (ZONE_INTERNAL or ZONE_INTERNET). ERR_ACCESS: the keyset is another's and the token does not
 * vouch that its session is a clerk of the agency that owns it; a clerk's and not shared, nor mat
 * within the lower of both clearances; a mat keyset and not both the token and the socket are of
 * zone internal; the spool key. ERR_CRYPTO: not made by this master.
 */
int keyring_unwrap(const struct keyring *k, const struct token *t, unsigned role_zone,
    struct slice wrapped, uint8_t secret_out[32], uint8_t *class_out) MUST_USE;

/* The secret of a keyset for an administrator: ERR_ACCESS: it is not that of guid (16 octets) and
 * class; ERR_CRYPTO: not made by this master. */
int keyring_open(const struct keyring *k, struct slice guid, unsigned class,
    struct slice wrapped, uint8_t secret_out[32]) MUST_USE;

/* A secret wrapped by one master, wrapped by another. What `to` wrapped stays as it is. */
int keyring_rewrap(const struct keyring *from, const struct keyring *to, struct slice wrapped,
    uint8_t out[KEYRING_WRAPPED_OCTETS]) MUST_USE;

/* The first key of the queue. Valid as long as the keyring. */
const uint8_t *keyring_spool(const struct keyring *k);

/* Ed25519 over the 32 octets of digest, as they are. */
void keyring_sign(const struct keyring *k, const uint8_t digest[32], uint8_t signature_out[64],
    uint8_t public_out[32]);

#endif
