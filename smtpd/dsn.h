/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/dsn.h: compose a delivery status notification.
 *
 * Shape   pure: facts in, a whole message out (from the first header field on, without Return-Path
 *         and Received). Three parts: what happened, for people, in Vietnamese and English; the
 *         same for programs; the header of the message that it is about.
 * Safety  nothing that is handed in can leave its place: values are checked or shown with "?";
 *         what might break a line or a boundary travels in base64. Never the body of a message.
 *         Everything is 7-bit.
 * Bounds  DSN_HEADER_MAX octets of the header are given back; DSN_NAMED_MAX recipients are named to
 *         people, all to programs.
 * Source  RFC 3461 6, 3462 / 6522, 3463, 3464, 3834 (Auto-Submitted), 6533 (addresses in UTF-8).
 */
#ifndef SMTPD_DSN_H
#define SMTPD_DSN_H

#include "common/buf.h"

enum { DSN_HEADER_MAX = 64 * 1024, DSN_NAMED_MAX = 50, DSN_ID_OCTETS = 16, DSN_STATUS_MAX = 16 };

/* Values of enum st_tell (mailstore/proto.h). */
enum dsn_action {
	DSN_FAILED = 1, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED, DSN_ACTIONS
};

struct dsn_rcpt {
	enum dsn_action action;
	struct slice	address;
	struct slice	orcpt;		/* "type;xtext" as it came, or empty */
	struct slice	text;		/* the last words: "550 5.1.1 no such user", or our own */
	bool		remote;		/* they are the next hop's */
};

struct dsn {
	struct slice	hostname;	/* of this server */
	struct slice	domain;		/* postmaster's */
	struct slice	to;		/* who is told */
	uint8_t		id[DSN_ID_OCTETS];	/* makes Message-ID and boundary */
	struct slice	envid;		/* as it came (xtext), or empty */
	struct slice	next_hop;	/* address literal, or empty */
	struct slice	contact_vi, contact_en;	/* whom to call; may be empty */
	int64_t		now_s, arrived_s;
	int64_t		until_s;	/* when what is delayed is given up; 0: not said */
	struct slice	original;	/* the message; only its header is looked at */
	const struct dsn_rcpt *rcpts;
	size_t		rcpts_n;	/* > 0 */
};

/* OK; ERR_INVAL: an address that is none to write to; out->err. */
int dsn_compose(const struct dsn *d, struct buf *out) MUST_USE;

/* The status code of RFC 3463 for a recipient: from the words if they have one that fits. */
void dsn_status(const struct dsn_rcpt *r, char out[DSN_STATUS_MAX]);

#endif
