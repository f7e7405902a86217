/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/heifmake.h: HEIC and AVIF files of drawn pictures, made by the encoders of
 * libheif.
 */
#ifndef TESTS_POLICY_HEIFMAKE_H
#define TESTS_POLICY_HEIFMAKE_H

#include "common/buf.h"

#include <allheaders.h>
#include <libheif/heif.h>
#include <string.h>

struct heifmake {
	struct heif_context *context;
	struct heif_encoder *encoder;
};

static void
heif_good(struct heif_error e)
{
	if (e.code != heif_error_Ok)
		fail_msg("libheif: %s", e.message);
}

static void
heif_begin(struct heifmake *m, enum heif_compression_format format)
{
	m->context = heif_context_alloc();
	heif_good(heif_context_get_encoder_for_format(m->context, format, &m->encoder));
	heif_good(heif_encoder_set_lossy_quality(m->encoder, 90));
}

/* The points of a picture, which is freed. */
static struct heif_image *
heif_points(PIX *p)
{
	int w = pixGetWidth(p), h = pixGetHeight(p), step = 0;
	struct heif_image *image = NULL;
	uint8_t *to;

	heif_good(heif_image_create(w, h, heif_colorspace_RGB, heif_chroma_interleaved_RGB,
	    &image));
	heif_good(heif_image_add_plane(image, heif_channel_interleaved, w, h, 24));
	to = heif_image_get_plane(image, heif_channel_interleaved, &step);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			l_uint32 v = pixGetData(p)[y * pixGetWpl(p) + x];

			for (int c = 0; c < 3; c++)
				to[y * step + 3 * x + c] = (uint8_t)(v >> (24 - 8 * c));
		}
	pixDestroy(&p);
	return image;
}

/* Add a picture of 32 bits, which is freed; the first is the primary one. */
static struct heif_image_handle *
heif_add(struct heifmake *m, PIX *p, enum heif_orientation turned)
{
	struct heif_encoding_options *how = heif_encoding_options_alloc();
	struct heif_image *image = heif_points(p);
	struct heif_image_handle *out = NULL;

	how->image_orientation = turned;
	heif_good(heif_context_encode_image(m->context, image, m->encoder, how, &out));
	heif_image_release(image);
	heif_encoding_options_free(how);
	return out;
}

/* A thumbnail that need not show what its picture does. */
static void
heif_thumbnail(struct heifmake *m, PIX *p, const struct heif_image_handle *of)
{
	struct heif_image *image = heif_points(p);
	struct heif_image_handle *out = NULL;

	heif_good(heif_context_encode_thumbnail(m->context, image, of, m->encoder, NULL, 300,
	    &out));
	heif_image_release(image);
	heif_image_handle_release(out);
}

static struct heif_error
heif_take(struct heif_context *c, const void *data, size_t n, void *arg)
{
	(void)c;
	buf_add(arg, (struct slice){ data, n });
	return (struct heif_error){ heif_error_Ok, heif_suberror_Unspecified, "" };
}

static void
heif_end(struct heifmake *m, struct buf *out)
{
	struct heif_writer writer = { .writer_api_version = 1, .write = heif_take };

	buf_clear(out);
	heif_good(heif_context_write(m->context, &writer, out));
	heif_encoder_release(m->encoder);
	heif_context_free(m->context);
}

#endif
