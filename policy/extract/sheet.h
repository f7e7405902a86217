/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/sheet.h: the text of one XML part of a spreadsheet (SpreadsheetML).
 *
 * Shape   one part in, lines of UTF-8 out: each cell that holds text, and each row with its cells
 *         side by side; comments, headers and footers without their codes, names of sheets. Most texts
 *         of cells stand in a part of their own, which is read first.
 * Bounds  those of xml.h; SHEET_STRINGS_MAX shared texts; the ceiling of out.
 * Source  ECMA-376 part 1, 18.3 (worksheets), 18.4 (shared strings), 18.7 (comments).
 */
#ifndef POLICY_EXTRACT_SHEET_H
#define POLICY_EXTRACT_SHEET_H

#include "common/buf.h"

enum { SHEET_STRINGS_MAX = 1000000 };

/* Shared texts: text i is octets[at[i]] to before octets[at[i + 1]]. */
struct sheet_strings {
	struct buf octets;
	size_t	  *at;
	size_t	   n, cap;
};

void sheet_strings_init(struct sheet_strings *s, size_t octets_max);
void sheet_strings_fini(struct sheet_strings *s);

/* One more; ERR_LIMIT. One by its number; ERR_CORRUPT: there is none. */
int sheet_strings_keep(struct sheet_strings *s, struct slice text) MUST_USE;
int sheet_strings_at(const struct sheet_strings *s, uint64_t i, struct slice *out) MUST_USE;

/* A header or footer, without its codes, as lines. */
void sheet_header(struct slice coded, struct buf *out);

/* The words in the format of a number, which stand before or in place of it, as lines. */
void sheet_format(struct slice code, struct buf *out);

/* Read the part of shared texts. OK; errors of xml_read. */
int sheet_strings_read(struct sheet_strings *s, struct slice xml) MUST_USE;

/* OK; errors of xml_read; ERR_CORRUPT: a cell names a text that there is not. What was understood
 * until then is in out. */
int sheet_text(struct slice xml, const struct sheet_strings *strings, struct buf *out) MUST_USE;

#endif
