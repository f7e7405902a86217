/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/word.h: the text of a Word document of 1997 to 2003 (.doc).
 *
 * Shape   pure. Lines of UTF-8: paragraphs, and rows of tables with their cells side by side, of
 *         the body, footnotes, headers, comments and text boxes. Pictures and drawings are
 *         officeart.h's.
 * Bounds  those of cfb.h and of the buffers.
 * Source  [MS-DOC] 2.4.1 (retrieving text), 2.5 (FIB)
 */
#ifndef POLICY_EXTRACT_WORD_H
#define POLICY_EXTRACT_WORD_H

#include "policy/extract/cfb.h"

/* OK; ERR_UNSUPPORTED: older than that; ERR_ACCESS: encrypted; ERR_CORRUPT; ERR_NOMEM; ERR_LIMIT. */
int word_text(struct cfb *c, uint32_t folder, struct buf *text) MUST_USE;

#endif
