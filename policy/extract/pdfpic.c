/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/pdfpic.h"

#include <math.h>

#include <cairo.h>

#include "policy/extract/page.h"

enum {
	LOOK_DPI = 36,			/* to see whether a page shows anything */
	LOOK_POINTS_MAX = 4000,		/* each way */
	INK = 0xF0,			/* darker is ink */
	DRAWN_POINTS_MIN = 24
};

struct canvas {
	cairo_surface_t *surface;
	unsigned char	*data;
	int		 w, h, stride;
};

static void
canvas_fini(struct canvas *c)
{
	if (c->surface != NULL)
		cairo_surface_destroy(c->surface);
	c->surface = NULL;
}

/* Draw the page; false: it cannot be. */
static bool
draw(PopplerPage *page, double scale, struct canvas *out)
{
	double w, h;
	cairo_t *cr;
	bool good;

	*out = (struct canvas){ .surface = NULL };
	poppler_page_get_size(page, &w, &h);
	if (!(w > 0 && h > 0 && w * scale < 30000 && h * scale < 30000))
		return false;
	out->w = (int)ceil(w * scale);
	out->h = (int)ceil(h * scale);
	out->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, out->w, out->h);
	cr = cairo_create(out->surface);
	cairo_set_source_rgb(cr, 1, 1, 1);
	cairo_paint(cr);
	cairo_scale(cr, scale, scale);
	poppler_page_render(page, cr);
	cairo_surface_flush(out->surface);
	good = cairo_status(cr) == CAIRO_STATUS_SUCCESS;
	cairo_destroy(cr);
	out->data = cairo_image_surface_get_data(out->surface);
	out->stride = cairo_image_surface_get_stride(out->surface);
	if (good && out->data != NULL)
		return true;
	canvas_fini(out);
	return false;
}

/* Make a part of the page white; in its own measures. */
static void
wipe(struct canvas *c, const PopplerRectangle *r, double scale)
{
	int x0 = (int)floor(r->x1 * scale) - 1, x1 = (int)ceil(r->x2 * scale) + 1;
	int y0 = (int)floor(r->y1 * scale) - 1, y1 = (int)ceil(r->y2 * scale) + 1;

	for (int y = y0 < 0 ? 0 : y0; y < y1 && y < c->h; y++)
		for (int x = x0 < 0 ? 0 : x0; x < x1 && x < c->w; x++)
			for (int k = 0; k < 3; k++)
				c->data[y * c->stride + 4 * x + k] = 0xFF;
}

static unsigned
ink_points(const struct canvas *c)
{
	unsigned n = 0;

	for (int y = 0; y < c->h; y++)
		for (int x = 0; x < c->w; x++) {
			const unsigned char *p = c->data + y * c->stride + 4 * x;

			n += p[0] < INK || p[1] < INK || p[2] < INK;
		}
	return n;
}

static bool
draw_small(PopplerPage *page, double *scale_out, struct canvas *out)
{
	double w, h;

	poppler_page_get_size(page, &w, &h);
	*scale_out = LOOK_DPI / 72.0;
	return w * *scale_out < LOOK_POINTS_MAX && h * *scale_out < LOOK_POINTS_MAX &&
	    draw(page, *scale_out, out);
}

bool
pdfpic_shows_something(PopplerPage *page)
{
	struct canvas c = { .surface = NULL };
	double scale;
	bool any = !draw_small(page, &scale, &c) || ink_points(&c) > 0;

	canvas_fini(&c);
	return any;
}

/* Where its pictures are. */
static void
wipe_pictures(PopplerPage *page, struct canvas *c, double scale)
{
	GList *list = poppler_page_get_image_mapping(page);

	for (GList *i = list; i != NULL; i = i->next)
		wipe(c, &((PopplerImageMapping *)i->data)->area, scale);
	poppler_page_free_image_mapping(list);
}

/* Is there ink that neither its letters nor its pictures explain? */
static bool
has_drawings(PopplerPage *page)
{
	struct canvas c = { .surface = NULL };
	PopplerRectangle *r = NULL;
	double scale;
	guint n = 0;
	bool has = true;

	if (draw_small(page, &scale, &c)) {
		if (poppler_page_get_text_layout(page, &r, &n))
			for (guint i = 0; i < n; i++)
				wipe(&c, &r[i], scale);
		g_free(r);
		wipe_pictures(page, &c, scale);
		has = ink_points(&c) >= DRAWN_POINTS_MIN;
	}
	canvas_fini(&c);
	return has;
}

void
pdfpic_look(PopplerPage *page, bool drawn, struct pdfpic_look *out)
{
	GList *list = poppler_page_get_image_mapping(page);
	double w, h, area = 0;

	poppler_page_get_size(page, &w, &h);
	for (GList *i = list; i != NULL; i = i->next) {
		const PopplerRectangle *r = &((PopplerImageMapping *)i->data)->area;

		area += fabs((r->x2 - r->x1) * (r->y2 - r->y1));
	}
	*out = (struct pdfpic_look){ .pictures = list != NULL };
	out->picture_percent = !(w * h > 0) || area > w * h ? 100 :
	    (unsigned)(area * 100 / (w * h));
	poppler_page_free_image_mapping(list);
	out->drawings = drawn && has_drawings(page);
}

/* Leptonica's picture of a canvas. */
static PIX *
picture_of(const struct canvas *c)
{
	PIX *p = pixCreate(c->w, c->h, 32);

	for (int y = 0; y < c->h && p != NULL; y++) {
		l_uint32 *line = pixGetData(p) + (ptrdiff_t)y * pixGetWpl(p);

		for (int x = 0; x < c->w; x++) {
			const unsigned char *s = c->data + y * c->stride + 4 * x;

			line[x] = (l_uint32)s[2] << 24 | (l_uint32)s[1] << 16 | (l_uint32)s[0] << 8;
		}
	}
	return p;
}

/* White but for the pictures of the page. */
static PIX *
only_pictures(PopplerPage *page, PIX *all, double scale)
{
	PIX *out = all == NULL ? NULL : pixCreateTemplate(all);
	GList *list = out == NULL ? NULL : poppler_page_get_image_mapping(page);

	if (out != NULL)
		(void)pixSetAll(out);
	for (GList *i = list; i != NULL; i = i->next) {
		const PopplerRectangle *r = &((PopplerImageMapping *)i->data)->area;
		int x = (int)floor(r->x1 * scale) - 2, y = (int)floor(r->y1 * scale) - 2;

		(void)pixRasterop(out, x, y, (int)ceil(r->x2 * scale) + 2 - x,
		    (int)ceil(r->y2 * scale) + 2 - y, PIX_SRC, all, x, y);
	}
	poppler_page_free_image_mapping(list);
	pixDestroy(&all);
	return out;
}

PIX *
pdfpic_render(PopplerPage *page, unsigned dpi, bool pictures_only)
{
	struct canvas c = { .surface = NULL };
	double w, h, scale = dpi / 72.0;
	PIX *p = NULL;

	poppler_page_get_size(page, &w, &h);
	if (w * scale * h * scale > PAGE_POINTS_MAX)
		scale = sqrt(PAGE_POINTS_MAX / (w * h));
	if (draw(page, scale, &c))
		p = picture_of(&c);
	canvas_fini(&c);
	return p != NULL && pictures_only ? only_pictures(page, p, scale) : p;
}
