/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/ooxml.h: the text of one XML part of a word-processor document.
 *
 * Shape   one part in, lines of UTF-8 out, a line per paragraph with its runs joined. A paragraph
 *         that reads differently with hidden or deleted text, or in the fallback for older
 *         programs, gives a line for each reading; text above other text (ruby) is one of its own.
 *         Text outside paragraphs (properties) and telling attributes (alternative texts, text
 *         drawn as art, list bullets) are lines too.
 * Bounds  those of xml.h; the ceiling of out.
 * Source  ECMA-376 parts 1 and 3; names are compared without their prefix, so all versions fit.
 */
#ifndef POLICY_EXTRACT_OOXML_H
#define POLICY_EXTRACT_OOXML_H

#include "policy/extract/look.h"

enum { OOXML_PARAGRAPHS_MAX = 16 };

/* styles: those of the document, NULL: none. *styled_out: with others the text might be another. OK;
 * ERR_SYNTAX: not well formed, or a document type; ERR_LIMIT: too deep or too much; ERR_NOMEM. What
 * was understood until then is in out. */
int ooxml_text(struct slice xml, const struct looks *styles, struct buf *out, bool *styled_out)
    MUST_USE;

#endif
