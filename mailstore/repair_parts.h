/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/repair_parts.h: what repair*.c share; nobody else includes it.
 *
 * Shape   one function per kind of finding, called in write transactions of index and control. It
 *         looks anew at what it is to put right: what has changed since it was found, or is right by
 *         now, is left alone. ERR_NOENT, ERR_CORRUPT, ERR_ACCESS: it cannot be put right (now).
 */
#ifndef MAILSTORE_REPAIR_PARTS_H
#define MAILSTORE_REPAIR_PARTS_H

#include <stdio.h>

#include "mailstore/audit.h"
#include "mailstore/check_parts.h"

/* A body whose row is lost, and where a scan of the segments found its frame. */
struct repair_place {
	uint64_t blob, offset, stored_octets;
	uint32_t segment, head_octets, size_octets;
	bool	 found;
};

struct repair {
	FILE		 *report;
	struct audit_head audit;
	bool		  begun;		/* the audit record stands */
	int64_t		  now_s;
	uint64_t	  done, removed;
	struct repair_place *places;		/* by blob */
	size_t		  places_n, places_cap;
};

typedef int (*repair_fn)(struct check *c, const struct check_finding *f);

/* ---- the report: one line of JSON for what is taken out ---- */

void repair_line_begin(struct check *c, const char *removed, const char *why);
void repair_line_text(struct check *c, const char *name, struct slice text);
void repair_line_hex(struct check *c, const char *name, struct slice octets);
void repair_line_number(struct check *c, const char *name, uint64_t v);
void repair_line_end(struct check *c);
/* Report a row as it stands and delete it. */
int repair_drop_row(struct check *c, const struct check_finding *f, const char *why) MUST_USE;

/* ---- repair_row.c ---- */

int repair_row(struct check *c, const struct check_finding *f) MUST_USE;
int repair_drop(struct check *c, const struct check_finding *f) MUST_USE;
int repair_token(struct check *c, const struct check_finding *f) MUST_USE;
int repair_done(struct check *c, const struct check_finding *f) MUST_USE;
int repair_queue(struct check *c, const struct check_finding *f) MUST_USE;
int repair_gc(struct check *c, const struct check_finding *f) MUST_USE;

/* ---- repair_box.c ---- */

int repair_box_counter(struct check *c, const struct check_finding *f) MUST_USE;
int repair_account_counter(struct check *c, const struct check_finding *f) MUST_USE;
int repair_group_counter(struct check *c, const struct check_finding *f) MUST_USE;
int repair_account_lost(struct check *c, const struct check_finding *f) MUST_USE;
int repair_guid(struct check *c, const struct check_finding *f) MUST_USE;
int repair_box_lost(struct check *c, const struct check_finding *f) MUST_USE;
int repair_box_name(struct check *c, const struct check_finding *f) MUST_USE;
int repair_message(struct check *c, const struct check_finding *f) MUST_USE;
int repair_vanished(struct check *c, const struct check_finding *f) MUST_USE;

/* ---- repair_body.c ---- */

/* Look for the frames of bodies whose rows are lost. */
int repair_find_bodies(struct check *c) MUST_USE;
int repair_refs(struct check *c, const struct check_finding *f) MUST_USE;
int repair_segment_counter(struct check *c, const struct check_finding *f) MUST_USE;
int repair_blob_lost(struct check *c, const struct check_finding *f) MUST_USE;
int repair_frame(struct check *c, const struct check_finding *f) MUST_USE;
int repair_segment_header(struct check *c, const struct check_finding *f) MUST_USE;

#endif
