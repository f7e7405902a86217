/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/lzfu.h"

#include <string.h>

#include "policy/extract/cfb.h"

/* head = compressed size u32 (from here) raw size u32, magic u32, crc u32 */
enum { HEAD_OCTETS = 16, DICTIONARY = 4096, REFERENCE_SHORTEST = 2 };

static const char initial[] = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}"
    "{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial"
    "Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    "\\b\\i\\u\\tab\\tx";

struct lzfu {
	char	    dictionary[DICTIONARY];
	unsigned    at;		/* where the next octet goes */
	struct buf *out;
};

static void
put(struct lzfu *z, char c)
{
	z->dictionary[z->at] = c;
	z->at = (z->at + 1) % DICTIONARY;
	buf_addc(z->out, c);
}

/* Twelve bits of place, four of length; one to the place at hand is the end. */
static bool
reference(struct lzfu *z, unsigned v)
{
	unsigned from = v >> 4, n = (v & 15) + REFERENCE_SHORTEST;

	if (from == z->at)
		return false;
	while (n-- > 0) {
		put(z, z->dictionary[from]);
		from = (from + 1) % DICTIONARY;
	}
	return true;
}

static int
decompress(struct lzfu *z, struct slice in)
{
	unsigned flags = 0, bit = 8;

	while (in.n > 0 && z->out->err == OK) {
		if (bit == 8) {
			flags = (unsigned char)in.p[0];
			bit = 0;
			in = slice_from(in, 1);
			continue;
		}
		if ((flags >> bit++ & 1) == 0) {
			put(z, in.p[0]);
			in = slice_from(in, 1);
			continue;
		}
		if (in.n < 2)
			return ERR_CORRUPT;
		if (!reference(z, (unsigned)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1]))
			return OK;
		in = slice_from(in, 2);
	}
	return z->out->err != OK ? z->out->err : ERR_CORRUPT;
}

int
lzfu_decode(struct slice in, struct buf *out)
{
	struct slice magic = slice_sub(in, 8, 4), data = slice_from(in, HEAD_OCTETS);
	struct lzfu z = { .at = sizeof initial - 1, .out = out };

	if (slice_is(magic, "MELA")) {
		buf_add(out, data);
		return out->err;
	}
	if (!slice_is(magic, "LZFu"))
		return ERR_CORRUPT;
	memcpy(z.dictionary, initial, sizeof initial - 1);
	return decompress(&z, data);
}
