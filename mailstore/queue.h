/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/queue.h: what waits for other servers; rows of control, inside its transaction.
 *
 * Shape   one entry per delivery and route. It is due at a time; a claim moves that time to the end
 *         of the lease, so an entry whose worker died comes back by itself, or soon when its death
 *         is noticed (queue_release). Recipients leave it one
 *         by one: delivered, or failed and, if the sender is to be told, told. An entry that owes a
 *         notice is due at once and claimed for that alone; what settles the debt is part of the
 *         commit that delivers the notice (engine_deliver_control), so it is sent exactly once.
 *         A notice that must wait (the sender's mailbox is full) holds up nobody: when those who
 *         are deferred are due, the entry is claimed for them, and then for the notice again.
 *         An entry with route "" has only recipients that are filed here already.
 * Times   real ones, moved with the clock when it is set (queue_clock, queue_shift); how long an
 *         entry has been tried is counted from what was planned, so no clock makes it expire.
 * Told    nobody is told about a message with a null reverse-path or about a notice (kind dsn).
 */
#ifndef MAILSTORE_QUEUE_H
#define MAILSTORE_QUEUE_H

#include "mailstore/control.h"

/* The row at key anew; when it is due must not have changed. */
int queue_store(struct control *c, struct slice key, const struct control_queue *q) MUST_USE;
/* The entry of a row, also one that an older version wrote (in the arena). */
int queue_load(struct control *c, struct slice key, struct arena *a, struct control_queue *out)
    MUST_USE;

/* The same from the row's octets. */
int queue_row(struct slice key, struct slice val, struct arena *a, struct control_queue *out)
    MUST_USE;

/* For who checks the queue: the key that the entry must have; enter its time anew. */
struct record_key queue_entry_key(const struct control_queue *q);
int queue_enter_time(struct control *c, struct control_queue *q) MUST_USE;

/* A new entry, due at once. */
int queue_add(struct control *c, struct control_queue *q, int64_t now_ms) MUST_USE;

/* Claim the entry that is due first and not for a route in req->without: 1 and *out (in the arena;
 * recipients as st_claim_reply says), 0: nothing is due, *next_ms_out says when (INT64_MAX: nothing
 * waits). */
int queue_claim(struct control *c, const struct st_claim_request *req, int64_t now_ms,
    struct arena *a, struct control_queue *out, int64_t *next_ms_out) MUST_USE;

/* Which claim of an entry it was. */
struct queue_claimed {
	uint32_t attempts, notices, notice_tries;
};

struct queue_claimed queue_claimed_of(const struct st_queue_entry *e);

/* Whoever made that claim has gone: the entry is due again soon, later each time, since it may be
 * what made it go. Nothing happens when the claim has ended otherwise. ERR_NOENT: no such entry. */
int queue_release(struct control *c, struct slice id, struct slice route,
    const struct queue_claimed *claimed, int64_t now_ms, struct arena *a) MUST_USE;

/* ERR_NOENT: there is no such entry, or nobody has it. */
int queue_renew(struct control *c, const struct st_renew_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;

/* ERR_NOENT: there is no such entry (any more). */
int queue_result(struct control *c, const struct st_result_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;
/* ERR_NOENT: no such entry, or it owes that notice no longer. */
int queue_told(struct control *c, const struct st_told_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;
/* May a notice of this level be about that entry, and does the entry owe it? ERR_ACCESS,
 * ERR_NOENT. */
int queue_may_settle(struct control *c, const struct st_settles *of, struct slice notice_id,
    uint8_t level, struct arena *a) MUST_USE;
/* id names all entries of a delivery. ERR_AGAIN: to be deleted with a notice while being sent. */
int queue_act(struct control *c, const struct st_queue_act_request *req, int64_t now_ms,
    struct arena *a) MUST_USE;
int queue_list(struct control *c, const struct st_list_request *req, struct arena *a,
    struct st_queue_list_reply *out) MUST_USE;
/* All entries of one delivery. */
int queue_show(struct control *c, struct slice id, struct arena *a,
    struct st_queue_list_reply *out) MUST_USE;

/* The real clock beside the monotonic one. By how much was it set since the last call (0: it was
 * not, or by less than 2 s)? */
struct queue_clock {
	int64_t offset_ms;
	bool	known;
};

int64_t queue_clock_step(struct queue_clock *qc, int64_t real_ms, int64_t mono_ms);

/* A row from a backup: since its entry may have been sent after that, it is held, until an
 * administrator says otherwise. Its row in "due", if it needs one, is made here. */
int queue_restore(struct control *c, struct slice key, struct slice val, struct arena *a) MUST_USE;

/* Move all times by so much. */
int queue_shift(struct control *c, int64_t by_ms) MUST_USE;

/* After a start: what was planned in the future was planned by another clock; as if planned now. */
int queue_settle_clock(struct control *c, int64_t now_ms) MUST_USE;

#endif
