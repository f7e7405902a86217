/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/paper.h"

enum {
	STEP = 8,		/* of the points that a mean is taken of */
	SMALL_SIDE = 250,	/* points that the shorter side is looked at with */
	APART = 40,		/* shades between paper and what it lies on */
	GAP = 9,		/* of the small picture: lines of text are closed */
	SHEET_PERCENT = 2,	/* of the picture: what is smaller is a reflection */
	PAPER_PERCENT = 20, BOX_PERCENT = 92	/* of the picture: paper, and what is worth a cut */
};

/* The threshold between two shades of which the picture mostly is; 0: there is but one. */
static int
between(PIX *grey)
{
	NUMA *counts = pixGetGrayHistogram(grey, 1);
	l_float32 low = 0, high = 0;
	int t = 0;

	if (counts == NULL ||
	    numaSplitDistribution(counts, 0.1f, &t, &low, &high, NULL, NULL, NULL) != 0 ||
	    high - low < APART)
		t = 0;
	numaDestroy(&counts);
	return t;
}

/* The bright parts as 1 bit; NULL: there are none. */
static PIX *
bright_parts(PIX *small)
{
	int t = between(small);
	PIX *bright = t == 0 ? NULL : pixThresholdToBinary(small, t), *closed;

	if (bright == NULL)
		return NULL;
	(void)pixInvert(bright, bright);
	closed = pixCloseSafeBrick(NULL, bright, GAP, GAP);
	pixDestroy(&bright);
	return closed == NULL ? NULL : pixOpenBrick(closed, closed, GAP, GAP);
}

/* Around all sheets of paper. */
static BOX *
around(PIX *bright)
{
	PIXA *pieces = NULL;
	BOXA *boxes = pixConnComp(bright, &pieces, 8), *kept = boxaCreate(1);
	int n = boxes == NULL ? 0 : boxaGetCount(boxes);
	int64_t all = (int64_t)pixGetWidth(bright) * pixGetHeight(bright), paper = 0;
	BOX *out = NULL;

	for (int i = 0; i < n && kept != NULL; i++) {
		PIX *c = pixaGetPix(pieces, i, L_CLONE);
		int points = 0;

		if (pixCountPixels(c, &points, NULL) == 0 &&
		    (int64_t)points * 100 >= all * SHEET_PERCENT) {
			paper += points;
			(void)boxaAddBox(kept, boxaGetBox(boxes, i, L_CLONE), L_INSERT);
		}
		pixDestroy(&c);
	}
	if (paper * 100 >= all * PAPER_PERCENT)
		(void)boxaGetExtent(kept, NULL, NULL, &out);
	if (out != NULL && (int64_t)out->w * out->h * 100 > all * BOX_PERCENT)
		boxDestroy(&out);
	boxaDestroy(&kept);
	boxaDestroy(&boxes);
	pixaDestroy(&pieces);
	return out;
}

BOX *
paper_find(PIX *picture)
{
	int w = pixGetWidth(picture), h = pixGetHeight(picture), side = w < h ? w : h;
	int by = side / SMALL_SIDE;
	PIX *grey = by < 2 ? NULL : pixConvertTo8(picture, 0);
	PIX *small = grey == NULL ? NULL : pixScaleByIntSampling(grey, by);
	PIX *bright = small == NULL ? NULL : bright_parts(small);
	BOX *box = bright == NULL ? NULL : around(bright);

	if (box != NULL) {
		box->x *= by;
		box->y *= by;
		box->w *= by;
		box->h *= by;
	}
	pixDestroy(&bright);
	pixDestroy(&small);
	pixDestroy(&grey);
	return box;
}

/* The mean of what is outside of the box, as a point of the picture. */
static l_uint32
mean_around(PIX *p, const BOX *box)
{
	uint64_t sum[4] = { 0 }, n = 0;
	l_uint32 mean = 0;

	for (int y = 0; y < pixGetHeight(p); y += STEP)
		for (int x = 0; x < pixGetWidth(p); x += STEP) {
			l_uint32 v = 0;

			if (x >= box->x && x < box->x + box->w && y >= box->y &&
			    y < box->y + box->h)
				continue;
			(void)pixGetPixel(p, x, y, &v);
			for (unsigned c = 0; c < 4; c++)
				sum[c] += v >> 8 * c & 0xFF;
			n++;
		}
	for (unsigned c = 0; c < 4 && n > 0; c++)
		mean |= (l_uint32)(sum[c] / n) << 8 * c;
	return mean;
}

PIX *
paper_taken_off(PIX *picture, const BOX *box)
{
	PIX *out = pixCopy(NULL, picture);
	BOX *b = boxCreate(box->x, box->y, box->w, box->h);

	if (out != NULL && b != NULL)
		(void)pixSetInRectArbitrary(out, b, mean_around(picture, box));
	boxDestroy(&b);
	return out;
}
