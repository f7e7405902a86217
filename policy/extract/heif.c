/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/heif.h"

#include <libheif/heif.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/control.h"
#include "policy/extract/heifbox.h"
#include "policy/extract/hevc.h"

enum {
	HALVED_POINTS = 24000000,	/* a photograph of more is read at half its size */
	NOTES_MAX = 64,			/* what is written about one picture */
	CUT_PERCENT = 110		/* of what is shown: so much more is a picture of its own */
};

/* The decoder of AV1 that starts no threads. */
static const char av1_decoder[] = "aom";

struct heif {
	const struct heif_sink	     *sink;
	struct heif_context	     *context;
	struct heif_decoding_options *how;
	struct heifbox		      box;
	unsigned		      pictures;
};

void
heif_start(void)
{
	(void)heif_init(NULL);
	(void)hevc_start();
}

static enum extract_why
why_of(struct heif_error e)
{
	if (e.subcode == heif_suberror_Security_limit_exceeded)
		return EXTRACT_WHY_LIMIT;
	return e.code == heif_error_Unsupported_feature ||
	    e.code == heif_error_Unsupported_filetype ? EXTRACT_WHY_TYPE : EXTRACT_WHY_BROKEN;
}

/* ---- points ---- */

struct points {
	const uint8_t *p;
	ptrdiff_t      step;	/* from a row to the next */
	unsigned       octets;	/* a point: 3, or 4 with how much it covers white paper */
	unsigned       by;	/* so many each way become one */
};

static l_uint32
one_point(const struct points *from, unsigned x, unsigned y)
{
	unsigned sum[3] = { 0, 0, 0 }, n = from->by * from->by;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = from->p + (ptrdiff_t)(y * from->by + i / from->by) * from->step +
		    (ptrdiff_t)(x * from->by + i % from->by) * from->octets;
		unsigned covers = from->octets == 4 ? p[3] : 255;

		for (unsigned c = 0; c < 3; c++)
			sum[c] += (p[c] * covers + 255 * (255 - covers)) / 255;
	}
	return sum[0] / n << 24 | sum[1] / n << 16 | sum[2] / n << 8;
}

/* How many points each way are to become one. */
static unsigned
shrink(uint64_t points, bool small)
{
	unsigned by = points > HALVED_POINTS ? 2 : 1;

	while (small && points / ((uint64_t)by * by) > HEIF_SMALL_POINTS)
		by++;
	return by;
}

static PIX *
pix_of(const struct heif_image *image, bool covers, bool small)
{
	int w = heif_image_get_width(image, heif_channel_interleaved);
	int h = heif_image_get_height(image, heif_channel_interleaved), step = 0;
	struct points from = { .octets = covers ? 4 : 3 };
	PIX *p;

	from.p = heif_image_get_plane_readonly(image, heif_channel_interleaved, &step);
	if (from.p == NULL || w <= 0 || h <= 0)
		return NULL;
	from.step = step;
	from.by = shrink((uint64_t)w * (uint64_t)h, small);
	if ((unsigned)w < from.by || (unsigned)h < from.by)
		from.by = 1;
	p = pixCreate(w / (int)from.by, h / (int)from.by, 32);
	for (int y = 0; p != NULL && y < pixGetHeight(p); y++) {
		l_uint32 *line = pixGetData(p) + (ptrdiff_t)y * pixGetWpl(p);

		for (int x = 0; x < pixGetWidth(p); x++)
			line[x] = one_point(&from, (unsigned)x, (unsigned)y);
	}
	return p;
}

/* ---- pictures ---- */

static int
give(struct heif *h, const struct heif_image_handle *picture, bool small, bool uncut)
{
	bool covers = heif_image_handle_has_alpha_channel(picture) != 0;
	struct heif_image *image = NULL;
	struct heif_error e;
	PIX *p = NULL;

	if (clock_ms() >= h->sink->until_ms)
		return ERR_TIMEOUT;
	if (++h->pictures > HEIF_PICTURES_MAX)
		return ERR_LIMIT;
	h->how->ignore_transformations = uncut;
	e = heif_decode_image(picture, &image, heif_colorspace_RGB,
	    covers ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, h->how);
	if (e.code == heif_error_Ok)
		p = pix_of(image, covers, small);
	if (image != NULL)
		heif_image_release(image);
	return h->sink->picture(h->sink->arg, p, p != NULL ? EXTRACT_WHY_NONE : why_of(e));
}

static uint64_t
points_of(int w, int h)
{
	return w <= 0 || h <= 0 ? 0 : (uint64_t)w * (uint64_t)h;
}

/* One picture, and all of it when it shows less. */
static int
give_all(struct heif *h, const struct heif_image_handle *picture, bool small)
{
	uint64_t shown = points_of(heif_image_handle_get_width(picture),
	    heif_image_handle_get_height(picture));
	uint64_t all = points_of(heif_image_handle_get_ispe_width(picture),
	    heif_image_handle_get_ispe_height(picture));
	int err;

	if ((shown > h->sink->pixels_max || all > h->sink->pixels_max) &&
	    !control_off("picture-size"))
		return h->sink->picture(h->sink->arg, NULL, EXTRACT_WHY_LIMIT);
	err = give(h, picture, small, false);
	if (err == OK && all > shown / 100 * CUT_PERCENT)
		err = give(h, picture, small, true);
	return err;
}

/* What is written about a picture. */
static int
give_notes(struct heif *h, const struct heif_image_handle *picture)
{
	heif_item_id id[NOTES_MAX];
	int n = heif_image_handle_get_list_of_metadata_block_IDs(picture, NULL, id, NOTES_MAX);
	int err = OK;

	for (int i = 0; i < n && err == OK; i++) {
		size_t octets = heif_image_handle_get_metadata_size(picture, id[i]);
		const char *type = heif_image_handle_get_metadata_type(picture, id[i]);
		char *p;

		if (type != NULL && strcmp(type, "Exif") == 0 && octets <= HEIFBOX_UNREAD_MAX) {
			heifbox_see(&h->box, id[i]);
			continue;
		}
		p = malloc(octets + 1);
		if (p == NULL)
			return ERR_NOMEM;
		if (heif_image_handle_get_metadata(picture, id[i], p).code == heif_error_Ok) {
			heifbox_see(&h->box, id[i]);
			err = h->sink->file(h->sink->arg, (struct slice){ p, octets });
		}
		free(p);
	}
	return err;
}

typedef struct heif_error companion_fn(const struct heif_image_handle *, heif_item_id,
    struct heif_image_handle **);

static int
give_companions(struct heif *h, const struct heif_image_handle *picture, const heif_item_id *id,
    int n, companion_fn *get)
{
	int err = OK;

	for (int i = 0; i < n && err == OK; i++) {
		struct heif_image_handle *c = NULL;

		if (get(picture, id[i], &c).code != heif_error_Ok)
			continue;	/* and stays unseen */
		heifbox_see(&h->box, id[i]);
		err = give_all(h, c, true);
		if (err == OK)
			err = give_notes(h, c);
		heif_image_handle_release(c);
	}
	return err;
}

/* One picture with all that belongs to it. */
static int
give_whole(struct heif *h, heif_item_id id, const struct heif_image_handle *picture)
{
	heif_item_id of[HEIF_PICTURES_MAX + 1];
	int n, err;

	heifbox_see(&h->box, id);
	err = give_all(h, picture, false);
	if (err == OK)
		err = give_notes(h, picture);
	if (err == OK) {
		n = heif_image_handle_get_list_of_thumbnail_IDs(picture, of, ARRAY_LEN(of));
		err = give_companions(h, picture, of, n, heif_image_handle_get_thumbnail);
	}
	if (err == OK) {
		n = heif_image_handle_get_list_of_depth_image_IDs(picture, of, ARRAY_LEN(of));
		err = give_companions(h, picture, of, n, heif_image_handle_get_depth_image_handle);
	}
	if (err == OK) {
		n = heif_image_handle_get_list_of_auxiliary_image_IDs(picture,
		    LIBHEIF_AUX_IMAGE_FILTER_OMIT_DEPTH, of, ARRAY_LEN(of));
		err = give_companions(h, picture, of, n,
		    heif_image_handle_get_auxiliary_image_handle);
	}
	return err;
}

static int
give_by_id(struct heif *h, heif_item_id id)
{
	struct heif_image_handle *picture = NULL;
	int err;

	if (heif_context_get_image_handle(h->context, id, &picture).code != heif_error_Ok)
		return h->sink->picture(h->sink->arg, NULL, EXTRACT_WHY_BROKEN);
	err = give_whole(h, id, picture);
	heif_image_handle_release(picture);
	return err;
}

static int
give_pictures(struct heif *h)
{
	heif_item_id id[HEIF_PICTURES_MAX], primary;
	int n = heif_context_get_number_of_top_level_images(h->context), err;

	if (n > HEIF_PICTURES_MAX)
		return ERR_LIMIT;
	n = heif_context_get_list_of_top_level_image_IDs(h->context, id, HEIF_PICTURES_MAX);
	if (heif_context_get_primary_image_ID(h->context, &primary).code != heif_error_Ok)
		return ERR_CORRUPT;
	err = give_by_id(h, primary);
	for (int i = 0; i < n && err == OK; i++)
		if (id[i] != primary)
			err = give_by_id(h, id[i]);
	return err;
}

static int
read_all(struct heif *h, struct slice octets)
{
	struct heif_error e = heif_context_read_from_memory_without_copy(h->context, octets.p,
	    octets.n, NULL);
	int err;

	if (e.code != heif_error_Ok)
		return h->box.more || why_of(e) == EXTRACT_WHY_TYPE ? ERR_UNSUPPORTED :
		    why_of(e) == EXTRACT_WHY_LIMIT ? ERR_LIMIT : ERR_CORRUPT;
	err = give_pictures(h);
	if (err == OK && (h->box.more || !heifbox_all_seen(&h->box)) && !control_off("heif-items"))
		err = ERR_UNSUPPORTED;
	return err;
}

int
heif_run(struct slice octets, const struct heif_sink *sink)
{
	struct heif h = { .sink = sink };
	int err = heifbox_open(&h.box, octets);

	if (err != OK)
		return err;
	h.context = heif_context_alloc();
	h.how = heif_decoding_options_alloc();
	if (h.context == NULL || h.how == NULL) {
		err = ERR_NOMEM;
	} else {
		heif_context_set_max_decoding_threads(h.context, 0);
		h.how->convert_hdr_to_8bit = 1;
		h.how->strict_decoding = 1;
		h.how->decoder_id = av1_decoder;
		err = read_all(&h, octets);
	}
	if (h.how != NULL)
		heif_decoding_options_free(h.how);
	if (h.context != NULL)
		heif_context_free(h.context);
	heifbox_fini(&h.box);
	return err;
}
