/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/heifbox.h"
#include "policy/extract/sniff.h"
#include "tests/unit/policy/draw.h"
#include "tests/unit/policy/heifmake.h"
#include "tests/unit/policy/picture.h"
#include "tests/unit/policy/sandboxed.h"

enum { RED = 0xD2141E };

/* libx265, which makes the files, forgets memory of its own. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libx265\n";
}

#define FTYP "\0\0\0\x18" "ftypheic\0\0\0\0mif1heic"

#define MAT "MA^.T"
#define TOI_MAT "TO^'I MA^.T"
#define HARMLESS "KHA^'N"

static bool
is_opaque(void)
{
	return slice_find(buf_slice(&got), SLICE(":opaque-")) >= 0;
}

static void
expect(const char *what, unsigned want, bool opaque)
{
	struct extract_limits l;
	int err;

	extract_limits_init(&l);
	assert_int_equal(sniff(buf_slice(&file)), SNIFF_IMAGE);
	err = look(buf_slice(&file), EXTRACT_IMAGE, &l);
	if (err != OK || level != want || is_opaque() != opaque)
		fail_msg("%s: %d, level %u of %u: %.*s", what, err, level, want, (int)got.n, got.p);
}

static struct slice
octets(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

#define OCTETS(lit)	octets((lit), sizeof(lit) - 1)

static PIX *
stamp(const char *text)
{
	return draw_stamp(420, 140, text, RED, 1, 20, 20, 30);
}

static void
one(const char *text, enum heif_compression_format format, enum heif_orientation turned)
{
	struct heifmake m;

	heif_begin(&m, format);
	heif_image_handle_release(heif_add(&m, stamp(text), turned));
	heif_end(&m, &file);
}

static void
kinds(void **state)
{
	(void)state;
	one(TOI_MAT, heif_compression_HEVC, heif_orientation_normal);
	expect("heic", 2, false);
	one(HARMLESS, heif_compression_HEVC, heif_orientation_normal);
	expect("harmless", 0, false);
	one(TOI_MAT, heif_compression_AV1, heif_orientation_normal);
	expect("avif", 2, false);
}

/* As telephones write it: the points lie, and the file says how they are to be turned. */
static void
turned(void **state)
{
	static const enum heif_orientation rows[] = { heif_orientation_rotate_90_cw,
	    heif_orientation_flip_horizontally };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct heifmake m;
		PIX *p = stamp(MAT), *lying;

		lying = i == 0 ? pixRotateOrth(p, 3) : pixFlipLR(NULL, p);
		pixDestroy(&p);
		heif_begin(&m, heif_compression_HEVC);
		heif_image_handle_release(heif_add(&m, lying, rows[i]));
		heif_end(&m, &file);
		expect("turned", 1, false);
	}
}

/* Behind the primary picture: a second one, a thumbnail that shows something else, words. */
static void
others(void **state)
{
	static const char xmp[] = "<x:xmpmeta><dc:title>Kế hoạch</dc:title></x:xmpmeta>";
	static const char exif[] = "II*\0\x08\0\0\0\0\0\0\0\0\0";
	struct heif_image_handle *first;
	struct heifmake m;

	(void)state;
	heif_begin(&m, heif_compression_HEVC);
	heif_image_handle_release(heif_add(&m, stamp(HARMLESS), heif_orientation_normal));
	heif_image_handle_release(heif_add(&m, stamp(TOI_MAT), heif_orientation_normal));
	heif_end(&m, &file);
	expect("second", 2, false);
	assert_true(slice_find(buf_slice(&got), SLICE("S2:")) >= 0);

	heif_begin(&m, heif_compression_HEVC);
	first = heif_add(&m, stamp(HARMLESS), heif_orientation_normal);
	heif_thumbnail(&m, stamp(MAT), first);
	heif_good(heif_context_add_XMP_metadata(m.context, first, xmp, sizeof xmp - 1));
	heif_good(heif_context_add_exif_metadata(m.context, first, exif, sizeof exif - 1));
	heif_image_handle_release(first);
	heif_end(&m, &file);
	expect("thumbnail", 1, false);
	assert_true(slice_find(buf_slice(&got), SLICE("F1:<x:xmpmeta>")) >= 0);
}

/* A box of the file that `one` made last: what is behind its name. */
static struct slice
body_of(struct slice name)
{
	ptrdiff_t at = slice_find(buf_slice(&file), name);
	size_t n = 0;

	assert_true(at >= 4);
	for (ptrdiff_t i = at - 4; i < at; i++)
		n = n << 8 | (unsigned char)file.p[i];
	return slice_sub(buf_slice(&file), (size_t)at + 4, n - 8);
}

/* Half a stamp as a picture of its own: how it is coded, and its points. */
static void
tile(PIX *whole, int x, struct buf *code, struct buf *points)
{
	BOX *half = boxCreate(x, 0, 256, 160);
	struct heifmake m;

	heif_begin(&m, heif_compression_HEVC);
	heif_image_handle_release(heif_add(&m, pixClipRectangle(whole, half, NULL),
	    heif_orientation_normal));
	heif_end(&m, &file);
	boxDestroy(&half);
	buf_clear(code);
	buf_add(code, body_of(SLICE("hvcC")));
	buf_add(points, body_of(SLICE("mdat")));
}

static void
add_box(struct buf *out, const char *name, struct slice body)
{
	for (unsigned i = 0; i < 4; i++)
		buf_addc(out, (char)((body.n + 8) >> (24 - 8 * i) & 0xFF));
	buf_adds(out, name);
	buf_add(out, body);
}

/* Where item `id` lies in idat. */
static void
add_place(struct buf *out, unsigned id, size_t at, size_t n)
{
	const size_t numbers[] = { at, n };

	buf_add(out, SLICE("\0"));
	buf_addc(out, (char)id);
	buf_add(out, SLICE("\0\1\0\0\0\1"));
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < 4; i++)
			buf_addc(out, (char)(numbers[k] >> (24 - 8 * i) & 0xFF));
}

/* iPhones cut a photograph into tiles, which are hidden items of a grid. */
static void
grid(const char *text)
{
	static const struct slice list = SLICE("\0\0\0\0\0\3"
	    "\0\0\0\x15infe\2\0\0\0\0\1\0\0grid\0" "\0\0\0\x15infe\2\0\0\1\0\2\0\0hvc1\0"
	    "\0\0\0\x15infe\2\0\0\1\0\3\0\0hvc1\0");
	static const struct slice sizes = SLICE("\0\0\0\x14ispe\0\0\0\0\0\0\1\0\0\0\0\xA0"
	    "\0\0\0\x14ispe\0\0\0\0\0\0\2\0\0\0\0\xA0");
	struct buf code, points, part, meta;
	PIX *whole = draw_stamp(512, 160, text, RED, 1, 60, 30, 30);
	size_t first;

	buf_init(&code, 1 << 16);
	buf_init(&points, 1 << 20);
	buf_init(&part, 1 << 20);
	buf_init(&meta, 1 << 20);
	buf_add(&points, SLICE("\0\0\0\1\2\0\0\xA0"));	/* one row of two, 512 x 160 */
	tile(whole, 0, &code, &points);
	first = points.n;
	tile(whole, 256, &code, &points);
	pixDestroy(&whole);

	buf_add(&meta, SLICE("\0\0\0\0\0\0\0\x21hdlr\0\0\0\0\0\0\0\0pict"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0" "\0\0\0\x0Epitm\0\0\0\0\0\1"));
	add_box(&meta, "iinf", list);
	add_box(&meta, "iref", SLICE("\0\0\0\0\0\0\0\x10" "dimg\0\1\0\2\0\2\0\3"));
	buf_add(&part, SLICE("\1\0\0\0\x44\0\0\3"));
	add_place(&part, 1, 0, 8);
	add_place(&part, 2, 8, first - 8);
	add_place(&part, 3, first, points.n - first);
	add_box(&meta, "iloc", buf_slice(&part));
	buf_clear(&part);
	add_box(&part, "hvcC", buf_slice(&code));
	buf_add(&part, sizes);
	buf_clear(&code);
	add_box(&code, "ipco", buf_slice(&part));
	add_box(&code, "ipma", SLICE("\0\0\0\0\0\0\0\3" "\0\1\1\3" "\0\2\2\x81\2"
	    "\0\3\2\x81\2"));
	add_box(&meta, "iprp", buf_slice(&code));
	add_box(&meta, "idat", buf_slice(&points));
	buf_clear(&file);
	buf_add(&file, OCTETS(FTYP));
	add_box(&file, "meta", buf_slice(&meta));
	buf_fini(&code);
	buf_fini(&points);
	buf_fini(&part);
	buf_fini(&meta);
}

static void
tiles(void **state)
{
	(void)state;
	grid(TOI_MAT);
	expect("tiles", 2, false);
	grid(HARMLESS);
	expect("harmless tiles", 0, false);
	/* The last tile is broken. */
	memset(file.p + file.n - 60, 0x55, 50);
	expect("broken tile", 0, true);
}

/* Two pictures; where the second is told of (the last infe). */
static char *
second_item(void)
{
	struct heifmake m;
	ptrdiff_t at;

	heif_begin(&m, heif_compression_HEVC);
	heif_image_handle_release(heif_add(&m, stamp(HARMLESS), heif_orientation_normal));
	heif_image_handle_release(heif_add(&m, stamp(TOI_MAT), heif_orientation_normal));
	heif_end(&m, &file);
	at = slice_find(buf_slice(&file), SLICE("infe"));
	at += 4 + slice_find(slice_from(buf_slice(&file), (size_t)at + 4), SLICE("infe"));
	assert_true(at > 4);
	return file.p + at;
}

/* What no reader hands out is not taken for seen. */
static void
unseen(void **state)
{
	static const char film[] = "\0\0\0\x0Cmoov1234";

	(void)state;
	one(HARMLESS, heif_compression_HEVC, heif_orientation_normal);
	buf_add(&file, (struct slice){ film, sizeof film - 1 });
	expect("film", 0, true);
	second_item()[7] = 1;	/* by its flags */
	expect("hidden", 0, true);
	memcpy(second_item() + 12, "zzzz", 4);	/* by its type */
	expect("unknown", 0, true);
}

static void
limits(void **state)
{
	struct extract_limits l;

	(void)state;
	one(MAT, heif_compression_HEVC, heif_orientation_normal);
	extract_limits_init(&l);
	l.pixels_max = 420 * 140 - 1;
	assert_int_equal(look(buf_slice(&file), EXTRACT_IMAGE, &l), OK);
	assert_true(slice_find(buf_slice(&got), SLICE("opaque-limit")) >= 0);
	extract_limits_init(&l);
	l.ocr_ms = 0;
	assert_int_equal(look(buf_slice(&file), EXTRACT_IMAGE, &l), OK);
	assert_true(slice_find(buf_slice(&got), SLICE("opaque-deadline")) >= 0);
}

/* Broken anywhere: never a crash of more than the box, and cut short it is nothing. */
static void
damage(void **state)
{
	static const enum heif_compression_format formats[] = { heif_compression_HEVC,
	    heif_compression_AV1 };
	struct extract_limits l;

	(void)state;
	extract_limits_init(&l);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		one("", formats[i], heif_orientation_normal);
		for (size_t at = 20; at < file.n; at += file.n / 9 + 1) {
			int err;

			file.p[at] ^= 0x55;
			err = look(buf_slice(&file), EXTRACT_IMAGE, &l);
			assert_true(err == OK || err == ERR_FRAME || err == ERR_NOMEM);
			file.p[at] ^= 0x55;
		}
		for (size_t n = file.n - 1; n > 40; n -= file.n / 4) {
			file.n = n;
			assert_int_equal(look(buf_slice(&file), EXTRACT_IMAGE, &l), OK);
			assert_true(is_opaque());
		}
	}
}

#ifdef WITH_CONTROLS
static void
faults(void **state)
{
	(void)state;
	one("", heif_compression_HEVC, heif_orientation_normal);
	look_with_faults();
}
#endif

static void
is_read(void)
{
	expect("in a sandbox", 1, false);
}

static void
inside_the_sandbox_of_policyd(void **state)
{
	(void)state;
	one(MAT, heif_compression_HEVC, heif_orientation_normal);
	sandboxed(SANDBOX_POLICY_WORKER, is_read);
}

/* ---- boxes ---- */

#define IINF "\0\0\0\x23" "iinf\0\0\0\0\0\1"
#define INFE "\0\0\0\x15" "infe\2\0\0\0\0\1\0\0hvc1\0"

static void
boxes(void **state)
{
	static const struct { const char *p; size_t n; int err; bool more; } rows[] = {
#define ROW(lit, err, more)	{ (lit), sizeof(lit) - 1, (err), (more) }
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF INFE, OK, false),
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF INFE "\0\0\0\x09zzzz1", OK, false),
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF INFE "\0\0\0\x08moof", OK, true),
		ROW(FTYP "\0\0\0\x08moov", OK, true),
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF INFE "\0\0\0\x07moov", ERR_CORRUPT, false),
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF INFE "\0\0\0\x0Cmeta\0\0\0\0", ERR_CORRUPT,
		    false),
		ROW(FTYP "\0\0\0\x2Fmeta\0\0\0\0" IINF "\0\0\0\x15infe\2\0\0\0\0\1\0\1hvc1\0",
		    ERR_ACCESS, false),
		ROW(FTYP "\0\0\0\x44meta\0\0\0\0" "\0\0\0\x38iinf\0\0\0\0\0\2" INFE INFE,
		    ERR_CORRUPT, false),
		ROW(FTYP, ERR_CORRUPT, false), ROW(FTYP "\0", ERR_CORRUPT, false),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct heifbox h;
		int err;

		assert_true(heifbox_is(octets(rows[i].p, rows[i].n)));
		err = heifbox_open(&h, octets(rows[i].p, rows[i].n));
		if (err != rows[i].err || (err == OK && h.more != rows[i].more))
			fail_msg("row %zu: %d", i, err);
		if (err == OK && h.count > 0) {
			assert_false(heifbox_all_seen(&h));
			heifbox_see(&h, 2);
			assert_false(heifbox_all_seen(&h));
			heifbox_see(&h, 1);
			assert_true(heifbox_all_seen(&h));
		}
		if (err == OK)
			heifbox_fini(&h);
	}
	assert_false(heifbox_is(OCTETS("\0\0\0\x18" "ftypisom\0\0\0\0mp42avc1")));
	assert_false(heifbox_is(OCTETS("\0\0\0\x18" "ftypqt  \0\0\0\0qt  \0\0\0\0")));
	assert_true(heifbox_is(OCTETS("\0\0\0\x18" "ftypXXXX\0\0\0\0XXXXmsf1")));
	assert_false(heifbox_is(OCTETS("\0\0\0\x08" "ftypheic")));
}

/* Item 1 is made up of 2, which is made up of 3; 4 says how bright 1 is. */
static void
pieces(void **state)
{
	static const char s[] = FTYP "\0\0\0\xA6meta\0\0\0\0"
	    "\0\0\0\x62iinf\0\0\0\0\0\4" "\0\0\0\x15infe\2\0\0\0\0\1\0\0grid\0"
	    "\0\0\0\x15infe\2\0\0\0\0\2\0\0iden\0" "\0\0\0\x15infe\2\0\0\0\0\3\0\0hvc1\0"
	    "\0\0\0\x15infe\2\0\0\0\0\4\0\0tmap\0"
	    "\0\0\0\x38iref\0\0\0\0" "\0\0\0\x10" "dimg\0\4\0\2\0\1\0\3"
	    "\0\0\0\x0E" "dimg\0\2\0\1\0\3" "\0\0\0\x0E" "dimg\0\1\0\1\0\2";
	struct heifbox h;

	(void)state;
	assert_int_equal(heifbox_open(&h, octets(s, sizeof s - 1)), OK);
	assert_int_equal(h.count, 4);
	heifbox_see(&h, 3);
	assert_false(heifbox_all_seen(&h));
	heifbox_see(&h, 1);
	assert_true(heifbox_all_seen(&h));
	heifbox_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(boxes),
		cmocka_unit_test(pieces),
		cmocka_unit_test(kinds),
		cmocka_unit_test(turned),
		cmocka_unit_test(others),
		cmocka_unit_test(tiles),
		cmocka_unit_test(unseen),
		cmocka_unit_test(limits),
		cmocka_unit_test(damage),
#ifdef WITH_CONTROLS
		cmocka_unit_test(faults),
#endif
		cmocka_unit_test(inside_the_sandbox_of_policyd),
	};

	return cmocka_run_group_tests(t, begin, end);
}
