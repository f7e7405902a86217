/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/structure.h: ENVELOPE, BODY and BODYSTRUCTURE as IMAP text.
 *
 * Shape   appended to a buf; strings are quoted, or literals when they hold octets >= 0x80.
 * Bounds  no recursion on the nesting of parts; the ceiling of the buf.
 * Source  RFC 3501 7.4.2, 9; RFC 9051 7.5.2, 9; RFC 2231 6 (continuations are joined).
 */
#ifndef MIME_STRUCTURE_H
#define MIME_STRUCTURE_H

#include "mime/tree.h"

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" of a header. The first
 * field of each name counts. OK, out->err or a->err. */
int structure_envelope(struct slice header, struct arena *a, struct buf *out) MUST_USE;

/* The structure of part i and all below it; extended: BODYSTRUCTURE, else BODY. */
int structure_body(const struct tree *t, uint32_t i, bool extended, struct arena *a,
    struct buf *out) MUST_USE;

/* An IMAP nstring: NIL for p == NULL, else a quoted string or a literal. NUL, CR and LF in s
 * must have been dealt with. */
void structure_string(struct buf *out, struct slice s);

#endif
