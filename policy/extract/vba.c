/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/vba.h"

#include "mime/charset.h"
#include "policy/extract/cfb.h"

enum {
	CHUNK_OCTETS = 4096, CHUNK_HEAD = 2,
	SIGNATURE_MASK = 0x7000, SIGNATURE = 0x3000, COMPRESSED = 0x8000,
	SOURCE_OCTETS_MAX = 8 << 20,
};

/* How many bits of a token are length depends on how much of the chunk is there. */
static void
copy_token(unsigned token, struct buf *out, size_t chunk_at)
{
	size_t have = out->n - chunk_at, from, n;
	unsigned bits = 4;

	while (have > (size_t)1 << bits && bits < 12)
		bits++;
	from = (token >> (16 - bits)) + 1;
	n = (token & (0xFFFFu >> bits)) + 3;
	if (from > have)
		return;
	for (; n > 0 && out->err == OK && out->n - chunk_at < CHUNK_OCTETS; n--)
		buf_addc(out, out->p[out->n - from]);
}

static void
chunk(struct slice s, struct buf *out)
{
	size_t chunk_at = out->n;
	unsigned flags = 0, left = 0;

	while (s.n > 0 && out->err == OK && out->n - chunk_at < CHUNK_OCTETS) {
		if (left == 0) {
			flags = (unsigned char)s.p[0];
			left = 8;
			s = slice_from(s, 1);
			continue;
		}
		if ((flags & 1) == 0) {
			buf_addc(out, s.p[0]);
			s = slice_from(s, 1);
		} else {
			copy_token(cfb_u16(s, 0), out, chunk_at);
			s = slice_from(s, 2);
		}
		flags >>= 1;
		left--;
	}
}

/* Behind the octet 1: chunks until something else comes. */
static int
decompress(struct slice s, struct buf *out)
{
	while (s.n > CHUNK_HEAD) {
		unsigned head = cfb_u16(s, 0);
		size_t n = (head & 0xFFF) + 1;

		if ((head & SIGNATURE_MASK) != SIGNATURE || n > s.n - CHUNK_HEAD)
			return ERR_CORRUPT;
		s = slice_from(s, CHUNK_HEAD);
		if ((head & COMPRESSED) != 0)
			chunk(slice_sub(s, 0, n), out);
		else
			buf_add(out, slice_sub(s, 0, n));
		s = slice_from(s, n);
	}
	return out->err;
}

/* Where the source begins is said elsewhere; but it always begins with the same word. */
static ptrdiff_t
find_source(struct slice s)
{
	ptrdiff_t at = slice_find(s, SLICE("\0Attribut"));

	return at < 3 || s.p[at - 3] != 1 ? -1 : at - 3;
}

static void
put(struct slice source, struct buf *text)
{
	struct buf utf8;
	bool quoted = false;

	buf_init(&utf8, 4 * source.n + 16);
	if (charset_to_utf8(CHARSET_WINDOWS_1252, source, &utf8, NULL) != OK && text->err == OK)
		text->err = utf8.err;
	buf_add(text, buf_slice(&utf8));
	buf_addc(text, '\n');
	for (size_t i = 0; i < utf8.n; i++) {
		if (utf8.p[i] == '"' || utf8.p[i] == '\n') {
			quoted = utf8.p[i] == '"' && !quoted;
			buf_addc(text, '\n');
		} else if (quoted) {
			buf_addc(text, utf8.p[i]);
		}
	}
	buf_addc(text, '\n');
	buf_fini(&utf8);
}

int
vba_source(struct slice stream, struct buf *text)
{
	ptrdiff_t at = find_source(stream);
	struct buf source;
	int r;

	if (at < 0)
		return ERR_CORRUPT;
	buf_init(&source, SOURCE_OCTETS_MAX);
	r = decompress(slice_from(stream, (size_t)at + 1), &source);
	put(buf_slice(&source), text);
	buf_fini(&source);
	return r == OK ? text->err : r;
}
