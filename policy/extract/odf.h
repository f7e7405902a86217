/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/odf.h: the text of one XML part of an OpenDocument file.
 *
 * Shape   one part in, lines of UTF-8 out: a line per paragraph or heading, and one per row of a
 *         table with its cells side by side, since a field and its value may stand in two. Notes,
 *         comments, deleted and hidden text, text of frames and of properties are lines too. A
 *         paragraph of which some is hidden, tiny or white also gives a line without that; text
 *         above other text (ruby) is a line of its own besides.
 * Bounds  those of xml.h; paragraphs and tables in one another, ODF_NESTED_MAX; the ceiling of out.
 * Source  OASIS OpenDocument 1.3 part 3; names are compared without their prefix.
 */
#ifndef POLICY_EXTRACT_ODF_H
#define POLICY_EXTRACT_ODF_H

#include "policy/extract/look.h"

enum { ODF_NESTED_MAX = 16 };

/* common: styles with names, NULL: none. OK; errors of xml_read() and looks_end(). What was
 * understood until then is in out. */
int odf_text(struct slice xml, const struct looks *common, struct buf *out) MUST_USE;

#endif
