/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/apng.h"
#include "policy/extract/gif.h"
#include "policy/extract/image.h"
#include "tests/unit/policy/draw.h"
#include "tests/unit/policy/picture.h"

enum { RED = 0xD2141E };

#define MAT "MA^.T"
#define HARMLESS "KHA^'N"

static void
expect(const char *what, unsigned want, const char *opaque)
{
	struct extract_limits l;
	int err;

	extract_limits_init(&l);
	err = look(buf_slice(&file), EXTRACT_IMAGE, &l);
	if (err != OK || level != want || (opaque == NULL ?
	    slice_find(buf_slice(&got), SLICE(":opaque-")) >= 0 :
	    slice_find(buf_slice(&got), slice_of(opaque)) < 0))
		fail_msg("%s: %d, level %u of %u: %.*s", what, err, level, want, (int)got.n, got.p);
}

/* An animated GIF of two pictures. */
static void
second_picture(void **state)
{
	struct buf first, out;
	struct gif g;

	(void)state;
	buf_init(&first, 1 << 20);
	buf_init(&out, 1 << 20);
	draw_file(draw_stamp(420, 140, HARMLESS, RED, 1, 20, 20, 30), IFF_GIF, &first);
	draw_file(draw_stamp(420, 140, MAT, RED, 1, 20, 20, 30), IFF_GIF, &file);
	assert_int_equal(gif_open(&g, buf_slice(&file)), OK);
	assert_int_equal(gif_next(&g, &out), 1);
	assert_int_equal(gif_next(&g, &out), 0);
	/* The blocks of the second in place of the end of the first: they have the same colours. */
	assert_int_equal(gif_open(&g, buf_slice(&file)), OK);
	assert_true(slice_eq(g.head, slice_sub(buf_slice(&first), 0, g.head.n)));
	buf_clear(&out);
	buf_add(&out, slice_sub(buf_slice(&first), 0, first.n - 1));
	buf_add(&out, SLICE("\x21\xF9\x04\0\0\0\0\0"));
	buf_add(&out, g.rest);
	buf_clear(&file);
	buf_add(&file, buf_slice(&out));
	expect("gif", 1, NULL);
	assert_int_equal(gif_open(&g, buf_slice(&file)), OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(gif_next(&g, &out), 1);
	assert_int_equal(gif_next(&g, &out), 0);
	buf_fini(&first);
	buf_fini(&out);
}

/* ---- PNG ---- */

static void
number(struct buf *out, unsigned v)
{
	for (unsigned i = 0; i < 4; i++)
		buf_addc(out, (char)(v >> (24 - 8 * i) & 0xFF));
}

/* Their checks are nobody's concern but of what shows the picture. */
static void
chunk(struct buf *out, const char *type, unsigned sequence, struct slice data)
{
	number(out, (unsigned)data.n + 4);
	buf_adds(out, type);
	number(out, sequence);
	buf_add(out, data);
	number(out, 0);
}

static void
control(struct buf *out, unsigned sequence, unsigned w, unsigned h)
{
	struct buf b;

	buf_init(&b, 64);
	number(&b, w);
	number(&b, h);
	number(&b, 0);
	number(&b, 0);
	buf_add(&b, SLICE("\0\1\0\x0A\0\0"));
	chunk(out, "fcTL", sequence, buf_slice(&b));
	buf_fini(&b);
}

enum { W = 420, H = 140, HEAD = 33, END = 12 };

/* What stands between the header of a PNG of ours and its end: one IDAT, with what comes before. */
static struct slice
points_of(const struct buf *png)
{
	struct slice s = buf_slice(png);
	ptrdiff_t at = slice_find(s, SLICE("IDAT"));

	assert_true(at > 4);
	return slice_sub(s, (size_t)at - 4, s.n - END - ((size_t)at - 4));
}

/* `first`, and behind it a picture of w x h that bears `sequence`: its points are of `second`. */
static void
animation(const char *first, const char *second, unsigned sequence, unsigned w, unsigned fill)
{
	struct buf a, b;
	struct slice points;

	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	draw_file(draw_stamp(W, H, first, RED, 1, 20, 20, 30), IFF_PNG, &a);
	draw_file(draw_stamp(W, H, second, RED, 1, 20, 20, 30), IFF_PNG, &b);
	buf_clear(&file);
	buf_add(&file, slice_sub(buf_slice(&a), 0, HEAD));
	if (fill > 0) {
		number(&file, fill);
		buf_adds(&file, "tEXt");
		for (unsigned i = 0; i < fill + 4; i++)
			buf_addc(&file, 'x');
	}
	buf_add(&file, SLICE("\0\0\0\x08" "acTL" "\0\0\0\2\0\0\0\0" "\xF3\x8D\x93\x70"));
	control(&file, 0, W, H);
	buf_add(&file, points_of(&a));
	control(&file, sequence, w, H);
	for (points = points_of(&b); points.n >= END;) {
		size_t n = (size_t)(unsigned char)points.p[1] << 16 |
		    (size_t)(unsigned char)points.p[2] << 8 | (unsigned char)points.p[3];

		chunk(&file, "fdAT", ++sequence, slice_sub(points, 8, n));
		points = slice_from(points, n + END);
	}
	buf_add(&file, slice_from(buf_slice(&a), a.n - END));
	buf_fini(&a);
	buf_fini(&b);
}

static void
png(void **state)
{
	(void)state;
	animation(HARMLESS, MAT, 1, W, 0);
	expect("second", 1, NULL);
	assert_true(slice_find(buf_slice(&got), SLICE("S2:")) >= 0);
	animation(MAT, HARMLESS, 1, W, 5000);
	expect("first", 1, NULL);
	animation(HARMLESS, HARMLESS, 1, W, 0);
	expect("harmless", 0, NULL);
}

/* What no two programs show alike. */
static void
broken_png(void **state)
{
	struct buf one;
	struct apng a;

	(void)state;
	animation(HARMLESS, MAT, 3, W, 0);
	expect("out of sequence", 0, "opaque-broken");
	animation(HARMLESS, MAT, 1, W + 1, 0);
	expect("wider than the whole", 0, "opaque-broken");
	animation(HARMLESS, MAT, 1, W, 0);
	file.n -= END;
	expect("no end", 1, "opaque-broken");
	animation(HARMLESS, MAT, 1, W, 0);
	file.n -= END + 40;
	expect("cut off", 0, "opaque-broken");

	draw_file(draw_stamp(W, H, HARMLESS, RED, 1, 20, 20, 30), IFF_PNG, &file);
	assert_int_equal(apng_open(&a, buf_slice(&file)), ERR_NOENT);
	assert_int_equal(apng_open(&a, SLICE("\x89PNG")), ERR_NOENT);
	buf_init(&one, 1 << 20);
	animation(HARMLESS, HARMLESS, 1, W, 0);
	assert_int_equal(apng_open(&a, buf_slice(&file)), OK);
	assert_int_equal(apng_next(&a, &one), 1);
	assert_int_equal(apng_next(&a, &one), 0);
	buf_fini(&one);
}

/* The first picture and so many others, all empty. */
static void
empty_ones(unsigned others)
{
	size_t from, to;
	struct buf all;

	buf_init(&all, 8 << 20);
	animation("", "", 1, W, 0);
	from = file.n - END;
	buf_add(&all, slice_sub(buf_slice(&file), 0, from));
	/* The control of the second is the last one; it and all behind it once more. */
	for (to = from; to > 8 && !slice_eq(slice_sub(buf_slice(&file), to, 4), SLICE("fcTL"));)
		to--;
	to -= 4;
	for (unsigned i = 0, sequence = 1; i < others; i++) {
		size_t at = to;

		while (at < from) {
			size_t n = (size_t)(unsigned char)file.p[at + 2] << 8 |
			    (unsigned char)file.p[at + 3];

			file.p[at + 10] = (char)(sequence >> 8);
			file.p[at + 11] = (char)sequence++;
			at += n + END;
		}
		if (i > 0)
			buf_add(&all, slice_sub(buf_slice(&file), to, from - to));
	}
	buf_add(&all, slice_from(buf_slice(&file), from));
	buf_clear(&file);
	buf_add(&file, buf_slice(&all));
	buf_fini(&all);
}

/* As many pictures as are looked at, and more. */
static void
many(void **state)
{
	(void)state;
	empty_ones(IMAGE_FRAMES_MAX - 1);
	expect("fifty", 0, NULL);
	empty_ones(IMAGE_FRAMES_MAX);
	expect("fifty-one", 0, "opaque-limit");
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(second_picture),
		cmocka_unit_test(png),
		cmocka_unit_test(broken_png),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(t, begin, end);
}
