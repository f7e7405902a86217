/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/tree.h: the part tree of a whole message, as ranges of its octets.
 *
 * Shape   one pass over the message; parts in the order in which they begin, linked by index.
 *         Part 0 is the message itself. The only child of a message/rfc822 part is that message.
 * Units   octets from the first octet of the message; lines are counted by their LF.
 * Bounds  TREE_DEPTH_MAX, TREE_PARTS_MAX, messages < 4 GiB; no recursion; time linear in the size
 *         whatever the boundaries. Past a limit a flag is set and what is left stays undivided in
 *         the part where it is: policy refuses such a message, readers still see it.
 * Source  RFC 2045, 2046 5.1, 2049, 5322; ambiguity: tree.def.
 *
 * A boundary line is "--" boundary ["--"] *WSP and a line end, nothing else (as clients read
 * it); the innermost open multipart that it fits wins. The line end before it belongs to it.
 */
#ifndef MIME_TREE_H
#define MIME_TREE_H

#include "mime/body.h"
#include "mime/charset.h"
#include "mime/param.h"

enum { TREE_DEPTH_MAX = 50, TREE_PARTS_MAX = 10000 };
#define TREE_NONE	UINT32_MAX

/* Octets of arena that a message of the given size can need at most, for arena_init. */
#define TREE_ARENA_OCTETS(size)	(((size_t)16 << 20) + 24 * (size_t)(size))

enum tree_flag_bit {
#define TREE_FLAG(name, ambiguous, text) name##_BIT,
#include "mime/tree.def"
#undef TREE_FLAG
	TREE_FLAG_COUNT
};

/* TREE_X_BIT of tree.def as a mask. */
#define TREE_FLAG_MASK(bit)	((uint64_t)1 << (bit))
#define TREE_HAS(flags, name)	(((flags) & TREE_FLAG_MASK(name##_BIT)) != 0)

enum tree_kind { TREE_LEAF, TREE_MULTIPART, TREE_MESSAGE };

struct tree_part {
	uint32_t	   parent, first_child, next_sibling;	/* index or TREE_NONE */
	uint32_t	   number;	/* among its siblings, from 1; 0 for the root */
	uint16_t	   depth;	/* 0 for the root */
	uint8_t		   kind;	/* enum tree_kind: what it was divided as */
	uint8_t		   encoding;	/* enum body_encoding */
	uint8_t		   charset;	/* enum charset of the label, or us-ascii without one */
	uint32_t	   header_begin, header_end;	/* with the empty line */
	uint32_t	   body_begin, body_end;	/* the part ends at body_end */
	uint32_t	   header_lines, body_lines;
	uint32_t	   preamble_end;   /* multipart: [body_begin, preamble_end) */
	uint32_t	   epilogue_begin; /* multipart: [epilogue_begin, body_end) */
	uint64_t	   flags;
	struct slice	   type, subtype;  /* effective, as written: "text" "plain" by default */
	struct slice	   charset_label;  /* empty: none */
	struct slice	   filename;	   /* UTF-8: of filename, else of name; empty: none */
	struct slice	   boundary;
	struct param_value content_type, disposition;
	bool		   has_type, has_disposition;
	struct slice	   raw_type, raw_encoding, raw_disposition;	/* raw field values */
	struct slice	   raw_id, raw_description, raw_md5, raw_language, raw_location;
};

struct tree {
	struct slice	  message;
	struct tree_part *parts;
	uint32_t	  count;
	uint32_t	  lines;	/* of the whole message */
	uint64_t	  flags;	/* of all parts together */
};

/* Divide message, which must outlive the tree. OK; ERR_LIMIT for >= 4 GiB; or a->err. */
int tree_parse(struct slice message, struct arena *a, struct tree *out) MUST_USE;

/* The octets of part i: of its header (empty line included), of its body, of both. */
struct slice tree_header(const struct tree *t, uint32_t i);
struct slice tree_body(const struct tree *t, uint32_t i);
struct slice tree_whole(const struct tree *t, uint32_t i);
struct slice tree_preamble(const struct tree *t, uint32_t i);
struct slice tree_epilogue(const struct tree *t, uint32_t i);

/* Is part i of this type (any case); NULL subtype: any. */
bool tree_is(const struct tree *t, uint32_t i, const char *type, const char *subtype);

/* Append the part's path as in IMAP sections: "1.2"; "" for the root, "1.2.HEADER"-like forms
 * are the caller's. The body of a single-part message is "1". */
void tree_path(const struct tree *t, uint32_t i, struct buf *out);

/* The body of part i decoded of its transfer encoding, appended to out; *flags_out (may be NULL)
 * gets BODY_*. OK or out->err. */
int tree_decode(const struct tree *t, uint32_t i, struct buf *out, unsigned *flags_out) MUST_USE;

/* The name of flag bit i, static; may clients read such a message differently? */
const char *tree_flag_name(unsigned bit);
const char *tree_flag_text(unsigned bit);
bool tree_is_ambiguous(uint64_t flags);

#endif
