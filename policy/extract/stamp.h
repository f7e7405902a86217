/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/stamp.h: what stands in the places of a page that may be stamps.
 *
 * Shape   a page's ink in; for each place some readings out, a line each, for label/stamp.h to
 *         judge: the letters in shades and in black and white, with the frame's strokes removed,
 *         in the size that the engine reads best; in a frame also with its ink made even.
 * Bounds  PLACES_MAX places of at most STAMP_READINGS readings.
 */
#ifndef POLICY_EXTRACT_STAMP_H
#define POLICY_EXTRACT_STAMP_H

#include "policy/extract/ink.h"

enum { STAMP_READINGS = 4 };

/* 0: go on; negative: stamps_read returns it. */
typedef int stamp_fn(void *arg, struct slice readings);

/* letter: as places_find(). ERR_TIMEOUT past the moment `until_ms` of clock_ms(), ERR_NOMEM, or
 * what fn said. */
int stamps_read(const struct ink *ink, int letter, uint64_t until_ms, stamp_fn *fn,
    void *arg) MUST_USE;

#endif
