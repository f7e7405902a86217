/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/trace.h: what policyd puts on top of a message, and what it takes away below.
 *
 * Shape   one Authentication-Results field of ours is added; every field of that name that bears
 *         our authserv-id and came with the message is removed whole, as is X-Congvu-Signed-By
 *         (policy/sign.h), and nothing else. A valid signature has one result for each signer; one
 *         without an address that can be written is named by its certificate's serial and issuer.
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

/* Is this a field that only this server writes, in its name? */
bool trace_is_ours(struct slice name, struct slice value, struct slice authserv_id);

/* Append the octets that are stored and relayed, as policy/proto.h says. */
void trace_compose(const struct pol_judge_reply *reply, struct slice message, struct buf *out);

#endif
