/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The head of a frame, as it lies in a segment: as given, and with its checksum made right. What is
 * accepted describes chunks that add up, each within its bound.
 */
#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"
#include "mailstore/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct frame *f, const uint32_t *table)
{
	uint64_t plain = 0, stored = 0;

	for (uint32_t i = 0; i < f->chunks; i++) {
		stored += table[i] & ~FRAME_COMPRESSED;
		if (i > 0)
			plain += frame_plain_octets(f, i);
		if ((table[i] & ~FRAME_COMPRESSED) > frame_plain_octets(f, i) + CRYPT_TAG_OCTETS)
			abort();
	}
	if (plain != f->size_octets || stored != f->stored_octets)
		abort();
}

static void
one(struct slice in)
{
	struct frame f;
	uint32_t *table;

	if (frame_get_header(in, &f) != OK)
		return;
	if (f.chunks != frame_chunks(f.size_octets))
		abort();
	table = calloc(f.chunks, sizeof *table);
	if (table != NULL &&
	    frame_get_table(slice_sub(in, 0, frame_head_octets(f.chunks)), &f, table) == OK)
		check(&f, table);
	free(table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t public[32];
	struct slice in = { (const char *)data, size }, head;
	char *copy;
	uint32_t crc;

	one(in);
	(void)!frame_get_segment(in, 1, public);
	if (size < FRAME_HEADER_OCTETS || (copy = malloc(size)) == NULL)
		return 0;
	memcpy(copy, data, size);
	head = (struct slice){ copy, size };
	crc = crc32c(crc32c(0, slice_sub(head, 0, FRAME_HEADER_OCTETS - 4)),
	    slice_from(head, FRAME_HEADER_OCTETS));
	for (int i = 0; i < 4; i++)
		copy[FRAME_HEADER_OCTETS - 4 + i] = (char)(crc >> 8 * i & 0xff);
	one(head);
	free(copy);
	return 0;
}
