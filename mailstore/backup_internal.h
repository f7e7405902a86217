/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/backup_internal.h: what the files of the backup share; nobody else includes it.
 */
#ifndef MAILSTORE_BACKUP_INTERNAL_H
#define MAILSTORE_BACKUP_INTERNAL_H

#include "common/arena.h"
#include "mailstore/backup.h"

/* A stream of a snapshot to its end; with the octets and the sum of the file. */
int backup_stream(struct backup *b, uint64_t time_s, const char *file, backup_row_fn fn, void *arg,
    uint64_t *octets_out, uint8_t sum_out[BACKUP_SUM_OCTETS]) MUST_USE;

/* Is a row what it was when it was written? Rows without value always are. */
bool backup_row_is_whole(struct slice key, struct slice val);

/* How far snapshots refer to segments, ascending. */
struct backup_need {
	struct backup_reach {
		uint32_t segment;
		uint64_t offset;	/* of the last frame that is referred to */
	} *v;
	size_t n, cap, last;
};

int backup_need_add(struct backup_need *n, uint32_t segment, uint64_t offset) MUST_USE;
/* What a row of either environment refers to; other rows refer to nothing. */
int backup_need_row(struct backup_need *n, const struct dump_row *row, bool control,
    struct arena *a) MUST_USE;

/* Copy what the pool lacks of a segment that is referred to up to the frame at offset. Parts, also
 * those that were there, go to m. */
struct backup_copy {
	struct backup	       *b;
	struct backup_job      *job;
	struct backup_manifest *m;
	const char	       *seg_dir;
};

int backup_copy_segment(struct backup_copy *c, const struct backup_reach *reach) MUST_USE;

#endif
