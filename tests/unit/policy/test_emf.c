/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/emf.h"
#include "tests/unit/policy/pieces.h"

static struct buf b;

static int
setup(void **state)
{
	buf_init(&b, 1 << 20);
	return pieces_setup(state);
}

static int
teardown(void **state)
{
	buf_fini(&b);
	return pieces_teardown(state);
}

static const char *
run(struct slice s)
{
	return pieces_of(emf_run, s);
}

/* ---- EMF: type, size, octets ---- */

static void
emf(unsigned type, struct slice s)
{
	buf_add_u32(&b, type);
	buf_add_u32(&b, (uint32_t)s.n + 8);
	buf_add(&b, s);
}

#define EMF(type, lit)	emf(type, SLICE(lit))
#define ZEROS16		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void
begin_emf(void)
{
	buf_clear(&b);
	EMF(1, ZEROS16 ZEROS16 " EMF" ZEROS16 ZEROS16);
}

static void
text_emf(unsigned type, uint32_t y, uint32_t options, uint32_t chars, struct slice s)
{
	struct buf r;

	buf_init(&r, 4096);
	buf_add(&r, SLICE(ZEROS16 "\1\0\0\0" ZEROS16));	/* bounds, mode, scales, x */
	r.n = 32;
	buf_add_u32(&r, y);
	buf_add_u32(&r, chars);
	buf_add_u32(&r, 76);
	buf_add_u32(&r, options);
	buf_add(&r, SLICE(ZEROS16 "\0\0\0\0"));
	buf_add(&r, s);
	emf(type, buf_slice(&r));
	buf_fini(&r);
}

static const char *
end_emf(void)
{
	EMF(14, "\0\0\0\0\0\0\0\0\x14\0\0\0");
	assert_true(emf_is(buf_slice(&b)));
	return run(buf_slice(&b));
}

static void
enhanced(void **state)
{
	(void)state;
	begin_emf();
	text_emf(84, 7, 0, 3, SLICE("M\0\xAC\x1ET\0"));
	text_emf(84, 9, 0, 2, SLICE("T\0O\0"));
	text_emf(84, 9, 0, 1, SLICE("I\0"));
	text_emf(83, 11, 0, 2, SLICE("abc"));
	EMF(108, "\0\0\0\0\x0C\0\0\0\2\0\0\0\0\1\0\0\1\0\0\0\0\0\0\0\0\0\0\0x\0y\0");
	EMF(108, "\0\0\0\0\x0D\0\0\0\2\0\0\0\0\2\0\0\1\0\0\0\0\0\0\0\0\0\0\0" ZEROS16 "zw");
	assert_string_equal(end_emf(), " T0:M\xE1\xBA\xACT\nTO\nI\nTO I\nTOI\nab\nxy\nzw ");
	begin_emf();
	text_emf(84, 7, 16, 3, SLICE("M\0\xAC\x1ET\0"));	/* glyphs */
	assert_string_equal(end_emf(), " O0:opaque-type ");
	begin_emf();
	EMF(97, "");
	assert_string_equal(end_emf(), " O0:opaque-type ");
	begin_emf();		/* a bitmap: head and points apart; then none */
	EMF(81, ZEROS16 ZEROS16 "\0\0\0\0\0\0\0\0" "\x50\0\0\0\x0C\0\0\0\x5C\0\0\0\4\0\0\0" ZEROS16
	    "\x0C\0\0\0\1\0\1\0\1\0\x18\0" "rgb0");
	EMF(76, ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16);
	(void)end_emf();
	assert_true(slice_eq(buf_slice(&got), SLICE(" F1:BM\x1E\0\0\0\0\0\0\0\x1A\0\0\0"
	    "\x0C\0\0\0\1\0\1\0\1\0\x18\0" "rgb0 ")));
	begin_emf();		/* cut off */
	text_emf(84, 7, 0, 1, SLICE("M\0"));
	assert_string_equal(run(buf_slice(&b)), " T0:M O0:opaque-broken ");
}

static void
plus(unsigned type, unsigned flags, struct slice s)
{
	struct buf r;

	buf_init(&r, 4096);
	buf_add_u32(&r, (uint32_t)s.n + 16);
	buf_adds(&r, "EMF+");
	buf_add_u16(&r, (uint16_t)type);
	buf_add_u16(&r, (uint16_t)flags);
	buf_add_u32(&r, (uint32_t)s.n + 12);
	buf_add_u32(&r, (uint32_t)s.n);
	buf_add(&r, s);
	emf(70, buf_slice(&r));
	buf_fini(&r);
}

static void
enhanced_plus(void **state)
{
	static const char image[] = "\1\x10\xC0\xDB\1\0\0\0"
	    "\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0" "\x89PNG";

	(void)state;
	begin_emf();
	plus(0x401C, 0, SLICE("\0\0\0\0\0\0\0\0\2\0\0\0" ZEROS16 "M\0T\0"));
	plus(0x4036, 0, SLICE("\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0" "x\0"));
	plus(0x4008, 0x0500, (struct slice){ image, sizeof image - 1 });
	plus(0x4008, 0x0200, SLICE("a pen"));
	assert_string_equal(end_emf(), " F1:\x89PNG T0:MT\nx ");
	begin_emf();		/* in two pieces */
	plus(0x4008, 0x8500, SLICE("\x20\0\0\0" "\1\x10\xC0\xDB\1\0\0\0"
	    "\1\0\0\0\1\0\0\0\0\0\0\0"));
	plus(0x4008, 0x8500, SLICE("\x20\0\0\0" "\0\0\0\0\1\0\0\0" "\x89PNG"));
	assert_string_equal(end_emf(), " F1:\x89PNG ");
	begin_emf();		/* one of them is missing */
	plus(0x4008, 0x8500, SLICE("\x20\0\0\0" "\1\x10\xC0\xDB\1\0\0\0"));
	assert_string_equal(end_emf(), " O0:opaque-broken ");
	begin_emf();
	plus(0x4036, 0, SLICE("\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0" "x\0"));
	plus(0x4008, 0x0500, SLICE("\1\x10\xC0\xDB\1\0\0\0" "points"));
	assert_string_equal(end_emf(), " O0:opaque-type O0:opaque-type ");
}

/* ---- WMF: words, function, octets ---- */

static void
wmf(unsigned type, struct slice s)
{
	buf_add_u32(&b, (uint32_t)(s.n + 7) / 2);
	buf_add_u16(&b, (uint16_t)type);
	buf_add(&b, s);
	if (s.n % 2 != 0)
		buf_addc(&b, '\0');
}

#define WMF(type, lit)	wmf(type, SLICE(lit))

static void
begin_wmf(void)
{
	buf_clear(&b);
	buf_add(&b, SLICE("\1\0\x09\0\0\3" "\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static const char *
end_wmf(void)
{
	WMF(0, "");
	assert_true(emf_is(buf_slice(&b)));
	return run(buf_slice(&b));
}

static void
windows(void **state)
{
	struct buf file;

	(void)state;
	begin_wmf();
	WMF(0x0A32, "\5\0\1\0\3\0\0\0" "M\xCBT");
	WMF(0x0A32, "\6\0\1\0\2\0\2\0" "01234567" "ab");
	WMF(0x0521, "\3\0xyz\0\6\0\1\0");
	WMF(0x02FB, "a font");
	/* the drawing as EMF besides, in two pieces */
	WMF(0x0626,
	    "\x0F\0\x26\0" "WMFC" "\1\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\2\0\0\0\4\0\0\0"
	    "em");
	WMF(0x0626,
	    "\x0F\0\x26\0" "WMFC" "\1\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0"
	    "f!");
	assert_string_equal(end_wmf(), " F1:emf! T0:M\xC3\x8BT\nab\nxyz\nab xyz\nabxyz ");
	buf_init(&file, 4096);	/* the same as a file */
	buf_add(&file, SLICE("\xD7\xCD\xC6\x9A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	buf_add(&file, buf_slice(&b));
	assert_true(emf_is(buf_slice(&file)));
	assert_string_equal(run(buf_slice(&file)),
	    " F1:emf! T0:M\xC3\x8BT\nab\nxyz\nab xyz\nabxyz ");
	buf_fini(&file);
	begin_wmf();
	WMF(0x0A32, "\5\0\1\0\3\0\x10\0" "abc");
	assert_string_equal(end_wmf(), " O0:opaque-type ");
	begin_wmf();
	WMF(0x0922, ZEROS16 "0123456789 a bitmap of old");
	assert_string_equal(end_wmf(), " O0:opaque-type ");
	begin_wmf();
	WMF(0x0F43, ZEROS16 "\0\0\0\0\0\0" "\x0C\0\0\0\1\0\1\0\1\0\x18\0" "rgbrgb");
	(void)end_wmf();
	assert_true(slice_find(buf_slice(&got),
	    SLICE("F1:BM\x20\0\0\0\0\0\0\0\x1A\0\0\0\x0C")) == 1);
	begin_wmf();
	buf_add(&b, SLICE("\xFF\0\0\0\x32\x0A" "abc"));
	assert_string_equal(run(buf_slice(&b)), " O0:opaque-broken ");
	begin_wmf();
	assert_string_equal(run(buf_slice(&b)), " O0:opaque-broken ");
	assert_false(emf_is(SLICE("\1\0\x09\0\0\3")));
	assert_false(emf_is(SLICE("")));
}

static void
libreoffice(void **state)
{
	(void)state;
	buf_clear(&b);
	buf_add(&b, SLICE("VCLMTF" "\1\0\4\0\0\0" "head"));
	buf_add(&b, SLICE("\x71\0\2\0\x14\0\0\0" "\0\0\0\0\7\0\0\0" "\3\0\0\0M\0\xAC\x1ET\0" "xx"));
	buf_add(&b, SLICE("\x70\0\1\0\x0C\0\0\0" "\0\0\0\0\7\0\0\0" "\2\0ab"));
	buf_add(&b, SLICE("\x73\0\1\0\x14\0\0\0" "\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0" "\2\0cd"));
	buf_add(&b, SLICE("\x74\0\1\0\3\0\0\0" "BM."));
	buf_add(&b, SLICE("\x67\0\1\0\1\0\0\0" "x"));
	assert_true(emf_is(buf_slice(&b)));
	assert_string_equal(run(buf_slice(&b)),
	    " F1:BM. T0:M\xE1\xBA\xACT\nab\nM\xE1\xBA\xACT ab\nM\xE1\xBA\xACTab\ncd ");
	assert_string_equal(run(slice_sub(buf_slice(&b), 0, b.n - 1)),
	    " F1:BM. T0:M\xE1\xBA\xACT\nab\nM\xE1\xBA\xACT ab"
	    "\nM\xE1\xBA\xACTab\ncd O0:opaque-broken ");
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(enhanced),
		cmocka_unit_test(enhanced_plus),
		cmocka_unit_test(windows),
		cmocka_unit_test(libreoffice),
	};

	return cmocka_run_group_tests(t, setup, teardown);
}
