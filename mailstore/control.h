/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/control.h: the environment "control", which mailstored alone opens: accounts with their
 * keysets, intents, the queue, the audit.
 *
 * Shape   as mailstore/index.h: at most one transaction, c->t; rows are wire-encoded structs with
 *         version and checksum.
 * Trees   "account" guid16 | "intent" number8 | "stuck" number8 index4 | "done" id16 |
 *         "age" time4 id16 | "queue" id16 route | "due" ms8 id16 route | "audit" serial8 |
 *         "checkpoint" serial8 | "meta" (names; releases, see mailstore/release.h)
 */
#ifndef MAILSTORE_CONTROL_H
#define MAILSTORE_CONTROL_H

#include "mailstore/env.h"
#include "mailstore/record.h"

enum control_tree {
	CONTROL_ACCOUNT, CONTROL_INTENT, CONTROL_STUCK, CONTROL_DONE, CONTROL_AGE, CONTROL_QUEUE,
	CONTROL_DUE, CONTROL_AUDIT, CONTROL_CHECKPOINT, CONTROL_META
};

#define CONTROL_ACCOUNT_FIELDS(F, L, T) \
	F(T, U32, number, 0) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128)		/* when it was made: for people */ \
	F(T, STR, address, 320) \
	L(T, st_keyset, keysets, 64)
WIRE_STRUCT(control_account, CONTROL_ACCOUNT_FIELDS)

/* Where a body is. */
#define CONTROL_BLOB_FIELDS(F, L, T) \
	F(T, U64, blob, 0) \
	F(T, U64, offset, 0) \
	F(T, U32, segment, 0) \
	F(T, U32, head_octets, 0) \
	F(T, U32, size_octets, 0)
WIRE_STRUCT(control_blob, CONTROL_BLOB_FIELDS)

/* One mailbox that a delivery goes to. */
#define CONTROL_COPY_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, U32, keyset, 0) \
	F(T, STR, wrapped_key, 48)
WIRE_STRUCT(control_copy, CONTROL_COPY_FIELDS)

#define CONTROL_INTENT_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	L(T, control_blob, body, 1) \
	F(T, U8, level, 3) \
	F(T, U64, internal_date_s, 0) \
	L(T, control_copy, copies, 21000) \
	F(T, U64, stored_octets, 0)	/* of the body's frame; 0: not known (version 1) */ \
	F(T, STR, thread_id, 8) \
	F(T, U8, sig, 0x83)		/* with ST_KEPT_INSIDE */
WIRE_STRUCT(control_intent, CONTROL_INTENT_FIELDS)

#define CONTROL_QUEUE_FIELDS(F, L, T) \
	L(T, st_queue_entry, entry, 1)	/* all recipients not yet settled, or with a notice owed */ \
	L(T, control_blob, body, 1) \
	F(T, U64, due_ms, 0)		/* real time; also the key in "due" */ \
	F(T, U32, relay_skip, 0) \
	F(T, STR, wrapped_key, 48) \
	F(T, U64, set_ms, 0)		/* when due_ms was decided */ \
	F(T, U64, retry_ms, 0)		/* when what is deferred is due */ \
	F(T, U64, age_ms, 0) \
	F(T, U32, deaths, 0)		/* of who had it, one after the other */
WIRE_STRUCT(control_queue, CONTROL_QUEUE_FIELDS)

/* A row of "account", in any version; by its guid. */
int control_account_get(struct slice key, struct slice val, struct arena *a,
    struct control_account *out) MUST_USE;
/* A row of "intent" or "stuck", from its octets, in any version. */
int control_intent_get(struct slice key, struct slice val, struct arena *a,
    struct control_intent *out) MUST_USE;
int control_intent_put(struct slice key, const struct control_intent *row, struct buf *out)
    MUST_USE;

struct control {
	struct env     *env;
	struct env_txn *t;
	struct buf	row;
};

/* Names of its trees, in the order of enum control_tree. */
const char *const *control_trees(size_t *n_out);

int control_open(const char *dir, uint64_t map_octets, bool read_only, struct control **out)
    MUST_USE;
void control_close(struct control **c);

int control_begin_read(struct control *c) MUST_USE;
int control_begin_write(struct control *c) MUST_USE;
int control_commit(struct control *c) MUST_USE;
void control_abort(struct control *c);

int control_put(struct control *c, enum control_tree tree, struct slice key,
    const struct wire_type *type, const void *msg) MUST_USE;
int control_get_account(struct control *c, struct slice guid, struct arena *a,
    struct control_account *out) MUST_USE;
int control_put_account(struct control *c, const struct control_account *row) MUST_USE;
int control_put_intent(struct control *c, enum control_tree tree, struct slice key,
    const struct control_intent *row) MUST_USE;
/* Decoded into the arena. */
int control_get(struct control *c, enum control_tree tree, struct slice key,
    const struct wire_type *type, struct arena *a, void *msg_out) MUST_USE;
int control_del(struct control *c, enum control_tree tree, struct slice key) MUST_USE;
int control_put_u64(struct control *c, enum control_tree tree, struct slice key, uint64_t v)
    MUST_USE;
int control_get_u64(struct control *c, enum control_tree tree, struct slice key, uint64_t *out)
    MUST_USE;
int control_count(struct control *c, enum control_tree tree, uint64_t *out) MUST_USE;

/* The delivery with this id was committed before: 1, else 0, or an error. */
int control_is_done(struct control *c, struct slice id) MUST_USE;
int control_set_done(struct control *c, struct slice id, int64_t now_s) MUST_USE;

#endif
