/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "mailstore/store_internal.h"

#define NO_CHUNK	UINT32_MAX

/* What is plain in here (chunk, summary, packed) is wiped when it is closed or used again. */
struct store_message {
	struct store	 *s;
	struct frame	  f;
	struct record_blob place;
	uint8_t		 *key;		/* in guarded memory */
	uint32_t	 *table;
	uint64_t	 *offsets;	/* of the chunks, in the file */
	size_t		  chunks_cap;
	uint32_t	  in_chunk;	/* which chunk is in `chunk` */
	bool		  has_summary;
	struct buf	  head, sealed, chunk, summary, packed;
};

void
store_tidy(struct store *s)
{
	segment_cache_tidy(s->segments);
}

/* ---- opening ---- */

static void
forget(struct store_message *m)
{
	struct buf *const plain[] = { &m->chunk, &m->summary, &m->packed };

	crypt_wipe(m->key, CRYPT_KEY_OCTETS);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (plain[i]->n > 0)
			crypt_wipe(plain[i]->p, plain[i]->n);
		buf_clear(plain[i]);
	}
	m->in_chunk = NO_CHUNK;
	m->has_summary = false;
	m->f = (struct frame){ 0 };
}

static int
message_new(struct store *s, struct store_message **out)
{
	struct store_message *m = calloc(1, sizeof *m);

	if (m == NULL)
		return ERR_NOMEM;
	m->key = crypt_vault_take(s->keys);
	if (m->key == NULL) {
		free(m);
		return ERR_NOMEM;
	}
	m->s = s;
	buf_init(&m->head, frame_head_octets(frame_chunks(FRAME_SIZE_MAX)));
	buf_init(&m->sealed, FRAME_SUMMARY_MAX + CRYPT_TAG_OCTETS);
	buf_init(&m->chunk, CRYPT_CHUNK_OCTETS);
	buf_init(&m->summary, FRAME_SUMMARY_MAX);
	buf_init(&m->packed, FRAME_SUMMARY_MAX);
	forget(m);
	*out = m;
	return OK;
}

static int
read_place(struct store *s, uint64_t blob, struct record_blob *out)
{
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = index_blob_get(s->ix, blob, out);
	index_abort(s->ix);
	return r == ERR_NOENT ? ERR_CORRUPT : r;
}

static int
tables(struct store_message *m, uint32_t chunks)
{
	uint32_t *t;
	uint64_t *o;

	if (chunks <= m->chunks_cap)
		return OK;
	t = realloc(m->table, chunks * sizeof *t);
	if (t != NULL)
		m->table = t;
	o = realloc(m->offsets, chunks * sizeof *o);
	if (o != NULL)
		m->offsets = o;
	if (t == NULL || o == NULL)
		return ERR_NOMEM;
	m->chunks_cap = chunks;
	return OK;
}

static void
find_chunks(struct store_message *m)
{
	uint64_t at = m->place.offset + m->place.head_octets;

	for (uint32_t i = 0; i < m->f.chunks; i++) {
		m->offsets[i] = at;
		at += m->table[i] & ~FRAME_COMPRESSED;
	}
}

static int
read_head(struct store_message *m, int fd, const struct store_record *rec)
{
	size_t head = m->place.head_octets;
	char *dst;
	int r;

	buf_clear(&m->head);
	if (head > frame_head_octets(frame_chunks(FRAME_SIZE_MAX)) || head < FRAME_HEADER_OCTETS)
		return ERR_CORRUPT;
	dst = buf_reserve(&m->head, head);
	r = dst == NULL ? m->head.err : segment_read(fd, m->place.offset, dst, head);
	if (r == OK)
		r = frame_get_header((struct slice){ dst, head }, &m->f);
	if (r == OK && (head != frame_head_octets(m->f.chunks) ||
	    frame_blob(m->f.segment, m->f.lsn) != rec->blob ||
	    m->f.size_octets != rec->size_octets))
		r = ERR_CORRUPT;
	if (r == OK)
		r = tables(m, m->f.chunks);
	if (r == OK)
		r = frame_get_table((struct slice){ dst, head }, &m->f, m->table);
	if (r == OK)
		find_chunks(m);
	return r;
}

/* What was not found where it should be may have been moved since: is it elsewhere now? */
static bool
look_again(struct store_message *m, uint64_t blob)
{
	struct record_blob now;

	if (read_place(m->s, blob, &now) != OK || (now.segment == m->place.segment &&
	    now.offset == m->place.offset))
		return false;
	m->place = now;
	return true;
}

enum { LOOKS = 3 };

static int
find_frame(struct store_message *m, const struct store_record *rec)
{
	const uint8_t *epoch;
	int fd, r = read_place(m->s, rec->blob, &m->place);

	for (int i = 0; r == OK && i < LOOKS; i++) {
		r = segment_cache_get(m->s->segments, m->place.segment, &fd, &epoch);
		if (r == OK)
			r = read_head(m, fd, rec);
		if (r != ERR_CORRUPT || !look_again(m, rec->blob))
			break;
		r = OK;
	}
	return r;
}

int
store_message_open(struct store *s, const struct store_record *record, const uint8_t secret[32],
    struct store_message **mp)
{
	struct store_message *m;
	int r = OK;

	if (*mp == NULL)
		r = message_new(s, mp);
	if (r != OK)
		return r;
	m = *mp;
	forget(m);
	r = store_unwrap(s, record, secret, m->key);
	if (r == OK)
		r = find_frame(m, record);
	if (r != OK)
		forget(m);
	return r;
}

void
store_message_close(struct store_message **mp)
{
	struct store_message *m = *mp;

	if (m == NULL)
		return;
	forget(m);
	crypt_vault_give(m->s->keys, m->key);
	free(m->table);
	free(m->offsets);
	buf_fini(&m->head);
	buf_fini(&m->sealed);
	buf_fini(&m->chunk);
	buf_fini(&m->summary);
	buf_fini(&m->packed);
	free(m);
	*mp = NULL;
}

uint64_t
store_message_octets(const struct store_message *m)
{
	return m->f.size_octets;
}

/* ---- reading ---- */

static int
read_sealed(struct store_message *m, uint32_t i, struct slice *out)
{
	size_t n = m->table[i] & ~FRAME_COMPRESSED;
	const uint8_t *epoch;
	char *dst;
	int fd, r;

	buf_clear(&m->sealed);
	dst = buf_reserve(&m->sealed, n);
	if (dst == NULL)
		return m->sealed.err;
	r = segment_cache_get(m->s->segments, m->place.segment, &fd, &epoch);
	if (r == OK)
		r = segment_read(fd, m->offsets[i], dst, n);
	*out = (struct slice){ dst, n };
	return r;
}

static int
open_chunk_here(struct store_message *m, uint32_t i, struct buf *out)
{
	bool compressed = (m->table[i] & FRAME_COMPRESSED) != 0;
	struct crypt_place place = frame_place(&m->f, i, compressed);
	size_t plain = frame_plain_octets(&m->f, i);
	struct buf *first = compressed ? &m->packed : out;
	struct slice sealed;
	char *dst;
	int r = read_sealed(m, i, &sealed);

	if (r != OK)
		return r;
	buf_clear(out);
	buf_clear(first);
	dst = buf_reserve(first, sealed.n - CRYPT_TAG_OCTETS);
	if (dst == NULL)
		return first->err;
	r = crypt_open(m->key, &place, sealed, dst);
	if (r != OK)
		return r;
	buf_added(first, sealed.n - CRYPT_TAG_OCTETS);
	if (!compressed)
		return first->n == plain ? OK : ERR_CORRUPT;
	dst = buf_reserve(out, plain);
	if (dst == NULL)
		return out->err;
	r = crypt_unzip(m->s->zip, buf_slice(first), dst, plain);
	buf_added(out, r == OK ? plain : 0);
	return r;
}

/* Chunk i, plain, alone in out. */
static int
open_chunk(struct store_message *m, uint32_t i, struct buf *out)
{
	int r = open_chunk_here(m, i, out);

	if (r != ERR_CORRUPT || !look_again(m, frame_blob(m->f.segment, m->f.lsn)))
		return r;
	find_chunks(m);
	return open_chunk_here(m, i, out);
}

int
store_message_summary(struct store_message *m, struct slice *out)
{
	int r = OK;

	if (m->f.chunks == 0)
		return ERR_BAD_STATE;
	if (!m->has_summary)
		r = open_chunk(m, 0, &m->summary);
	m->has_summary = r == OK;
	*out = buf_slice(&m->summary);
	return r;
}

int
store_message_read(struct store_message *m, uint64_t offset, char *dst, size_t n, size_t *n_out)
{
	*n_out = 0;
	while (*n_out < n && offset < m->f.size_octets) {
		uint32_t i = 1 + (uint32_t)(offset / CRYPT_CHUNK_OCTETS);
		struct slice part;

		if (m->in_chunk != i) {
			int r = open_chunk(m, i, &m->chunk);

			m->in_chunk = r == OK ? i : NO_CHUNK;
			if (r != OK)
				return r;
		}
		part = slice_sub(buf_slice(&m->chunk), offset % CRYPT_CHUNK_OCTETS, n - *n_out);
		memcpy(dst + *n_out, part.p, part.n);
		*n_out += part.n;
		offset += part.n;
	}
	return OK;
}
