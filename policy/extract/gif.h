/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/gif.h: the pictures of an animated GIF, one at a time.
 *
 * Pure    finds the blocks and writes a GIF of one picture; does not decode the points.
 * Source  GIF89a specification, 1990.
 */
#ifndef POLICY_EXTRACT_GIF_H
#define POLICY_EXTRACT_GIF_H

#include "common/buf.h"

struct gif {
	struct slice rest;	/* blocks not yet looked at */
	struct slice head;	/* signature, screen, its colours */
};

/* ERR_CORRUPT: it is none. */
int gif_open(struct gif *g, struct slice octets) MUST_USE;

/* 1: *out (cleared first) holds the next picture as a GIF of its own; 0: there is none any more;
 * ERR_CORRUPT, ERR_NOMEM, ERR_LIMIT. */
int gif_next(struct gif *g, struct buf *out) MUST_USE;

#endif
