/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/dump.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"
#include "mailstore/crypt.h"

#define DUMP_MAGIC	"CVDUMP1\n"
#define BLOCK_MAGIC	0x31425643u	/* "CVB1" */
#define ZIPPED		0x80000000u

enum {
	HEAD_OCTETS = 16,
	BLOCK_HEAD_OCTETS = 16,
	ROOM_OCTETS = DUMP_VALUE_MAX + 2 * DUMP_BLOCK_OCTETS + 1024,
};

/* ---- writing ---- */

struct dump_writer {
	dump_sink_fn	  sink;
	void		 *arg;
	struct crypt_zip *zip;
	crypto_generichash_state sum;
	struct buf	  plain, out;
	uint64_t	  entries;
	int		  err;
};

static void
send(struct dump_writer *w)
{
	if (w->err == OK)
		w->err = w->out.err;
	if (w->err == OK && w->out.n > 0)
		w->err = w->sink(w->arg, buf_slice(&w->out));
	buf_clear(&w->out);
}

static void
put_block(struct dump_writer *w, struct slice stored, bool zipped, size_t plain)
{
	struct buf *b = &w->out;
	size_t at = b->n;
	uint32_t crc;

	buf_add_u32(b, BLOCK_MAGIC);
	buf_add_u32(b, (uint32_t)stored.n | (zipped ? ZIPPED : 0));
	buf_add_u32(b, (uint32_t)plain);
	crc = b->err != OK ? 0 : crc32c(crc32c(0, slice_from(buf_slice(b), at)), stored);
	buf_add_u32(b, crc);
	buf_add(b, stored);
	send(w);
}

static void
flush_plain(struct dump_writer *w, size_t least)
{
	char *packed = malloc(DUMP_BLOCK_OCTETS);
	size_t at = 0;

	if (packed == NULL)
		w->err = ERR_NOMEM;
	while (w->err == OK && w->plain.n - at > 0 && w->plain.n - at >= least) {
		struct slice part = slice_sub(buf_slice(&w->plain), at, DUMP_BLOCK_OCTETS);
		size_t n = crypt_zip(w->zip, part, packed);

		crypto_generichash_update(&w->sum, (const unsigned char *)part.p, part.n);
		put_block(w, n > 0 ? (struct slice){ packed, n } : part, n > 0, part.n);
		at += part.n;
	}
	buf_consume(&w->plain, at);
	free(packed);
}

static void
added(struct dump_writer *w)
{
	if (w->err == OK)
		w->err = w->plain.err;
	if (w->plain.n >= DUMP_BLOCK_OCTETS)
		flush_plain(w, DUMP_BLOCK_OCTETS);
}

int
dump_writer_new(dump_sink_fn sink, void *arg, struct dump_writer **out)
{
	struct dump_writer *w = calloc(1, sizeof *w);
	int r;

	*out = w;
	if (w == NULL)
		return ERR_NOMEM;
	w->sink = sink;
	w->arg = arg;
	buf_init(&w->plain, ROOM_OCTETS);
	buf_init(&w->out, DUMP_BLOCK_OCTETS + 1024);
	crypto_generichash_init(&w->sum, NULL, 0, DUMP_SUM_OCTETS);
	r = crypt_zip_new(&w->zip);
	if (r != OK) {
		dump_writer_free(out);
		return r;
	}
	buf_adds(&w->out, DUMP_MAGIC);
	buf_add_u32(&w->out, DUMP_VERSION);
	buf_add_u32(&w->out, crc32c(0, buf_slice(&w->out)));
	send(w);
	return OK;
}

void
dump_writer_free(struct dump_writer **wp)
{
	if (*wp == NULL)
		return;
	crypt_zip_free(&(*wp)->zip);
	buf_fini(&(*wp)->plain);
	buf_fini(&(*wp)->out);
	free(*wp);
	*wp = NULL;
}

void
dump_tree(struct dump_writer *w, const char *name)
{
	struct slice s = slice_of(name);

	assert(s.n > 0 && s.n <= DUMP_TREE_MAX);
	buf_addc(&w->plain, 'T');
	buf_add_u8(&w->plain, (uint8_t)s.n);
	buf_add(&w->plain, s);
	added(w);
}

void
dump_entry(struct dump_writer *w, struct slice key, struct slice val)
{
	if (w->err == OK && (key.n > DUMP_KEY_MAX || val.n > DUMP_VALUE_MAX))
		w->err = ERR_LIMIT;
	if (w->err != OK)
		return;
	buf_addc(&w->plain, 'E');
	buf_add_u32(&w->plain, (uint32_t)key.n);
	buf_add_u32(&w->plain, (uint32_t)val.n);
	buf_add(&w->plain, key);
	buf_add(&w->plain, val);
	w->entries++;
	added(w);
}

uint64_t
dump_entries(const struct dump_writer *w)
{
	return w->entries;
}

int
dump_end(struct dump_writer *w)
{
	unsigned char sum[DUMP_SUM_OCTETS];

	buf_addc(&w->plain, 'Z');
	buf_add_u64(&w->plain, w->entries);
	added(w);
	flush_plain(w, 1);
	crypto_generichash_final(&w->sum, sum, sizeof sum);
	if (w->err == OK)
		put_block(w, (struct slice){ (const char *)sum, sizeof sum }, false, 0);
	return w->err;
}

/* ---- reading ---- */

struct dump_reader {
	struct crypt_zip *zip;
	crypto_generichash_state sum;
	struct buf in, plain;
	size_t	   in_at, at;		/* how much of them is through */
	char	   tree[DUMP_TREE_MAX];
	size_t	   tree_n;
	uint64_t   entries;
	bool	   begun, ended, over;	/* the header; record 'Z'; the last block */
	int	   err;
};

int
dump_reader_new(struct dump_reader **out)
{
	struct dump_reader *d = calloc(1, sizeof *d);
	int r;

	*out = d;
	if (d == NULL)
		return ERR_NOMEM;
	buf_init(&d->in, DUMP_PUSH_MAX + DUMP_BLOCK_OCTETS + 1024);
	buf_init(&d->plain, ROOM_OCTETS);
	crypto_generichash_init(&d->sum, NULL, 0, DUMP_SUM_OCTETS);
	r = crypt_zip_new(&d->zip);
	if (r != OK)
		dump_reader_free(out);
	return r;
}

void
dump_reader_free(struct dump_reader **dp)
{
	if (*dp == NULL)
		return;
	crypt_zip_free(&(*dp)->zip);
	buf_fini(&(*dp)->in);
	buf_fini(&(*dp)->plain);
	free(*dp);
	*dp = NULL;
}

bool
dump_reader_done(const struct dump_reader *d)
{
	return d->err == OK && d->over && d->in.n == d->in_at;
}

/* A little-endian number that is known to be there. */
static uint32_t
number(struct slice s, size_t at)
{
	struct rd r;

	rd_init(&r, slice_from(s, at));
	return rd_u32(&r);
}

static int
read_head(struct dump_reader *d)
{
	struct slice in = slice_from(buf_slice(&d->in), d->in_at);

	if (in.n < HEAD_OCTETS)
		return 0;
	if (!slice_eq(slice_sub(in, 0, 8), SLICE(DUMP_MAGIC)) ||
	    number(in, 12) != crc32c(0, slice_sub(in, 0, 12)))
		return ERR_CORRUPT;
	if (number(in, 8) != DUMP_VERSION)
		return number(in, 8) > DUMP_VERSION ? ERR_VERSION : ERR_CORRUPT;
	d->in_at += HEAD_OCTETS;
	d->begun = true;
	return 1;
}

static int
take_last(struct dump_reader *d, struct slice stored, bool zipped)
{
	unsigned char sum[DUMP_SUM_OCTETS];

	crypto_generichash_final(&d->sum, sum, sizeof sum);
	if (zipped || !d->ended || !slice_eq(stored, (struct slice){ (char *)sum, sizeof sum }))
		return ERR_CORRUPT;
	d->over = true;
	return OK;
}

static int
take_plain(struct dump_reader *d, struct slice stored, bool zipped, size_t plain)
{
	char *dst;
	int r = OK;

	if (d->at > 0)
		buf_consume(&d->plain, d->at);
	d->at = 0;
	if (!zipped && plain != stored.n)
		return ERR_CORRUPT;
	dst = buf_reserve(&d->plain, plain);
	if (dst == NULL)
		return d->plain.err;
	if (zipped)
		r = crypt_unzip(d->zip, stored, dst, plain);
	else
		memcpy(dst, stored.p, plain);
	if (r != OK)
		return r;
	crypto_generichash_update(&d->sum, (const unsigned char *)dst, plain);
	buf_added(&d->plain, plain);
	return OK;
}

/* 1: a block was taken in; 0: it is not all there. */
static int
read_block(struct dump_reader *d)
{
	struct slice in = slice_from(buf_slice(&d->in), d->in_at), stored;
	uint32_t n, plain;
	bool zipped;
	int r;

	if (d->over)
		return in.n > 0 ? ERR_CORRUPT : 0;
	if (in.n < BLOCK_HEAD_OCTETS)
		return 0;
	n = number(in, 4) & ~ZIPPED;
	zipped = (number(in, 4) & ZIPPED) != 0;
	plain = number(in, 8);
	if (number(in, 0) != BLOCK_MAGIC || n == 0 || n > DUMP_BLOCK_OCTETS ||
	    plain > DUMP_BLOCK_OCTETS)
		return ERR_CORRUPT;
	if (in.n < BLOCK_HEAD_OCTETS + (size_t)n)
		return 0;
	stored = slice_sub(in, BLOCK_HEAD_OCTETS, n);
	if (number(in, 12) != crc32c(crc32c(0, slice_sub(in, 0, 12)), stored))
		return ERR_CORRUPT;
	r = plain == 0 ? take_last(d, stored, zipped) : take_plain(d, stored, zipped, plain);
	d->in_at += BLOCK_HEAD_OCTETS + (size_t)n;
	return r == OK ? 1 : r;
}

/* ---- records ---- */

static int
take_tree(struct dump_reader *d, struct slice s)
{
	size_t n;

	if (s.n < 2)
		return 0;
	n = (unsigned char)s.p[1];
	if (n == 0 || n > DUMP_TREE_MAX)
		return ERR_CORRUPT;
	if (s.n < 2 + n)
		return 0;
	memcpy(d->tree, s.p + 2, n);
	d->tree_n = n;
	d->at += 2 + n;
	return 1;
}

static int
take_entry(struct dump_reader *d, struct slice s, struct dump_row *out)
{
	size_t key, val;

	if (s.n < 9)
		return 0;
	key = number(s, 1);
	val = number(s, 5);
	if (d->tree_n == 0 || key > DUMP_KEY_MAX || val > DUMP_VALUE_MAX)
		return ERR_CORRUPT;
	if (s.n < 9 + key + val)
		return 0;
	*out = (struct dump_row){ { d->tree, d->tree_n }, slice_sub(s, 9, key),
		slice_sub(s, 9 + key, val) };
	d->at += 9 + key + val;
	d->entries++;
	return 1;
}

static int
take_end(struct dump_reader *d, struct slice s)
{
	struct rd r;

	if (s.n < 9)
		return 0;
	rd_init(&r, slice_from(s, 1));
	if (s.n > 9 || rd_u64(&r) != d->entries)
		return ERR_CORRUPT;
	d->at += 9;
	d->ended = true;
	return 1;
}

/* 1: out is a row; 0: more plain octets are needed. */
static int
next_record(struct dump_reader *d, struct dump_row *out)
{
	for (;;) {
		struct slice s = slice_from(buf_slice(&d->plain), d->at);
		int r;

		if (s.n == 0)
			return 0;
		if (d->ended)
			return ERR_CORRUPT;
		if (s.p[0] == 'E')
			return take_entry(d, s, out);
		r = s.p[0] == 'T' ? take_tree(d, s) : s.p[0] == 'Z' ? take_end(d, s) : ERR_CORRUPT;
		if (r != 1)
			return r;
	}
}

int
dump_reader_push(struct dump_reader *d, struct slice in)
{
	if (d->err == OK && in.n > DUMP_PUSH_MAX)
		d->err = ERR_LIMIT;
	if (d->err != OK)
		return d->err;
	if (d->in_at > 0)
		buf_consume(&d->in, d->in_at);
	d->in_at = 0;
	buf_add(&d->in, in);
	d->err = d->in.err;
	return d->err;
}

int
dump_reader_next(struct dump_reader *d, struct dump_row *out)
{
	int r = d->err;

	while (r == OK) {
		r = d->begun ? next_record(d, out) : 0;
		if (r != 0)
			break;
		r = d->begun ? read_block(d) : read_head(d);
		if (r != 1)
			break;
		r = OK;
	}
	if (r < 0)
		d->err = r;
	return r;
}
