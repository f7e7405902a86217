/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/client_reply.h: read the replies of another server.
 *
 * Shape   octets in, in pieces of any size; one whole reply at a time out.
 * Bounds  CLIENT_LINE_MAX octets a line, CLIENT_LINES_MAX lines a reply, CLIENT_TEXT_MAX octets
 *         of text kept, as printable ASCII.
 * Errors  whatever is no reply (bare CR or LF, NUL, codes that differ between lines, no code) is
 *         ERR_SYNTAX or ERR_LIMIT: the connection is of no more use.
 * Source  RFC 5321 4.2: reply = *( code "-" text CRLF ) code [ SP text ] CRLF
 */
#ifndef SMTPD_CLIENT_REPLY_H
#define SMTPD_CLIENT_REPLY_H

#include "common/slice.h"

enum { CLIENT_LINE_MAX = 2048, CLIENT_LINES_MAX = 128, CLIENT_TEXT_MAX = 400 };

struct client_reply {
	size_t	 scanned;	/* of the unfinished line */
	unsigned code;		/* 200..599 */
	unsigned lines;
	bool	 whole;		/* the reply before is complete: a new one begins */
	size_t	 text_n;
	char	 text[CLIENT_TEXT_MAX];	/* "550 5.1.1 no such user" */
};

/* Called with what follows the code of each line, while it is read. */
typedef void (*client_reply_line_fn)(void *arg, unsigned index, struct slice text);

void client_reply_init(struct client_reply *r);

/* 1: r is a whole reply. 0: more is needed. Errors as above. *taken_out octets are used up. */
int client_reply_read(struct client_reply *r, struct slice in, client_reply_line_fn fn, void *arg,
    size_t *taken_out) MUST_USE;

struct slice client_reply_text(const struct client_reply *r);

#endif
