/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/gif.h"

enum {
	SCREEN_OCTETS = 13, PICTURE_OCTETS = 9,
	HAS_COLOURS = 0x80, COLOURS_MASK = 7,
	BLOCK_EXTENSION = 0x21, BLOCK_PICTURE = 0x2C, BLOCK_END = 0x3B
};

static size_t
colours_octets(char flags)
{
	return ((unsigned char)flags & HAS_COLOURS) == 0 ? 0 :
	    (size_t)3 << ((flags & COLOURS_MASK) + 1);
}

int
gif_open(struct gif *g, struct slice octets)
{
	size_t n;

	if (octets.n < SCREEN_OCTETS || !slice_eq(slice_sub(octets, 0, 4), SLICE("GIF8")))
		return ERR_CORRUPT;
	n = SCREEN_OCTETS + colours_octets(octets.p[10]);
	if (n > octets.n)
		return ERR_CORRUPT;
	g->head = slice_sub(octets, 0, n);
	g->rest = slice_from(octets, n);
	return OK;
}

/* Octets of the sub-blocks at `at`, their end included; 0: they have none. */
static size_t
sub_blocks(struct slice s, size_t at)
{
	size_t from = at;

	while (at < s.n) {
		size_t n = (unsigned char)s.p[at];

		at += n + 1;
		if (n == 0)
			return at - from;
	}
	return 0;
}

static int
picture(struct gif *g, struct buf *out)
{
	struct slice s = g->rest;
	size_t n = PICTURE_OCTETS + 1, data;

	if (s.n < n)
		return ERR_CORRUPT;
	n += colours_octets(s.p[PICTURE_OCTETS]) + 1;	/* and the size of codes */
	data = sub_blocks(s, n);
	/* One that breaks off is shown as far as it goes. */
	n = data == 0 ? s.n : n + data;
	buf_clear(out);
	buf_add(out, g->head);
	buf_add(out, slice_sub(s, 0, n));
	if (data == 0)
		buf_addc(out, '\0');
	buf_addc(out, BLOCK_END);
	g->rest = slice_from(s, n);
	return out->err == OK ? 1 : out->err;
}

int
gif_next(struct gif *g, struct buf *out)
{
	while (g->rest.n > 0) {
		size_t n;

		switch (g->rest.p[0]) {
		case BLOCK_PICTURE:
			return picture(g, out);
		case BLOCK_EXTENSION:
			n = sub_blocks(g->rest, 2);
			if (n == 0)
				return 0;
			g->rest = slice_from(g->rest, n + 2);
			break;
		case BLOCK_END:
			return 0;
		default:
			return ERR_CORRUPT;
		}
	}
	return 0;
}
