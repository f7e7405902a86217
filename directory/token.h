/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/token.h: proof of a sign-in, made by directoryd, believed by keyd alone.
 *
 * Shape   version, zone, guid, expiry, nonce, the agencies whose clerk the account is (guid and the
 *         lower of both clearances), and a MAC over them; no secret inside, but whoever
 *         shows it is taken for the session, so it goes to the worker that serves the session and is
 *         never logged. The key of the MAC is made at each start of directoryd, so no token
 *         outlives it.
 * Units   expiry is in milliseconds of the machine's monotonic clock (common/clock.h), which all
 *         processes share and nobody can set back.
 */
#ifndef DIRECTORY_TOKEN_H
#define DIRECTORY_TOKEN_H

#include "common/slice.h"

enum {
	TOKEN_KEY_OCTETS = 32,
	TOKEN_AGENCIES_MAX = 32,
	TOKEN_AGENCY_OCTETS = 16 + 1,
	TOKEN_OCTETS = 1 + 1 + 16 + 8 + 16 + 1 + 32,	/* without agencies */
	TOKEN_OCTETS_MAX = TOKEN_OCTETS + TOKEN_AGENCIES_MAX * TOKEN_AGENCY_OCTETS,
	TOKEN_LIFE_MS = 10 * 60 * 1000,	/* a worker unwraps its keysets at sign-in */
};

/* directoryd vouches that the account is a clerk of this agency now. */
struct token_agency {
	uint8_t guid[16];
	uint8_t clearance;	/* LEVEL_*: the lower one of the agency's and the clerk's */
};

struct token {
	uint8_t	 zone;		/* ZONE_INTERNAL or ZONE_INTERNET */
	uint8_t	 guid[16];
	uint64_t expires_ms;
	uint8_t	 agencies_n;	/* at most TOKEN_AGENCIES_MAX */
	struct token_agency agencies[TOKEN_AGENCIES_MAX];
};

/* How many octets it made. */
size_t token_make(const struct token *t, const uint8_t key[TOKEN_KEY_OCTETS],
    uint8_t out[TOKEN_OCTETS_MAX]);

/* The right at an agency's mail, or NULL. */
const struct token_agency *token_agency(const struct token *t, const uint8_t guid[16]);

/* OK and *out; ERR_ACCESS: not made with this key, or expired at now_ms. The MAC is compared in
 * constant time. */
int token_check(struct slice text, const uint8_t key[TOKEN_KEY_OCTETS], uint64_t now_ms,
    struct token *out) MUST_USE;

#endif
