/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/check_parts.h: what check*.c and repair*.c share; nobody else includes it.
 */
#ifndef MAILSTORE_CHECK_PARTS_H
#define MAILSTORE_CHECK_PARTS_H

#include "mailstore/check.h"
#include "mailstore/control.h"
#include "mailstore/frame.h"
#include "mailstore/index.h"
#include "mailstore/recount.h"
#include "mailstore/sorter.h"

enum { CHECK_KEYSETS_MAX = 64, CHECK_ARENA_MAX = 64 << 20, CHECK_STEP = 20000 };

/* An account as control knows it. */
struct check_account {
	uint32_t number;
	uint8_t	 guid[16];
	char	 uid[64];
	uint32_t keysets[CHECK_KEYSETS_MAX];
	uint8_t	 classes[CHECK_KEYSETS_MAX];
	uint32_t mailboxes[CHECK_KEYSETS_MAX];	/* that it is for; 0: all of its class */
	bool	 in_use[CHECK_KEYSETS_MAX];	/* nothing took over from it */
	uint8_t	 keysets_n;
	bool	 seen;		/* in the index */
};

/* A segment: its row, and what the rows of bodies make of it. */
struct check_segment {
	uint32_t number;
	struct record_segment row;
	uint64_t live_octets;
	uint32_t live_frames;
	bool	 unsure;	/* a body whose octets are not known (version 1), or queued */
};

struct check_group {
	uint8_t	 id[16];
	uint64_t octets, messages;
	uint32_t accounts;
	bool	 seen;
};

/* A body whose frame cannot be read, and why. */
struct check_bad {
	uint64_t    blob, offset;
	uint32_t    segment;
	bool	    of_header;
	const char *why;
};

struct check {
	const struct check_conf *conf;
	struct check_result	*res;
	struct index   *ix;
	struct control *ctl;
	struct arena	a;		/* of one row */
	struct check_account *accounts;	/* by number */
	size_t		accounts_n, accounts_cap;
	struct check_segment *segments;	/* by number */
	size_t		segments_n, segments_cap;
	struct check_group *groups;
	size_t		groups_n, groups_cap;
	struct sorter  *refs;		/* blob | account, mailbox | uid, 1: expunged */
	struct sorter  *places;		/* segment | offset | blob */
	struct sorter  *queued;		/* blob | segment, extra references | offset */
	struct check_bad *bad;
	size_t		bad_n, bad_cap;
	uint32_t	only;		/* this account alone, 0: all */
	struct check_finding *fixes;	/* of this round */
	size_t		fixes_n, fixes_cap;
	bool		more;		/* than fixes can hold */
	uint64_t	stepped;
	struct repair  *repair;
};

/* A mailbox being walked; box NULL: there is none. */
struct check_box {
	struct check		*c;
	uint32_t		 account, mailbox;
	const struct record_box *box;
	struct recount_box	 n;
	bool			 sure, missed;	/* a change that store_changes would miss */
};

/* ---- check.c ---- */

/* One finding: told, or, when it is to be repaired, kept. */
void check_found(struct check *c, const struct check_finding *f);
/* The same of a row. */
void check_found_row(struct check *c, enum check_kind kind, bool in_control, unsigned tree,
    struct slice key, const char *what);
/* A row that could not be read: damaged, or newer. */
void check_bad_row(struct check *c, bool in_control, unsigned tree, const struct env_cursor *cur,
    int err);
void check_step(struct check *c, const char *what, uint64_t done, uint64_t total);
void check_tell(struct check *c, const struct check_finding *f);
/* Highest version that a row of a tree may have. */
uint8_t check_newest(bool in_control, unsigned tree, struct slice key);
struct check_account *check_account(struct check *c, uint32_t number);
/* Which keyset of the account that is, -1: none. */
int check_keyset(const struct check_account *a, uint32_t keyset);
struct check_segment *check_segment(struct check *c, uint32_t number);
/* Is the body among the damaged ones (after check_damaged)? */
bool check_is_bad(const struct check *c, uint64_t blob);
/* Room for one more in an array. */
int check_room(void **array, size_t n, size_t *cap, size_t size) MUST_USE;

/* ---- the parts, in their order ---- */

int check_pages(struct check *c) MUST_USE;
int check_control(struct check *c) MUST_USE;	/* a transaction of control is open */
int check_tree(struct check *c) MUST_USE;	/* one of the index is */
int check_others(struct check *c) MUST_USE;	/* guid, group, meta, seg, gc */
int check_blobs(struct check *c) MUST_USE;
int check_missing_accounts(struct check *c) MUST_USE;	/* none is open, from here on */
int check_segments(struct check *c) MUST_USE;
int check_damaged(struct check *c) MUST_USE;
int check_contents(struct check *c) MUST_USE;
int check_audit(struct check *c) MUST_USE;

/* ---- check_box.c ---- */

int check_box_messages(struct check_box *w) MUST_USE;
int check_box_vanished(struct check_box *w) MUST_USE;

/* ---- repair.c ---- */

int repair_begin(struct check *c) MUST_USE;
/* Put right what was kept; how many there were. */
int repair_round(struct check *c, size_t *done_out) MUST_USE;
/* Make the environments anew whose pages are damaged; true: something was. */
int repair_pages(struct check *c, bool *done_out) MUST_USE;
int repair_end(struct check *c) MUST_USE;
void repair_free(struct check *c);

#endif
