/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/summary.h: what readers need of a message, made once at delivery.
 *
 * Shape   summary_build makes a little-endian blob from a tree; struct summary is a checked view
 *         of such a blob. It goes through the store and other processes, so a reader trusts no
 *         offset in it: whatever the octets, accessors stay inside the slice.
 * Units   octets of the message as stored; seconds and minutes as in mime/date.h.
 * Bounds  texts are cut at SUMMARY_TEXT_MAX (ENVELOPE and structures are never cut: if they exceed
 *         the ceiling of the buf, building fails).
 * Source  RFC 3501 7.4.2 and RFC 9051 7.5.2 (ENVELOPE, BODY, BODYSTRUCTURE); RFC 8970 (PREVIEW).
 *
 * Layout (version 1; a reader refuses others):
 *   "CVS" u8 version | u32 octets of the blob | u32 message size | u32 lines | u64 tree flags |
 *   i64 date | i16 zone | u16 flags | u32 part count | u32 field count
 *   SUMMARY_TEXT_COUNT * { u32 offset in the blob, u32 octets }
 *   part count * { 10 * u32, 3 * u8, u8 0 }		in the order of struct summary_part
 *   field count * { u32 begin, u32 end, u32 row of summary_field.def }
 *   the texts
 */
#ifndef MIME_SUMMARY_H
#define MIME_SUMMARY_H

#include "mime/tree.h"

enum { SUMMARY_VERSION = 1, SUMMARY_TEXT_MAX = 2000, SUMMARY_PREVIEW_CHARS = 200,
       SUMMARY_FIELDS_MAX = 4096 };

/* Texts of a summary. All decoded texts are valid UTF-8. */
enum summary_text {
	SUMMARY_ENVELOPE,	/* "(...)", as in a FETCH reply; may hold literals */
	SUMMARY_BODY,		/* "(...)", non-extensible */
	SUMMARY_BODYSTRUCTURE,	/* "(...)" */
	SUMMARY_MESSAGE_ID,	/* with <>, as written */
	SUMMARY_IN_REPLY_TO,
	SUMMARY_REFERENCES,	/* message ids, separated by one space */
	SUMMARY_SUBJECT,	/* decoded, NFC */
	SUMMARY_FROM,		/* decoded: "Name <a@b>, ..." */
	SUMMARY_TO,
	SUMMARY_CC,
	SUMMARY_PREVIEW,	/* <= SUMMARY_PREVIEW_CHARS characters */
	SUMMARY_FIELDS,		/* raw octets of the fields of summary_field.def, in order */
	SUMMARY_TEXT_COUNT
};

/* One part; ranges as in struct tree_part. */
struct summary_part {
	uint32_t parent, first_child, next_sibling, number;
	uint32_t header_begin, header_end, body_begin, body_end;
	uint32_t header_lines, body_lines;
	uint8_t	 kind, encoding, charset;
};

struct summary {
	struct slice blob;
	uint32_t     size_octets;	/* of the message */
	uint32_t     lines;
	uint32_t     part_count;
	uint64_t     tree_flags;	/* TREE_* */
	int64_t	     date_s;		/* of the Date field, if SUMMARY_HAS_DATE */
	int	     date_zone_min;
	unsigned     flags;		/* SUMMARY_* */
	/* private: where the tables are, checked to lie inside the blob */
	size_t	     texts_at, parts_at, fields_at;
	uint32_t     field_count;
};

enum summary_flag {
	SUMMARY_HAS_DATE	= 1 << 0,
	SUMMARY_HAS_FIELDS	= 1 << 1,	/* SUMMARY_FIELDS is complete */
	SUMMARY_HAS_ATTACHMENT	= 1 << 2,	/* an attachment, or a part with a file name */
	SUMMARY_CUT		= 1 << 3,	/* a decoded text was cut: search the message */
};

/* Append the blob for t. a is for scratch. OK, out->err or a->err. */
int summary_build(const struct tree *t, struct arena *a, struct buf *out) MUST_USE;

/* View a blob, which must outlive the view. OK, ERR_CORRUPT, or ERR_VERSION. */
int summary_open(struct slice blob, struct summary *out) MUST_USE;

/* A text; the empty slice if there is none. */
struct slice summary_text(const struct summary *s, enum summary_text which);

/* Part i < part_count: OK or ERR_CORRUPT (i out of range, or ranges outside the message). */
int summary_part(const struct summary *s, uint32_t i, struct summary_part *out) MUST_USE;

/* Answer HEADER.FIELDS of the message from the blob alone: append the text that
 * section_fields would make. 1: done. 0: a name is not kept or the fields were too long, so the
 * message must be read. Negative: out->err. */
int summary_header_fields(const struct summary *s, const struct slice *names, size_t count,
    struct buf *out) MUST_USE;

/* The range of the first field of that name in the message: 1; 0 if not kept or absent. */
int summary_field(const struct summary *s, struct slice name, uint32_t *begin_out,
    uint32_t *end_out) MUST_USE;

#endif
