/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/env.h: one LMDB environment; the only file behind which LMDB is known.
 *
 * Shape   a fixed list of named trees, opened together and numbered by their place in the list. One
 *         read and one write transaction at a time per environment, of one thread.
 * Durable a commit that returned OK is on disk (data and meta page synced, no *SYNC flag is ever
 * used).
 * Views   what env_get and cursors show lives in the map: copy it before the transaction ends, or
 *         before the next change in a write transaction.
 */
#ifndef MAILSTORE_ENV_H
#define MAILSTORE_ENV_H

#include "common/slice.h"

enum { ENV_TREES_MAX = 12, ENV_KEY_MAX = 500, ENV_READERS = 4096 };

struct env;
struct env_txn;

struct env_cursor {
	void	    *c;
	struct slice key, val;
};

/* Open (writers: create) the environment in folder dir. ERR_NOENT: nothing there yet (readers).
 * ERR_UNAVAIL: as env_begin_read. */
int env_open(const char *dir, uint64_t map_octets, bool read_only, const char *const *trees,
    size_t n, struct env **out) MUST_USE;
/* The same with room for so many readers, not ENV_READERS; whoever opens it first decides. */
int env_open_for(unsigned readers, const char *dir, uint64_t map_octets, bool read_only,
    const char *const *trees, size_t n, struct env **out) MUST_USE;
void env_close(struct env **env);

/* ERR_UNAVAIL: there are too many readers, and none of them is dead; try later. Once it was OK, this
 * handle keeps its place until it is closed. */
int env_begin_read(struct env *env, struct env_txn **out) MUST_USE;
int env_begin_write(struct env *env, struct env_txn **out) MUST_USE;
/* ERR_NOSPC, ERR_NOMEM, ERR_LIMIT: nothing happened; other errors: nobody knows. */
int env_commit(struct env_txn **txn) MUST_USE;
void env_abort(struct env_txn **txn);	/* also ends a read transaction; NULL is fine */

/* Has nothing been committed since this read transaction began? */
bool env_is_latest(const struct env_txn *txn);

/* How many changes this write transaction has made or tried. */
uint64_t env_writes(const struct env_txn *txn);

int env_get(struct env_txn *txn, unsigned tree, struct slice key, struct slice *val_out) MUST_USE;
int env_put(struct env_txn *txn, unsigned tree, struct slice key, struct slice val) MUST_USE;
/* OK also when there was no such key. */
int env_del(struct env_txn *txn, unsigned tree, struct slice key) MUST_USE;

int env_cursor_open(struct env_txn *txn, unsigned tree, struct env_cursor *out) MUST_USE;
void env_cursor_close(struct env_cursor *c);
/* 1: c->key, c->val are the first entry with a key >= key (the next one); 0: there is none;
 * negative: an error. */
int env_cursor_seek(struct env_cursor *c, struct slice key) MUST_USE;
int env_cursor_last(struct env_cursor *c) MUST_USE;
int env_cursor_next(struct env_cursor *c) MUST_USE;
/* Remove the entry under the cursor; the next env_cursor_next gives its successor. */
int env_cursor_del(struct env_txn *txn, struct env_cursor *c) MUST_USE;

/* Number of the snapshot that the transaction sees. */
uint64_t env_txn_number(const struct env_txn *txn);

/* Have the pages read in where keys are, or would be. In a read transaction of its own, and so
 * for any thread, whatever the others do. */
void env_touch(struct env *env, unsigned tree, const struct slice *keys, size_t n);

/* Entries of a tree. */
int env_count(struct env_txn *txn, unsigned tree, uint64_t *out) MUST_USE;

/* Is at least one part in `parts` of the map free? ERR_NOSPC: no. It looks closely only when the
 * map was nearly full once. */
int env_room(struct env *env, unsigned parts) MUST_USE;

/* Octets of the map that were ever used, and how many it may have. */
int env_size(const struct env *env, uint64_t *used_out, uint64_t *size_out) MUST_USE;

/* Free the slots of readers that died. It is also done when none is free for a new one. */
void env_reap_readers(struct env *env);

struct env_readers {
	unsigned used;		/* slots, also of readers that look at nothing now */
	int64_t	 pid;		/* who looks at the oldest snapshot; 0: nobody looks at any */
	uint64_t txn;		/* its number, as of env_txn_number */
	bool	 behind;	/* something was committed since, whose pages it keeps in use */
};

/* Who reads, in all processes. */
int env_readers(struct env *env, struct env_readers *out) MUST_USE;

#endif
