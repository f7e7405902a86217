/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/cfb.h: the streams of a compound file, in which older office documents lie.
 *
 * Shape   pure. A folder tree of streams, each a chain of sectors. Streams are copied out. Streams
 *         that hang on no folder are told by `loose`: programs that look through the tree miss
 *         them.
 * Bounds  no chain is longer than the file has sectors; CFB_ENTRIES_MAX entries; all that is copied
 *         out is CFB_READ_FACTOR times the file, since streams may share sectors.
 * Source  [MS-CFB]
 */
#ifndef POLICY_EXTRACT_CFB_H
#define POLICY_EXTRACT_CFB_H

#include "common/buf.h"

enum { CFB_ENTRIES_MAX = 10000, CFB_NAME_OCTETS = 128, CFB_NONE = 0xFFFFFFFF, CFB_READ_FACTOR = 16 };

struct cfb_entry {
	char	 name[CFB_NAME_OCTETS];	/* UTF-8 */
	bool	 is_folder, is_stream;
	uint32_t parent;		/* entry of its folder; CFB_NONE: the root, or loose */
	uint32_t first;			/* sector */
	uint64_t octets;
};

struct cfb {
	struct slice	  octets;
	struct cfb_entry *entries;	/* 0 is the root */
	uint32_t	  entries_n;
	uint32_t	 *fat, *minifat;
	uint32_t	  fat_n, minifat_n;
	unsigned	  sector_shift;
	uint32_t	  cutoff;
	struct buf	  ministream;
	bool		  loose;
	uint64_t	  read_left;	/* octets that may still be copied out */
};

/* Little-endian integers in octets; 0 beyond their end. */
uint32_t cfb_u16(struct slice s, size_t at);
uint32_t cfb_u32(struct slice s, size_t at);

/* OK; ERR_CORRUPT; ERR_LIMIT; ERR_NOMEM. c is to be ended also on failure. */
int cfb_open(struct cfb *c, struct slice octets) MUST_USE;
void cfb_close(struct cfb *c);

/* An entry of that name in the folder, in any case: its number, or CFB_NONE. */
uint32_t cfb_find(const struct cfb *c, uint32_t folder, const char *name);

/* All octets of a stream into out (cleared first). ERR_CORRUPT; ERR_NOMEM; ERR_LIMIT. */
int cfb_stream(struct cfb *c, uint32_t entry, struct buf *out) MUST_USE;

#endif
