/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/trace.h: what policyd puts on top of a message, and what it takes away below.
 *
 * Shape   one Authentication-Results field of ours is added; every field of that name that bears
 *         our authserv-id and came with the message is removed whole, and nothing else.
 * Bounds  TRACE_REMOVALS_MAX ranges; neighbours count as one.
 * Source  RFC 8601 2.2, 2.3, 5 (removal), RFC 7281 (smime).
 */
#ifndef POLICY_TRACE_H
#define POLICY_TRACE_H

#include "policy/facts.h"
#include "policy/proto.h"

enum { TRACE_REMOVALS_MAX = 64 };

/* The ranges of message to leave out. OK; ERR_LIMIT: there are more than can be told. */
int trace_removals(struct slice message, struct slice authserv_id,
    struct pol_range ranges[TRACE_REMOVALS_MAX], size_t *n_out) MUST_USE;

/* Append our field. OK, ERR_INVAL (an authserv_id that is no name), out->err. */
int trace_results(const struct facts *f, struct slice authserv_id, struct buf *out) MUST_USE;

/* Are these whole header fields, each ending in CRLF, without an empty line? Empty is. */
bool trace_is_fields(struct slice fields);

/* Append trace, then message without the ranges: the octets that are stored and relayed. */
void trace_compose(struct slice trace, struct slice message, const struct pol_range *ranges,
    size_t n, struct buf *out);

#endif
