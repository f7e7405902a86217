/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/throttle.h: slow down who guesses passwords.
 *
 * Shape   failed sign-ins fill three kinds of leaking buckets: of the client's address, of the
 *         account, and of the two together. A full bucket refuses until it has leaked. A pair that signed
 *         in well before is not held back by the account's own bucket, so a stranger
 *         cannot lock an official out of an office where he works.
 * Bounds  a fixed table; when a row is full the emptiest bucket in it is forgotten.
 */
#ifndef DIRECTORY_THROTTLE_H
#define DIRECTORY_THROTTLE_H

#include "common/slice.h"

struct throttle;

/* Failures until refusal, and the time in which one leaks away. */
enum {
	THROTTLE_PAIR_MAX = 10,		THROTTLE_PAIR_LEAK_MS = 30 * 1000,
	THROTTLE_ACCOUNT_MAX = 100,	THROTTLE_ACCOUNT_LEAK_MS = 10 * 1000,
	THROTTLE_CLIENT_MAX = 200,	THROTTLE_CLIENT_LEAK_MS = 3 * 1000,
	THROTTLE_GOOD_MS = 14 * 24 * 3600 * 1000,
};

int throttle_new(struct throttle **out) MUST_USE;
void throttle_free(struct throttle **t);

/* May this client (address literal; IPv6 counts by its /64) try at all? */
bool throttle_client_ok(struct throttle *t, struct slice client, uint64_t now_ms);

/* May it try this account? name: as given by the client, already canonical or not. */
bool throttle_account_ok(struct throttle *t, struct slice client, struct slice name,
    uint64_t now_ms);

/* The outcome of a try. */
void throttle_note(struct throttle *t, struct slice client, struct slice name, bool good,
    uint64_t now_ms);

#endif
