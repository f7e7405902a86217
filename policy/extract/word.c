/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/word.h"

#include <string.h>

#include "mime/charset.h"
#include "policy/extract/entity.h"

enum {
	FIB_IDENT = 0xA5EC, FIB_97 = 0x00C1,
	FIB_ENCRYPTED = 1 << 8, FIB_OBFUSCATED = 1 << 15, FIB_TABLE1 = 1 << 9,
	FC_CLX = 33,			/* number of the pair (fc, lcb) in the FIB */
	PIECE_COMPRESSED = 1 << 30,
	LINE_OCTETS_MAX = 1 << 20,
};

struct word {
	struct slice doc, table;
	struct buf  *text;
	struct buf   line, row, bytes;
	unsigned     fields;	/* field codes open: their text is aside */
	int	     err;
};

/* ---- characters ---- */

static void
put_line(struct word *w, struct slice s)
{
	s = slice_trim(s);
	if (s.n > 0) {
		buf_add(w->text, s);
		buf_addc(w->text, '\n');
	}
	if (w->err == OK)
		w->err = w->text->err;
}

static void
end_line(struct word *w)
{
	put_line(w, buf_slice(&w->line));
	buf_clear(&w->line);
}

/* A cell ends, and with an empty one the row. */
static void
end_cell(struct word *w)
{
	if (w->line.n == 0 && w->row.n > 0) {
		put_line(w, buf_slice(&w->row));
		buf_clear(&w->row);
		return;
	}
	buf_add(&w->row, buf_slice(&w->line));
	buf_addc(&w->row, '\t');
	end_line(w);
}

static void
character(struct word *w, uint32_t c)
{
	switch (c) {
	case 0x07:
		end_cell(w);
		break;
	case 0x0B: case 0x0C: case 0x0D: case 0x0E:
		end_line(w);
		break;
	case 0x01: case 0x08:	/* a picture, a drawing or an object stands here: officeart.h */
		break;
	case 0x13: case 0x14: case 0x15:	/* a field's code, its result, its end */
		buf_addc(&w->line, ' ');
		break;
	case 0x1E:
		buf_addc(&w->line, '-');
		break;
	case 0x1F: case 0xAD:
		break;
	default:
		if (c >= 0x20 || c == '\t')
			entity_put(&w->line, c);
		break;
	}
	if (w->err == OK && (w->line.err != OK || w->row.err != OK))
		w->err = w->line.err != OK ? w->line.err : w->row.err;
}

/* ---- pieces ---- */

static void
wide_piece(struct word *w, struct slice s)
{
	uint32_t lead = 0, c;

	for (size_t i = 0; i + 2 <= s.n && w->err == OK; i += 2)
		if (entity_utf16(&lead, cfb_u16(s, i), &c))
			character(w, c);
}

/* One octet a character, in windows-1252. */
static void
narrow_piece(struct word *w, struct slice s)
{
	for (size_t i = 0; i < s.n && w->err == OK; i++) {
		unsigned char c = (unsigned char)s.p[i];
		struct slice one = slice_sub(s, i, 1);

		if (c >= 0x80 && c < 0xA0) {
			buf_clear(&w->bytes);
			if (charset_to_utf8(CHARSET_WINDOWS_1252, one, &w->bytes, NULL) == OK)
				buf_add(&w->line, buf_slice(&w->bytes));
		} else {
			character(w, c);
		}
	}
}

static int
one_piece(struct word *w, uint32_t fc, uint32_t chars)
{
	bool narrow = (fc & PIECE_COMPRESSED) != 0;
	uint64_t at = narrow ? (fc & ~(uint32_t)PIECE_COMPRESSED) / 2 : fc;
	uint64_t n = narrow ? chars : (uint64_t)chars * 2;

	if (at + n > w->doc.n)
		return ERR_CORRUPT;
	if (narrow)
		narrow_piece(w, slice_sub(w->doc, (size_t)at, (size_t)n));
	else
		wide_piece(w, slice_sub(w->doc, (size_t)at, (size_t)n));
	return w->err;
}

/* The table of pieces: n + 1 positions, then n descriptors of 8 octets. */
static int
read_pieces(struct word *w, struct slice plc)
{
	size_t n = plc.n < 4 ? 0 : (plc.n - 4) / 12;
	uint64_t total = 0;
	int r = n == 0 ? ERR_CORRUPT : OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		uint32_t from = cfb_u32(plc, 4 * i), to = cfb_u32(plc, 4 * i + 4);

		total += to >= from ? to - from : 0;
		if (to < from || total > w->doc.n)	/* each octet once: pieces that share are odd */
			return ERR_CORRUPT;
		r = one_piece(w, cfb_u32(plc, 4 * (n + 1) + 8 * i + 2), to - from);
	}
	return r;
}

/* Behind property lists (1) comes the table of pieces (2). */
static int
read_clx(struct word *w, struct slice clx)
{
	while (clx.n > 0) {
		if (clx.p[0] == 2)
			return read_pieces(w, slice_sub(clx, 5, cfb_u32(clx, 1)));
		if (clx.p[0] != 1)
			return ERR_CORRUPT;
		clx = slice_from(clx, 3 + (size_t)cfb_u16(clx, 1));
	}
	return ERR_CORRUPT;
}

/* Where the pair (fc, lcb) number i of the FIB is; 0: the FIB has not that many. */
static size_t
fib_pair(struct slice doc, unsigned i)
{
	size_t at = 32, words = cfb_u16(doc, at), longs;

	at += 2 + 2 * words;
	longs = cfb_u16(doc, at);
	at += 2 + 4 * longs;
	if (i >= cfb_u16(doc, at))
		return 0;
	return at + 2 + 8 * (size_t)i;
}

static int
read_document(struct word *w)
{
	size_t pair = fib_pair(w->doc, FC_CLX);
	uint32_t fc, lcb;
	int r;

	if (pair == 0)
		return ERR_CORRUPT;
	fc = cfb_u32(w->doc, pair);
	lcb = cfb_u32(w->doc, pair + 4);
	if (lcb == 0 || (uint64_t)fc + lcb > w->table.n)
		return ERR_CORRUPT;
	r = read_clx(w, slice_sub(w->table, fc, lcb));
	end_line(w);
	put_line(w, buf_slice(&w->row));
	return r == OK ? w->err : r;
}

static int
check_fib(struct slice doc)
{
	uint32_t flags = cfb_u16(doc, 10);

	if (cfb_u16(doc, 0) != FIB_IDENT)
		return ERR_CORRUPT;
	if (cfb_u16(doc, 2) < FIB_97)
		return ERR_UNSUPPORTED;
	return (flags & (FIB_ENCRYPTED | FIB_OBFUSCATED)) != 0 ? ERR_ACCESS : OK;
}

int
word_text(struct cfb *c, uint32_t folder, struct buf *text)
{
	struct word w = { .text = text };
	struct buf doc, table;
	int r;

	buf_init(&doc, c->octets.n + 1);
	buf_init(&table, c->octets.n + 1);
	buf_init(&w.line, LINE_OCTETS_MAX);
	buf_init(&w.row, LINE_OCTETS_MAX);
	buf_init(&w.bytes, 64);
	r = cfb_stream(c, cfb_find(c, folder, "WordDocument"), &doc);
	w.doc = buf_slice(&doc);
	if (r == OK)
		r = check_fib(w.doc);
	if (r == OK)
		r = cfb_stream(c, cfb_find(c, folder, (cfb_u16(w.doc, 10) & FIB_TABLE1) != 0 ?
		    "1Table" : "0Table"), &table);
	w.table = buf_slice(&table);
	if (r == OK)
		r = read_document(&w);
	buf_fini(&doc);
	buf_fini(&table);
	buf_fini(&w.line);
	buf_fini(&w.row);
	buf_fini(&w.bytes);
	return r;
}
