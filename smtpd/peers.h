/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/peers.h: how many sessions each client address has, and how many octets it has under way.
 *
 * Shape   IPv4 addresses one by one, IPv6 addresses by their /64.
 * Bounds  one entry per address that has a session.
 */
#ifndef SMTPD_PEERS_H
#define SMTPD_PEERS_H

#include <sys/socket.h>

#include "common/slice.h"

enum { PEERS_KEY_OCTETS = 16, PEERS_BUCKETS = 1024 };

struct peers_entry;

struct peers {
	struct peers_entry *buckets[PEERS_BUCKETS];
};

/* The key of an address; anything but IPv4 and IPv6 has the key of zeros. */
void peers_key(const struct sockaddr *sa, uint8_t key_out[PEERS_KEY_OCTETS]);

/* One more, if there are fewer than max: OK, ERR_LIMIT, ERR_NOMEM. */
int peers_add(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t max) MUST_USE;
void peers_remove(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS]);

/* So many octets more of an address that has a session, if they stay within max: OK, ERR_LIMIT. */
int peers_hold(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t octets,
    uint64_t max) MUST_USE;
void peers_release(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t octets);

#endif
