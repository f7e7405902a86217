/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/client_script.h: drive the relay's client engine by a written transcript.
 *
 * "== name [| flags]" begins a case (flags: none opportunistic required utf8 nosplit); its lines:
 *	F: address	sender
 *	T: address	a recipient (both before anything else)
 *	E: RET ENVID	of the message; N: NOTIFY ORCPT		of the last recipient
 *	M: text		the message (escapes \r \n \0 \\ \xNN)
 *	S: text		the server sends text CRLF
 *	S+ text		... with escapes, no CRLF
 *	C: text		the next line of the client
 *	H:		the TLS handshake is wanted, and succeeds
 *	W: octets	the message has so many octets more, in lines
 *	D:		what the client said so far is passed over
 *	L: text		the connection is lost
 *	O: outcome text	of the next recipient, at the end; "[passed] " before the text: the peer
 *			took over the duty to tell
 */
#ifndef TESTS_CLIENT_SCRIPT_H
#define TESTS_CLIENT_SCRIPT_H

#include "tests/session/smtp_script.h"

/* Run with the server's lines one by one, those that follow each other together, each cut at
 * every octet, and octet by octet: NULL or what differs. */
const char *client_script_run_all(const struct script_case *c);

/* Print in which state no transcript has: 421, another refusal, a lost connection, a reply that is
 * no SMTP; how many are missing? */
unsigned client_coverage_missing(void);

#endif
