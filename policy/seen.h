/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/seen.h: the certificates that workers met lately, so that congvu-trust can ask about them.
 *
 * Shape   a table by SHA-256 of the octets; whoever was met longest ago goes when it is full.
 *         Nothing is parsed: congvu-trust verifies each again.
 * Bounds  SEEN_MAX certificates, SEEN_OCTETS_MAX octets in all.
 */
#ifndef POLICY_SEEN_H
#define POLICY_SEEN_H

#include "policy/proto.h"

enum { SEEN_MAX = 4096, SEEN_OCTETS_MAX = 8 << 20 };

struct seen;

/* NULL: no memory. */
struct seen *seen_new(void);
void seen_free(struct seen **seen);

/* Note what a worker's answer names. What there is no memory for is not noted. */
void seen_add(struct seen *seen, const struct pol_cert *certs, size_t n);

/* All, newest first; out->certs in a, their octets the table's. OK or a->err. */
int seen_list(const struct seen *seen, struct arena *a, struct pol_seen_reply *out) MUST_USE;

#endif
