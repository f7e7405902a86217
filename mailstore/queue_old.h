/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/queue_old.h: rows of the queue as version 1 wrote them, before notices.
 *
 * Shape   read as they are, handed out in today's form; they are written anew when they change.
 */
#ifndef MAILSTORE_QUEUE_OLD_H
#define MAILSTORE_QUEUE_OLD_H

#include "mailstore/control.h"

#define QUEUE_OLD_RCPT_FIELDS(F, L, T) \
	F(T, U32, index, 0) \
	F(T, STR, address, 320) \
	F(T, U8, outcome, 2) \
	F(T, STR, text, 512)
WIRE_STRUCT(queue_old_rcpt, QUEUE_OLD_RCPT_FIELDS)

#define QUEUE_OLD_ENTRY_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, mail_from, 320) \
	F(T, STR, route, 64) \
	F(T, U8, zone, 2) \
	F(T, U8, arrival_zone, 2) \
	F(T, U8, level, 3) \
	F(T, U8, utf8, 1) \
	F(T, U8, body8, 1) \
	F(T, U8, state, 3) \
	F(T, U32, attempts, 0) \
	F(T, U64, arrived_s, 0) \
	F(T, U64, due_s, 0) \
	F(T, U64, size_octets, 0) \
	L(T, queue_old_rcpt, recipients, 21000)
WIRE_STRUCT(queue_old_entry, QUEUE_OLD_ENTRY_FIELDS)

#define QUEUE_OLD_FIELDS(F, L, T) \
	L(T, queue_old_entry, entry, 1) \
	L(T, control_blob, body, 1) \
	F(T, U64, due_ms, 0) \
	F(T, U32, relay_skip, 0) \
	F(T, STR, wrapped_key, 48)
WIRE_STRUCT(queue_old, QUEUE_OLD_FIELDS)

/* The row in today's form, in the arena. A recipient that was given up while others were still
 * tried has a notice coming, since nobody was told; one of an entry given up whole has not: an
 * administrator has it in his list. */
int queue_old_read(struct slice key, struct slice val, struct arena *a,
    struct control_queue *out) MUST_USE;

#endif
