/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/paper.h: where on a photograph the paper lies.
 *
 * Shape   a picture in, the box around what is much brighter than the rest; a scan, which is all
 *         paper, has none, nor has a picture that is mostly dark.
 * Foreign leptonica; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_PAPER_H
#define POLICY_EXTRACT_PAPER_H

#include "common/slice.h"

#include <allheaders.h>

/* picture: 8 or 32 bits. NULL: there is no such box, or no memory. */
BOX *paper_find(PIX *picture);

/* The picture as if no paper lay there: in the box is the mean colour of what is around. NULL: no
 * memory. */
PIX *paper_taken_off(PIX *picture, const BOX *box);

#endif
