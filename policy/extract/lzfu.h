/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/lzfu.h: compressed Rich Text Format of messages (PidTagRtfCompressed).
 *
 * Bounds  linear; at most 9 octets out for each octet in.
 * Source  [MS-OXRTFCP] 2.1 (header, "LZFu", "MELA"), 3.1 (dictionary)
 */
#ifndef POLICY_EXTRACT_LZFU_H
#define POLICY_EXTRACT_LZFU_H

#include "common/buf.h"

/* Appended to out. OK; ERR_CORRUPT: not that, or it breaks off; out->err. */
int lzfu_decode(struct slice in, struct buf *out) MUST_USE;

#endif
