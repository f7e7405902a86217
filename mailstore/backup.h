/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/backup.h: copies of the whole store in a folder, taken while mail goes on.
 *
 * Shape   a backup folder (mailstore/backup_form.h) holds snapshots over one pool of parts of
 *         segments. backup_take adds a snapshot: both environments as of one moment, and what the
 *         pool lacks of the segments that they refer to. All that is copied is as it lies in the
 *         store: mail stays sealed, what is not sealed there is not sealed here.
 * Moment  read transactions of control and index that see the same moment: control's last commit
 *         is the same before and after index's began, so what they show is what a crash at that
 *         moment would have left, and the start after it (engine_replay) brings it up to date.
 * Hold    mailstored must remove and move no frames meanwhile: hold() is called at first and then
 *         at least every BACKUP_HOLD_MS.
 * Broken  off: what is in seg/ is whole and used by the next one; incomplete/ is removed by it.
 * Why     every failure appends lines to `why` that name the file.
 * Errors  ERR_EXIST (another backup is being made there), ERR_CORRUPT, ERR_VERSION, ERR_UNAVAIL,
 *         ERR_NOENT (no snapshot of that time), those of files.
 */
#ifndef MAILSTORE_BACKUP_H
#define MAILSTORE_BACKUP_H

#include "mailstore/backup_form.h"

enum { BACKUP_HOLD_MS = 20000, BACKUP_LEASE_MS = 120000 };

struct backup {
	int	    dir, seg;	/* open folders */
	int	    lock_fd;
	const char *path;	/* for what is told */
	struct buf *why;
};

/* make: a folder that is empty or not there becomes one; locked for others. */
int backup_open(const char *path, bool make, struct buf *why, struct backup *out) MUST_USE;
void backup_close(struct backup *b);

/* "<folder>/<name>: what err means", to why; err. */
int backup_say(struct backup *b, const char *name, int err);

/* Times of the complete snapshots, ascending, in *times_out (to be freed). */
int backup_list(struct backup *b, uint64_t **times_out, size_t *n_out) MUST_USE;
/* The newest that is not after time_s: its manifest, checked. */
int backup_find(struct backup *b, uint64_t time_s, struct backup_manifest *out) MUST_USE;
int backup_load(struct backup *b, uint64_t time_s, struct backup_manifest *out) MUST_USE;
/* Remove a snapshot; parts that no snapshot needs any more. */
int backup_forget(struct backup *b, uint64_t time_s) MUST_USE;
int backup_sweep(struct backup *b, uint64_t *octets_out) MUST_USE;

struct backup_job {
	const char *state_dir;
	uint64_t    map_octets;
	bool	    keys;
	int	  (*hold)(void *arg);	/* an error ends the backup */
	void	   *arg;
	/* results */
	uint64_t    time_s;
	uint64_t    segments, octets;			/* that the snapshot refers to */
	uint64_t    new_parts, new_octets, row_octets;	/* written now */
	uint64_t    rows, damaged;			/* damaged: told in `why`, yet copied */
	uint8_t	    sum[BACKUP_SUM_OCTETS];		/* of the manifest */
};

int backup_take(struct backup *b, struct backup_job *job) MUST_USE;

/* What is read of a snapshot, in the order of the stream. */
typedef int (*backup_row_fn)(void *arg, const struct dump_row *row);
int backup_rows(struct backup *b, const struct backup_manifest *m, const char *file,
    backup_row_fn fn, void *arg) MUST_USE;
/* Octets of a segment, from the pool. */
int backup_frame(struct backup *b, const struct backup_manifest *m, uint32_t segment,
    uint64_t offset, char *dst, size_t n) MUST_USE;

struct backup_proof {
	uint64_t files, parts, octets, rows;
	uint64_t bad;		/* each is a line in `why` */
};

/* Parts that were proven: snapshots share them, and one reading is enough. */
struct backup_seen {
	struct backup_seen_part {
		char	name[BACKUP_NAME_OCTETS];
		uint8_t sum[BACKUP_SUM_OCTETS];
	} *v;
	size_t n, sorted, cap;
};

void backup_seen_free(struct backup_seen *seen);

/* Read everything that the snapshot refers to and compare; every row is whole, every blob lies
 * within its segment. ERR_CORRUPT when something is bad. seen may be NULL. */
int backup_prove(struct backup *b, const struct backup_manifest *m, struct backup_seen *seen,
    struct backup_proof *out) MUST_USE;

#endif
