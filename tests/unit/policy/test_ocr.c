/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base64.h"
#include "common/clock.h"
#include "policy/classify.h"
#include "policy/extract/exif.h"
#include "tests/unit/policy/draw.h"
#include "tests/unit/policy/pdfmake.h"
#include "tests/unit/policy/picture.h"
#include "tests/unit/policy/sandboxed.h"

enum { RED = 0xD2141E, PALE = 0xF0A0A0, BLACK = 0x141414, BLUE = 0x2030A0 };

#define MAT "MA^.T"
#define TOI_MAT "TO^'I MA^.T"
#define TUYET_MAT "TUYE^.T MA^.T"

/* ---- the letters of a reading ---- */

static void
readings(void **state)
{
	static const struct { const char *text; unsigned level; bool review; } rows[] = {
		{ "MẬT", 1, false }, { "MẶT", 1, false }, { "MÁT", 1, false },
		{ "|MẬT|", 1, false },
		{ "I MẬT I", 1, false }, { "[MẠT", 1, false }, { "MAT", 1, false },
		{ "lMẬTl", 1, false }, { "IMẬTT", 1, false }, { "M Ậ T", 1, false },
		{ "TỐI MẬT", 2, false }, { "TÔI MẶT", 2, false }, { "T0I MAT", 2, false },
		{ "TỐ1 MẬT", 2, false }, { "TỐIMẬT", 2, false }, { "TỐ MẬT", 2, false },
		{ "TUYỆT MẬT", 3, false }, { "TUYẾT MÁT", 3, false }, { "TUYỆI MẬI", 3, false },
		{ "IUYỆT MẬT", 3, false },
		{ "Tà UYẾI MÁP", 0, true }, { "THUYẾT MINH", 0, false }, { "NẬT", 0, true },
		{ "MẬI", 0, true }, { "MẬ1", 0, true }, { "XIẬT", 0, true },
		{ "VẬT", 0, false }, { "NHẬT BẢN", 0, false },
		{ "rác\nMẬT\nrác", 1, false }, { "MẬI\nMẬT", 1, false },
		{ "MẬT\nTỐI MẬT", 2, false },
		/* other stamps, and what is none */
		{ "MẶT TRẬN", 0, false }, { "BẢO MẬT", 0, false }, { "BỆNH VIỆN MẮT", 0, false },
		{ "TIỀN MẶT", 0, false }, { "BÍ MẬT", 0, false }, { "CÓ MẶT", 0, false },
		{ "ĐẠT", 0, false }, { "NHẬT", 0, false }, { "HỎA TỐC", 0, false },
		{ "LUẬT", 0, false }, { "\u201EuUật", 0, false }, { "TRẬT", 0, false },
		{ "NAI", 0, false }, { "MAI", 0, true }, { "NÂI", 0, true }, { "INẬI", 0, true },
		{ "MUẬT", 0, true }, { "THUẬT", 0, false },
		{ "KHẨN", 0, false }, { "SAO Y", 0, false }, { "CÔNG VĂN ĐẾN", 0, false },
		{ "{ ` r ¬ m \\ (â Ì", 0, false }, { "", 0, false }, { "\xFF\xFE", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		level = reviewed = 0;
		stamp_mark(&scratch, slice_of(rows[i].text), found, NULL);
		if (level != rows[i].level || (reviewed > 0) != rows[i].review)
			fail_msg("%s: level %u, %u for review", rows[i].text, level, reviewed);
	}
}

/* ---- pictures ---- */

static void
expect_level(const char *what, enum extract_type type, unsigned want)
{
	struct extract_limits l;
	int err;

	extract_limits_init(&l);
	err = look(buf_slice(&file), type, &l);
	if (err != OK || level != want || slice_find(buf_slice(&got), SLICE("opaque")) >= 0)
		fail_msg("%s: %d, level %u of %u: %.*s", what, err, level, want, (int)got.n, got.p);
}

/* Levels and other words, in ink, frames, sizes and kinds of file that differ. */
static void
stamps(void **state)
{
	static const struct {
		const char *text;
		unsigned    ink, level;
		int	    frames, size, format;
	} rows[] = {
		{ MAT, RED, 1, 2, 30, IFF_PNG }, { MAT, PALE, 1, 1, 26, IFF_BMP },
		{ MAT, BLACK, 1, 1, 24, IFF_JFIF_JPEG }, { TOI_MAT, RED, 2, 2, 18, IFF_JFIF_JPEG },
		{ TOI_MAT, BLUE, 2, 1, 40, IFF_TIFF_LZW }, { TUYET_MAT, RED, 3, 2, 22, IFF_WEBP },
		{ TUYET_MAT, RED, 3, 0, 30, IFF_PNG },
		{ "KHA^'N", RED, 0, 1, 30, IFF_PNG }, { "MA~.T TRA^.N", RED, 0, 1, 26, IFF_PNG },
		{ "BAO MA^.T", RED, 0, 2, 26, IFF_PNG }, { "HOA TO^'", BLACK, 0, 1, 26, IFF_PNG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		draw_file(draw_stamp(14 * rows[i].size + 60, 5 * rows[i].size + 20, rows[i].text,
		    rows[i].ink, rows[i].frames, 20, 1.2 * rows[i].size, rows[i].size),
		    rows[i].format, &file);
		assert_true(file.n > 0);
		expect_level(rows[i].text, EXTRACT_IMAGE, rows[i].level);
	}
}

enum wear { RIGHT_SIDE, UPPER_SIDE, BLOTCHES, HOLES };

/* How much ink, of 256, came onto the paper at a point. */
static unsigned
inked(enum wear wear, int x, int y, int w, int h)
{
	static unsigned noise = 1;

	noise = noise * 1103515245 + 12345;
	switch (wear) {
	case RIGHT_SIDE:
		return 256 - (unsigned)(236 * x / w);
	case UPPER_SIDE:
		return 60 + (unsigned)(190 * y / h);
	case BLOTCHES:
		return (unsigned)(140 + 115 * sin(x / 7.0) * sin(y / 9.0 + x / 31.0));
	default:
		return noise >> 16 & 3 ? 256 : 0;
	}
}

static void
wear_off(PIX *p, enum wear wear)
{
	int w = pixGetWidth(p), h = pixGetHeight(p);

	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			l_uint32 v, ink = inked(wear, x, y, w, h), out = 0;

			(void)pixGetPixel(p, x, y, &v);
			for (int c = 24; c > 0; c -= 8)
				out |= (255 - (255 - (v >> c & 0xFF)) * ink / 256) << c;
			(void)pixSetPixel(p, x, y, out);
		}
}

/* Pressed unevenly: a side is pale or is not there, ink runs or lacks. */
static void
worn(void **state)
{
	static const struct {
		const char *text;
		enum wear   wear;
		unsigned    level;
		bool	    grey;
	} rows[] = {
		{ MAT, RIGHT_SIDE, 1, false }, { MAT, UPPER_SIDE, 1, false },
		{ MAT, BLOTCHES, 1, false }, { MAT, HOLES, 1, true },
		{ TOI_MAT, RIGHT_SIDE, 2, true }, { TOI_MAT, UPPER_SIDE, 2, true },
		{ TOI_MAT, BLOTCHES, 2, false }, { TOI_MAT, HOLES, 2, false },
		{ TUYET_MAT, RIGHT_SIDE, 3, false }, { TUYET_MAT, UPPER_SIDE, 3, true },
		{ TUYET_MAT, BLOTCHES, 3, false }, { TUYET_MAT, HOLES, 3, true },
		{ "KHA^'N", RIGHT_SIDE, 0, false }, { "HOA TO^'", BLOTCHES, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PIX *p = draw_stamp((int)strlen(rows[i].text) * 24 + 60, 150, rows[i].text, RED, 2,
		    20, 36, 30);

		wear_off(p, rows[i].wear);
		if (rows[i].grey) {
			PIX *g = pixConvertTo8(p, 0);

			pixDestroy(&p);
			p = g;
		}
		draw_file(p, IFF_JFIF_JPEG, &file);
		expect_level(rows[i].text, EXTRACT_IMAGE, rows[i].level);
	}
}

/* Turned a little, and lying on its side. */
static void
turned(void **state)
{
	static const double degrees[] = { -12, 7, 90, 180, 270 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(degrees); i++) {
		PIX *p = draw_stamp(360, 360, TOI_MAT, RED, 2, 60, 130, 24), *t;

		t = pixRotate(p, (l_float32)(degrees[i] * 3.14159265 / 180), L_ROTATE_AREA_MAP,
		    L_BRING_IN_WHITE, 0, 0);
		pixDestroy(&p);
		draw_file(t, IFF_PNG, &file);
		expect_level("turned", EXTRACT_IMAGE, 2);
	}
}

/* A page of typed lines, in the middle of a table with a grain, which a telephone took sideways. */
static void
on_a_table(void **state)
{
	enum { EDGE = 280, W = 700, H = 420 };
	PIX *table = pixCreate(W + 2 * EDGE, H + 2 * EDGE, 32), *lying;
	PIX *page = draw_stamp(W, H, "", BLACK, 0, 0, 0, 20);
	struct drawing d = { page, 18, 2, 20, 20, 20 };

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)draw_text(&d, "HAI BA BON MOT BINH KHOAN THUE NHAN", 24, 60 + 42 * i);
	for (int y = 0; y < H + 2 * EDGE; y++)
		for (int x = 0; x < W + 2 * EDGE; x++) {
			int v = 90 + 45 * ((x / 3 + 7 * (y / 60)) % 4 == 0);

			(void)pixSetRGBPixel(table, x, y, v, v * 3 / 4, v / 2);
		}
	(void)pixRasterop(table, EDGE, EDGE, W, H, PIX_SRC, page, 0, 0);
	lying = pixRotateOrth(table, 1);
	pixDestroy(&page);
	pixDestroy(&table);
	draw_file(lying, IFF_JFIF_JPEG, &file);
	expect_level("on a table", EXTRACT_IMAGE, 0);
	if (slice_find(buf_slice(&got), SLICE("NHAN")) < 0)
		fail_msg("%.*s", (int)got.n, got.p);
}

/* Beside the paper: a tinted stripe with a line of its own. */
static void
beside_the_paper(void **state)
{
	PIX *p = draw_stamp(900, 900, "", BLACK, 0, 0, 0, 20);
	struct drawing d = { p, 22, 3, 20, 20, 20 };

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)draw_text(&d, "HAI BA BON MOT BINH KHOAN", 60, 280 + 60 * i);
	for (int y = 0; y < 160; y++)
		for (int x = 0; x < 900; x++)
			(void)pixSetRGBPixel(p, x, y, 170, 120, 60);
	(void)draw_text(&d, "THUE NHA TRO", 60, 90);
	draw_file(p, IFF_PNG, &file);
	expect_level("beside", EXTRACT_IMAGE, 0);
	if (slice_find(buf_slice(&got), SLICE("T1:THUE NHA")) < 0 ||
	    slice_find(buf_slice(&got), SLICE("KHOAN")) < 0)
		fail_msg("%.*s", (int)got.n, got.p);
}

/* What is bright, and no paper: an empty box on a tinted page; half of a page in a shadow; all of it
 * but a dark stripe in which nothing but a short word stands. */
static void
bright_parts(void **state)
{
	static const struct { int x, y, w, h, soft, shade, lines_y; double scale; int at_x, at_y; const char *word;
	    bool bright; } rows[] = {
		{ 40, 500, 820, 380, 1, 255, 120, 22, 60, 60, "MINH KHOA", true },
		{ 0, 0, 400, 900, 120, 140, 280, 22, 300, 120, "MINH KHOA", false },
		{ 0, 0, 900, 180, 1, 115, 260, 40, 340, 110, "MA^.T", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PIX *p = draw_stamp(900, 900, "", BLACK, 0, 0, 0, 20);
		struct drawing lines = { p, 22, 3, 20, 20, 20 }, word = { p, rows[i].scale, 3, 20, 20, 20 };

		for (int y = 0; y < 900; y++)
			for (int x = 0; x < 900; x++) {
				bool in = x >= rows[i].x && y >= rows[i].y && y < rows[i].y + rows[i].h;
				int off = x - rows[i].x - rows[i].w, other = rows[i].bright ? 190 : 255;
				int v = !in || off >= rows[i].soft ? other : off <= 0 ? rows[i].shade :
				    rows[i].shade + (other - rows[i].shade) * off / rows[i].soft;

				(void)pixSetRGBPixel(p, x, y, v, v, v);
			}
		for (int y = rows[i].lines_y; y < (rows[i].bright ? 440 : 840); y += 60)
			(void)draw_text(&lines, "HAI BA BON MOT BINH THUE", 60, y);
		(void)draw_text(&word, rows[i].word, rows[i].at_x, rows[i].at_y);
		draw_file(p, IFF_PNG, &file);
		expect_level("bright", EXTRACT_IMAGE, i == 2);
		if (slice_find(buf_slice(&got), i == 2 ? SLICE(":M\xE1\xBA\xACT\n") :
		    SLICE("MINH KHOA")) < 0 || slice_find(buf_slice(&got), SLICE("BINH THUE")) < 0)
			fail_msg("%zu: %.*s", i, (int)got.n, got.p);
	}
}

/* What has no letters is inspected all the same. */
static void
without_letters(void **state)
{
	PIX *p = pixCreate(200, 150, 32);

	(void)state;
	for (int y = 0; y < 150; y++)
		for (int x = 0; x < 200; x++)
			(void)pixSetRGBPixel(p, x, y, x, (y * x / 90) & 0xFF, 255 - y);
	draw_file(p, IFF_JFIF_JPEG, &file);
	expect_level("photograph", EXTRACT_IMAGE, 0);
	draw_file(pixCreate(1, 1, 8), IFF_PNG, &file);
	expect_level("tracker", EXTRACT_IMAGE, 0);
	assert_int_equal(got.n, 0);
}

/* A fax: black and white, half as many points downwards as across. */
static void
fax(void **state)
{
	PIX *p = draw_stamp(560, 160, TOI_MAT, RED, 2, 30, 36, 26);
	PIX *grey = pixConvertRGBToGray(p, 0.3f, 0.3f, 0.4f), *flat = pixScale(grey, 1, 0.48f);
	PIX *ink = pixThresholdToBinary(flat, 150);

	(void)state;
	(void)pixSetResolution(ink, 204, 98);
	pixDestroy(&p);
	pixDestroy(&grey);
	pixDestroy(&flat);
	draw_file(ink, IFF_TIFF_G4, &file);
	expect_level("fax", EXTRACT_IMAGE, 2);
}

/* Pages behind the first. */
static void
second_page(void **state)
{
	PIXA *pages = pixaCreate(2);
	l_uint8 *octets = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(pixaAddPix(pages, draw_stamp(200, 120, "", RED, 0, 5, 5, 20), L_INSERT),
	    0);
	assert_int_equal(pixaAddPix(pages, draw_stamp(420, 140, MAT, RED, 1, 20, 20, 30), L_INSERT),
	    0);
	assert_int_equal(pixaWriteMemMultipageTiff(&octets, &n, pages), 0);
	buf_clear(&file);
	buf_add(&file, (struct slice){ (const char *)octets, n });
	lept_free(octets);
	pixaDestroy(&pages);
	expect_level("tiff", EXTRACT_IMAGE, 1);
	assert_true(slice_find(buf_slice(&got), SLICE("S2:")) >= 0);
}

/* As a screen shows it at night. */
static void
light_on_dark(void **state)
{
	PIX *p = draw_stamp(420, 140, TOI_MAT, BLACK, 1, 20, 20, 22);

	(void)state;
	assert_non_null(pixInvert(p, p));
	draw_file(p, IFF_PNG, &file);
	expect_level("dark", EXTRACT_IMAGE, 2);
}

static void
orientation(void **state)
{
	static const char little[] = "\xFF\xD8\xFF\xE0\0\4ab\xFF\xE1\0\x22"
	    "Exif\0\0II*\0\x08\0\0\0\1\0"
	    "\x12\1\3\0\1\0\0\0\6\0\0\0";
	static const char big[] = "\xFF\xD8\xFF\xE1\0\x22" "Exif\0\0MM\0*\0\0\0\x08\0\1"
	    "\1\x12\0\3\0\0\0\1\0\3\0\0";

	(void)state;
	assert_int_equal(exif_orientation((struct slice){ little, sizeof little - 1 }), 6);
	assert_int_equal(exif_orientation((struct slice){ big, sizeof big - 1 }), 3);
	for (size_t n = 0; n < sizeof little - 4; n++)
		assert_int_equal(exif_orientation((struct slice){ little, n }), 1);
}

static void
on_a_page_of_a_pdf(void **state)
{
	PIX *colour = draw_stamp(420, 140, MAT, BLACK, 1, 20, 20, 30);
	PIX *p = pixConvertRGBToGray(colour, 0.4f, 0.4f, 0.2f);
	struct pdfmake m;
	struct buf hex;

	(void)state;
	buf_init(&hex, 1 << 20);
	for (int y = 0; y < 140; y++)
		for (int x = 0; x < 420; x++) {
			l_uint32 v = 0;

			(void)pixGetPixel(p, x, y, &v);
			buf_adds(&hex, v < 128 ? "00" : "ff");
		}
	pixDestroy(&p);
	pixDestroy(&colour);
	buf_addc(&hex, '>');
	buf_addc(&hex, '\0');
	buf_clear(&file);
	pdf_begin(&m, &file);
	pdf_page(&m, "", "",
	    "BT /F1 12 Tf 72 700 Td (chu) Tj ET\nq 200 0 0 67 100 500 cm /I Do Q\n");
	pdf_stream(&m, "/Type/XObject/Subtype/Image/Width 420/Height 140/ColorSpace/DeviceGray"
	    "/BitsPerComponent 8/Filter/ASCIIHexDecode", hex.p);
	pdf_end(&m, "");
	expect_level("pdf", EXTRACT_PDF, 1);
	buf_fini(&hex);
}

/* ---- what is not read ---- */

static void
expect_opaque(const struct extract_limits *l, const char *why)
{
	assert_int_equal(look(buf_slice(&file), EXTRACT_IMAGE, l), OK);
	if (slice_find(buf_slice(&got), slice_of(why)) < 0 || level != 0)
		fail_msg("%s: %.*s", why, (int)got.n, got.p);
}

static void
limits(void **state)
{
	struct extract_limits l;

	(void)state;
	draw_file(draw_stamp(420, 140, MAT, RED, 1, 20, 20, 30), IFF_PNG, &file);
	extract_limits_init(&l);
	l.pixels_max = 420 * 140 - 1;
	expect_opaque(&l, "opaque-limit");
	extract_limits_init(&l);
	l.ocr_ms = 0;
	expect_opaque(&l, "opaque-deadline");
	extract_limits_init(&l);
	l.ocr = false;
	expect_opaque(&l, "opaque-type");
}

static void
damage(void **state)
{
	static const int formats[] = { IFF_PNG, IFF_JFIF_JPEG, IFF_GIF, IFF_BMP, IFF_TIFF_LZW,
	    IFF_WEBP };
	struct extract_limits l;

	(void)state;
	extract_limits_init(&l);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		draw_file(draw_stamp(160, 60, "", RED, 1, 8, 8, 12), formats[i], &file);
		for (size_t at = 2; at < file.n; at += file.n / 7 + 1) {
			int err;

			file.p[at] ^= 0x55;
			err = look(buf_slice(&file), EXTRACT_IMAGE, &l);
			assert_true(err == OK || err == ERR_FRAME || err == ERR_NOMEM);
			file.p[at] ^= 0x55;
		}
		/* Without its data it is nothing. */
		if (formats[i] == IFF_PNG || formats[i] == IFF_WEBP) {
			file.n = file.n / 2;
			expect_opaque(&l, "opaque-broken");
		}
	}
}

#ifdef WITH_CONTROLS
/* A reader that dies, hangs or lies is not believed. */
static void
faults(void **state)
{
	(void)state;
	draw_file(draw_stamp(160, 60, "", RED, 1, 8, 8, 12), IFF_PNG, &file);
	look_with_faults();
}
#endif

/* ---- in a message ---- */

static uint64_t
now(void *arg)
{
	(void)arg;
	return clock_ms();
}

static void
attached(struct facts *f, struct arena *a, unsigned ocr_ms)
{
	struct classify_options o;
	struct buf m;

	buf_init(&m, 1 << 20);
	buf_adds(&m, "From: a@b.example\r\nContent-Type: image/png\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n");
	base64_encode_lines(buf_slice(&file), 76, &m);
	classify_options_init(&o);
	o.limits.ocr_ms = ocr_ms;
	o.now_ms = now;
	o.deadline_ms = clock_ms() + 60000;
	*f = (struct facts){ .level = 0 };
	assert_int_equal(classify_message(buf_slice(&m), &o, a, f), OK);
	buf_fini(&m);
}

static void
in_a_message(void **state)
{
	struct facts f;
	struct arena a;

	(void)state;
	draw_file(draw_stamp(420, 140, MAT, RED, 1, 20, 20, 30), IFF_PNG, &file);
	arena_init(&a, 1 << 20);
	attached(&f, &a, 60000);
	assert_int_equal(f.level, LEVEL_MAT);
	assert_false(f.opaque || f.partly_inspected);
	assert_string_equal(f.evidence[0].detector, "stamp");
	attached(&f, &a, 0);
	assert_true(f.opaque && f.partly_inspected);
	draw_file(draw_stamp(420, 140, "KHA^'N", RED, 1, 20, 20, 30), IFF_PNG, &file);
	attached(&f, &a, 60000);
	assert_false(f.opaque || f.partly_inspected || f.review || f.level != 0);
	arena_clear(&a);
}

/* policyd opens boxes from inside its own sandbox, where the letters' data cannot be loaded. */
static void
a_stamp_is_read(void)
{
	draw_file(draw_stamp(420, 140, MAT, RED, 1, 20, 20, 30), IFF_PNG, &file);
	expect_level("in a sandbox", EXTRACT_IMAGE, 1);
}

static void
inside_the_sandbox_of_policyd(void **state)
{
	(void)state;
	sandboxed(SANDBOX_POLICY_WORKER, a_stamp_is_read);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(readings),
		cmocka_unit_test(stamps),
		cmocka_unit_test(worn),
		cmocka_unit_test(turned),
		cmocka_unit_test(on_a_table),
		cmocka_unit_test(beside_the_paper),
		cmocka_unit_test(bright_parts),
		cmocka_unit_test(without_letters),
		cmocka_unit_test(fax),
		cmocka_unit_test(second_page),
		cmocka_unit_test(orientation),
		cmocka_unit_test(on_a_page_of_a_pdf),
		cmocka_unit_test(limits),
		cmocka_unit_test(light_on_dark),
		cmocka_unit_test(damage),
#ifdef WITH_CONTROLS
		cmocka_unit_test(faults),
#endif
		cmocka_unit_test(in_a_message),
		cmocka_unit_test(inside_the_sandbox_of_policyd),
	};

	return cmocka_run_group_tests(t, begin, end);
}
