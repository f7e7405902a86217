/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/zipdir.h: is this zip the same for everybody who opens it?
 *
 * Shape   reads the central directory and the local headers, and says no to all by which two
 *         readers see different files, or one reads endlessly: overlapping entries, disagreeing
 *         headers, octets that belong to nothing, unknown methods, several directories.
 * Bounds  the entries limit; n log n in the entries; no allocation but one array.
 * Source  APPNOTE.TXT 6.3.9; Fifield, "A better zip bomb" (WOOT 2019); peers.md 4 row 9.
 */
#ifndef POLICY_EXTRACT_ZIPDIR_H
#define POLICY_EXTRACT_ZIPDIR_H

#include "policy/extract/extract.h"

struct zipdir_entry {
	struct slice name;		/* as in the central directory */
	struct slice unicode_name;	/* of extra field 0x7075, empty: none */
	uint64_t     local_at, local_end; /* local header and data, descriptor included */
	uint64_t     data_at;
	uint64_t     packed_octets, octets;
	uint32_t     crc;
	uint16_t     method, flags;
	bool	     folder;
};

struct zipdir {
	struct zipdir_entry *entries;	/* in the order of their place in the file */
	uint32_t	     count;
	bool		     encrypted;	/* some entry is */
};

/* OK; ERR_CORRUPT: ambiguous or damaged; ERR_LIMIT; ERR_NOMEM. Free with zipdir_fini. */
int zipdir_read(struct slice octets, const struct extract_limits *limits,
    struct zipdir *out) MUST_USE;
void zipdir_fini(struct zipdir *d);

#endif
