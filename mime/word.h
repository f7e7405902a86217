/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/word.h: encoded words to UTF-8.
 *
 * Shape   a raw field value in (folds inside), text for people out: valid UTF-8, no control
 *         characters.
 * Bounds  one pass; the ceiling of the buf.
 * Source  RFC 2047 (B, Q; adjacent words), RFC 2231 5 (language). Adjacent words of one charset
 *         are joined as octets before decoding, since senders cut characters in two.
 */
#ifndef MIME_WORD_H
#define MIME_WORD_H

#include "common/buf.h"

enum word_flag {
	WORD_FLAG_ENCODED   = 1 << 0,	/* at least one encoded word was decoded */
	WORD_FLAG_MALFORMED = 1 << 1,	/* something like an encoded word was left as it is, or
					 * its B or Q text was damaged */
	WORD_FLAG_CHARSET   = 1 << 2,	/* unknown charset: shown as windows-1252 */
	WORD_FLAG_BAD_CHARS = 1 << 3,	/* octets not valid in their charset */
	WORD_FLAG_RAW_8BIT  = 1 << 4,	/* raw octets >= 0x80 that are UTF-8 */
	WORD_FLAG_RAW_OTHER = 1 << 5,	/* raw octets that are not UTF-8: shown as windows-1252 */
	WORD_FLAG_CONTROL   = 1 << 6,	/* control characters: shown as a space */
};

/* Append the decoded value; *flags_out (may be NULL) gets WORD_FLAG_*. OK or out->err. */
int word_decode(struct slice raw, struct buf *out, unsigned *flags_out) MUST_USE;

#endif
