/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/hevc.h: the decoder of HEVC that libheif is to use: its own starts a thread, and a
 * box has none.
 *
 * Foreign libheif, libde265; what decodes is only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_HEVC_H
#define POLICY_EXTRACT_HEVC_H

#include "common/slice.h"

/* Tell libheif of it; false: it does not want it. Once. */
bool hevc_start(void);

#endif
