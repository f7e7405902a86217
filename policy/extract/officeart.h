/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/officeart.h: pictures and texts in the drawings of doc, xls and ppt files.
 *
 * Shape   pure. Where drawings lie differs by program, so all octets of a stream are searched for
 *         records of pictures (JPEG, PNG, TIFF, DIB, EMF, WMF) and of shapes' texts (WordArt,
 *         names, descriptions, links); their kinds and sizes must fit, so few other octets look so.
 *         Pictures are files; compressed ones become gzip, which the caller opens as that.
 * Bounds  linear but for texts that records share, which end at the buffer's ceiling.
 * Source  [MS-ODRAW] 2.2.9 (OfficeArtFOPT), 2.2.23-2.2.31 (blips), 2.3.22.1 (gtextUNICODE)
 */
#ifndef POLICY_EXTRACT_OFFICEART_H
#define POLICY_EXTRACT_OFFICEART_H

#include "common/buf.h"
#include "policy/extract/hand.h"

/* OK; ERR_LIMIT, ERR_NOMEM of text. Errors of the hand stay there. */
int officeart_search(struct slice stream, struct hand *h, struct buf *text) MUST_USE;

/* Deflated octets with the head and end of zlib, handed out as a file in gzip. */
void officeart_inflate(struct slice zlib, struct hand *h, uint32_t number);

#endif
