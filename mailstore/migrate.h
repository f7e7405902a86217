/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/migrate.h: a store of an older format becomes one of today's, in place, at start.
 *
 * Shape   "control" is marked first, so that an older mailstored refuses the store from then on; then
 *         the rows of "index" are written anew in bounded transactions; the format of "index" is
 *         written last, and until then its readers get ERR_UNAVAIL and wait.
 * Crash   at any point: rows carry their own version, so what is done is passed over at the next
 *         start.
 * Fills   sizes of frames and the rows of "seg" from the headers in the segments
 *         (of those that the index knows whole: the collector counts the others, with control); the waiting list of
 *         "gc" with blobs that nothing refers to; the age of expunged uids with now; a message's
 *         thread with its own (what it answers is sealed with a key that is not here).
 */
#ifndef MAILSTORE_MIGRATE_H
#define MAILSTORE_MIGRATE_H

#include "mailstore/index.h"

struct migrate {
	const char *seg_dir;
	int64_t	    now_s;
	unsigned    rows_max;		/* in one transaction; 0: 1,000 */
	unsigned    commits_max;	/* for tests: then ERR_AGAIN; 0: none */
	/* out */
	uint64_t    rows, damaged_rows, damaged_frames;	/* damaged ones stay as they are */
	unsigned    commits;
};

/* Does the index need it? 1 or 0. */
int migrate_needed(struct index *ix) MUST_USE;
/* ERR_NOSPC: the map is full. */
int migrate_index(struct index *ix, struct migrate *m) MUST_USE;

#endif
