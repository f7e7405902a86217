/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/mailpath.h: the paths and parameters of MAIL and RCPT.
 *
 * Shape   slices into the command line; nothing is copied, nothing is allocated.
 * Bounds  one pass; local part <= 64 octets, domain <= 255, path <= 256 (RFC 5321 4.5.3.1).
 * Source  RFC 5321 4.1.2 (grammar), RFC 6531 3.3 (UTF-8 in both parts).
 *
 *   path      = "<" [ [ route ":" ] mailbox ] ">"	the route is ignored (RFC 5321 C)
 *   route     = "@" domain *( "," "@" domain )
 *   mailbox   = local "@" ( domain / literal )
 *   local     = atom *( "." atom ) / DQUOTE *( qtext / "\" printable ) DQUOTE
 *   domain    = label *( "." label )		label = let-dig [ *( let-dig / "-" ) let-dig ]
 *   literal   = "[" 1*( printable but "[" "\" "]" ) "]"
 *   parameter = SP keyword [ "=" value ]
 */
#ifndef SMTPD_MAILPATH_H
#define SMTPD_MAILPATH_H

#include "common/buf.h"

enum { MAILPATH_LOCAL_MAX = 64, MAILPATH_DOMAIN_MAX = 255, MAILPATH_MAX = 256 };

struct mailpath {
	struct slice spec;	/* local@domain, as written; empty for <> */
	struct slice local;
	struct slice domain;	/* empty for <> and for <Postmaster> */
	bool	     utf8;	/* some octet is not ASCII */
};

/* The path at the start of *in, which is moved behind it. OK; ERR_SYNTAX; ERR_LIMIT: too long. */
int mailpath_parse(struct slice *in, struct mailpath *out) MUST_USE;

/* Append the address with no more quoting than it needs: all ways to write one give the same
 * (RFC 5321 4.1.2). Nothing for <>. */
void mailpath_plain(const struct mailpath *path, struct buf *out);

struct mailpath_param {
	struct slice name, value;	/* value empty without "=" */
	bool	     has_value;
};

/* The next parameter. 1: *out is it. 0: end of line. ERR_SYNTAX. */
int mailpath_param(struct slice *in, struct mailpath_param *out) MUST_USE;

/* Is s a domain as above, or an address literal? For the names in EHLO, too. */
bool mailpath_is_domain(struct slice s);
bool mailpath_is_literal(struct slice s);

#endif
