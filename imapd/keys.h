/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/keys.h: secrets of keysets that signed-in sessions of this worker may use.
 *
 * Shape   one row per keyset with a count of its users; a session that signs in adds each keyset it
 *         was given, and drops it when it ends. The last drop wipes the secret and what the store
 *         cached with it. Holding a place in the table is the right to use it: nothing else
 *         looks a secret up.
 * Bounds  KEYS_MAX keysets; the secrets lie in locked, guarded memory.
 */
#ifndef IMAPD_KEYS_H
#define IMAPD_KEYS_H

#include "mailstore/store.h"

enum { KEYS_MAX = 65536, KEYS_SECRET_OCTETS = 32 };

struct keys;

int keys_new(struct store *store, struct keys **out) MUST_USE;
void keys_free(struct keys **k);

/* Take a place for keyset id with its secret: OK, ERR_LIMIT, ERR_CRYPTO (another secret is known
 * under that id). */
int keys_add(struct keys *k, uint32_t id, const uint8_t secret[KEYS_SECRET_OCTETS],
    uint32_t *place_out) MUST_USE;
void keys_drop(struct keys *k, uint32_t place);

uint32_t keys_id(const struct keys *k, uint32_t place);
const uint8_t *keys_secret(const struct keys *k, uint32_t place);

#endif
