/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/frame_seal.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"

enum { SMALL_TABLE = 40 };	/* chunks of a message of 2.5 MB */

struct sealing {
	struct frame	 *f;
	const uint8_t	 *key;
	struct crypt_zip *zip;		/* NULL: not to be compressed */
	struct buf	 *out;
	uint32_t	 *table;
};

uint64_t
frame_seal_octets_max(const struct frame *f)
{
	return frame_head_octets(f->chunks) + f->summary_octets + (uint64_t)f->size_octets +
	    (uint64_t)f->chunks * CRYPT_TAG_OCTETS;
}

static int
add_chunk(struct sealing *s, uint32_t i, struct slice plain)
{
	struct frame *f = s->f;
	char packed[CRYPT_CHUNK_OCTETS];
	struct crypt_place place;
	size_t n = 0, sealed;
	char *dst;

	if (s->zip != NULL && plain.n > 0 && plain.n <= sizeof packed)
		n = crypt_zip(s->zip, plain, packed);
	place = frame_place(f, i, n > 0);
	if (n > 0)
		plain = (struct slice){ packed, n };
	sealed = plain.n + CRYPT_TAG_OCTETS;
	dst = buf_reserve(s->out, sealed);
	if (dst == NULL)
		return s->out->err;
	crypt_seal(s->key, &place, plain, dst);
	buf_added(s->out, sealed);
	f->body_crc = crc32c(f->body_crc, (struct slice){ dst, sealed });
	f->stored_octets += sealed;
	s->table[i] = (uint32_t)sealed | (n > 0 ? FRAME_COMPRESSED : 0);
	return OK;
}

static int
add_chunks(struct sealing *s, struct slice summary, struct slice message)
{
	int r = add_chunk(s, 0, summary);

	for (uint32_t i = 1; i < s->f->chunks && r == OK; i++)
		r = add_chunk(s, i, slice_sub(message, (size_t)(i - 1) * CRYPT_CHUNK_OCTETS,
		    CRYPT_CHUNK_OCTETS));
	return r;
}

int
frame_seal(struct frame *f, const uint8_t key[32], bool compress, struct slice summary,
    struct slice message, struct crypt_zip *zip, struct buf *out)
{
	uint32_t small[SMALL_TABLE];
	struct sealing s = { .f = f, .key = key, .out = out, .table = small,
		.zip = compress && message.n >= FRAME_COMPRESS_OCTETS ? zip : NULL };
	size_t head = frame_head_octets(f->chunks);
	int r;

	f->body_crc = 0;
	f->stored_octets = 0;
	buf_clear(out);
	/* All at once: what is not needed in the end was never touched. */
	if (buf_reserve(out, (size_t)frame_seal_octets_max(f)) == NULL)
		return out->err;
	if (f->chunks > SMALL_TABLE)
		s.table = calloc(f->chunks, sizeof *s.table);
	if (s.table == NULL)
		return ERR_NOMEM;
	buf_added(out, head);
	r = add_chunks(&s, summary, message);
	if (r == OK)
		frame_put(f, s.table, out->p);
	if (s.table != small)
		free(s.table);
	return r;
}
