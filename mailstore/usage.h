/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/usage.h: what takes the space of a store, as a reader of it sees it.
 */
#ifndef MAILSTORE_USAGE_H
#define MAILSTORE_USAGE_H

#include "mailstore/index.h"

struct usage_segment {
	uint32_t number;
	bool	 counted;	/* has a row; else mail is appended to it, or it ended just now */
	bool	 there;		/* its file */
	struct record_segment row;
	uint64_t file_octets, disk_octets;	/* its length, and the blocks that it takes */
};

struct usage {
	uint64_t accounts, messages, octets;	/* as users see them */
	uint64_t restorable_messages, restorable_octets;
	uint64_t live_octets, dead_octets;	/* of counted segments */
	uint64_t uncounted_octets;		/* of the others' files */
	uint64_t disk_octets;			/* of all segments */
	uint64_t waiting;			/* bodies and files to be looked at, to drop them */
	uint64_t index_used_octets, index_size_octets, free_octets;
	struct usage_segment *segments;		/* by number; in the arena */
	size_t	 segments_n;
};

/* state_dir: of the store. Walks over all accounts and segments. */
int usage_read(struct index *ix, const char *state_dir, struct arena *a, struct usage *out)
    MUST_USE;
/* The same of a store that this process has not open. ERR_NOENT: there is none. */
int usage_look(const char *state_dir, uint64_t map_octets, struct arena *a, struct usage *out)
    MUST_USE;

/* "open", "sealed", "condemned", "gone"; "uncounted". */
const char *usage_state(const struct usage_segment *s);

#endif
