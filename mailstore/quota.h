/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/quota.h: that nobody keeps more than he may, whoever writes at the same time.
 *
 * Shape   what is taken on is reserved before its body is written, in the committer's thread, and
 *         stays reserved ("pending") until it is counted in the index, or was given up. So at any
 *         time rows + pending is what is there and what will be; nothing is accepted beyond a limit
 *         by one octet, and nothing is refused that would have fitted.
 * Limits  come with each request, from the directory; the last ones are kept in memory. An account
 *         counts for the agency that its row names, and moves to another when a request says so.
 * Warn    engine_conf.warn_percents: each is logged once when it is reached, again only after the use
 *         was below it. record_account.warned is for clients to be told.
 */
#ifndef MAILSTORE_QUOTA_H
#define MAILSTORE_QUOTA_H

#include "mailstore/engine.h"

/* Note what the directory says of an account now. */
int quota_learn(struct engine *e, struct account *a, const struct st_quota *q) MUST_USE;

/* For the scope of an act: &*out, or NULL when nothing was learned of the account yet. */
struct box_quota *quota_scope(const struct engine *e, uint32_t account, bool check,
    struct box_quota *out);

/* Reserve one message of so many octets for each local copy, or for none of them (ERR_QUOTA). What
 * the directory says of them is learned. Copies for unknown accounts are passed over. */
int quota_reserve(struct engine *e, const struct st_local *local, size_t n, uint64_t octets)
    MUST_USE;
int quota_reserve_one(struct engine *e, struct account *a, const struct st_quota *q,
    uint64_t octets) MUST_USE;

/* As reserved for an account without a look at limits: what a crash left open. */
void quota_add(struct engine *e, uint32_t account, uint64_t octets);
/* What was reserved is in the index, or will never be. */
void quota_release(struct engine *e, uint32_t account, uint64_t octets);

/* A message of that size more: does it fit? */
int quota_look(struct engine *e, struct account *a, const struct st_quota *q, uint64_t octets)
    MUST_USE;

/* What an act in a transaction has reached, to be logged by quota_tell once it is durable. */
void quota_note(struct engine *e, uint32_t account, const struct box_quota *q);
void quota_tell(struct engine *e, uint32_t account);

#endif
