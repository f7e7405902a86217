/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/compose.h: write header fields that cannot be broken out of.
 *
 * Shape   each call appends one whole field, folded, ending in CRLF. Values with CR, LF, NUL or
 *         other controls give ERR_INVAL and append nothing.
 * Units   lines aim at COMPOSE_FOLD octets and never exceed 998.
 * Source  RFC 5322 2.2.3, 3.4; RFC 2047 (encoded words in UTF-8, B); RFC 2231 (parameters).
 */
#ifndef MIME_COMPOSE_H
#define MIME_COMPOSE_H

#include "common/buf.h"

enum { COMPOSE_FOLD = 76 };

/* "name: text": unstructured; folded at spaces; words outside ASCII, too long, or like encoded
 * words become encoded words. OK, ERR_INVAL, out->err. */
int compose_text(struct buf *out, const char *name, struct slice text) MUST_USE;

/* "name: value" of a structured field, ASCII, folded at its spaces only: the caller has built a
 * valid value. OK, ERR_INVAL (controls, octets >= 0x80, a word over 900 octets), out->err. */
int compose_raw(struct buf *out, const char *name, struct slice value) MUST_USE;

/* "name: "display" <spec>", display may be empty and any UTF-8. spec as addr_single gives it. */
int compose_addr(struct buf *out, const char *name, struct slice display,
    struct slice spec) MUST_USE;

/* One parameter, for a value under construction: "; name=value", quoted or by RFC 2231. */
int compose_param(struct buf *value, const char *name, struct slice text) MUST_USE;

/* "name: Www, dd Mmm yyyy hh:mm:ss +zzzz". */
int compose_date(struct buf *out, const char *name, int64_t seconds, int zone_min) MUST_USE;

/* Is s free of CR, LF, NUL and every other control? */
bool compose_is_safe(struct slice s);

#endif
