/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/queue_internal.h: the rows of the queue, for queue*.c only.
 */
#ifndef MAILSTORE_QUEUE_INTERNAL_H
#define MAILSTORE_QUEUE_INTERNAL_H

#include "mailstore/queue.h"
#include "mailstore/queue_old.h"

enum { QUEUE_VERSION = 2 };	/* of the rows; those of version 1 are read by queue_old */

struct record_key queue_key(struct slice id, struct slice route);

/* Take the entry off the list of what is due, as it is stored; then change it; then save it. */
int queue_take_off(struct control *c, const struct control_queue *q) MUST_USE;
int queue_save(struct control *c, struct control_queue *q) MUST_USE;

/* Decide anew when it is due (before its state changes). */
void queue_plan(struct control_queue *q, int64_t now_ms, uint64_t due_ms);

/* Is the sender to be told something? */
bool queue_owes(const struct control_queue *q);
/* Is anybody still to be tried? */
bool queue_tries(const struct control_queue *q);

/* The delivery id of the notice that is owed next (in the arena): the same however often it is
 * tried. */
struct slice queue_notice_id(const struct st_queue_entry *e, struct arena *a);

#endif
