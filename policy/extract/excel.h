/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/excel.h: the text of an Excel workbook of 1997 to 2003 (.xls).
 *
 * Shape   pure. Lines of UTF-8: each cell with text, each row with its cells side by side, names of
 *         sheets, headers and footers, notes and text boxes.
 * Bounds  those of cfb.h and of the buffers; EXCEL_STRINGS_MAX shared texts.
 * Source  [MS-XLS] 2.4, 2.5.293 (XLUnicodeRichExtendedString)
 */
#ifndef POLICY_EXTRACT_EXCEL_H
#define POLICY_EXTRACT_EXCEL_H

#include "policy/extract/cfb.h"

enum { EXCEL_STRINGS_MAX = 1000000 };

/* art: records of drawings, for officeart.h. *more_out: pictures of other kinds. OK;
 * ERR_UNSUPPORTED: older than that; ERR_ACCESS: encrypted; ERR_CORRUPT; ERR_NOMEM; ERR_LIMIT. */
int excel_text(struct cfb *c, uint32_t folder, struct buf *text, struct buf *art,
    bool *more_out) MUST_USE;

#endif
