/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/utf7.h: mailbox names on the wire (modified UTF-7) and inside (UTF-8).
 *
 * Bounds  linear; the ceiling of the buf.
 * Source  RFC 3501 5.1.3. Only the one canonical form is taken: no base64 for what needs none, no
 *         padding, unused bits zero, no lone surrogates, no "&...-&...-" in a row; otherwise one
 *         mailbox would have several names.
 */
#ifndef COMMON_UTF7_H
#define COMMON_UTF7_H

#include "common/buf.h"

/* Append the UTF-8 of in: OK, ERR_SYNTAX (what was appended is of no use), out->err. */
int utf7_decode(struct slice in, struct buf *out) MUST_USE;

/* Append the modified UTF-7 of in, which is valid UTF-8: OK, ERR_SYNTAX, out->err. */
int utf7_encode(struct slice in, struct buf *out) MUST_USE;

#endif
