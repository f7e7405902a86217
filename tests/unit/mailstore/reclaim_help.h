/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/reclaim_help.h: acts on a store with a clock of the test's own, and what
 * must be true of its segments.
 */
#ifndef TESTS_MAILSTORE_RECLAIM_HELP_H
#define TESTS_MAILSTORE_RECLAIM_HELP_H

#include "help.h"

/* The time that the acts below and engine_gc go by; the test moves it. */
struct reclaim {
	struct help h;
	int64_t	    now_s;
	unsigned    next_id;
	uint32_t    days;		/* expunged-days */
	uint64_t    segment_octets;
	bool	    compress;
	unsigned    threads;
	/* Opened with the engine and closed after it: LMDB takes one that is closed while another
	 * of the same process is open for the end of both. */
	struct store *s;
};

void reclaim_begin(struct reclaim *rc);	/* days and segment_octets are set */
void reclaim_open(struct reclaim *rc);
void reclaim_close(struct reclaim *rc);
void reclaim_end(struct reclaim *rc);	/* removes the folder */

/* For cmocka: *state is a struct reclaim whose mail is restorable for RECLAIM_DAYS. */
enum { RECLAIM_DAYS = 14, RECLAIM_DAYS_S = RECLAIM_DAYS * 86400 };
int reclaim_setup(void **state);
int reclaim_teardown(void **state);

/* What readers see. */
struct store_record reclaim_record(struct reclaim *rc, unsigned who, uint32_t mailbox,
    uint32_t uid);
struct store_account reclaim_account(struct reclaim *rc, unsigned who);
void reclaim_expect(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid,
    struct slice m);

/* All that is to be done at rc->now_s; and until nothing that was removed by now is left: expiry,
 * then the delay of the frame, then that of the file. */
void reclaim_gc(struct reclaim *rc);
void reclaim_until_gone(struct reclaim *rc);

struct record_blob reclaim_place(struct reclaim *rc, uint64_t blob);
bool reclaim_has_row(struct reclaim *rc, uint64_t blob);
void reclaim_free(struct slice s);

/* A message that no compression makes smaller: seed names its octets. */
struct slice reclaim_body(uint32_t seed, size_t n);

/* Deliver to account `who`, in its inbox. */
void reclaim_deliver(struct reclaim *rc, unsigned who, struct slice message);
/* \Deleted and expunge, of uids lo..hi. */
void reclaim_expunge(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t lo, uint32_t hi);

/* Mail goes to a new segment from now on. */
void reclaim_roll(struct reclaim *rc);

/* All counters and references are right, live octets of every segment that was counted too, and no
 * blob row shows a place in a file that is not there. */
void reclaim_check(struct reclaim *rc);

/* The checker finds nothing, in rows nor in any stored body. */
void reclaim_whole(struct reclaim *rc);

/* Sums over the segments' files and rows. */
struct reclaim_space {
	uint64_t disk_octets;		/* blocks of all files */
	uint64_t live_octets;		/* of all blob rows */
	unsigned files;
};
void reclaim_measure(struct reclaim *rc, struct reclaim_space *out);

#endif
