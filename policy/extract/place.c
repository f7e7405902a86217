/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/place.h"

#include <math.h>
#include <stdlib.h>

enum {
	DARK = 185,		/* lighter is paper */
	BLACK = 120,		/* what is as dark does not touch its neighbours for blur alone */
	FAINT = 218,		/* the same where a stamp is looked for that is paler than print */
	HEIGHT_MIN = 12, WIDTH_MIN = 22,
	FRAME_COVER_PERCENT = 68,	/* of each side is drawn */
	FRAME_SIDES_MIN = 3,	/* a stamp that was pressed unevenly lacks one */
	SPECK_HEIGHT = 4,
	RED_CONTRAST = 3,
	COMPONENTS_MAX = 20000,	/* more is noise: then only the large ones are looked at */
	TRIES_MAX = 400
};

#define ASPECT_MIN 1.15
#define ASPECT_MAX 16.0
/* Heights of small letters of the page's text that a frame, and capitals without one, are high. */
#define FRAME_LETTERS 2.2
#define SPOT_LETTERS 1.1
#define TURN_MAX (25.0 * M_PI / 180)

/* ---- how a thing is turned ---- */

/* The outermost points of a component: two for each row. */
struct outline {
	float  *x, *y;
	size_t	n;
};

static int
outline_of(PIX *c, struct outline *o)
{
	int w = pixGetWidth(c), h = pixGetHeight(c);

	o->n = 0;
	o->x = calloc(2 * (size_t)h, sizeof *o->x);
	o->y = calloc(2 * (size_t)h, sizeof *o->y);
	if (o->x == NULL || o->y == NULL)
		return ERR_NOMEM;
	for (int y = 0; y < h; y++) {
		const l_uint32 *line = pixGetData(c) + (ptrdiff_t)y * pixGetWpl(c);
		int a = 0, b = w - 1;

		while (a < w && !GET_DATA_BIT(line, a))
			a++;
		while (b > a && !GET_DATA_BIT(line, b))
			b--;
		if (a == w)
			continue;
		o->x[o->n] = (float)a;
		o->y[o->n++] = (float)y;
		o->x[o->n] = (float)b + 1;
		o->y[o->n++] = (float)y + 1;
	}
	return OK;
}

/* The upright box around the outline once it is turned back by the angle. */
static void
box_at(const struct outline *o, double angle, struct place *out)
{
	double c = cos(angle), s = sin(angle), u0 = 1e9, u1 = -1e9, v0 = 1e9, v1 = -1e9;

	for (size_t i = 0; i < o->n; i++) {
		double u = c * (double)o->x[i] + s * (double)o->y[i];
		double v = c * (double)o->y[i] - s * (double)o->x[i];

		u0 = u < u0 ? u : u0;
		u1 = u > u1 ? u : u1;
		v0 = v < v0 ? v : v0;
		v1 = v > v1 ? v : v1;
	}
	out->w = u1 - u0;
	out->h = v1 - v0;
	out->angle = angle;
	out->x = c * (u0 + u1) / 2 - s * (v0 + v1) / 2;
	out->y = s * (u0 + u1) / 2 + c * (v0 + v1) / 2;
}

/* The smallest box around it, among small turns. */
static void
smallest_box(const struct outline *o, struct place *out)
{
	struct place p;
	double best = 0, step = M_PI / 180;

	box_at(o, 0, out);
	for (double a = -TURN_MAX; a <= TURN_MAX; a += 2 * step) {
		box_at(o, a, &p);
		if (p.w * p.h < out->w * out->h)
			*out = p;
	}
	best = out->angle;
	for (double a = best - 2 * step; a <= best + 2 * step; a += step / 4) {
		box_at(o, a, &p);
		if (p.w * p.h < out->w * out->h)
			*out = p;
	}
}

static int
place_of(PIX *component, struct place *out)
{
	struct outline o = { NULL, NULL, 0 };
	int err = outline_of(component, &o);

	*out = (struct place){ .w = 0 };
	if (err == OK && o.n > 0)
		smallest_box(&o, out);
	free(o.x);
	free(o.y);
	return err;
}

/* ---- is it a frame? ---- */

/* A line of a turned component, as a share in percent of its `n` steps at which ink lies within
 * `depth` points of the side; along: the side runs left to right. */
static unsigned
covered(PIX *c, bool along, bool far, int depth)
{
	int w = pixGetWidth(c), h = pixGetHeight(c), n = along ? w : h, hits = 0;

	for (int i = 0; i < n; i++)
		for (int d = 0; d < depth; d++) {
			int k = far ? (along ? h : w) - 1 - d : d;
			l_uint32 bit = 0;

			(void)pixGetPixel(c, along ? i : k, along ? k : i, &bit);
			if (bit != 0) {
				hits++;
				break;
			}
		}
	return n == 0 ? 0 : (unsigned)(hits * 100 / n);
}

/* A 1 bit picture turned back by the angle and cut to its ink. */
static PIX *
turned(PIX *c, double angle)
{
	PIX *wide = pixAddBorder(c, 4, 0), *t, *cut = NULL;

	if (wide == NULL)
		return NULL;
	t = fabs(angle) < 0.004 ? pixClone(wide) : pixRotate(wide, (l_float32)-angle,
	    L_ROTATE_SAMPLING, L_BRING_IN_WHITE, pixGetWidth(wide), pixGetHeight(wide));
	pixDestroy(&wide);
	if (t != NULL)
		(void)pixClipToForeground(t, &cut, NULL);
	pixDestroy(&t);
	return cut;
}

static bool
is_frame(PIX *component, double angle)
{
	PIX *t = turned(component, angle);
	unsigned drawn = 0;
	int depth;

	if (t == NULL)
		return false;
	depth = pixGetHeight(t) / 6 + 2;
	for (int side = 0; side < 4; side++)
		drawn += covered(t, side < 2, side % 2 != 0, depth) >= FRAME_COVER_PERCENT;
	pixDestroy(&t);
	return drawn >= FRAME_SIDES_MIN;
}

static PIX *
plane(const struct ink *ink, enum place_ink which)
{
	return which == PLACE_RED ? ink->red : which == PLACE_FAINT ? ink->faint : ink->grey;
}

/* ---- search ---- */

static bool
has_shape(double w, double h, double least)
{
	return h >= least && h >= HEIGHT_MIN && w >= WIDTH_MIN && w >= ASPECT_MIN * h &&
	    w <= ASPECT_MAX * h;
}

static void
replace_smallest(struct places *out, const struct place *p)
{
	unsigned least = 0;

	out->more = true;
	for (unsigned i = 1; i < out->count; i++)
		if (out->place[i].h < out->place[least].h)
			least = i;
	if (p->h > out->place[least].h)
		out->place[least] = *p;
}

static void
keep(struct places *out, const struct place *p)
{
	for (unsigned i = 0; i < out->count; i++) {
		const struct place *q = &out->place[i];

		/* A double frame, or the same in red and in all colours. */
		if (q->framed == p->framed && q->ink == p->ink && fabs(q->x - p->x) < p->h / 4 &&
		    fabs(q->y - p->y) < p->h / 4 && p->w > 0.6 * q->w && p->w < 1.6 * q->w)
			return;
	}
	if (out->count < PLACES_MAX)
		out->place[out->count++] = *p;
	else
		replace_smallest(out, p);
}

/* Could a component of this box be one, before its ink is looked at? A turned one is higher. */
static bool
may_be(const BOX *b, int page_w, int page_h)
{
	return b->h >= HEIGHT_MIN && b->w >= WIDTH_MIN && b->w <= ASPECT_MAX * b->h &&
	    b->w * 10 >= b->h * 8 && (b->w < page_w * 9 / 10 || b->h < page_h * 9 / 10 ||
	    page_w < 1000);
}

static int
look_at(BOX *b, PIX *component, bool frames, enum place_ink ink, struct places *out)
{
	struct place p;
	int err = place_of(component, &p);

	if (err != OK)
		return err;
	p.x += b->x;
	p.y += b->y;
	p.ink = ink;
	p.framed = is_frame(component, p.angle);
	if (p.framed == frames &&
	    has_shape(p.w, p.h, (frames ? FRAME_LETTERS : SPOT_LETTERS) * out->letter))
		keep(out, &p);
	return OK;
}

/* Components of a mask that have the shape of a stamp. */
static int
search(PIX *mask, bool frames, enum place_ink ink, struct places *out)
{
	PIXA *pieces = NULL;
	BOXA *boxes = pixConnComp(mask, &pieces, 8);
	int n = boxes == NULL ? 0 : boxaGetCount(boxes), err = boxes == NULL ? ERR_NOMEM : OK;
	int tries = 0;

	for (int i = 0; i < n && err == OK && tries < TRIES_MAX; i++) {
		BOX *b = boxaGetBox(boxes, i, L_CLONE);
		PIX *c;

		if (b != NULL && may_be(b, pixGetWidth(mask), pixGetHeight(mask))) {
			c = pixaGetPix(pieces, i, L_CLONE);
			tries++;
			err = c == NULL ? ERR_NOMEM : look_at(b, c, frames, ink, out);
			pixDestroy(&c);
		}
		boxDestroy(&b);
	}
	boxaDestroy(&boxes);
	pixaDestroy(&pieces);
	return err;
}

/* How high the letters of a mask are, by its middle component. */
static int
letter_height(PIX *mask)
{
	BOXA *all = pixConnComp(mask, NULL, 8), *some;
	NUMA *heights = NULL;
	l_float32 middle = 0;

	if (all == NULL)
		return HEIGHT_MIN;
	some = boxaSelectBySize(all, SPECK_HEIGHT, SPECK_HEIGHT, L_SELECT_IF_BOTH, L_SELECT_IF_GT,
	    NULL);
	if (some != NULL && boxaGetCount(some) > 0 &&
	    boxaGetSizes(some, NULL, &heights) == 0)
		(void)numaGetMedian(heights, &middle);
	numaDestroy(&heights);
	boxaDestroy(&all);
	boxaDestroy(&some);
	return middle < HEIGHT_MIN / 2 ? HEIGHT_MIN / 2 : (int)middle;
}

/* Spots of ink with the gaps between their letters closed. */
static int
search_spots(PIX *mask, struct places *out)
{
	int gap = letter_height(mask);
	PIX *closed = pixCloseSafeBrick(NULL, mask, gap | 1, (gap / 3) | 1);
	int err = closed == NULL ? ERR_NOMEM : search(closed, false, PLACE_RED, out);

	if (err == OK)
		err = search(closed, true, PLACE_RED, out);
	pixDestroy(&closed);
	return err;
}

/* Frames in the ink that is darker than a shade, with gaps of up to `gap` points closed. */
static int
search_frames(PIX *shades, unsigned shade, int gap, enum place_ink ink, struct places *out)
{
	PIX *mask = pixThresholdToBinary(shades, (int)shade), *closed;
	int err;

	/* How red is told the other way round. */
	if (mask != NULL && ink == PLACE_RED)
		(void)pixInvert(mask, mask);
	closed = mask == NULL || gap == 0 ? mask : pixCloseSafeBrick(NULL, mask, gap, gap);
	err = closed == NULL ? ERR_NOMEM : search(closed, true, ink, out);
	if (closed != mask)
		pixDestroy(&closed);
	pixDestroy(&mask);
	return err;
}

int
places_find(const struct ink *ink, int letter, struct places *out)
{
	static const struct { enum place_ink ink; unsigned shade; int gap; } passes[] = {
		{ PLACE_RED, 1, 3 }, { PLACE_GREY, DARK, 0 }, { PLACE_GREY, BLACK, 0 },
		{ PLACE_FAINT, FAINT, 3 }, { PLACE_GREY, DARK, 5 }, { PLACE_GREY, DARK, 9 },
		{ PLACE_FAINT, FAINT, 9 }, { PLACE_RED, 1, 7 },
	};
	PIX *red;
	int err = OK;

	out->count = 0;
	out->more = false;
	out->letter = letter;
	for (size_t i = 0; i < ARRAY_LEN(passes) && err == OK; i++) {
		PIX *p = plane(ink, passes[i].ink);

		if (p != NULL)
			err = search_frames(p, passes[i].shade, passes[i].gap, passes[i].ink, out);
	}
	if (err != OK || ink->red == NULL)
		return err;
	red = pixThresholdToBinary(ink->red, 1);
	if (red == NULL)
		return ERR_NOMEM;
	(void)pixInvert(red, red);
	err = search_spots(red, out);
	pixDestroy(&red);
	return err;
}

/* ---- cutting out ---- */

/* The part of a picture around a point, with paper where the page ends. */
static PIX *
around(PIX *page, double x, double y, int reach, bool dark)
{
	int x0 = (int)x - reach, y0 = (int)y - reach;
	PIX *out = pixCreate(2 * reach + 1, 2 * reach + 1, 8);

	if (out == NULL)
		return NULL;
	if (!dark)
		(void)pixSetAll(out);
	(void)pixRasterop(out, 0, 0, 2 * reach + 1, 2 * reach + 1, PIX_SRC, page, x0, y0);
	return out;
}

PIX *
place_cut(const struct ink *ink, const struct place *p, int margin)
{
	int reach = (int)(hypot(p->w, p->h) / 2) + margin + 2;
	int w = (int)p->w + 2 * margin, h = (int)p->h + 2 * margin;
	PIX *wide = around(plane(ink, p->ink), p->x, p->y, reach, p->ink == PLACE_RED), *t;
	PIX *cut = NULL;
	BOX *box;

	if (wide == NULL)
		return NULL;
	if (p->ink == PLACE_RED) {
		(void)pixMultConstantGray(wide, RED_CONTRAST);
		(void)pixInvert(wide, wide);
	}
	t = fabs(p->angle) < 0.004 ? pixClone(wide) :
	    pixRotateAMGray(wide, (l_float32)-p->angle, 255);
	box = boxCreate(reach - w / 2, reach - h / 2, w, h);
	if (t != NULL && box != NULL)
		cut = pixClipRectangle(t, box, NULL);
	boxDestroy(&box);
	pixDestroy(&t);
	pixDestroy(&wide);
	return cut;
}
