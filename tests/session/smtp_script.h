/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/smtp_script.h: drive the SMTP session engine by a written transcript.
 *
 * A file holds cases. A case begins with "== name [| flags]" (submission lmtp tls nosplit
 * smallsize dsn)
 * and has lines:
 *	C: text		the client sends text CRLF
 *	C+ text		... without CRLF, with escapes \r \n \0 \\ \xNN
 *	S: text		the next line of the server, exactly
 *	S~ regex	... matches (extended)
 *	S* code		all lines of a reply with that code
 *	R: text		the next request of the engine
 *	A: text		a request is answered, or an event
 *	B: text		the message written so far (escapes)
 *	A: over WHAT	... the limit per hour of mail, rcpt, err or try is reached
 *	N: counts	what was counted so far
 *	T: ms		time passes
 *	X:		the session has ended
 *	@name argument	a phrase of script_read.c
 * C-lines that follow each other are one block, and are sent at once, or split anywhere: every
 * outcome must be the same.
 */
#ifndef TESTS_SMTP_SCRIPT_H
#define TESTS_SMTP_SCRIPT_H

#include "common/buf.h"

enum { SCRIPT_LINES = 600 };

struct script_line {
	char	     kind, mark;	/* 'C' ':' */
	struct slice text;
};

struct script_case {
	char		   name[120];
	struct script_line lines[SCRIPT_LINES];
	size_t		   lines_n;
	char		   mem[1 << 15];	/* of phrases */
	size_t		   mem_n;
};

/* Take the next case off *text: false at the end. */
bool script_next(struct slice *text, struct script_case *out);

/* What stands behind the bar in the line that begins the case; a text with its escapes resolved. */
struct slice script_flags(const struct script_case *c);
void script_unescape(struct slice s, struct buf *out);

/* Run with block number `block` split at octet `at` (block SIZE_MAX: nowhere; at SIZE_MAX: every
 * octet by itself). NULL: as written; else what differs, static. *octets_out: length of that
 * block. */
const char *script_run(const struct script_case *c, size_t block, size_t at, size_t *octets_out);

/* Run whole, at every split, octet by octet: NULL or what differs. */
const char *script_run_all(const struct script_case *c);

#endif
