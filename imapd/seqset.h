/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/seqset.h: sequence sets, sorted and merged, never expanded.
 *
 * Bounds  SEQSET_RANGES_MAX ranges as written; n log n.
 * Source  RFC 3501 9:  sequence-set = (seq-number / seq-range) *("," sequence-set)
 *                      seq-range    = seq-number ":" seq-number     seq-number = nz-number / "*"
 */
#ifndef IMAPD_SEQSET_H
#define IMAPD_SEQSET_H

#include "imapd/backend.h"

enum { SEQSET_RANGES_MAX = BACKEND_RANGES_MAX };

struct seqset {
	struct backend_range *v;	/* ascending, not touching */
	size_t		      n;
};

/* Parse; "*" stands for max, the largest number in use (0: none, "*" then matches nothing). The
 * ranges are in the arena. OK, ERR_SYNTAX, ERR_LIMIT, a->err. */
int seqset_parse(struct slice text, uint32_t max, struct arena *a, struct seqset *out) MUST_USE;

bool seqset_has(const struct seqset *s, uint32_t number);

#endif
