/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/dib.h: bitmaps of Windows as they lie in drawings, without the head that a file
 * has.
 *
 * Source  [MS-WMF] 2.2.2.9 (DeviceIndependentBitmap)
 */
#ifndef POLICY_EXTRACT_DIB_H
#define POLICY_EXTRACT_DIB_H

#include "policy/extract/hand.h"

/* Hand it out as a file that begins with that head. */
void dib_file(struct slice dib, struct hand *h, uint32_t number);

#endif
