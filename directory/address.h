/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/address.h: mail addresses as the directory compares them.
 *
 * Shape   an address is brought to one form: NFC, case folded, both sides of the "@".
 *         Only dot-atoms are accounts' addresses; quoted local parts belong to nobody here.
 * Bounds  ADDRESS_OCTETS_MAX octets before and after.
 * Source  RFC 5321 4.1.2, RFC 6531 3.3; RFC 5233 1 (detail behind "+").
 */
#ifndef DIRECTORY_ADDRESS_H
#define DIRECTORY_ADDRESS_H

#include "common/arena.h"

enum { ADDRESS_OCTETS_MAX = 320 };

/* The canonical form in arena memory. ERR_SYNTAX: nobody's address; ERR_LIMIT, ERR_NOMEM. */
int address_canon(struct slice in, struct arena *arena, struct slice *out) MUST_USE;

/* Of a canonical address. */
struct slice address_domain(struct slice address);

/* Without "+detail": true and the shorter form, or false when there is none. */
bool address_base(struct slice address, struct arena *arena, struct slice *out);

#endif
