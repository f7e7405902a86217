/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/look.h: the styles of a document, as far as they decide whether text is seen.
 *
 * Shape   looks_add() for each style as it is read, looks_end() once behind the last; then what a
 *         style says, together with those that it is based on. Styles of one family are told by
 *         their names.
 * Bounds  LOOKS_MAX styles, names of LOOK_NAME_OCTETS; n log n; chains are followed once.
 * Source  ECMA-376 part 1, 17.7.2 (chains) and 17.7.3 (toggle properties); OpenDocument 1.3 part 3,
 *         16.2 (styles).
 */
#ifndef POLICY_EXTRACT_LOOK_H
#define POLICY_EXTRACT_LOOK_H

#include "common/buf.h"

enum { LOOKS_MAX = 65535, LOOK_NAME_OCTETS = 255 };

enum look_family { LOOK_DEFAULTS, LOOK_TABLE, LOOK_PARAGRAPH, LOOK_TEXT, LOOK_FAMILIES };

/* Each 1: yes, 0: no, -1: says nothing about it. */
struct look {
	signed char hidden, tiny, white;
	signed char web;	/* hidden where a document is shown as a page of the web */
};

struct look_row;

struct looks {
	struct look_row *rows;	/* by family and name when they have ended */
	size_t		 n, room;
	struct buf	 names;
	struct look	 usual[LOOK_FAMILIES];	/* of what names no style */
	int		 err;			/* sticky: ERR_LIMIT, ERR_NOMEM, ERR_CORRUPT */
};

struct look look_none(void);

/* What `over` says counts more. */
void look_put(struct look *l, struct look over);

void looks_init(struct looks *l);
void looks_fini(struct looks *l);

/* based_on may be empty. usual: the style of what names none. */
void looks_add(struct looks *l, enum look_family family, struct slice name, struct slice based_on,
    bool usual, struct look says);

/* Names that are not among these styles are looked for in those of `common` (NULL: nowhere).
 * l->err; ERR_CORRUPT: some make text unseen, and programs may see different things, since there are
 * two of one name that look different, or some are based on each other in a ring. */
int looks_end(struct looks *l, const struct looks *common) MUST_USE;

/* Of a style; without a name or with an unknown one what is usual. */
struct look looks_find(const struct looks *l, enum look_family family, struct slice name);

/* The same, in `common` when it is not there; either may be NULL. */
struct look looks_find_in(const struct looks *l, const struct looks *common,
    enum look_family family, struct slice name);

/* Does some style make text unseen? */
bool looks_matter(const struct looks *l);

#endif
