/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/recount.h: every counter of "index" made anew from the rows that it counts.
 *
 * Shape   works in the open transaction of ix; uses ix->box. recount_index goes over everything;
 *         the smaller functions are what it is made of. Rows that cannot be read end it with
 *         ERR_CORRUPT (mailstore/check.h goes on over them).
 * Bounds  memory does not grow with mailboxes or messages; references of blobs are sorted in
 *         32 MiB and a file in TMPDIR (sorter.h).
 */
#ifndef MAILSTORE_RECOUNT_H
#define MAILSTORE_RECOUNT_H

#include "mailstore/index.h"

enum recount_what {
	RECOUNT_EXISTS, RECOUNT_UNSEEN, RECOUNT_DELETED, RECOUNT_OCTETS,
	RECOUNT_UIDNEXT,	/* must be above every uid */
	RECOUNT_MODSEQ,		/* must not be below that of any message or vanished row */
	RECOUNT_VANISHED_ROWS,
	RECOUNT_ACCOUNT_OCTETS, RECOUNT_ACCOUNT_MESSAGES,
	RECOUNT_EXPUNGED_OCTETS, RECOUNT_EXPUNGED_MESSAGES,	/* of an account */
	RECOUNT_REFS,		/* of a blob */
	RECOUNT_BOX_LOST,	/* messages of a mailbox that has no row */
	RECOUNT_BLOB_LOST,	/* messages of a blob that has no row */
	RECOUNT_WHATS
};

/* One number that is not what it must be. */
struct recount_diff {
	enum recount_what what;
	uint32_t	  account, mailbox;	/* 0 where they say nothing */
	uint64_t	  blob;
	uint64_t	  is, counted;
};

typedef void (*recount_fn)(void *arg, const struct recount_diff *d);

/* "exists", "unseen", ... */
const char *recount_name(enum recount_what what);

/* Where items of the sorter spill: TMPDIR, or /var/tmp. */
const char *recount_tmp(void);

/* What the rows of a mailbox say. */
struct recount_box {
	uint64_t exists, unseen, deleted, octets;
	uint32_t last_uid;
	uint64_t modseq;		/* the highest of messages and vanished rows */
	uint32_t vanished_rows;
};

void recount_box_add(struct recount_box *n, const struct store_record *m);
int recount_box(struct index *ix, uint32_t account, uint32_t mailbox, struct recount_box *out)
    MUST_USE;

/* Call fn for what differs; how often it was called. */
unsigned recount_box_compare(const struct record_box *box, const struct recount_box *n,
    recount_fn fn, void *arg);

/* All counters against all rows; fn for each that differs. Blobs that an open intent or a stuck copy
 * refers to may have more references than messages show them: extra (may be NULL) says how many of
 * those a blob may have. */
typedef uint32_t (*recount_extra_fn)(void *arg, uint64_t blob);

int recount_index(struct index *ix, recount_fn fn, recount_extra_fn extra, void *arg) MUST_USE;

#endif
