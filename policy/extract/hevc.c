/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/hevc.h"

#include <libde265/de265.h>
#include <libheif/heif.h>
#include <libheif/heif_plugin.h>
#include <string.h>

enum { PLUGIN_VERSION = 3, PRIORITY = 1000, LENGTH_OCTETS = 4 };

static const struct heif_error fine = { heif_error_Ok, heif_suberror_Unspecified, "" };
static const struct heif_error broken = { heif_error_Decoder_plugin_error,
	heif_suberror_Unspecified, "broken" };
static const struct heif_error no_memory = { heif_error_Memory_allocation_error,
	heif_suberror_Unspecified, "no memory" };

static const char *
plugin_name(void)
{
	return "HEVC without threads";
}

static void
nothing(void)
{
}

static int
supports(enum heif_compression_format format)
{
	return format == heif_compression_HEVC ? PRIORITY : 0;
}

static struct heif_error
new_decoder(void **out)
{
	*out = de265_new_decoder();
	return *out == NULL ? no_memory : fine;
}

static void
free_decoder(void *decoder)
{
	(void)de265_free_decoder(decoder);
}

/* Always strict. */
static void
set_strict(void *decoder, int strict)
{
	(void)decoder;
	(void)strict;
}

/* Units with their lengths before them. */
static struct heif_error
push_data(void *decoder, const void *data, size_t size)
{
	struct slice s = { data, size };

	while (s.n > 0) {
		size_t n = 0;

		for (size_t i = 0; i < LENGTH_OCTETS && i < s.n; i++)
			n = n << 8 | (unsigned char)s.p[i];
		s = slice_from(s, LENGTH_OCTETS);
		if (n > s.n || n > INT32_MAX ||
		    de265_push_NAL(decoder, s.p, (int)n, 0, NULL) != DE265_OK)
			return broken;
		s = slice_from(s, n);
	}
	return fine;
}

static bool
copy_plane(const struct de265_image *from, int channel, struct heif_image *to)
{
	static const enum heif_channel channels[] = { heif_channel_Y, heif_channel_Cb,
	    heif_channel_Cr };
	int w = de265_get_image_width(from, channel), h = de265_get_image_height(from, channel);
	int bits = de265_get_bits_per_pixel(from, channel), from_step = 0, to_step = 0;
	const uint8_t *src = de265_get_image_plane(from, channel, &from_step);
	uint8_t *dst;

	if (src == NULL || w <= 0 || h <= 0 ||
	    heif_image_add_plane(to, channels[channel], w, h, bits).code != heif_error_Ok)
		return false;
	dst = heif_image_get_plane(to, channels[channel], &to_step);
	for (int y = 0; y < h && dst != NULL; y++)
		memcpy(dst + (ptrdiff_t)y * to_step, src + (ptrdiff_t)y * from_step,
		    (size_t)w * (unsigned)((bits + 7) / 8));
	return dst != NULL;
}

/* How its shades stand for colours. */
static void
copy_profile(const struct de265_image *from, struct heif_image *to)
{
	struct heif_color_profile_nclx *p = heif_nclx_color_profile_alloc();

	if (p == NULL)
		return;
	(void)heif_nclx_color_profile_set_matrix_coefficients(p,
	    (uint16_t)de265_get_image_matrix_coefficients(from));
	p->full_range_flag = (uint8_t)de265_get_image_full_range_flag(from);
	(void)heif_image_set_nclx_color_profile(to, p);
	heif_nclx_color_profile_free(p);
}

static struct heif_error
copy_image(const struct de265_image *from, struct heif_image **out)
{
	static const enum heif_chroma chromas[] = { heif_chroma_monochrome, heif_chroma_420,
	    heif_chroma_422, heif_chroma_444 };
	enum de265_chroma chroma = de265_get_chroma_format(from);
	bool grey = chroma == de265_chroma_mono, whole = true;
	struct heif_image *image = NULL;

	if ((unsigned)chroma >= ARRAY_LEN(chromas) ||
	    heif_image_create(de265_get_image_width(from, 0), de265_get_image_height(from, 0),
	    grey ? heif_colorspace_monochrome : heif_colorspace_YCbCr, chromas[chroma],
	    &image).code != heif_error_Ok)
		return broken;
	for (int c = 0; c < (grey ? 1 : 3) && whole; c++)
		whole = copy_plane(from, c, image);
	if (!whole) {
		heif_image_release(image);
		return no_memory;
	}
	copy_profile(from, image);
	*out = image;
	return fine;
}

/* One picture, and without a complaint. */
static struct heif_error
decode_image(void *decoder, struct heif_image **out)
{
	struct heif_error err = fine;
	struct heif_image *image = NULL;
	int more = 1;

	*out = NULL;
	if (de265_flush_data(decoder) != DE265_OK)
		return broken;
	while (more != 0 && err.code == heif_error_Ok) {
		const struct de265_image *p;

		more = 0;
		if (de265_decode(decoder, &more) != DE265_OK)
			err = broken;
		p = err.code == heif_error_Ok ? de265_get_next_picture(decoder) : NULL;
		if (p != NULL)
			err = image != NULL ? broken : copy_image(p, &image);
	}
	if (err.code == heif_error_Ok &&
	    (image == NULL || de265_get_warning(decoder) != DE265_OK))
		err = broken;
	if (err.code == heif_error_Ok)
		*out = image;
	else if (image != NULL)
		heif_image_release(image);
	return err;
}

static const struct heif_decoder_plugin plugin = {
	.plugin_api_version = PLUGIN_VERSION,
	.get_plugin_name = plugin_name,
	.init_plugin = nothing,
	.deinit_plugin = nothing,
	.does_support_format = supports,
	.new_decoder = new_decoder,
	.free_decoder = free_decoder,
	.push_data = push_data,
	.decode_image = decode_image,
	.set_strict_decoding = set_strict,
	.id_name = "congvu",
};

bool
hevc_start(void)
{
	return heif_register_decoder_plugin(&plugin).code == heif_error_Ok;
}
