/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/stamp.h"

#include <math.h>

#include "common/buf.h"
#include "common/clock.h"
#include "policy/extract/ocr.h"
#include "policy/extract/place.h"

enum {
	/* points to which a frame is scaled: its letters are half as high */
	FRAMED_HEIGHT = 84,
	SPOT_HEIGHT = 56,
	PAD = 14,
	SCALE_MAX = 6,
	WIDTH_MAX = 3000,
	SPECK_POINTS = 14,
	DASH_MAX = 7,
	LETTER_MIN = 10,
	DRAWN_PERCENT = 40,	/* of a side is drawn */
	EDGE_PERCENT = 22,	/* of a frame's height: letters are farther in */
	PALE = 215,		/* lighter is paper, in a frame that was inked unevenly */
	READING_OCTETS_MAX = 400
};

/* Width of capitals against their height. */
#define SHAPE_USUAL 0.85
#define SHAPE_MIN 0.45
#define SHAPE_MAX 1.25

struct reading {
	struct buf *out;
	uint64_t    until_ms;
	size_t	    start;	/* of this reading, in out */
};

static int
take_word(void *arg, const struct ocr_word *w)
{
	struct reading *r = arg;

	if (r->out->n > r->start)
		buf_addc(r->out, ' ');
	for (size_t i = 0; i < w->text.n; i++)
		buf_addc(r->out, w->text.p[i] == '\n' ? ' ' : w->text.p[i]);
	return r->out->err;
}

/* Add one reading, a line, unless it is nothing. */
static int
read_letters(PIX *letters, bool two_lines, struct reading *r)
{
	int err;

	r->start = r->out->n;
	err = ocr_read(letters, two_lines ? OCR_BLOCK : OCR_LINE, r->until_ms, take_word, r);
	if (err == OK && r->out->n > r->start)
		buf_addc(r->out, '\n');
	return err == OK ? r->out->err : err;
}

/* wide: by how much to stretch it besides. */
static PIX *
scaled_to_height(PIX *p, int height, double wide)
{
	double f = (double)height / pixGetHeight(p);

	f = f > SCALE_MAX ? SCALE_MAX : f;
	if (f * wide * pixGetWidth(p) > WIDTH_MAX)
		f = WIDTH_MAX / (wide * pixGetWidth(p));
	return pixScale(p, (l_float32)(f * wide), (l_float32)f);
}

/* How wide the tall components of letters are for their height, in the middle; 0: there are
 * none. */
static double
letter_shape(PIX *letters)
{
	BOXA *all = pixConnComp(letters, NULL, 8), *tall = NULL;
	NUMA *widths = NULL, *heights = NULL;
	l_float32 w = 0, h = 0;

	if (all != NULL)
		tall = boxaSelectBySize(all, 1, pixGetHeight(letters) * 2 / 5, L_SELECT_HEIGHT,
		    L_SELECT_IF_GTE, NULL);
	if (tall != NULL && boxaGetCount(tall) > 0 && boxaGetSizes(tall, &widths, &heights) == 0) {
		(void)numaGetMedian(widths, &w);
		(void)numaGetMedian(heights, &h);
	}
	numaDestroy(&widths);
	numaDestroy(&heights);
	boxaDestroy(&all);
	boxaDestroy(&tall);
	return h > 0 ? (double)w / (double)h : 0;
}

/* The threshold between ink and paper in a cut. */
static int
threshold_of(PIX *cut)
{
	NUMA *counts = pixGetGrayHistogram(cut, 1);
	int t = 0;

	if (counts == NULL ||
	    numaSplitDistribution(counts, 0.1f, &t, NULL, NULL, NULL, NULL, NULL) != 0)
		t = 0;
	numaDestroy(&counts);
	return t < 90 ? 90 : t > 200 ? 200 : t;
}

/* Long strokes along and across: those of a frame, which are longer than any of a letter. */
static PIX *
strokes_of(PIX *ink)
{
	int h = pixGetHeight(ink), w = pixGetWidth(ink);
	int along = w <= h ? w * 4 / 5 : w * 2 / 5 > h * 3 / 4 ? w * 2 / 5 : h * 3 / 4;
	PIX *a = pixOpenBrick(NULL, ink, along, 1), *b = pixOpenBrick(NULL, ink, 1, h * 7 / 10);
	PIX *all = a == NULL || b == NULL ? NULL : pixOr(NULL, a, b);

	pixDestroy(&a);
	pixDestroy(&b);
	if (all != NULL)
		(void)pixDilateBrick(all, all, 5, 5);
	return all;
}

/* Does a row (a column) of the ink that is near an edge belong to a frame? */
static bool
is_drawn(NUMA *counts, int i, int length)
{
	l_float32 n = 0;

	return numaGetFValue(counts, i, &n) == 0 &&
	    (double)n * 100 >= DRAWN_PERCENT * (double)length;
}

/* Rows and columns near the edges that are mostly ink: a frame, however unevenly it was inked.
 * False: no memory. */
static bool
erase_sides(PIX *ink)
{
	int w = pixGetWidth(ink), h = pixGetHeight(ink), near = h * EDGE_PERCENT / 100;
	NUMA *rows = pixCountPixelsByRow(ink, NULL), *columns = pixCountPixelsByColumn(ink);
	bool done = rows != NULL && columns != NULL;

	for (int y = 0; y < h && done; y++)
		if ((y < near || y >= h - near) && is_drawn(rows, y, w))
			(void)pixRasterop(ink, 0, y - 1, w, 3, PIX_CLR, NULL, 0, 0);
	for (int x = 0; x < w && done; x++)
		if ((x < near || x >= w - near) && is_drawn(columns, x, h))
			(void)pixRasterop(ink, x - 1, 0, 3, h, PIX_CLR, NULL, 0, 0);
	numaDestroy(&rows);
	numaDestroy(&columns);
	return done;
}

/* A piece of a frame that has gaps. */
static bool
is_dash(const BOX *b, int w)
{
	if (b->h <= DASH_MAX && b->w >= 3 * b->h)
		return true;
	return b->w <= DASH_MAX && b->h >= 3 * b->w && (b->x < w / 6 || b->x + b->w > w * 5 / 6);
}

/* Does a component of the ink belong to the letters? */
static bool
is_letter(const BOX *b, int w, int h, bool framed)
{
	int edge = framed ? h / 12 : 0;

	if (b->w * b->h < SPECK_POINTS || (b->w < 3 && b->h < 3))
		return false;
	if (framed && (b->h > h * 8 / 10 || b->w > w * 8 / 10 || is_dash(b, w)))
		return false;
	return !framed || (b->x + b->w > edge && b->y + b->h > edge && b->x < w - edge &&
	    b->y < h - edge);
}

/* Keep the letters of *ink only; *box_out: around them. False: there are none. */
static bool
keep_letters(PIX *ink, bool framed, BOX **box_out)
{
	PIXA *pieces = NULL;
	BOXA *boxes = pixConnComp(ink, &pieces, 8);
	int n = boxes == NULL ? 0 : boxaGetCount(boxes), w = pixGetWidth(ink),
	    h = pixGetHeight(ink);
	BOXA *kept = boxaCreate(n > 0 ? n : 1);
	unsigned tall = 0;

	for (int i = 0; i < n && kept != NULL; i++) {
		BOX *b = boxaGetBox(boxes, i, L_CLONE);

		if (is_letter(b, w, h, framed)) {
			tall += b->h >= LETTER_MIN;
			(void)boxaAddBox(kept, b, L_CLONE);
		} else {
			PIX *c = pixaGetPix(pieces, i, L_CLONE);

			(void)pixRasterop(ink, b->x, b->y, b->w, b->h, PIX_DST & PIX_NOT(PIX_SRC),
			    c,
			    0, 0);
			pixDestroy(&c);
		}
		boxDestroy(&b);
	}
	*box_out = NULL;
	if (kept != NULL && tall >= 2)
		(void)boxaGetExtent(kept, NULL, NULL, box_out);
	boxaDestroy(&kept);
	boxaDestroy(&boxes);
	pixaDestroy(&pieces);
	return *box_out != NULL;
}

/* Two lines above each other: an empty row with much on either side. */
static bool
has_two_lines(PIX *letters)
{
	int h = pixGetHeight(letters);
	NUMA *rows = pixCountPixelsByRow(letters, NULL);
	bool two = false;

	for (int y = h * 3 / 10; y < h * 7 / 10 && rows != NULL && !two; y++) {
		l_float32 n = 1;

		(void)numaGetFValue(rows, y, &n);
		two = n < 1;
	}
	numaDestroy(&rows);
	return two;
}

/* The letters alone, in the engine's size: in shades (of the cut) or in black and white. */
static PIX *
letters_picture(PIX *cut, PIX *ink, BOX *box, bool shades, int height,
    double wide)
{
	PIX *clip = pixClipRectangle(ink, box, NULL), *grey, *near, *sized, *out;

	if (clip == NULL)
		return NULL;
	if (shades) {
		grey = pixClipRectangle(cut, box, NULL);
		near = pixDilateBrick(NULL, clip, 5, 5);
		if (near != NULL && grey != NULL) {
			(void)pixInvert(near, near);
			(void)pixSetMasked(grey, near, 255);
		}
		pixDestroy(&near);
	} else {
		grey = pixConvert1To8(NULL, clip, 255, 0);
	}
	pixDestroy(&clip);
	sized = grey == NULL ? NULL : scaled_to_height(grey, height, wide);
	out = sized == NULL ? NULL : pixAddBorder(sized, PAD, 255);
	pixDestroy(&grey);
	pixDestroy(&sized);
	return out;
}

/* How to show letters to the engine: heights of capitals with what stands above and below them.
 * What one does not read another may. */
struct way {
	bool shades;
	int  height;
	bool mend;	/* letters of a picture that somebody stretched; pieces deceive */
};

static const struct way usual[] = {
	{ true, 54, true }, { false, 80, true }, { true, 42, true },
};
static const struct way uneven[] = {
	{ true, 54, false },
};
_Static_assert(ARRAY_LEN(usual) + ARRAY_LEN(uneven) == STAMP_READINGS, "all readings");

static double
mended(PIX *letters)
{
	double shape = letter_shape(letters);

	return shape > SHAPE_MAX || (shape > 0 && shape < SHAPE_MIN) ? SHAPE_USUAL / shape : 1;
}

static int
read_all(PIX *cut, PIX *ink, BOX *box, const struct way *ways, size_t count, struct reading *r)
{
	PIX *clip = pixClipRectangle(ink, box, NULL);
	bool two = clip != NULL && has_two_lines(clip);
	double mend = clip == NULL ? 1 : mended(clip);
	int err = clip == NULL ? ERR_NOMEM : OK;

	pixDestroy(&clip);
	for (size_t i = 0; i < count && err == OK; i++) {
		PIX *p = letters_picture(cut, ink, box, ways[i].shades,
		    ways[i].height * (two ? 2 : 1), ways[i].mend ? mend : 1);

		err = p == NULL ? ERR_NOMEM : read_letters(p, two, r);
		pixDestroy(&p);
	}
	return err;
}

/* Take the long strokes of a frame out of the ink. */
static int
erase_strokes(PIX *ink)
{
	PIX *strokes = strokes_of(ink);

	if (strokes == NULL)
		return ERR_NOMEM;
	(void)pixSubtract(ink, ink, strokes);
	pixDestroy(&strokes);
	return OK;
}

/* Read the letters among the ink of a cut. */
static int
read_ink(PIX *cut, PIX *ink, bool framed, const struct way *ways, size_t count, struct reading *r)
{
	BOX *box = NULL;
	int err = framed ? erase_strokes(ink) : OK;

	if (err == OK && keep_letters(ink, framed, &box))
		err = read_all(cut, ink, box, ways, count, r);
	boxDestroy(&box);
	return err;
}

/* A frame once more with its ink made even: what is pale counts, holes are filled. */
static int
read_uneven(PIX *cut, struct reading *r)
{
	PIX *smooth = pixBlockconv(cut, 1, 1);
	PIX *ink = smooth == NULL ? NULL : pixThresholdToBinary(smooth, PALE);
	int err = ERR_NOMEM;

	if (ink != NULL && erase_sides(ink))
		err = read_ink(smooth, ink, true, uneven, ARRAY_LEN(uneven), r);
	pixDestroy(&smooth);
	pixDestroy(&ink);
	return err;
}

/* Read what is in a cut. */
static int
read_cut(PIX *cut, bool framed, struct reading *r)
{
	PIX *ink = pixThresholdToBinary(cut, threshold_of(cut));
	int err = ink == NULL ? ERR_NOMEM : read_ink(cut, ink, framed, usual, ARRAY_LEN(usual), r);

	pixDestroy(&ink);
	return err == OK && framed ? read_uneven(cut, r) : err;
}

static int
read_place(const struct ink *ink, const struct place *p, struct reading *r)
{
	PIX *cut = place_cut(ink, p, p->framed ? 0 : (int)(p->h / 10) + 1), *sized;
	int err = OK;

	if (cut == NULL)
		return ERR_NOMEM;
	sized = scaled_to_height(cut, p->framed ? FRAMED_HEIGHT : SPOT_HEIGHT, 1);
	pixDestroy(&cut);
	err = sized == NULL ? ERR_NOMEM : read_cut(sized, p->framed, r);
	pixDestroy(&sized);
	return err;
}

int
stamps_read(const struct ink *ink, int letter, uint64_t until_ms, stamp_fn *fn, void *arg)
{
	struct places places;
	struct buf text;
	int err = places_find(ink, letter, &places);

	buf_init(&text, STAMP_READINGS * READING_OCTETS_MAX * 8);
	for (unsigned i = 0; i < places.count && err == OK; i++) {
		struct reading r = { .out = &text, .until_ms = until_ms };

		buf_clear(&text);
		err = read_place(ink, &places.place[i], &r);
		if (err == OK && text.n > 0)
			err = fn(arg, buf_slice(&text));
	}
	buf_fini(&text);
	return err;
}
