/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/header.h: walk the header fields of an entity.
 *
 * Shape   an iterator over the octets; it copies nothing and stops at the empty line.
 * Bounds  HEADER_OCTETS_MAX and HEADER_FIELDS_MAX; past them the walk ends with HEADER_OVERFLOW,
 *         and the end of the header is still found.
 * Source  RFC 5322 2.2, 3.6.8, 4.5. Line ends: CRLF; a lone LF is taken too, and flagged.
 *
 *   field = name ":" value (CRLF WSP value)* CRLF
 */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "common/buf.h"

enum { HEADER_OCTETS_MAX = 100 * 1024, HEADER_FIELDS_MAX = 1000, HEADER_LINE_MAX = 998 };

enum header_flag {
	HEADER_NO_COLON		= 1 << 0,	/* no field: name is empty, value the line */
	HEADER_SPACE_BEFORE_COLON = 1 << 1,	/* "From : x"; name is without the space */
	HEADER_BAD_NAME		= 1 << 2,	/* empty, or octets other than 33..126 in it */
	HEADER_NUL		= 1 << 3,
	HEADER_BARE_CR		= 1 << 4,
	HEADER_BARE_LF		= 1 << 5,
	HEADER_LONG_LINE	= 1 << 6,	/* > HEADER_LINE_MAX octets without its end */
	HEADER_8BIT		= 1 << 7,	/* octets >= 0x80 in the value */
	HEADER_FIRST_FOLDED	= 1 << 8,	/* the first line begins with white space */
	HEADER_BLANK_FOLD	= 1 << 9,	/* a continuation of white space only */
	HEADER_NO_END		= 1 << 10,	/* no empty line: the input ends in the header */
	HEADER_OVERFLOW		= 1 << 11,	/* a limit; the rest was skipped */

	/* Flags that make parsers disagree about what the fields are. */
	HEADER_MALFORMED	= HEADER_NO_COLON | HEADER_SPACE_BEFORE_COLON | HEADER_BAD_NAME |
				  HEADER_NUL | HEADER_BARE_CR | HEADER_FIRST_FOLDED |
				  HEADER_BLANK_FOLD | HEADER_OVERFLOW
};

struct header_field {
	struct slice name;
	struct slice value;	/* raw: after the colon, folds inside, without the last line end */
	struct slice whole;	/* from the name to the last line end included */
	unsigned     flags;	/* HEADER_* of this field */
};

struct header_iter {
	struct slice in;
	size_t	     pos;	/* next octet */
	size_t	     fields_end; /* once ended: where the fields end (the empty line begins) */
	size_t	     body;	/* once ended: first octet after the empty line */
	unsigned     count;	/* fields seen */
	unsigned     flags;	/* of all fields together */
	bool	     ended;
};

/* Walk an entity: header fields, empty line, body. in may also be the header alone. */
void header_init(struct header_iter *it, struct slice in);

/* 1: *out is the next field. 0: end; it->fields_end and it->body are set. */
int header_next(struct header_iter *it, struct header_field *out) MUST_USE;

/* The first field with this name (any case) in an entity or header: 1 or 0. */
int header_find(struct slice in, struct slice name, struct header_field *out) MUST_USE;

/* How many fields have this name. */
unsigned header_count(struct slice in, struct slice name);

/* Append a raw value unfolded: folds become the white space they hold, white space at both ends
 * goes, NUL and stray CR or LF become a space. */
void header_unfold(struct slice value, struct buf *out);

#endif
