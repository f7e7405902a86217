/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/state.h: what the last run of congvu-trust left behind: how it went, for policyd's
 * metrics, and the addresses of CRLs that certificates had named, for the next run.
 *
 * Format  file = "congvu-trust 1" LF 4( key SP number LF )
 *         *( "url" SP moment SP issuer SP address LF )
 *         with the keys "ran", "complete" (moments, seconds since 1970; complete: nothing failed
 *         then), "fetched" and "failed" (objects), in that order; issuer: 64 hex digits, SHA-256 of
 *         the DER of the name that signs the list.
 * Pure    no files, no clock.
 * Bounds  STATE_URLS_MAX addresses; STATE_OCTETS_MAX octets.
 */
#ifndef POLICY_FETCH_STATE_H
#define POLICY_FETCH_STATE_H

#include "common/arena.h"
#include "common/buf.h"

#define STATE_FILE ".congvu-trust"

enum { STATE_URLS_MAX = 256, STATE_OCTETS_MAX = 512 << 10 };

struct state_url {
	struct slice url;
	uint64_t     named_s;	/* when a certificate named it last */
	unsigned char issuer[32];
};

struct state {
	uint64_t	 ran_s, complete_s, fetched, failed;
	struct state_url urls[STATE_URLS_MAX];
	size_t		 urls_n;
};

/* The slices point into text. ERR_SYNTAX: *out is empty. */
int state_parse(struct slice text, struct state *out) MUST_USE;
int state_write(const struct state *state, struct buf *out) MUST_USE;

#endif
