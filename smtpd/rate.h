/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/rate.h: how much an account sends and an address errs in an hour, over all workers.
 *
 * Shape   memory shared by all processes that were forked after rate_open(); it outlives reloads
 *         and workers. Per account and address one number says until when its allowance is spent
 *         (GCRA): an hour's worth may come at once, after that it comes back evenly. There are no
 *         locks, pointers or lengths in it: what a fallen worker can do is to miscount. Two events
 *         of a newcomer at the same moment may count as one.
 * Units   events; hours of the monotonic clock.
 * Bounds  RATE_PLACES accounts or addresses of a kind with a count; over that the one that owes
 *         least is forgotten. A place is found by a hash with a secret, in RATE_NEAR steps.
 */
#ifndef SMTPD_RATE_H
#define SMTPD_RATE_H

#include "common/slice.h"

enum { RATE_PLACES = 16384, RATE_NEAR = 8 };

enum rate_kind { RATE_MESSAGES, RATE_RECIPIENTS, RATE_REFUSED, RATE_KINDS };

struct rate;

/* Call before the first fork. OK, ERR_NOMEM. */
int rate_open(struct rate **out) MUST_USE;
void rate_close(struct rate **r);

/* One event of who, if it stays within per_hour (0: no limit): is it within? */
bool rate_take(struct rate *r, enum rate_kind kind, struct slice who, uint64_t per_hour,
    uint64_t now_us) MUST_USE;

/* Would rate_take allow one? Nothing is counted. */
bool rate_has_left(struct rate *r, enum rate_kind kind, struct slice who, uint64_t per_hour,
    uint64_t now_us) MUST_USE;

#endif
