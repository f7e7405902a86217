/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/word.h: the text of a Word document of 1997 to 2003 (.doc).
 *
 * Shape   pure. Lines of UTF-8: paragraphs, and rows of tables with their cells side by side, of the body,
 *         footnotes, headers, comments and text boxes; titles and properties apart.
 * Bounds  those of cfb.h and of the buffers.
 * Source  [MS-DOC] 2.4.1 (retrieving text), 2.5 (FIB); [MS-OLEPS]
 */
#ifndef POLICY_EXTRACT_WORD_H
#define POLICY_EXTRACT_WORD_H

#include "policy/extract/cfb.h"

enum word_flag {
	WORD_HAS_MORE = 1 << 0,	/* pictures, drawings, objects, macros */
};

/* OK; ERR_UNSUPPORTED: older than that; ERR_ACCESS: encrypted; ERR_CORRUPT; ERR_NOMEM; ERR_LIMIT. */
int word_text(const struct cfb *c, struct buf *text, struct buf *titles, unsigned *flags_out) MUST_USE;

/* Texts of the streams of properties, a line each. OK; ERR_NOMEM. */
int word_properties(const struct cfb *c, struct buf *titles) MUST_USE;

#endif
