/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/flowed.h: text whose paragraphs the reader joins.
 *
 * Shape   UTF-8 in and out; pure, one pass; never longer than what it is made of.
 * Source  RFC 3676 4: a line that ends with a space goes on in the next one of the same depth of
 *         quotes; with DelSp that space is not there.
 */
#ifndef POLICY_FLOWED_H
#define POLICY_FLOWED_H

#include "common/buf.h"

/* Append the text with its paragraphs in one line each; out->err as by buf_add(). */
void flowed_join(struct slice utf8, bool delsp, struct buf *out);

#endif
