/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/apng.h: the pictures of an animated PNG behind its first one, one at a time.
 *
 * Pure    finds the chunks and writes a PNG of one picture; does not decode the points.
 * Source  Portable Network Graphics (third edition), 11.3.6 (acTL, fcTL, fdAT) and 5.
 */
#ifndef POLICY_EXTRACT_APNG_H
#define POLICY_EXTRACT_APNG_H

#include "common/buf.h"

struct apng {
	struct slice rest;		/* chunks not yet looked at */
	struct slice header;		/* what IHDR says, from width on */
	struct slice palette, clear;	/* PLTE and tRNS whole; empty: there is none */
	uint32_t     sequence;		/* number that the next fcTL or fdAT has to bear */
};

/* ERR_NOENT: it is a PNG of one picture, or none at all; ERR_CORRUPT: its chunks are broken. */
int apng_open(struct apng *a, struct slice octets) MUST_USE;

/* 1: *out (cleared first) holds the next picture as a PNG of its own; 0: there is none any more;
 * ERR_CORRUPT, ERR_NOMEM, ERR_LIMIT. */
int apng_next(struct apng *a, struct buf *out) MUST_USE;

#endif
