/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/exif.h: how a photograph is to be turned.
 *
 * Pure    Source: Exif 2.3 4.6.2, JFIF; TIFF 6.0.
 */
#ifndef POLICY_EXTRACT_EXIF_H
#define POLICY_EXTRACT_EXIF_H

#include "common/slice.h"

/* The orientation of a JPEG, 1 to 8; 1 when it says none. */
unsigned exif_orientation(struct slice jpeg);

#endif
