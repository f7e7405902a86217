/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/utf8.h: UTF-8 checked, walked, written, normalised.
 *
 * Units   octets; code points are uint32_t.
 * Bounds  linear, also for long runs of combining marks (they are normalised in pieces of at
 *         most 96 code points); output is bounded by the ceiling of the buf.
 * Source  RFC 3629 (no surrogates, no overlong forms, <= U+10FFFF); Unicode through utf8proc.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/buf.h"

#define UTF8_REPLACEMENT	0xfffdu

bool utf8_is_ascii(struct slice s);
bool utf8_valid(struct slice s);

/* Take the first code point off *s. 1: *cp_out is it. 0: *s is empty. ERR_SYNTAX: an ill-formed
 * sequence; its maximal part is taken off, *cp_out is UTF8_REPLACEMENT, a caller may go on. */
int utf8_next(struct slice *s, uint32_t *cp_out) MUST_USE;

/* Write cp (UTF8_REPLACEMENT if it is none), return 1..4. */
size_t utf8_encode(uint32_t cp, char out[4]);
void utf8_add(struct buf *b, uint32_t cp);

/* Append s with every ill-formed sequence replaced by U+FFFD; false if there was one. */
bool utf8_add_clean(struct buf *b, struct slice s);

/* The longest prefix of <= max octets (code points) that does not cut a code point. */
struct slice utf8_prefix(struct slice s, size_t max_octets);
struct slice utf8_prefix_chars(struct slice s, size_t max_chars);

/* Append the NFC form; the case-folded NFC form (for comparison); the NFKC case-folded form with
 * default-ignorable code points dropped. Ill-formed sequences become U+FFFD. OK or out->err. */
int utf8_nfc(struct slice s, struct buf *out) MUST_USE;
int utf8_casefold(struct slice s, struct buf *out) MUST_USE;
int utf8_nfkc_casefold(struct slice s, struct buf *out) MUST_USE;

/* The one code point that base followed by a combining mark is in NFC, or 0. */
uint32_t utf8_compose(uint32_t base, uint32_t mark);

/* May s stand in a header field or a log line as it is? Valid UTF-8, no C0 or C1 control, no DEL,
 * no line or paragraph separator, no bidirectional control, no U+FEFF. */
bool utf8_is_safe(struct slice s);
bool utf8_is_safe_char(uint32_t cp);

#endif
