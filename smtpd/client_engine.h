/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/client_engine.h: hand one message to another server, as a pure machine.
 *
 * Shape   octets in, octets (appended to a buffer) out; the host moves them, does the TLS
 *         handshake when client_engine_wants_tls(), and calls client_engine_produce() whenever
 *         the buffer has drained. At the end every recipient has an outcome and a text.
 * Octets  only CRLF ends lines, dots are stuffed; a message with other line ends, one that needs
 *         8BITMIME or SMTPUTF8 where the peer has not got it, or is over its SIZE, fails for good
 *         and none of it is sent.
 * Safety  input behind the reply to STARTTLS ends it (response injection); what was said before
 *         TLS is forgotten; CLIENT_TLS_REQUIRED never goes on without TLS.
 *         A peer that bears our own name is ourselves: a loop, and the end (5.4.6).
 * Source  RFC 5321 3.3, 4.2, 4.5.3; 1870, 2920, 3207, 3461 5, 6152, 6531.
 */
#ifndef SMTPD_CLIENT_ENGINE_H
#define SMTPD_CLIENT_ENGINE_H

#include "common/arena.h"
#include "common/buf.h"
#include "smtpd/client_reply.h"

enum client_tls { CLIENT_TLS_NONE, CLIENT_TLS_OPPORTUNISTIC, CLIENT_TLS_REQUIRED };
enum client_outcome { CLIENT_PENDING, CLIENT_DELIVERED, CLIENT_DEFERRED, CLIENT_FAILED };

struct client_rcpt {
	struct slice	    address;
	enum client_outcome outcome;
	struct slice	    text;	/* in job->mem, or static */
	bool		    remote;	/* text is the peer's, not ours */
	bool		    passed;	/* delivered to a peer that took over the duty to tell */
	unsigned	    notify;	/* XTEXT_*, 0: nothing was asked for */
	struct slice	    orcpt;	/* as it came, in xtext; may be empty */
};

struct client_job {
	const char	   *hostname;	/* ours, for EHLO */
	enum client_tls	    tls;
	struct slice	    mail_from;
	struct slice	    message;
	bool		    utf8;	/* the sender asked for SMTPUTF8 */
	unsigned	    ret;	/* XTEXT_RET_* */
	struct slice	    envid;	/* as it came, in xtext; may be empty */
	struct client_rcpt *rcpts;
	size_t		    rcpts_n;
	struct arena	   *mem;	/* for texts */
};

enum client_state {
	CLIENT_GREETING, CLIENT_EHLO, CLIENT_HELO, CLIENT_STARTTLS, CLIENT_HANDSHAKE, CLIENT_MAIL,
	CLIENT_RCPT, CLIENT_DATA, CLIENT_BODY, CLIENT_ACCEPTED, CLIENT_DONE, CLIENT_STATES
};

enum client_feature {
	CLIENT_HAS_PIPELINING = 1, CLIENT_HAS_8BITMIME = 2, CLIENT_HAS_SMTPUTF8 = 4,
	CLIENT_HAS_STARTTLS = 8, CLIENT_HAS_SIZE = 16, CLIENT_HAS_DSN = 32
};

struct client_engine {
	struct client_job  *job;
	struct buf	   *out;
	enum client_state   state;
	struct client_reply reply;
	unsigned	    features;	/* CLIENT_HAS_* */
	uint64_t	    size_max;	/* of SIZE; 0: no limit said */
	bool		    tls, body_8bit, needs_utf8;
	bool		    mail_refused, itself;
	size_t		    asked, answered;	/* recipients */
	size_t		    accepted;
	size_t		    body_at;
	bool		    line_start;
};

void client_engine_open(struct client_engine *ce, struct client_job *job, struct buf *out);

/* Octets of the peer: how many were taken (all, unless TLS begins or a line is not complete). */
size_t client_engine_input(struct client_engine *ce, struct slice in) MUST_USE;

/* More of the message, if it is time for that; call when out has drained. */
void client_engine_produce(struct client_engine *ce);

bool client_engine_wants_tls(const struct client_engine *ce);
void client_engine_on_tls(struct client_engine *ce);

/* Whoever has no outcome yet is deferred with the text (static); the end. */
void client_engine_fail(struct client_engine *ce, const char *text);

/* Is there an outcome for everybody? (A QUIT may still be in out.) */
bool client_engine_done(const struct client_engine *ce);

#endif
