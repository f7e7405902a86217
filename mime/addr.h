/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/addr.h: address lists.
 *
 * Shape   one raw field value in, a flat list out; groups are a start and an end entry around
 *         their members, as in IMAP ENVELOPE.
 * Bounds  ADDR_MAX entries, one pass; past it ADDR_OVERFLOW and the rest is left out.
 * Source  RFC 5322 3.4, 4.4 (obsolete syntax is taken); RFC 3501 7.4.2 (envelope).
 */
#ifndef MIME_ADDR_H
#define MIME_ADDR_H

#include "common/arena.h"
#include "common/buf.h"

enum { ADDR_MAX = 10000 };

enum addr_kind { ADDR_MAILBOX, ADDR_GROUP_START, ADDR_GROUP_END };

enum addr_flag {
	ADDR_SYNTAX	= 1 << 0,	/* something was not understood */
	ADDR_COMMENT	= 1 << 1,
	ADDR_ROUTE	= 1 << 2,	/* "<@a,@b:c@d>" */
	ADDR_OBSOLETE	= 1 << 3,	/* obsolete but legal: empty items, spaces around dots */
	ADDR_QUOTED_LOCAL = 1 << 4,	/* local part was a quoted string */
	ADDR_NO_DOMAIN	= 1 << 5,	/* no "@domain" */
	ADDR_8BIT	= 1 << 6,
	ADDR_IN_GROUP	= 1 << 7,
	ADDR_OVERFLOW	= 1 << 8,
	ADDR_COMMENT_AT	= 1 << 9,	/* a comment holds @ < or >: made to mislead */
};

struct addr {
	enum addr_kind kind;
	struct slice   name;	/* display or group name, unquoted, unfolded; encoded words as
				 * they are (word_decode shows them). Empty: none; a comment
				 * behind a bare address stands in for it */
	struct slice   route;	/* "@a,@b" or empty */
	struct slice   local;	/* unquoted */
	struct slice   domain;	/* as written, without white space and comments */
	unsigned       flags;
};

struct addr_list {
	struct addr *addrs;
	unsigned     count;	/* entries, group marks included */
	unsigned     mailboxes;	/* entries of kind ADDR_MAILBOX */
	unsigned     flags;	/* of all */
};

/* Parse a raw value. OK or a->err. */
int addr_parse(struct slice raw, struct arena *a, struct addr_list *out) MUST_USE;

/* The strict form for decisions: the value is exactly one mailbox whose addr-spec is
 * dot-atom@domain with no route, group, obsolete form or misleading comment. *spec_out is
 * "local@domain" in the arena, case as written. OK, ERR_SYNTAX, or a->err. */
int addr_single(struct slice raw, struct arena *a, struct slice *spec_out) MUST_USE;

/* As addr_single for the one From field of an entity or header: ERR_NOENT if there is none,
 * ERR_EXIST if there are several, ERR_SYNTAX also if the header itself is malformed. */
int addr_single_from(struct slice header, struct arena *a, struct slice *spec_out) MUST_USE;

/* Append local@domain, the local part quoted if it must be. */
void addr_spec(const struct addr *ad, struct buf *out);

/* Is s a dot-atom (RFC 5322 3.2.3), octets >= 0x80 allowed when they are valid UTF-8? */
bool addr_is_dot_atom(struct slice s);

#endif
