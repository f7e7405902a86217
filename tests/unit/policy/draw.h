/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/draw.h: pictures of stamps for tests, drawn stroke by stroke, so that they are
 * the same whatever fonts there are.
 */
#ifndef TESTS_POLICY_DRAW_H
#define TESTS_POLICY_DRAW_H

#include "common/buf.h"

#include <allheaders.h>

/* A letter: strokes "x0 y0 x1 y1" in hundredths of its height, y downwards; capitals are 0 to 100,
 * marks above them are negative. */
struct draw_letter {
	char	    name;
	int	    width;
	signed char stroke[12][4];
	unsigned    strokes;
};

static const struct draw_letter draw_letters[] = {
	{ 'A', 80, { { 0, 100, 40, 0 }, { 40, 0, 80, 100 }, { 16, 66, 64, 66 } }, 3 },
	{ 'B', 65, { { 0, 0, 0, 100 }, { 0, 0, 50, 4 }, { 50, 4, 52, 44 }, { 0, 48, 52, 48 },
	    { 52, 48, 62, 60 }, { 62, 60, 58, 96 }, { 0, 100, 58, 96 } }, 7 },
	{ 'E', 58, { { 0, 0, 0, 100 }, { 0, 0, 58, 0 }, { 0, 48, 50, 48 }, { 0, 100, 58, 100 } },
	    4 },
	{ 'H', 70, { { 0, 0, 0, 100 }, { 70, 0, 70, 100 }, { 0, 48, 70, 48 } }, 3 },
	{ 'I', 8, { { 4, 0, 4, 100 } }, 1 },
	{ 'K', 68, { { 0, 0, 0, 100 }, { 0, 55, 60, 0 }, { 20, 42, 68, 100 } }, 3 },
	{ 'M', 90, { { 0, 100, 0, 0 }, { 0, 0, 45, 80 }, { 45, 80, 90, 0 }, { 90, 0, 90, 100 } },
	    4 },
	{ 'N', 72, { { 0, 100, 0, 0 }, { 0, 0, 72, 100 }, { 72, 100, 72, 0 } }, 3 },
	{ 'O', 84, { { 26, 0, 58, 0 }, { 58, 0, 84, 28 }, { 84, 28, 84, 72 }, { 84, 72, 58, 100 },
	    { 58, 100, 26, 100 }, { 26, 100, 0, 72 }, { 0, 72, 0, 28 }, { 0, 28, 26, 0 } }, 8 },
	{ 'R', 66, { { 0, 0, 0, 100 }, { 0, 0, 50, 2 }, { 50, 2, 56, 44 }, { 0, 50, 56, 44 },
	    { 30, 50, 66, 100 } }, 5 },
	{ 'T', 76, { { 0, 0, 76, 0 }, { 38, 0, 38, 100 } }, 2 },
	{ 'U', 70, { { 0, 0, 0, 74 }, { 0, 74, 20, 100 }, { 20, 100, 50, 100 }, { 50, 100, 70, 74 },
	    { 70, 74, 70, 0 } }, 5 },
	{ 'Y', 76, { { 0, 0, 38, 50 }, { 76, 0, 38, 50 }, { 38, 50, 38, 100 } }, 3 },
};

struct drawing {
	PIX    *pix;		/* 32 bits */
	double	size;		/* height of capitals */
	int	thick;
	l_uint8 r, g, b;
};

static void
draw_line(const struct drawing *d, double x0, double y0, double x1, double y1)
{
	(void)pixRenderLineArb(d->pix, (int)x0, (int)y0, (int)x1, (int)y1, d->thick, d->r, d->g,
	    d->b);
}

/* One letter at x, its foot at y; how far it goes on. */
static double
draw_letter(const struct drawing *d, char name, double x, double y)
{
	double s = d->size / 100, width = 0;

	for (size_t i = 0; i < ARRAY_LEN(draw_letters); i++) {
		const struct draw_letter *l = &draw_letters[i];

		if (l->name != name)
			continue;
		for (unsigned k = 0; k < l->strokes; k++)
			draw_line(d, x + s * l->stroke[k][0], y + s * (l->stroke[k][1] - 100),
			    x + s * l->stroke[k][2], y + s * (l->stroke[k][3] - 100));
		width = l->width;
	}
	return s * (width + 26);
}

/* A mark at the letter whose middle is x, its foot at y: ^ above, . below, ' above and to the
 * right, ~ a breve. */
static void
draw_mark(const struct drawing *d, char mark, double x, double y)
{
	double s = d->size / 100, top = y - 100 * s;

	switch (mark) {
	case '^':
		draw_line(d, x - 20 * s, top - 14 * s, x, top - 32 * s);
		draw_line(d, x, top - 32 * s, x + 20 * s, top - 14 * s);
		break;
	case '~':
		draw_line(d, x - 18 * s, top - 32 * s, x - 8 * s, top - 16 * s);
		draw_line(d, x - 8 * s, top - 16 * s, x + 8 * s, top - 16 * s);
		draw_line(d, x + 8 * s, top - 16 * s, x + 18 * s, top - 32 * s);
		break;
	case '\'':
		draw_line(d, x + 14 * s, top - 34 * s, x + 28 * s, top - 54 * s);
		break;
	case '.':
		draw_line(d, x - 3 * s, y + 20 * s, x + 3 * s, y + 20 * s);
		break;
	default:
		break;
	}
}

/* Words such as "TO^'I MA^.T": marks stand behind their letter. Where it ended. */
static double
draw_text(const struct drawing *d, const char *text, double x, double y)
{
	double from = x;

	for (; *text != '\0'; text++) {
		if (*text == ' ') {
			x += d->size * 0.45;
		} else if (*text >= 'A' && *text <= 'Z') {
			from = x;
			x += draw_letter(d, *text, x, y);
		} else {
			draw_mark(d, *text, (from + x - 0.26 * d->size) / 2, y);
		}
	}
	return x;
}

static void
draw_frame(const struct drawing *d, double x, double y, double w, double h)
{
	draw_line(d, x, y, x + w, y);
	draw_line(d, x, y + h, x + w, y + h);
	draw_line(d, x, y, x, y + h);
	draw_line(d, x + w, y, x + w, y + h);
}

/* A page of w x h points with a stamp at x, y; frames: how many. */
static PIX *
draw_stamp(int w, int h, const char *text, unsigned colour, int frames, double x, double y,
    double size)
{
	struct drawing d = { pixCreate(w, h, 32), size, (int)(size / 7) + 1,
		(l_uint8)(colour >> 16), (l_uint8)(colour >> 8), (l_uint8)colour };
	double end;

	(void)pixSetAll(d.pix);
	end = draw_text(&d, text, x + size, y + 2 * size);
	d.thick = (int)(size / 12) + 1;
	for (int i = 0; i < frames; i++)
		draw_frame(&d, x - i * size / 4, y - i * size / 4,
		    end - x + size * 0.7 + i * size / 2, 3 * size + i * size / 2);
	return d.pix;
}

/* The file that a picture makes; both are freed. */
static inline void
draw_file(PIX *p, int format, struct buf *out)
{
	l_uint8 *octets = NULL;
	size_t n = 0;

	buf_clear(out);
	if (pixWriteMem(&octets, &n, p, format) == 0)
		buf_add(out, (struct slice){ (const char *)octets, n });
	lept_free(octets);
	pixDestroy(&p);
}

#endif
