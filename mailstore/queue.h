/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/queue.h: what waits for other servers; rows of control, inside its transaction.
 *
 * Shape   one entry per delivery and route. It is due at a time; a claim moves that time to the end
 *         of the lease, so an entry whose worker died comes back by itself. Recipients leave it one
 *         by one as they are delivered; those given up stay, and with only such ones the entry is
 *         ST_QUEUE_GIVEN_UP: nothing disappears without somebody having been told.
 */
#ifndef MAILSTORE_QUEUE_H
#define MAILSTORE_QUEUE_H

#include "mailstore/control.h"

/* A new entry, due at once. */
int queue_add(struct control *c, struct control_queue *q, int64_t now_ms) MUST_USE;

/* Claim the entry that is due first: 1 and *out (in the arena; recipients: those still to do), 0:
 * nothing is due, *next_ms_out says when (INT64_MAX: nothing waits). */
int queue_claim(struct control *c, int64_t now_ms, uint32_t lease_ms, struct arena *a,
    struct control_queue *out, int64_t *next_ms_out) MUST_USE;

/* ERR_NOENT: there is no such entry (any more). */
int queue_result(struct control *c, const struct st_result_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;
/* id names all entries of a delivery. */
int queue_act(struct control *c, const struct st_queue_act_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;
int queue_list(struct control *c, const struct st_list_request *req, struct arena *a,
    struct st_queue_list_reply *out) MUST_USE;

#endif
