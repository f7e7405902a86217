/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/xtext.h: the values of the DSN extension: xtext, RET, ENVID, NOTIFY, ORCPT.
 *
 * Shape   pure; slices into the command line. What was taken is kept, and passed on to a next hop,
 *         as it came (in xtext); it is decoded only to be shown.
 * Bounds  ENVID 100 octets, ORCPT 500, as RFC 3461 4.2 and 4.4 say; one pass.
 * Source  RFC 3461 4 (xtext, RET, ENVID, NOTIFY, ORCPT), RFC 6533 3 (utf-8 addresses).
 *
 *   xtext  = *( xchar / "+" 2HEXDIG )		xchar: "!".."~" but "+" and "="
 *   orcpt  = addr-type ";" xtext		addr-type: atom
 *   notify = "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )
 */
#ifndef SMTPD_XTEXT_H
#define SMTPD_XTEXT_H

#include "common/buf.h"

/* Values of enum st_notify and st_ret (mailstore/proto.h); the engine knows no service. */
enum xtext_notify { XTEXT_NEVER = 1, XTEXT_SUCCESS = 2, XTEXT_FAILURE = 4, XTEXT_DELAY = 8 };
enum xtext_ret { XTEXT_RET_NONE, XTEXT_RET_FULL, XTEXT_RET_HDRS };
enum { XTEXT_ENVID_MAX = 100, XTEXT_ORCPT_MAX = 500 };

/* Is s xtext that stands for printable ASCII (and white space) alone? */
bool xtext_is_plain(struct slice s);

/* Append what s stands for; anything but printable ASCII and space becomes "?". OK, ERR_SYNTAX. */
int xtext_decode(struct slice s, struct buf *out) MUST_USE;

/* The value of a parameter: OK, ERR_SYNTAX, ERR_LIMIT (longer than it may be). */
int xtext_ret(struct slice value, unsigned *ret_out) MUST_USE;
int xtext_envid(struct slice value) MUST_USE;
int xtext_notify(struct slice value, unsigned *notify_out) MUST_USE;
int xtext_orcpt(struct slice value) MUST_USE;

/* Append the words for NOTIFY= (of a value that is not 0). */
void xtext_add_notify(unsigned notify, struct buf *out);

#endif
