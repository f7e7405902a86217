/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/tag.h: where tags and comments of HTML end, and what attributes a tag has.
 *
 * Shape   pure; slices point into what is read.
 * Source  WHATWG HTML 13.2.5.32-39 (attributes), 13.2.5.43-51 (comments).
 */
#ifndef POLICY_EXTRACT_TAG_H
#define POLICY_EXTRACT_TAG_H

#include "common/slice.h"

struct tag {
	struct slice name, attributes;
	bool	     closing, empty;
};

/* s stands behind the name of a tag: where is the ">" that ends it, or -1. quotes: a value between
 * quotes may hold others; declarations of HTML have no such values. */
ptrdiff_t tag_end(struct slice s, bool quotes);

/* The next attribute of *rest; false at the end. */
bool tag_attribute(struct slice *rest, struct slice *name, struct slice *value);

/* s begins with "<!--": octets of that comment with its ends, or 0 if it has no end. */
size_t tag_comment_octets(struct slice s);

/* The raw text at the front of rest, up to the closing tag of that name. */
struct slice tag_raw(struct slice rest, struct slice name);

/* <script type="application/ld+json">: about the message, for programs; nothing runs it. */
bool tag_is_data_block(const struct tag *t);

#endif
