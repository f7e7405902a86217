/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/officeart.h"

#include "mime/charset.h"
#include "policy/extract/cfb.h"
#include "policy/extract/dib.h"

enum {
	HEAD = 8,
	TYPE_FOPT = 0xF00B, TYPE_FOPT2 = 0xF121, TYPE_FOPT3 = 0xF122,
	UID_OCTETS = 16, METAFILE_HEAD = 34, AT_COMPRESSION = 32,
	ROW_OCTETS = 6, ROWS_MAX = 512,
	ZLIB_HEAD = 2, ZLIB_END = 4,
};

enum blip { BLIP_BITMAP, BLIP_DIB, BLIP_METAFILE };

/* Types and instances of records that are pictures; one more than the instance: two numbers. */
static const struct { uint16_t type, instance; enum blip kind; } blips[] = {
	{ 0xF01A, 0x3D4, BLIP_METAFILE }, { 0xF01B, 0x216, BLIP_METAFILE },
	{ 0xF01C, 0x542, BLIP_METAFILE },
	{ 0xF01D, 0x46A, BLIP_BITMAP }, { 0xF01D, 0x6E2, BLIP_BITMAP },
	{ 0xF02A, 0x46A, BLIP_BITMAP }, { 0xF02A, 0x6E2, BLIP_BITMAP },
	{ 0xF01E, 0x6E0, BLIP_BITMAP }, { 0xF029, 0x6E4, BLIP_BITMAP },
	{ 0xF01F, 0x7A8, BLIP_DIB },
};

/* ---- pictures ---- */

void
officeart_inflate(struct slice zlib, struct hand *h, uint32_t number)
{
	struct buf gzip;

	if (zlib.n <= ZLIB_HEAD + ZLIB_END || (zlib.p[0] & 15) != 8) {
		hand_opaque(h, number, EXTRACT_WHY_BROKEN);
		return;
	}
	buf_init(&gzip, zlib.n + 32);
	buf_add(&gzip, SLICE("\x1F\x8B\x08\0\0\0\0\0\0\xFF"));
	buf_add(&gzip, slice_sub(zlib, ZLIB_HEAD, zlib.n - ZLIB_HEAD - ZLIB_END));
	buf_add(&gzip, SLICE("\0\0\0\0\0\0\0\0"));
	if (gzip.err != OK && h->err == OK)
		h->err = gzip.err;
	hand_file(h, number, buf_slice(&gzip));
	buf_fini(&gzip);
}

static void
picture(struct slice body, size_t uids, enum blip kind, struct hand *h)
{
	uint32_t number = hand_number(h);
	struct slice s = slice_from(body, uids * UID_OCTETS), data;

	if (kind == BLIP_BITMAP) {
		hand_file(h, number, slice_from(s, 1));
	} else if (kind == BLIP_DIB) {
		dib_file(slice_from(s, 1), h, number);
	} else {
		data = slice_from(s, METAFILE_HEAD);
		if (s.n > AT_COMPRESSION && s.p[AT_COMPRESSION] == 0)
			officeart_inflate(data, h, number);
		else
			hand_file(h, number, data);
	}
}

/* Octets of the record at the beginning of s, if it is a picture's; else 0. */
static size_t
try_picture(struct slice s, unsigned type, struct hand *h)
{
	unsigned version = cfb_u16(s, 0), instance = version >> 4;
	uint64_t n = cfb_u32(s, 4);

	for (size_t i = 0; i < ARRAY_LEN(blips); i++) {
		unsigned second = instance - blips[i].instance;

		if (blips[i].type != type || second > 1 || (version & 15) != 0)
			continue;
		if (n > s.n - HEAD || n <= UID_OCTETS * (second + 1))
			return 0;
		picture(slice_sub(s, HEAD, (size_t)n), second + 1, blips[i].kind, h);
		return HEAD + (size_t)n;
	}
	return 0;
}

/* ---- texts ---- */

/* Properties whose value is text that a reader may see. */
static bool
is_text(unsigned id)
{
	return id == 0x0C0 || id == 0x105 || id == 0x380 || id == 0x381 || id == 0x382 ||
	    id == 0x38D;
}

static int
put_text(struct slice utf16, struct buf *text)
{
	struct buf utf8;
	int r;

	buf_init(&utf8, 2 * utf16.n + 16);
	r = charset_to_utf8(CHARSET_UTF_16LE, utf16, &utf8, NULL);
	for (size_t i = 0; r == OK && i < utf8.n; i++)
		buf_addc(text, utf8.p[i] == '\0' || utf8.p[i] == '\r' ? '\n' : utf8.p[i]);
	buf_addc(text, '\n');
	buf_fini(&utf8);
	return r == OK ? text->err : r;
}

/* A table of properties: rows of six octets, then the values that are too long for a row. */
static int
properties(struct slice body, unsigned rows, struct buf *text)
{
	struct slice values = slice_from(body, (size_t)rows * ROW_OCTETS);
	int r = OK;

	for (unsigned i = 0; i < rows && r == OK; i++) {
		unsigned id = cfb_u16(body, (size_t)i * ROW_OCTETS);
		uint32_t n = cfb_u32(body, (size_t)i * ROW_OCTETS + 2);

		if ((id & 0x8000) == 0)
			continue;
		if (is_text(id & 0x3FFF))
			r = put_text(slice_sub(values, 0, n), text);
		values = slice_from(values, n);
	}
	return r;
}

static int
try_properties(struct slice s, unsigned type, struct buf *text)
{
	unsigned version = cfb_u16(s, 0), rows = version >> 4;
	uint64_t n = cfb_u32(s, 4);

	if ((type != TYPE_FOPT && type != TYPE_FOPT2 && type != TYPE_FOPT3) ||
	    (version & 15) != 3 || rows == 0 || rows > ROWS_MAX || n > s.n - HEAD ||
	    n < (uint64_t)rows * ROW_OCTETS)
		return OK;
	return properties(slice_sub(s, HEAD, (size_t)n), rows, text);
}

int
officeart_search(struct slice s, struct hand *h, struct buf *text)
{
	int r = OK;

	while (s.n >= HEAD && r == OK && h->err == OK) {
		unsigned type = cfb_u16(s, 2);
		size_t n = 0;

		if (type >= 0xF000 && type < 0xF200) {
			n = try_picture(s, type, h);
			r = n > 0 ? OK : try_properties(s, type, text);
		}
		s = slice_from(s, n > 0 ? n : 1);
	}
	return r;
}
