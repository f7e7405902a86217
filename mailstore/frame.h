/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/frame.h: what one stored message looks like in a segment.
 *
 * Shape   pure. frame = header (FRAME_HEADER_OCTETS) | chunk table (4 octets each) | sealed chunks.
 *         Chunk 0 is the summary, chunks 1.. are the message in pieces of CRYPT_CHUNK_OCTETS. A
 *         table entry is the stored length, its top bit says "compressed". The header holds the
 *         CRC-32C of the sealed octets and of itself with the table.
 *         A segment begins with a header of its own (SEGMENT_HEADER_OCTETS): number, epoch public
 *         key.
 * Bounds  a message has at most FRAME_SIZE_MAX octets, a summary FRAME_SUMMARY_MAX.
 * Errors  ERR_CORRUPT, ERR_VERSION.
 */
#ifndef MAILSTORE_FRAME_H
#define MAILSTORE_FRAME_H

#include "mailstore/crypt.h"

enum {
	FRAME_VERSION = 1,
	FRAME_HEADER_OCTETS = 48,
	FRAME_SIZE_MAX = 1 << 30,
	FRAME_SUMMARY_MAX = 8 << 20,
	SEGMENT_HEADER_OCTETS = 64,
};
#define FRAME_COMPRESSED	0x80000000u
#define FRAME_MAGIC_TEXT	"CVF1"	/* the first octets of a frame */

struct frame {
	uint32_t segment, lsn;		/* lsn is unique within a segment */
	uint32_t size_octets, summary_octets;
	uint32_t chunks;		/* with the summary */
	uint32_t body_crc;
	uint64_t stored_octets;		/* of the sealed chunks */
};

/* How many chunks, with the summary, a message of that size has. */
uint32_t frame_chunks(uint32_t size_octets);
size_t frame_head_octets(uint32_t chunks);

/* Number of the blob in this place of the store. */
uint64_t frame_blob(uint32_t segment, uint32_t lsn);

/* Header and table to dst (frame_head_octets). */
void frame_put(const struct frame *f, const uint32_t *table, char *dst);

/* First the fixed header (any octets may follow it), without the checksum over the table... */
int frame_get_header(struct slice in, struct frame *out) MUST_USE;
/* ...then the table: head is exactly frame_head_octets(f->chunks). table has room for f->chunks. */
int frame_get_table(struct slice head, const struct frame *f, uint32_t *table) MUST_USE;

/* Plain octets of chunk i, and what to authenticate with it. */
size_t frame_plain_octets(const struct frame *f, uint32_t i);
struct crypt_place frame_place(const struct frame *f, uint32_t i, bool compressed);

void frame_put_segment(uint32_t segment, const uint8_t epoch_public[32], char *dst);
/* Of a segment that frames of others are moved to (compaction): header, and is it such a one? */
void frame_put_target(uint32_t segment, const uint8_t epoch_public[32], char *dst);
bool frame_segment_is_target(const char head[SEGMENT_HEADER_OCTETS]);
int frame_get_segment(struct slice in, uint32_t segment, uint8_t epoch_public_out[32]) MUST_USE;

#endif
