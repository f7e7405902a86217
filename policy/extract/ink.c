/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ink.h"

#include <stdlib.h>

enum {
	TILE = 32,		/* points each way that share a paper colour */
	SHADES = 64,
	PAPER_PERCENT = 75,	/* so many of a tile's points are no lighter than paper */
	PAPER_MIN = 50,		/* darker than this is no paper */
	RED_MIN = 28,		/* less is noise */
	RED_POINTS_MIN = 40,
	PRINT = 110		/* as dark as printed letters */
};

PIX *
ink_plain(PIX *p)
{
	PIX *next = NULL;

	if (p == NULL)
		return NULL;
	if (pixGetColormap(p) != NULL)
		next = pixRemoveColormap(p, REMOVE_CMAP_WITH_ALPHA);
	else if (pixGetDepth(p) == 16)
		next = pixConvert16To8(p, L_MS_BYTE);
	else if (pixGetDepth(p) < 8)
		next = pixConvertTo8(p, 0);
	if (next != NULL) {
		pixDestroy(&p);
		p = next;
	}
	if (p != NULL && pixGetDepth(p) == 32 && pixGetSpp(p) == 4) {
		next = pixAlphaBlendUniform(p, 0xFFFFFF00);
		pixDestroy(&p);
		p = next;
	}
	if (p != NULL && pixGetDepth(p) != 8 && pixGetDepth(p) != 32)
		pixDestroy(&p);
	return p;
}

/* The shade that PAPER_PERCENT of n points do not surpass. */
static unsigned
paper_shade(const unsigned counts[SHADES], unsigned n)
{
	unsigned seen = 0, i = 0;

	while (i < SHADES - 1 && (seen += counts[i]) * 100 < n * PAPER_PERCENT)
		i++;
	i = i * (256 / SHADES) + 256 / SHADES - 1;
	return i < PAPER_MIN ? PAPER_MIN : i;
}

/* The paper of one tile, as a point of 32 bits. */
static l_uint32
tile_paper(PIX *p, unsigned x0, unsigned y0)
{
	unsigned counts[3][SHADES] = { 0 }, n = 0;
	unsigned w = (unsigned)pixGetWidth(p), h = (unsigned)pixGetHeight(p);
	bool grey = pixGetDepth(p) == 8;

	for (unsigned y = y0; y < h && y < y0 + TILE; y += 2) {
		l_uint32 *line = pixGetData(p) + (size_t)y * (unsigned)pixGetWpl(p);

		for (unsigned x = x0; x < w && x < x0 + TILE; x++, n++) {
			if (grey) {
				counts[0][GET_DATA_BYTE(line, x) * SHADES / 256]++;
				continue;
			}
			for (unsigned c = 0; c < 3; c++)
				counts[c][(line[x] >> (24 - 8 * c) & 0xFF) * SHADES / 256]++;
		}
	}
	for (unsigned c = grey ? 1 : 3; c < 3; c++)
		for (unsigned i = 0; i < SHADES; i++)
			counts[c][i] = counts[0][i];
	return (l_uint32)paper_shade(counts[0], n) << 24 |
	    (l_uint32)paper_shade(counts[1], n) << 16 | (l_uint32)paper_shade(counts[2], n) << 8;
}

/* The colour of the paper at each point, 32 bits. */
static PIX *
paper_of(PIX *p)
{
	unsigned w = (unsigned)pixGetWidth(p), h = (unsigned)pixGetHeight(p);
	unsigned tw = (w + TILE - 1) / TILE, th = (h + TILE - 1) / TILE;
	PIX *map = pixCreate((int)tw, (int)th, 32), *wide, *smooth, *full;

	if (map == NULL)
		return NULL;
	for (unsigned y = 0; y < th; y++)
		for (unsigned x = 0; x < tw; x++)
			pixGetData(map)[(size_t)y * (unsigned)pixGetWpl(map) + x] =
			    tile_paper(p, x * TILE, y * TILE);
	/* A tile full of ink has the paper of its neighbours. */
	wide = pixColorMorph(map, L_MORPH_DILATE, 3, 3);
	smooth = wide == NULL ? NULL : pixBlockconv(wide, 1, 1);
	full = smooth == NULL ? NULL : pixScaleToSize(smooth, (int)w, (int)h);
	pixDestroy(&map);
	pixDestroy(&wide);
	pixDestroy(&smooth);
	return full;
}

static unsigned
against(unsigned shade, unsigned paper)
{
	unsigned v = shade * 255 / (paper == 0 ? 1 : paper);

	return v > 255 ? 255 : v;
}

/* One point of 32 bits against its paper: how dark, and how red. */
static void
one_point(l_uint32 point, l_uint32 paper, unsigned *dark_out, unsigned *red_out)
{
	unsigned r = against(point >> 24, paper >> 24);
	unsigned g = against(point >> 16 & 0xFF, paper >> 16 & 0xFF);
	unsigned b = against(point >> 8 & 0xFF, paper >> 8 & 0xFF);
	unsigned most = g > b ? g : b, least = g < b ? g : b;

	*dark_out = r < least ? r : least;
	*red_out = r > most && r - most >= RED_MIN ? r - most : 0;
}

static unsigned
fill_line(const l_uint32 *line, const l_uint32 *paper, l_uint32 *grey, l_uint32 *red, unsigned w,
    bool colour)
{
	unsigned n = 0;

	for (unsigned x = 0; x < w; x++) {
		unsigned d, r = 0;

		if (colour)
			one_point(line[x], paper[x], &d, &r);
		else
			d = against(GET_DATA_BYTE(line, x), paper[x] >> 24);
		SET_DATA_BYTE(grey, x, (l_uint8)d);
		if (colour)
			SET_DATA_BYTE(red, x, (l_uint8)r);
		n += r > 0;
	}
	return n;
}

static void
fill(PIX *p, PIX *paper, struct ink *out)
{
	unsigned w = (unsigned)pixGetWidth(p), h = (unsigned)pixGetHeight(p), n = 0;
	bool colour = pixGetDepth(p) == 32;

	for (unsigned y = 0; y < h; y++)
		n += fill_line(pixGetData(p) + (size_t)y * (unsigned)pixGetWpl(p),
		    pixGetData(paper) + (size_t)y * (unsigned)pixGetWpl(paper),
		    pixGetData(out->grey) + (size_t)y * (unsigned)pixGetWpl(out->grey),
		    colour ? pixGetData(out->red) + (size_t)y * (unsigned)pixGetWpl(out->red) :
		    NULL,
		    w, colour);
	if (n < RED_POINTS_MIN)
		pixDestroy(&out->red);
}

int
ink_part(struct ink *ink)
{
	PIX *print = pixThresholdToBinary(ink->grey, PRINT), *wide;
	int err = OK;

	wide = print == NULL ? NULL : pixDilateBrick(NULL, print, 3, 3);
	ink->faint = wide == NULL ? NULL : pixCopy(NULL, ink->grey);
	if (ink->faint == NULL || pixSetMasked(ink->faint, wide, 255) != 0)
		err = ERR_NOMEM;
	pixDestroy(&print);
	pixDestroy(&wide);
	return err;
}

int
ink_take(PIX *p, struct ink *out)
{
	PIX *paper;

	*out = (struct ink){ .grey = NULL };
	paper = paper_of(p);
	out->grey = pixCreate(pixGetWidth(p), pixGetHeight(p), 8);
	if (pixGetDepth(p) == 32)
		out->red = pixCreate(pixGetWidth(p), pixGetHeight(p), 8);
	if (paper == NULL || out->grey == NULL || (pixGetDepth(p) == 32 && out->red == NULL)) {
		pixDestroy(&paper);
		return ERR_NOMEM;
	}
	fill(p, paper, out);
	pixDestroy(&paper);
	out->sheet = pixClone(out->grey);
	return OK;
}

void
ink_free(struct ink *ink)
{
	pixDestroy(&ink->sheet);
	pixDestroy(&ink->rest);
	pixDestroy(&ink->grey);
	pixDestroy(&ink->red);
	pixDestroy(&ink->faint);
}
