/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/section.h: IMAP body sections to octets.
 *
 * Shape   parse the text between [ and ] once; resolve it against the part table of a summary.
 * Bounds  SECTION_DEPTH_MAX numbers, SECTION_FIELDS_MAX names.
 * Source  RFC 3501 6.4.5, RFC 9051 6.4.5.1:
 *
 *   section      = [part *("." part)] ["." ("HEADER" [".FIELDS" [".NOT"] SP "(" names ")"] /
 *                  "TEXT" / "MIME")]
 */
#ifndef MIME_SECTION_H
#define MIME_SECTION_H

#include "common/arena.h"
#include "mime/summary.h"

enum { SECTION_DEPTH_MAX = 2 * TREE_DEPTH_MAX, SECTION_FIELDS_MAX = 200 };

enum section_what {
	SECTION_ALL,		/* "" or a part: the whole message, the part's body */
	SECTION_HEADER, SECTION_FIELDS, SECTION_FIELDS_NOT, SECTION_TEXT, SECTION_MIME
};

struct section {
	enum section_what what;
	unsigned	  depth;
	uint32_t	  path[SECTION_DEPTH_MAX];
	const struct slice *fields;
	size_t		  field_count;
};

struct section_range { uint32_t begin, end; };

/* Parse; names may be atoms or quoted strings (a session that met a literal sets fields itself).
 * OK, ERR_SYNTAX, ERR_LIMIT or a->err. */
int section_parse(struct slice text, struct arena *a, struct section *out) MUST_USE;

/* The octets of the message that it names; for FIELDS and FIELDS_NOT those of the header to
 * filter with section_fields. OK, ERR_NOENT (no such part: NIL), ERR_CORRUPT. */
int section_resolve(const struct section *s, const struct summary *sum,
    struct section_range *out) MUST_USE;

/* The part (index) that the path names, for BINARY: OK, ERR_NOENT, ERR_CORRUPT. */
int section_part(const struct section *s, const struct summary *sum, uint32_t *index_out) MUST_USE;

/* Append the fields of header that are (not) asked for, as they are, and the empty line. */
void section_fields(const struct section *s, struct slice header, struct buf *out);

#endif
