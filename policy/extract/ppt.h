/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/ppt.h: slides of PowerPoint of 1997 to 2003 (.ppt).
 *
 * Shape   pure. The stream of records is read from its beginning to its end, so also what later
 *         saving replaced: paragraphs of slides, masters, notes, outlines, comments, headers and
 *         footers as lines; objects inside and sounds as files. Drawings are officeart.h's.
 * Bounds  linear.
 * Source  [MS-PPT] 2.3.1 (record header), 2.9.41-2.9.43 (text atoms), 2.10.34 (objects)
 */
#ifndef POLICY_EXTRACT_PPT_H
#define POLICY_EXTRACT_PPT_H

#include "policy/extract/cfb.h"
#include "policy/extract/hand.h"

/* OK; ERR_ACCESS: encrypted; ERR_CORRUPT; ERR_NOMEM; ERR_LIMIT. */
int ppt_text(struct cfb *c, uint32_t folder, struct hand *h, struct buf *text) MUST_USE;

#endif
