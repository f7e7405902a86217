/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/fetch.h: the items of FETCH.
 *
 * Bounds  FETCH_ITEMS_MAX items.
 * Source  RFC 3501 6.4.5, 9:  fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [...] /
 *                "BODY" ["STRUCTURE"] / "UID" / "BODY" [".PEEK"] section ["<" n "." n ">"]
 */
#ifndef IMAPD_FETCH_H
#define IMAPD_FETCH_H

#include "imapd/args.h"
#include "mime/section.h"

enum { FETCH_ITEMS_MAX = 100 };

/* Times and days are shown, and compared by SEARCH, in the time of Viet Nam. */
enum { FETCH_ZONE_MIN = 7 * 60 };

enum fetch_kind {
	FETCH_FLAGS, FETCH_UID, FETCH_DATE, FETCH_SIZE, FETCH_ENVELOPE, FETCH_BODY,
	FETCH_BODYSTRUCTURE, FETCH_SECTION
};

struct fetch_item {
	enum fetch_kind kind;
	struct slice	label;		/* SECTION: as in the response, without <origin> */
	struct section	section;
	bool		partial;
	uint64_t	from, count;
};

struct fetch_items {
	struct fetch_item *v;		/* in the arena */
	size_t		   n;
	bool		   sets_seen;
	bool		   content;	/* something besides the header of the message */
	bool		   summary;	/* something needs the summary */
	bool		   has_flags, has_uid;
};

/* An item, a macro (ALL, FAST, FULL), or a list of items. */
int fetch_parse(struct args *a, struct fetch_items *out) MUST_USE;

/* Add an item without arguments, unless it is there. */
int fetch_add(struct fetch_items *items, enum fetch_kind kind) MUST_USE;

#endif
