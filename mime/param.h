/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/param.h: Content-Type, Content-Disposition and their parameters.
 *
 * Shape   one raw field value in, a list out; strings live in the arena or in the input.
 * Bounds  PARAM_MAX parameters (segments of RFC 2231 count one each), n log n time.
 * Source  RFC 2045 5.1, RFC 2183 2, RFC 2231 3-4 (continuations, charset, language).
 */
#ifndef MIME_PARAM_H
#define MIME_PARAM_H

#include "common/arena.h"

enum { PARAM_MAX = 100 };

enum param_flag {
	PARAM_SYNTAX	 = 1 << 0,	/* junk, unquoted specials, an unclosed quote or comment */
	PARAM_DUPLICATE	 = 1 << 1,	/* one name twice, or one RFC 2231 segment twice */
	PARAM_CONFLICT	 = 1 << 2,	/* name= and name*= with different text */
	PARAM_GAP	 = 1 << 3,	/* RFC 2231 segments missing or out of order from 0 */
	PARAM_PERCENT	 = 1 << 4,	/* bad %xx, or no charset'language' */
	PARAM_CHARSET	 = 1 << 5,	/* unknown charset, or octets that are not valid in it */
	PARAM_ENCODED_WORD = 1 << 6,	/* =?..?= in a parameter; text has it decoded */
	PARAM_COMMENT	 = 1 << 7,	/* a comment stood in the field */
	PARAM_8BIT	 = 1 << 8,	/* raw octets >= 0x80 */
	PARAM_OVERFLOW	 = 1 << 9,	/* more than PARAM_MAX; the rest is not in the list */
	PARAM_CONTROL	 = 1 << 10,	/* control octets in a value */
};

struct param {
	struct slice name;	/* without "*" and segment numbers; case as written */
	struct slice value;	/* unquoted; extended: charset'language'percent-encoded */
	struct slice text;	/* UTF-8, always valid; what a client would show */
	bool	     extended;	/* RFC 2231 "name*" */
	unsigned     flags;	/* PARAM_* of this one */
};

struct param_value {
	struct slice  type;	/* "text", "attachment"; empty if there is none */
	struct slice  subtype;	/* Content-Type only */
	struct param *params;	/* in order of appearance */
	unsigned      count;
	unsigned      flags;	/* PARAM_* of all */
};

/* Parse a raw value. OK, or a->err. Anything that is not understood is skipped and flagged. */
int param_content_type(struct slice raw, struct arena *a, struct param_value *out) MUST_USE;
int param_disposition(struct slice raw, struct arena *a, struct param_value *out) MUST_USE;

/* The first parameter with this name (any case), or NULL; how many have it. */
const struct param *param_get(const struct param_value *v, const char *name);
unsigned param_count(const struct param_value *v, const char *name);

#endif
