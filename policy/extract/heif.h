/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/heif.h: the pictures of a HEIF file: HEIC, as telephones store photographs, and
 * AVIF.
 *
 * Shape   the primary picture first, then the other ones, each with its thumbnails and auxiliary
 *         pictures (depth, brightness, masks) behind it, turned and cut as the file says; one that
 *         shows much less than it has comes again uncut. What is written about them (XMP) comes
 *         as a file; Exif is passed over, as that of a JPEG is.
 * Bounds  HEIF_PICTURES_MAX pictures, each of pixels_max points; large ones come at half their
 *         size, companions with at most HEIF_SMALL_POINTS points.
 * Foreign libheif, libde265, libaom; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_HEIF_H
#define POLICY_EXTRACT_HEIF_H

#include <allheaders.h>

#include "policy/extract/extract.h"

enum { HEIF_PICTURES_MAX = 50, HEIF_SMALL_POINTS = 1000000 };

struct heif_sink {
	/* A picture, which is the callee's now; NULL: one that cannot be read, for `why`. */
	int   (*picture)(void *arg, PIX *p, enum extract_why why);
	int   (*file)(void *arg, struct slice octets);
	void   *arg;
	uint64_t until_ms;	/* of clock_ms() */
	uint64_t pixels_max;
};

/* Once, while files may be opened. */
void heif_start(void);

/*
 * All that is in it. OK; ERR_TIMEOUT: there was no time for all; ERR_CORRUPT, ERR_LIMIT,
 * ERR_ACCESS, ERR_UNSUPPORTED: some of it was not read: broken, too many pictures, encrypted, of a
 * kind that nothing reads (films); ERR_NOMEM; what the sink said.
 */
int heif_run(struct slice octets, const struct heif_sink *sink) MUST_USE;

#endif
