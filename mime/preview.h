/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/preview.h: the first words of a message, for lists.
 *
 * Shape   the first text/plain part that is no attachment, else the first text/html one without
 *         its tags; white space collapsed; appended as valid UTF-8 without controls.
 * Bounds  looks at the first PREVIEW_OCTETS of that part only.
 * Source  RFC 8970 3.
 */
#ifndef MIME_PREVIEW_H
#define MIME_PREVIEW_H

#include "mime/tree.h"

enum { PREVIEW_OCTETS = 16384 };

/* At most max_chars code points; nothing if there is no text. OK or out->err. */
int preview_make(const struct tree *t, size_t max_chars, struct buf *out) MUST_USE;

/* Append the text of html (UTF-8): no tags, comments, style, script, head; entities decoded;
 * block elements become line ends. OK or out->err. */
int preview_html_text(struct slice html, struct buf *out) MUST_USE;

#endif
