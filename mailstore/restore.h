/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/restore.h: a store made anew from a snapshot.
 *
 * Shape   everything is built in STATE/store.restoring, which becomes STATE/store at the very end:
 *         one that was broken off leaves no store, and the next one begins anew.
 * Since   after the snapshot clients may have been told UIDs, messages of the queue may have been
 *         sent, and segments have been begun, that it knows nothing of. So, unless nothing_since:
 *         each mailbox gets a UIDVALIDITY above all that its account ever had, and clients fetch
 *         their lists anew; entries of the queue are held; and new segments (and so blobs) get
 *         numbers that were never given (gc_meta_last).
 * Errors  as in mailstore/backup.h; ERR_EXIST: there is a store, or mailstored has it.
 */
#ifndef MAILSTORE_RESTORE_H
#define MAILSTORE_RESTORE_H

#include "common/identity.h"
#include "mailstore/backup.h"

/* Segments of a store that went on after the snapshot are assumed to be fewer. */
enum { RESTORE_SEGMENT_GAP = 1 << 20 };

struct restore_job {
	const char *state_dir;
	uint64_t    map_octets;
	bool	    nothing_since;
	const char *keys_dir;			/* to be copied to STATE/keys; NULL: none */
	const struct identity *owner, *keyd;	/* NULL: we */
	gid_t	    readers;			/* 0: the owner's group */
	int64_t	    now_s;
	/* results */
	uint64_t    rows, accounts, mailboxes, held, segments, octets;
};

int restore_store(struct backup *b, const struct backup_manifest *m, struct restore_job *job)
    MUST_USE;

#endif
