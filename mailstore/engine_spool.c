/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <unistd.h>

#include "common/memfd.h"
#include "mailstore/engine.h"

/* A body being read back with the spool key. */
struct spool {
	struct engine *e;
	int	       fd;
	uint8_t	       key[CRYPT_KEY_OCTETS];
	struct frame   f;
	uint32_t      *table;
	uint64_t       at;		/* of the next chunk in the file */
	size_t	       skip;		/* octets not to be handed out */
	char	       sealed[CRYPT_CHUNK_OCTETS + CRYPT_TAG_OCTETS];
	char	       opened[CRYPT_CHUNK_OCTETS], plain[CRYPT_CHUNK_OCTETS];
};

/* Where the body is: a frame that was moved has a row that says so. */
static int
find(struct engine *e, struct control_blob *b)
{
	struct record_blob row;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = index_blob_get(e->ix, b->blob, &row);
	index_abort(e->ix);
	if (r == OK) {
		b->segment = row.segment;
		b->offset = row.offset;
		b->head_octets = row.head_octets;
	}
	return r == ERR_NOENT ? OK : r;
}

static int
read_head(struct spool *s, const struct control_blob *b)
{
	char *head;
	int r = ERR_CORRUPT;

	if (b->head_octets < FRAME_HEADER_OCTETS ||
	    b->head_octets > frame_head_octets(frame_chunks(FRAME_SIZE_MAX)))
		return ERR_CORRUPT;
	head = malloc(b->head_octets);
	if (head == NULL)
		return ERR_NOMEM;
	r = segment_read(s->fd, b->offset, head, b->head_octets);
	if (r == OK)
		r = frame_get_header((struct slice){ head, b->head_octets }, &s->f);
	if (r == OK && frame_blob(s->f.segment, s->f.lsn) != b->blob)
		r = ERR_CORRUPT;
	if (r == OK) {
		s->table = calloc(s->f.chunks, sizeof *s->table);
		r = s->table == NULL ? ERR_NOMEM : frame_get_table(
		    (struct slice){ head, b->head_octets }, &s->f, s->table);
	}
	free(head);
	if (r == OK)
		s->at = b->offset + b->head_octets + (s->table[0] & ~FRAME_COMPRESSED);
	return r;
}

static int
open_chunk(struct spool *s, uint32_t i, struct slice *out)
{
	bool compressed = (s->table[i] & FRAME_COMPRESSED) != 0;
	struct crypt_place place = frame_place(&s->f, i, compressed);
	size_t n = s->table[i] & ~FRAME_COMPRESSED, plain = frame_plain_octets(&s->f, i);
	int r = segment_read(s->fd, s->at, s->sealed, n);

	s->at += n;
	if (r == OK)
		r = crypt_open(s->key, &place, (struct slice){ s->sealed, n }, s->opened);
	n -= CRYPT_TAG_OCTETS;
	*out = (struct slice){ compressed ? s->plain : s->opened, plain };
	if (r == OK && compressed)
		r = crypt_unzip(s->e->zip, (struct slice){ s->opened, n }, s->plain, plain);
	else if (r == OK && n != plain)
		r = ERR_CORRUPT;
	return r;
}

static int
write_chunks(struct spool *s, int to)
{
	int r = OK;

	for (uint32_t i = 1; i < s->f.chunks && r == OK; i++) {
		struct slice part;
		size_t skip;

		r = open_chunk(s, i, &part);
		if (r != OK)
			break;
		skip = s->skip < part.n ? s->skip : part.n;
		s->skip -= skip;
		r = memfd_write(to, slice_from(part, skip));
	}
	return r == OK ? memfd_seal(to) : r;
}

int
engine_spool_read(struct engine *e, const struct control_queue *q, int *fd_out)
{
	struct spool *s = calloc(1, sizeof *s);
	struct control_blob body = q->body[0];
	const uint8_t *epoch;
	int to = -1, r = s == NULL ? ERR_NOMEM : OK;

	if (r == OK && (e->spool_key == NULL || q->wrapped_key.n != CRYPT_WRAP_OCTETS))
		r = e->spool_key == NULL ? ERR_UNAVAIL : ERR_CORRUPT;
	if (r != OK)
		goto out;
	s->e = e;
	s->skip = q->relay_skip;
	r = engine_spool_unwrap(e, q->body[0].blob, q->wrapped_key, s->key);
	if (r == OK)
		r = find(e, &body);
	if (r == OK)
		r = segment_cache_get(e->segments, body.segment, &s->fd, &epoch);
	if (r == OK)
		r = read_head(s, &body);
	if (r == OK)
		r = memfd_new("relay", &to);
	if (r == OK)
		r = write_chunks(s, to);
out:
	if (r == OK)
		*fd_out = to;
	else if (to >= 0)
		close(to);
	if (s != NULL) {
		free(s->table);
		crypt_wipe(s, sizeof *s);
	}
	free(s);
	return r;
}
