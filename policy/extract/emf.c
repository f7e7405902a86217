/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/emf.h"

#include "mime/charset.h"
#include "policy/extract/cfb.h"
#include "policy/extract/dib.h"
#include "policy/extract/hand.h"

enum {
	TEXT_OCTETS_MAX = 16 << 20, ROW_OCTETS_MAX = 1 << 20,
	GLYPHS = 1 << 4,		/* option of a text: numbers of glyphs, not letters */
	/* EMF */
	EMR_EOF = 14, EMR_COMMENT = 70, EMR_BITBLT = 76, EMR_STRETCHBLT = 77, EMR_MASKBLT = 78,
	EMR_PLGBLT = 79, EMR_SETDIBITS = 80, EMR_STRETCHDIBITS = 81, EMR_TEXTA = 83,
	EMR_TEXTW = 84, EMR_POLYTEXTA = 96, EMR_POLYTEXTW = 97, EMR_SMALLTEXT = 108,
	EMR_ALPHABLEND = 114, EMR_TRANSPARENT = 116,
	SMALL_NARROW = 1 << 9, SMALL_NO_RECT = 1 << 8,
	/* EMF+ */
	PLUS_OBJECT = 0x4008, PLUS_STRING = 0x401C, PLUS_DRIVER_STRING = 0x4036,
	PLUS_IMAGE = 5, PLUS_CONTINUED = 0x8000, PLUS_HEAD = 12,
	/* WMF */
	PLACEABLE_HEAD = 22, WMF_HEAD = 18,
	META_EOF = 0, META_TEXT = 0x0521, META_EXTTEXT = 0x0A32, META_ESCAPE = 0x0626,
	META_STRETCHDIB = 0x0F43, META_DIBSTRETCH = 0x0B41, META_DIBBITS = 0x0940,
	META_SETDIB = 0x0D33, META_BITBLT = 0x0922, META_STRETCHBLT = 0x0B23,
	ESCAPE_COMMENT = 15, ESCAPE_EMF_HEAD = 34,
	/* SVM */
	SVM_HEAD = 12, SVM_RECORD_HEAD = 8, SVM_TEXT = 112, SVM_TEXT_RECT = 115,
	SVM_BITMAP = 116, SVM_LAST_BITMAP = 124,
};

struct emf {
	struct hand hand;
	struct buf  text, one;		/* one: the text at hand */
	struct buf  row, joined;	/* what is drawn at one height */
	struct buf  data;		/* a file in pieces */
	uint32_t    y;
	unsigned    row_texts;
};

static bool
is_emf(struct slice s)
{
	return cfb_u32(s, 0) == 1 && slice_eq(slice_sub(s, 40, 4), SLICE(" EMF"));
}

static bool
is_placeable(struct slice s)
{
	return slice_eq(slice_sub(s, 0, 4), SLICE("\xD7\xCD\xC6\x9A"));
}

static bool
is_wmf(struct slice s)
{
	unsigned kind = cfb_u16(s, 0), version = cfb_u16(s, 4);

	return s.n >= WMF_HEAD && (kind == 1 || kind == 2) && cfb_u16(s, 2) == 9 &&
	    (version == 0x0300 || version == 0x0100) && cfb_u16(s, 16) == 0;
}

static bool
is_svm(struct slice s)
{
	return slice_eq(slice_sub(s, 0, 6), SLICE("VCLMTF"));
}

bool
emf_is(struct slice s)
{
	return is_emf(s) || is_svm(s) || is_wmf(s) ||
	    (is_placeable(s) && is_wmf(slice_from(s, PLACEABLE_HEAD)));
}

/* ---- text ---- */

static void
keep(struct emf *e, int err)
{
	if (err != OK && e->hand.err == OK)
		e->hand.err = err;
}

static void
put_line(struct emf *e, struct slice s)
{
	s = slice_trim(s);
	if (s.n > 0) {
		buf_add(&e->text, s);
		buf_addc(&e->text, '\n');
	}
	keep(e, e->text.err);
}

static void
end_row(struct emf *e)
{
	if (e->row_texts > 1) {
		put_line(e, buf_slice(&e->row));
		put_line(e, buf_slice(&e->joined));
	}
	buf_clear(&e->row);
	buf_clear(&e->joined);
	e->row_texts = 0;
}

static void
drawn(struct emf *e, struct slice octets, enum charset cs, uint32_t y)
{
	buf_clear(&e->one);
	keep(e, charset_to_utf8(cs, octets, &e->one, NULL));
	if (y != e->y)
		end_row(e);
	e->y = y;
	put_line(e, buf_slice(&e->one));
	buf_add(&e->row, buf_slice(&e->one));
	buf_addc(&e->row, ' ');
	buf_add(&e->joined, buf_slice(&e->one));
	e->row_texts++;
	keep(e, e->row.err);
}

static void
drawn_wide(struct emf *e, struct slice s, uint64_t chars, uint32_t y)
{
	drawn(e, slice_sub(s, 0, chars < s.n ? (size_t)chars * 2 : s.n), CHARSET_UTF_16LE, y);
}

static void
drawn_narrow(struct emf *e, struct slice s, uint32_t chars, uint32_t y)
{
	drawn(e, slice_sub(s, 0, chars), CHARSET_WINDOWS_1252, y);
}

static void
unreadable(struct emf *e)
{
	hand_opaque(&e->hand, 0, EXTRACT_WHY_TYPE);
}

/* ---- EMF+ ---- */

static void
plus_image(struct emf *e, struct slice s)
{
	/* version, 1 for a bitmap; width, height, stride, format, 1 for a file; then that */
	if (cfb_u32(s, 4) == 1 && cfb_u32(s, 24) == 1)
		hand_file(&e->hand, hand_number(&e->hand), slice_from(s, 28));
	else if (cfb_u32(s, 4) == 2)	/* a metafile: its type, its size, its octets */
		hand_file(&e->hand, hand_number(&e->hand), slice_from(s, 16));
	else
		unreadable(e);
}

/* A large image comes in pieces, each with the size of the whole. */
static void
plus_object(struct emf *e, unsigned flags, struct slice s)
{
	if ((flags >> 8 & 0x7F) != PLUS_IMAGE)
		return;
	if ((flags & PLUS_CONTINUED) == 0 && e->data.n == 0) {
		plus_image(e, s);
		return;
	}
	buf_add(&e->data, slice_from(s, (flags & PLUS_CONTINUED) != 0 ? 4 : 0));
	keep(e, e->data.err);
	if ((flags & PLUS_CONTINUED) == 0 || e->data.n >= cfb_u32(s, 0)) {
		plus_image(e, buf_slice(&e->data));
		buf_clear(&e->data);
	}
}

static void
plus_records(struct emf *e, struct slice s)
{
	while (s.n >= PLUS_HEAD && e->hand.err == OK) {
		unsigned type = cfb_u16(s, 0), flags = cfb_u16(s, 2);
		uint32_t size = cfb_u32(s, 4);
		struct slice data = slice_sub(s, PLUS_HEAD, cfb_u32(s, 8));

		if (size < PLUS_HEAD || size > s.n) {
			hand_opaque(&e->hand, 0, EXTRACT_WHY_BROKEN);
			return;
		}
		if (type == PLUS_OBJECT)
			plus_object(e, flags, data);
		else if (type == PLUS_STRING)
			drawn_wide(e, slice_from(data, 28), cfb_u32(data, 8), cfb_u32(data, 16));
		else if (type == PLUS_DRIVER_STRING && (cfb_u32(data, 4) & 1) != 0)
			drawn_wide(e, slice_from(data, 16), cfb_u32(data, 12), cfb_u32(data, 12));
		else if (type == PLUS_DRIVER_STRING)
			unreadable(e);
		s = slice_from(s, size);
	}
}

/* ---- EMF ---- */

static void
emf_text(struct emf *e, struct slice r, bool wide)
{
	struct slice s = slice_from(r, cfb_u32(r, 48));

	if ((cfb_u32(r, 52) & GLYPHS) != 0)
		unreadable(e);
	else if (wide)
		drawn_wide(e, s, cfb_u32(r, 44), cfb_u32(r, 40));
	else
		drawn_narrow(e, s, cfb_u32(r, 44), cfb_u32(r, 40));
}

static void
emf_small_text(struct emf *e, struct slice r)
{
	uint32_t options = cfb_u32(r, 20);
	struct slice s = slice_from(r, (options & SMALL_NO_RECT) != 0 ? 36 : 52);

	if ((options & GLYPHS) != 0)
		unreadable(e);
	else if ((options & SMALL_NARROW) != 0)
		drawn_narrow(e, s, cfb_u32(r, 16), cfb_u32(r, 12));
	else
		drawn_wide(e, s, cfb_u32(r, 16), cfb_u32(r, 12));
}

/* at: of four numbers: where head and points of a bitmap are, and how much of each. */
static void
emf_bitmap(struct emf *e, struct slice r, size_t at)
{
	struct slice head = slice_sub(r, cfb_u32(r, at), cfb_u32(r, at + 4));
	struct slice points = slice_sub(r, cfb_u32(r, at + 8), cfb_u32(r, at + 12));

	if (head.n == 0)	/* an area of one color */
		return;
	buf_clear(&e->one);
	buf_add(&e->one, head);
	buf_add(&e->one, points);
	keep(e, e->one.err);
	dib_file(buf_slice(&e->one), &e->hand, hand_number(&e->hand));
}

static void
emf_record(struct emf *e, unsigned type, struct slice r)
{
	switch (type) {
	case EMR_TEXTA: case EMR_TEXTW:
		emf_text(e, r, type == EMR_TEXTW);
		break;
	case EMR_SMALLTEXT:
		emf_small_text(e, r);
		break;
	case EMR_POLYTEXTA: case EMR_POLYTEXTW:
		unreadable(e);
		break;
	case EMR_SETDIBITS: case EMR_STRETCHDIBITS:
		emf_bitmap(e, r, 48);
		break;
	case EMR_BITBLT: case EMR_STRETCHBLT: case EMR_MASKBLT: case EMR_ALPHABLEND:
	case EMR_TRANSPARENT:
		emf_bitmap(e, r, 84);
		break;
	case EMR_PLGBLT:
		emf_bitmap(e, r, 96);
		break;
	case EMR_COMMENT:
		if (slice_eq(slice_sub(r, 12, 4), SLICE("EMF+")))
			plus_records(e, slice_sub(slice_from(r, 16), 0, cfb_u32(r, 8) - 4));
		break;
	default:
		break;
	}
}

static int
read_emf(struct emf *e, struct slice s)
{
	while (s.n >= 8 && e->hand.err == OK) {
		unsigned type = cfb_u32(s, 0);
		uint32_t size = cfb_u32(s, 4);

		if (size < 8 || size > s.n)
			return ERR_CORRUPT;
		if (type == EMR_EOF)
			return OK;
		emf_record(e, type, slice_sub(s, 0, size));
		s = slice_from(s, size);
	}
	return ERR_CORRUPT;
}

/* ---- WMF ---- */

static void
wmf_exttext(struct emf *e, struct slice p)
{
	unsigned options = cfb_u16(p, 6);
	struct slice s = slice_from(p, (options & 6) != 0 ? 16 : 8);

	if ((options & GLYPHS) != 0)
		unreadable(e);
	else
		drawn_narrow(e, s, cfb_u16(p, 4), cfb_u16(p, 0));
}

static void
wmf_text(struct emf *e, struct slice p)
{
	uint32_t n = cfb_u16(p, 0);

	drawn_narrow(e, slice_from(p, 2), n, cfb_u16(p, 2 + (n + 1) / 2 * 2));
}

/* The drawing once more as EMF, in pieces. */
static void
wmf_escape(struct emf *e, struct slice p)
{
	if (cfb_u16(p, 0) != ESCAPE_COMMENT || !slice_eq(slice_sub(p, 4, 4), SLICE("WMFC")))
		return;
	buf_add(&e->data, slice_sub(slice_from(p, 4 + ESCAPE_EMF_HEAD), 0, cfb_u32(p, 4 + 22)));
	keep(e, e->data.err);
	if (cfb_u32(p, 4 + 26) > 0)	/* octets still to come */
		return;
	hand_file(&e->hand, hand_number(&e->hand), buf_slice(&e->data));
	buf_clear(&e->data);
}

static void
wmf_bitmap(struct emf *e, struct slice dib)
{
	if (dib.n > 4)
		dib_file(dib, &e->hand, hand_number(&e->hand));
}

static void
wmf_record(struct emf *e, unsigned type, struct slice p)
{
	switch (type) {
	case META_TEXT:
		wmf_text(e, p);
		break;
	case META_EXTTEXT:
		wmf_exttext(e, p);
		break;
	case META_ESCAPE:
		wmf_escape(e, p);
		break;
	case META_STRETCHDIB:
		wmf_bitmap(e, slice_from(p, 22));
		break;
	case META_DIBSTRETCH:
		wmf_bitmap(e, slice_from(p, 20));
		break;
	case META_DIBBITS:
		wmf_bitmap(e, slice_from(p, 16));
		break;
	case META_SETDIB:
		wmf_bitmap(e, slice_from(p, 18));
		break;
	case META_BITBLT: case META_STRETCHBLT:
		if (p.n > 24)
			unreadable(e);
		break;
	default:
		break;
	}
}

static int
read_wmf(struct emf *e, struct slice s)
{
	if (is_placeable(s))
		s = slice_from(s, PLACEABLE_HEAD);
	s = slice_from(s, WMF_HEAD);
	while (s.n >= 6 && e->hand.err == OK) {
		uint64_t size = 2 * (uint64_t)cfb_u32(s, 0);
		unsigned type = cfb_u16(s, 4);

		if (type == META_EOF)
			return OK;
		if (size < 6 || size > s.n)
			return ERR_CORRUPT;
		wmf_record(e, type, slice_sub(s, 6, (size_t)size - 6));
		s = slice_from(s, (size_t)size);
	}
	return ERR_CORRUPT;
}

/* ---- SVM: type u16, version u16, octets u32, data ---- */

/* A place (a rectangle: two), then letters behind their number: wide if that has 32 bits. */
static void
svm_text(struct emf *e, struct slice data, size_t at)
{
	uint32_t wide = cfb_u32(data, at), narrow = cfb_u16(data, at);
	struct slice s = slice_from(data, at);

	if ((uint64_t)wide * 2 + 4 <= s.n)
		drawn_wide(e, slice_from(s, 4), wide, cfb_u32(data, 4));
	else
		drawn_narrow(e, slice_from(s, 2), narrow, cfb_u32(data, 4));
}

static int
read_svm(struct emf *e, struct slice s)
{
	s = slice_from(s, SVM_HEAD + (size_t)cfb_u32(s, 8));
	while (s.n >= SVM_RECORD_HEAD && e->hand.err == OK) {
		unsigned type = cfb_u16(s, 0);
		uint32_t n = cfb_u32(s, 4);
		struct slice data = slice_sub(s, SVM_RECORD_HEAD, n);

		if (data.n < n)
			return ERR_CORRUPT;
		if (type >= SVM_TEXT && type <= SVM_TEXT_RECT)
			svm_text(e, data, type == SVM_TEXT_RECT ? 16 : 8);
		else if (type >= SVM_BITMAP && type <= SVM_LAST_BITMAP)
			hand_file(&e->hand, hand_number(&e->hand), data);
		s = slice_from(s, SVM_RECORD_HEAD + (size_t)n);
	}
	return s.n == 0 ? OK : ERR_CORRUPT;
}

int
emf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	struct emf e = { .y = 0 };
	int err;

	hand_init(&e.hand, limits, sink, arg);
	buf_init(&e.text, TEXT_OCTETS_MAX);
	buf_init(&e.one, 4 * octets.n + 16);
	buf_init(&e.row, ROW_OCTETS_MAX);
	buf_init(&e.joined, ROW_OCTETS_MAX);
	buf_init(&e.data, octets.n + 1);
	err = is_emf(octets) ? read_emf(&e, octets) : is_svm(octets) ? read_svm(&e, octets) :
	    read_wmf(&e, octets);
	end_row(&e);
	hand_text(&e.hand, 0, buf_slice(&e.text));
	if (e.data.n > 0 && err == OK)
		err = ERR_CORRUPT;
	err = hand_end(&e.hand, err);
	buf_fini(&e.text);
	buf_fini(&e.one);
	buf_fini(&e.row);
	buf_fini(&e.joined);
	buf_fini(&e.data);
	return err;
}
