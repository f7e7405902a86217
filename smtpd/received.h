/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/received.h: the fields that this server puts on top of a message.
 *
 * Shape   pure: facts in, whole folded fields out.
 * Safety  every value has been checked by a parser, or is written only if it is plain.
 * Source  RFC 5321 4.4 (Return-Path, Received), RFC 3848, RFC 6531 4.3 (protocol types).
 */
#ifndef SMTPD_RECEIVED_H
#define SMTPD_RECEIVED_H

#include "common/buf.h"

struct received_facts {
	struct slice mail_from;		/* empty for <> */
	struct slice helo, client;	/* client: address literal without brackets */
	struct slice hostname, ref;
	struct slice only_rcpt;		/* empty unless there is exactly one recipient */
	struct slice tls_protocol, tls_cipher;	/* empty without TLS */
	bool	     esmtp, utf8, authenticated, lmtp;
	int64_t	     now_s;
	int	     zone_min;
};

/* Append Return-Path and Received; *return_path_octets_out: how long the first is. */
int received_write(const struct received_facts *f, struct buf *out,
    size_t *return_path_octets_out) MUST_USE;

#endif
