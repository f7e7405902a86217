/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/pdf.h: the text of a PDF, page by page, and what hangs on it.
 *
 * Shape   EXTRACT_TEXT of page `index`: its text, notes and form fields; EXTRACT_PROPERTY of the
 *         document: title, subject, keywords, author; EXTRACT_NAME and EXTRACT_FILE of files
 *         inside it. A page with a picture, and one that shows something but has no text, is
 *         EXTRACT_OPAQUE: it may be a scan.
 * Foreign poppler does the reading; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_PDF_H
#define POLICY_EXTRACT_PDF_H

#include "policy/extract/extract.h"

enum { PDF_PAGES_MAX = 2000 };

/* Once, where files may still be opened. */
void pdf_start(void);

/* As extract_run() for EXTRACT_PDF. */
int pdf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
