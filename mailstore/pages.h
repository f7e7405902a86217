/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/pages.h: look at the file of an environment page by page, without LMDB, which trusts
 * what it reads.
 *
 * Shape   pages_walk reads data.mdb as LMDB 0.9 writes it (64 bits, little-endian) and goes through
 *         all trees of one snapshot. It tells every place where the structure is wrong: page
 *         numbers, kinds, bounds and order of nodes, separators, depths and counts, pages used
 *         twice or by nobody. What is behind a wrong place is left out; the rest is gone through.
 * Bounds  never reads outside the file, never recurses deeper than PAGES_DEPTH_MAX; one bit of
 *         memory per page, and PAGES_DEPTH_MAX pages. Values are looked at by their owner: each row
 *         has its own checksum.
 * Source  the structures of lmdb's mdb.c (MDB_page, MDB_node, MDB_db, MDB_meta), version 0.9.
 */
#ifndef MAILSTORE_PAGES_H
#define MAILSTORE_PAGES_H

#include "common/slice.h"

enum { PAGES_DEPTH_MAX = 32, PAGES_NAME_MAX = 32, PAGES_TOLD_MAX = 1000 };

/* page: where; tree: its name, "" for the list of trees, "free" for the list of free pages. */
typedef void (*pages_bad_fn)(void *arg, uint64_t page, const char *tree, const char *what);
/* A row of a tree, NULL where rows are not wanted; a negative result ends the walk with it. */
typedef int (*pages_row_fn)(void *arg, const char *tree, struct slice key, struct slice val);
typedef void (*pages_step_fn)(void *arg, uint64_t done, uint64_t total);

struct pages_conf {
	uint64_t      txn;	/* which snapshot, held by a reader; PAGES_NEWEST */
	pages_bad_fn  bad;
	pages_row_fn  row;
	pages_step_fn step;	/* may be NULL */
	void	     *arg;
};
#define PAGES_NEWEST	UINT64_MAX

struct pages_result {
	uint64_t txn, pages, free_pages, rows;
	uint64_t bad;		/* how often bad was called for, though told PAGES_TOLD_MAX times */
};

/* ERR_AGAIN: that snapshot is not in the file any more (take a newer one). ERR_CORRUPT: it is no
 * such file, or so damaged that there is nothing to walk; that was told, too. Else OK, and
 * out->bad says whether something is wrong. */
int pages_walk(const char *path, const struct pages_conf *conf, struct pages_result *out) MUST_USE;

#endif
