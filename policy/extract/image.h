/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/image.h: what a picture says: JPEG, PNG, GIF, BMP, TIFF, WebP, JPEG 2000, HEIC
 *         and AVIF.
 *
 * Shape   EXTRACT_STAMP and EXTRACT_TEXT of page `index`; pages of a TIFF, pictures of an
 *         animated GIF or PNG and of a HEIF file count from 1. The first page is read whole if limits->ocr_pages allows, on
 *         the others stamps are looked for. A picture without letters gives nothing: it was
 *         inspected.
 * Foreign leptonica, tesseract, libheif; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_IMAGE_H
#define POLICY_EXTRACT_IMAGE_H

#include "policy/extract/extract.h"

enum { IMAGE_PAGES_MAX = 1000, IMAGE_FRAMES_MAX = 50 };

/* As extract_run() for EXTRACT_IMAGE. */
int image_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
