/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/frame.h"

#include <string.h>

#include "mailstore/crc.h"

#define FRAME_MAGIC	0x31465643u	/* "CVF1" */
#define SEGMENT_MAGIC	0x31535643u	/* "CVS1" */

uint32_t
frame_chunks(uint32_t size_octets)
{
	return 1 + (size_octets + CRYPT_CHUNK_OCTETS - 1) / CRYPT_CHUNK_OCTETS;
}

size_t
frame_head_octets(uint32_t chunks)
{
	return FRAME_HEADER_OCTETS + 4 * (size_t)chunks;
}

uint64_t
frame_blob(uint32_t segment, uint32_t lsn)
{
	return (uint64_t)segment << 32 | lsn;
}

static void
put_u32(char *dst, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (char)(v >> 8 * i & 0xff);
}

static void
put_u64(char *dst, uint64_t v)
{
	put_u32(dst, (uint32_t)v);
	put_u32(dst + 4, (uint32_t)(v >> 32));
}

/* The checksum stands last in the header and covers all of it but itself, and the table. */
static uint32_t
head_crc(struct slice head)
{
	return crc32c(crc32c(0, slice_sub(head, 0, FRAME_HEADER_OCTETS - 4)),
	    slice_from(head, FRAME_HEADER_OCTETS));
}

void
frame_put(const struct frame *f, const uint32_t *table, char *dst)
{
	memset(dst, 0, FRAME_HEADER_OCTETS);
	put_u32(dst, FRAME_MAGIC);
	put_u32(dst + 4, FRAME_VERSION);
	put_u32(dst + 8, f->segment);
	put_u32(dst + 12, f->lsn);
	put_u32(dst + 16, f->size_octets);
	put_u32(dst + 20, f->summary_octets);
	put_u32(dst + 24, f->chunks);
	put_u32(dst + 28, f->body_crc);
	put_u64(dst + 32, f->stored_octets);
	for (uint32_t i = 0; i < f->chunks; i++)
		put_u32(dst + FRAME_HEADER_OCTETS + 4 * (size_t)i, table[i]);
	put_u32(dst + 44, head_crc((struct slice){ dst, frame_head_octets(f->chunks) }));
}

int
frame_get_header(struct slice in, struct frame *out)
{
	struct rd r;
	uint32_t version;

	rd_init(&r, in);
	if (rd_u32(&r) != FRAME_MAGIC)
		return ERR_CORRUPT;
	version = rd_u32(&r);
	if (version > FRAME_VERSION)
		return ERR_VERSION;
	out->segment = rd_u32(&r);
	out->lsn = rd_u32(&r);
	out->size_octets = rd_u32(&r);
	out->summary_octets = rd_u32(&r);
	out->chunks = rd_u32(&r);
	out->body_crc = rd_u32(&r);
	out->stored_octets = rd_u64(&r);
	(void)rd_u64(&r);
	if (r.err != OK || version == 0 || out->size_octets > FRAME_SIZE_MAX ||
	    out->summary_octets > FRAME_SUMMARY_MAX ||
	    out->chunks != frame_chunks(out->size_octets))
		return ERR_CORRUPT;
	return OK;
}

int
frame_get_table(struct slice head, const struct frame *f, uint32_t *table)
{
	uint64_t sum = 0;
	struct rd r;

	if (head.n != frame_head_octets(f->chunks))
		return ERR_CORRUPT;
	rd_init(&r, slice_from(head, FRAME_HEADER_OCTETS - 4));
	if (rd_u32(&r) != head_crc(head))
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < f->chunks; i++) {
		uint32_t n;

		table[i] = rd_u32(&r);
		n = table[i] & ~FRAME_COMPRESSED;
		if (n < CRYPT_TAG_OCTETS || n > frame_plain_octets(f, i) + CRYPT_TAG_OCTETS)
			return ERR_CORRUPT;
		sum += n;
	}
	return sum == f->stored_octets ? OK : ERR_CORRUPT;
}

size_t
frame_plain_octets(const struct frame *f, uint32_t i)
{
	if (i == 0)
		return f->summary_octets;
	if (i + 1 < f->chunks)
		return CRYPT_CHUNK_OCTETS;
	return f->size_octets - (size_t)(f->chunks - 2) * CRYPT_CHUNK_OCTETS;
}

struct crypt_place
frame_place(const struct frame *f, uint32_t i, bool compressed)
{
	return (struct crypt_place){ .blob = frame_blob(f->segment, f->lsn),
		.size_octets = f->size_octets, .summary_octets = f->summary_octets, .index = i,
		.last = i + 1 == f->chunks, .compressed = compressed };
}

enum { SEGMENT_KIND_AT = 12, SEGMENT_FIRST = 0, SEGMENT_TARGET = 1 };

static void
put_segment(uint32_t segment, uint32_t kind, const uint8_t epoch_public[32], char *dst)
{
	memset(dst, 0, SEGMENT_HEADER_OCTETS);
	put_u32(dst, SEGMENT_MAGIC);
	put_u32(dst + 4, FRAME_VERSION);
	put_u32(dst + 8, segment);
	put_u32(dst + SEGMENT_KIND_AT, kind);
	memcpy(dst + 16, epoch_public, 32);
	put_u32(dst + 60, crc32c(0, (struct slice){ dst, 60 }));
}

void
frame_put_segment(uint32_t segment, const uint8_t epoch_public[32], char *dst)
{
	put_segment(segment, SEGMENT_FIRST, epoch_public, dst);
}

void
frame_put_target(uint32_t segment, const uint8_t epoch_public[32], char *dst)
{
	put_segment(segment, SEGMENT_TARGET, epoch_public, dst);
}

bool
frame_segment_is_target(const char head[SEGMENT_HEADER_OCTETS])
{
	return head[SEGMENT_KIND_AT] == SEGMENT_TARGET;
}

int
frame_get_segment(struct slice in, uint32_t segment, uint8_t epoch_public_out[32])
{
	struct rd r;
	uint32_t magic, version, seq;

	if (in.n < SEGMENT_HEADER_OCTETS)
		return ERR_CORRUPT;
	rd_init(&r, in);
	magic = rd_u32(&r);
	version = rd_u32(&r);
	seq = rd_u32(&r);
	if (magic == SEGMENT_MAGIC && version > FRAME_VERSION)
		return ERR_VERSION;
	rd_init(&r, slice_from(in, 60));
	if (magic != SEGMENT_MAGIC || seq != segment ||
	    rd_u32(&r) != crc32c(0, slice_sub(in, 0, 60)))
		return ERR_CORRUPT;
	memcpy(epoch_public_out, in.p + 16, 32);
	return OK;
}
