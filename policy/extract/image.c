/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/image.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/control.h"
#include "policy/extract/apng.h"
#include "policy/extract/exif.h"
#include "policy/extract/gif.h"
#include "policy/extract/heif.h"
#include "policy/extract/heifbox.h"
#include "policy/extract/ink.h"
#include "policy/extract/ocr.h"
#include "policy/extract/page.h"

enum {
	HALVED_POINTS = 24000000,	/* a photograph of more is read at half its size */
	FRAME_OCTETS_MAX = 100000000	/* of one picture of an animation */
};

/* Points an inch across against downwards: more than rounding, and still believable. */
#define ASPECT_MIN 1.2
#define ASPECT_MAX 4.5

struct image {
	struct slice		     octets;
	const struct extract_limits *limits;
	struct page_work	     work;
	uint32_t		     pictures, files;	/* of a HEIF that were seen */
};

static int
opaque(const struct image *m, uint32_t index, enum extract_why why)
{
	struct extract_piece piece = { .type = EXTRACT_OPAQUE, .why = why, .index = index };

	return m->work.sink(m->work.arg, &piece);
}

/* Look at one page; it is destroyed. NULL: it cannot be read. */
static int
one_page(struct image *m, PIX *p, uint32_t index)
{
	int err;

	if (p == NULL)
		return control_off("picture-broken") ? OK : opaque(m, index, EXTRACT_WHY_BROKEN);
	m->work.index = index;
	m->work.whole = index == 1 && m->limits->ocr_pages > 0;
	err = page_read(p, &m->work);
	if (err == ERR_TIMEOUT && control_off("picture-time"))
		return OK;
	if (err == ERR_TIMEOUT && clock_ms() >= m->work.until_ms)
		return opaque(m, index, EXTRACT_WHY_TIME);
	return err;
}

static PIX *
turned_as_told(PIX *p, unsigned orientation)
{
	static const struct { int quarters; bool mirror; } turns[9] = {
		{ 0, false }, { 0, false }, { 0, true }, { 2, false }, { 2, true },
		{ 3, true }, { 1, false }, { 1, true }, { 3, false },
	};
	PIX *t;

	if (p == NULL || orientation <= 1)
		return p;
	t = pixRotateOrth(p, turns[orientation].quarters);
	pixDestroy(&p);
	return t == NULL || !turns[orientation].mirror ? t : pixFlipLR(t, t);
}

static const l_uint8 *
octets_of(struct slice s)
{
	return (const l_uint8 *)s.p;
}

static int
jpeg(struct image *m, uint64_t points)
{
	l_int32 warnings = 0;
	PIX *p = pixReadMemJpeg(octets_of(m->octets), m->octets.n, 0,
	    points > HALVED_POINTS ? 2 : 1,
	    &warnings, 0);

	return one_page(m, turned_as_told(p, exif_orientation(m->octets)), 1);
}

/* A fax has half as many points an inch downwards as across: make them square. */
static PIX *
squared(PIX *p, uint64_t pixels_max)
{
	int x = p == NULL ? 0 : pixGetXRes(p), y = p == NULL ? 0 : pixGetYRes(p);
	double fx = x > 0 && y > x ? (double)y / x : 1, fy = y > 0 && x > y ? (double)x / y : 1;
	PIX *out;

	if (fx * fy < ASPECT_MIN || fx * fy > ASPECT_MAX ||
	    fx * fy * pixGetWidth(p) * pixGetHeight(p) > (double)pixels_max)
		return p;
	p = ink_plain(p);
	out = p == NULL ? NULL : pixScale(p, (l_float32)fx, (l_float32)fy);
	pixDestroy(&p);
	return out;
}

static int
tiff(struct image *m)
{
	size_t offset = 0;
	uint32_t index = 0;
	int err;

	do {
		PIX *p = pixReadMemFromMultipageTiff(octets_of(m->octets), m->octets.n, &offset);

		err = one_page(m, squared(p, m->limits->pixels_max), ++index);
		if (p == NULL)
			break;
		if (index == IMAGE_PAGES_MAX && offset != 0)
			return opaque(m, 0, EXTRACT_WHY_LIMIT);
	} while (err == OK && offset != 0 && clock_ms() < m->work.until_ms);
	return err == OK && offset != 0 && clock_ms() >= m->work.until_ms ?
	    opaque(m, 0, EXTRACT_WHY_TIME) : err;
}

static int
gif(struct image *m)
{
	struct buf one;
	uint32_t index = 0;
	struct gif g;
	int next, err = gif_open(&g, m->octets);

	buf_init(&one, FRAME_OCTETS_MAX);
	while (err == OK && (next = gif_next(&g, &one)) != 0) {
		if (next == 1 && ++index <= IMAGE_FRAMES_MAX) {
			err = one_page(m, pixReadMemGif(octets_of(buf_slice(&one)), one.n), index);
			continue;
		}
		err = next == 1 ? ERR_LIMIT : next;
	}
	buf_fini(&one);
	if (err == OK && index == 0)
		err = ERR_CORRUPT;
	return err == ERR_CORRUPT ? opaque(m, 0, EXTRACT_WHY_BROKEN) :
	    err == ERR_LIMIT ? opaque(m, 0, EXTRACT_WHY_LIMIT) : err;
}

/* The picture that every program shows, and those that come after it. */
static int
png(struct image *m)
{
	PIX *first = pixReadMem(octets_of(m->octets), m->octets.n);
	int next = 0, err = one_page(m, first, 1), animated;
	uint32_t index = 1;
	struct apng a;
	struct buf one;

	animated = apng_open(&a, m->octets);
	if (animated == ERR_NOENT || err != OK)
		return err;
	buf_init(&one, FRAME_OCTETS_MAX);
	while (animated == OK && err == OK && (next = apng_next(&a, &one)) > 0 &&
	    index < IMAGE_FRAMES_MAX)
		err = one_page(m, pixReadMem(octets_of(buf_slice(&one)), one.n), ++index);
	buf_fini(&one);
	if (err != OK || next == ERR_NOMEM)
		return err != OK ? err : next;
	if (animated != OK || next == ERR_CORRUPT)
		return opaque(m, 0, EXTRACT_WHY_BROKEN);
	return next != 0 ? opaque(m, 0, EXTRACT_WHY_LIMIT) : OK;
}

static int
heif_picture(void *arg, PIX *p, enum extract_why why)
{
	struct image *m = arg;

	m->pictures++;
	return p == NULL && why != EXTRACT_WHY_BROKEN ? opaque(m, m->pictures, why) :
	    one_page(m, p, m->pictures);
}

static int
heif_file(void *arg, struct slice octets)
{
	struct image *m = arg;
	struct extract_piece piece = { .type = EXTRACT_FILE, .index = ++m->files,
	    .octets = octets };

	return octets.n == 0 ? OK : m->work.sink(m->work.arg, &piece);
}

static int
heif(struct image *m)
{
	const struct heif_sink sink = { .picture = heif_picture, .file = heif_file, .arg = m,
		.until_ms = m->work.until_ms, .pixels_max = m->limits->pixels_max };
	int err = heif_run(m->octets, &sink);

	switch (err) {
	case ERR_TIMEOUT:
		return opaque(m, 0, EXTRACT_WHY_TIME);
	case ERR_CORRUPT:
		return opaque(m, 0, EXTRACT_WHY_BROKEN);
	case ERR_LIMIT:
		return opaque(m, 0, EXTRACT_WHY_LIMIT);
	case ERR_ACCESS:
		return opaque(m, 0, EXTRACT_WHY_ENCRYPTED);
	case ERR_UNSUPPORTED:
		return opaque(m, 0, EXTRACT_WHY_TYPE);
	default:
		return err;
	}
}

static int
read_image(struct image *m)
{
	int format = 0, w = 0, h = 0, bits = 0, samples = 0, map = 0;
	uint64_t points;

	if (heifbox_is(m->octets))
		return heif(m);
	if (pixReadHeaderMem(octets_of(m->octets), m->octets.n, &format, &w, &h, &bits, &samples,
	    &map) != 0 || w <= 0 || h <= 0)
		return opaque(m, 0, EXTRACT_WHY_BROKEN);
	points = (uint64_t)w * (uint64_t)h;
	if (points > m->limits->pixels_max && !control_off("picture-size"))
		return opaque(m, 0, EXTRACT_WHY_LIMIT);
	switch (format) {
	case IFF_JFIF_JPEG:
		return jpeg(m, points);
	case IFF_GIF:
		return gif(m);
	case IFF_TIFF: case IFF_TIFF_PACKBITS: case IFF_TIFF_RLE: case IFF_TIFF_G3:
	case IFF_TIFF_G4: case IFF_TIFF_LZW: case IFF_TIFF_ZIP: case IFF_TIFF_JPEG:
		return tiff(m);
	case IFF_PNG:
		return png(m);
	case IFF_BMP: case IFF_WEBP: case IFF_JP2:
		return one_page(m, pixReadMem(octets_of(m->octets), m->octets.n), 1);
	default:
		return opaque(m, 0, EXTRACT_WHY_TYPE);
	}
}

int
image_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct image m = { .octets = octets, .limits = limits, .work = { .sink = sink, .arg = arg,
		.until_ms = clock_ms() + limits->ocr_ms } };

	if (!limits->ocr || !ocr_ready())
		return opaque(&m, 0, EXTRACT_WHY_TYPE);
	return read_image(&m);
}
