/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/pdfform.h: the letters in drawings that a PDF puts together from (form XObjects).
 *
 * Shape   poppler gives the text of pages, not that of what lies upon them: stamps, typed notes,
 *         fields. Letters in those of fonts that are not in the file it cannot draw here either, so
 *         their strings are read from the drawings, which are streams that stand in the file as
 *         they are. Octets are letters (windows-1252), or pairs of them (UTF-16) if some are 0; what
 *         a font of its own makes of them is not known.
 * Bounds  one pass over the file; PDFFORM_OCTETS_MAX of each drawing, and in all ten times as much;
 *         what is beyond stays unread, as maps are.
 * Source  ISO 32000-1 7.3 (objects), 7.4 (filters), 8.10 (form XObjects), 9.4 (text).
 */
#ifndef POLICY_EXTRACT_PDFFORM_H
#define POLICY_EXTRACT_PDFFORM_H

#include "common/buf.h"

enum { PDFFORM_OCTETS_MAX = 4 << 20 };

/* Append a line for each line of text. *unread_out: some drawing is too large, or packed in another
 * way than Flate, ASCIIHex and ASCII85. OK, out->err, ERR_NOMEM. */
int pdfform_text(struct slice pdf, struct buf *out, bool *unread_out) MUST_USE;

/* The text that such a drawing shows. */
void pdfform_lines(struct slice content, struct buf *out);

#endif
