/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/index.h: the environment "index": typed access to its rows.
 *
 * Shape   a struct index has at most one open transaction, ix->t; the functions below work in it.
 *         index_begin_* ... index_commit or index_abort. Rows are copied out, checked.
 * Errors  ERR_NOENT: no such row; ERR_CORRUPT, ERR_VERSION, ERR_NOSPC (map full), ERR_IO.
 */
#ifndef MAILSTORE_INDEX_H
#define MAILSTORE_INDEX_H

#include "mailstore/env.h"
#include "mailstore/record.h"

enum index_tree {
	INDEX_T, INDEX_BLOB, INDEX_GUID, INDEX_META, INDEX_SEG, INDEX_GC, INDEX_GROUP
};

/* Version of the store as a whole; a store with a higher one is refused, one with a lower one is
 * brought up to it by its writer (readers: ERR_UNAVAIL until that is done). */
enum { INDEX_FORMAT = 2 };

enum { INDEX_PAGE = 256 };

/* The records of a mailbox that were put since its row was. */
struct index_touched {
	uint32_t account, mailbox, lo, hi;
	bool	 some, lost;	/* lost: of several mailboxes at a time */
};

struct index {
	struct env     *env;
	struct env_txn *t;
	struct buf	row;
	/* Rooms of box.c: too large for a stack that is used often. */
	struct record_box box, target, was;
	struct record_seen seen;
	struct store_record page[INDEX_PAGE];
	struct index_touched touched;
	bool	 keep_expunged;		/* what is expunged stays restorable */
};

/* Names of its trees, in the order of enum index_tree. */
const char *const *index_trees(size_t *n_out);

/* Open the environment in dir; a writer makes it. ERR_NOENT: readers, when it is not there yet. */
int index_open(const char *dir, uint64_t map_octets, bool read_only, struct index **out) MUST_USE;
void index_close(struct index **ix);

/* In "meta" of an environment: take a fresh one over, refuse a newer one (ERR_VERSION); an older
 * one: ERR_UNAVAIL for readers, OK for its writer, and it stays one (migrate.h). */
int index_check_format(struct env *env, unsigned meta_tree, bool read_only) MUST_USE;

int index_begin_read(struct index *ix) MUST_USE;
int index_begin_write(struct index *ix) MUST_USE;
int index_commit(struct index *ix) MUST_USE;
void index_abort(struct index *ix);

int index_account_get(struct index *ix, uint32_t account, struct record_account *out) MUST_USE;
int index_account_put(struct index *ix, uint32_t account, const struct record_account *a) MUST_USE;
int index_account_find(struct index *ix, struct slice guid, uint32_t *account_out) MUST_USE;
int index_guid_put(struct index *ix, struct slice guid, uint32_t account) MUST_USE;

int index_box_get(struct index *ix, uint32_t account, uint32_t mailbox, struct record_box *out)
    MUST_USE;
/* After the records that changed with it: which those are is noted in its row, for
 * store_changes. A caller that mixes mailboxes loses the note, not the change. */
int index_box_put(struct index *ix, struct record_box *box) MUST_USE;
int index_box_del(struct index *ix, const struct record_box *box) MUST_USE;

/* Mailbox of a name in stored form. */
int index_name_find(struct index *ix, uint32_t account, struct slice name, uint32_t *mailbox_out)
    MUST_USE;
int index_name_put(struct index *ix, uint32_t account, struct slice name, uint32_t mailbox)
    MUST_USE;
int index_name_del(struct index *ix, uint32_t account, struct slice name) MUST_USE;
int index_subscribe(struct index *ix, uint32_t account, struct slice name, bool on) MUST_USE;
/* 1 or 0, or an error. */
int index_is_subscribed(struct index *ix, uint32_t account, struct slice name) MUST_USE;

int index_message_get(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t uid,
    struct store_record *out) MUST_USE;
int index_message_put(struct index *ix, uint32_t account, uint32_t mailbox,
    const struct store_record *m) MUST_USE;
int index_message_del(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t uid) MUST_USE;

int index_blob_get(struct index *ix, uint64_t blob, struct record_blob *out) MUST_USE;
int index_blob_put(struct index *ix, uint64_t blob, const struct record_blob *b) MUST_USE;

int index_segment_get(struct index *ix, uint32_t segment, struct record_segment *out) MUST_USE;
int index_segment_put(struct index *ix, uint32_t segment, const struct record_segment *s) MUST_USE;

int index_segment_del(struct index *ix, uint32_t segment) MUST_USE;

/* Look at blob (or, with lsn 0, at its segment) at time_s, to drop it. */
int index_gc_put(struct index *ix, int64_t time_s, uint64_t blob) MUST_USE;
int index_blob_del(struct index *ix, uint64_t blob) MUST_USE;

/* group: 16 octets. */
int index_group_get(struct index *ix, struct slice group, struct record_group *out) MUST_USE;
int index_group_put(struct index *ix, struct slice group, const struct record_group *g) MUST_USE;

/* Have the pages read in that a message for this mailbox will change; any thread may. */
void index_touch(struct index *ix, uint32_t account, uint32_t mailbox);

int index_u64_get(struct index *ix, const char *name, uint64_t *out) MUST_USE;	/* "meta" */
int index_u64_put(struct index *ix, const char *name, uint64_t v) MUST_USE;

/* What a reader has seen: ERR_NOENT: he never touched anything. out is large. */
int index_seen_get(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t reader,
    struct record_seen *out) MUST_USE;
int index_seen_put(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t reader,
    const struct record_seen *s) MUST_USE;

/* Walk the messages of a mailbox from a uid on: 1 with *out, 0 at the end, or an error. Between
 * index_walk_open and _close only the functions of this file may change the tree. */
struct index_walk {
	struct env_cursor c;
	struct record_key prefix;
	bool		  begun;
	uint32_t	  from;
};

int index_walk_open(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct index_walk *out) MUST_USE;
int index_walk_next(struct index_walk *w, struct store_record *out) MUST_USE;
/* As index_walk_next, but of a row whose modseq is not above since only uid and modseq are
 * there. */
int index_walk_changed(struct index_walk *w, uint64_t since, struct store_record *out) MUST_USE;
/* The next row without ST_SEEN. */
int index_walk_unseen(struct index_walk *w, struct store_record *out) MUST_USE;
/* As index_walk_next, without looking into the row. */
int index_walk_uid(struct index_walk *w, uint32_t *uid_out) MUST_USE;
void index_walk_close(struct index_walk *w);

#endif
