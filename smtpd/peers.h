/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/peers.h: how many octets each client address has under way.
 *
 * Bounds  one entry per address that has any. Addresses are keys of common/share.h.
 */
#ifndef SMTPD_PEERS_H
#define SMTPD_PEERS_H

#include "common/share.h"

enum { PEERS_BUCKETS = 1024 };

struct peers_entry;

struct peers {
	struct peers_entry *buckets[PEERS_BUCKETS];
};

/* So many octets more, if they stay within max: OK, ERR_LIMIT, ERR_NOMEM. */
int peers_hold(struct peers *p, const uint8_t key[SHARE_KEY_OCTETS], uint64_t octets,
    uint64_t max) MUST_USE;
void peers_release(struct peers *p, const uint8_t key[SHARE_KEY_OCTETS], uint64_t octets);

#endif
