/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/share.h: connections in all and per client address, counted over all workers of a program.
 *
 * Shape   memory shared by the parent and all its children, made before the first fork. Each child
 *         has a column that only it writes; a sum over the columns is the count, and a child
 *         that dies leaves nothing behind since the parent clears its column. There are no locks,
 *         pointers or lengths in it: what a fallen child can do is to miscount.
 *         A column holds two counters per address, at places given by a keyed hash; the smaller
 *         sum counts, so that two addresses rarely share a count, and never by a client's choice.
 * Units   IPv4 addresses one by one, IPv6 addresses by their /64.
 * Bounds  SHARE_COLUMNS children at a time; never more than the limit, but the last free place may
 *         be refused to two that come at the same moment.
 */
#ifndef COMMON_SHARE_H
#define COMMON_SHARE_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"

enum { SHARE_KEY_OCTETS = 16, SHARE_COLUMNS = 512, SHARE_PLACES = 16384 };

struct share;

/* A child's place in the table. */
struct share_seat {
	struct share *table;
	unsigned      column;
};

int share_new(struct share **out) MUST_USE;
void share_free(struct share **table);

/* For the parent: a cleared column for a new child (ERR_LIMIT: none is free), and back when the
 * child has ended. */
int share_take(struct share *table, struct share_seat *out) MUST_USE;
void share_give_back(struct share_seat *seat);

/* The key of an address; anything but IPv4 and IPv6 has the key of zeros, which has no limit. */
void share_key(const struct sockaddr *sa, uint8_t key_out[SHARE_KEY_OCTETS]);

/* One more connection, if there are then at most max in all and max_address of this address: OK
 * or ERR_LIMIT. */
int share_add(struct share_seat seat, const uint8_t key[SHARE_KEY_OCTETS], uint64_t max,
    uint64_t max_address) MUST_USE;
void share_remove(struct share_seat seat, const uint8_t key[SHARE_KEY_OCTETS]);

/* Now, of all children. */
uint64_t share_total(const struct share *table);

#endif
