/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/engine.h: one IMAP session without sockets, files or clocks.
 *
 * Shape   octets in (engine_input), octets out (engine_output), everything else through the
 *         backend. After each call of engine_start, _input, _answer, _changed or _tls_done the
 *         owner calls engine_run while engine_busy, writing engine_output in between: with a step's
 *         output unwritten nothing goes on, so a slow reader stops the session.
 *         Commands run one after the other, so pipelining cannot reorder anything.
 * Bounds  ENGINE_STEP_OCTETS of output a step (one item may exceed it by a record); a line is at
 *         most ENGINE_LINE_OCTETS; literals before sign-in ENGINE_PREAUTH_LITERALS in all, later
 *         ENGINE_LITERALS in all for a command; a message is not held here but spooled. An
 *         idle session holds this struct and its list of UIDs (4 octets each), nothing else.
 * Source  RFC 3501, 2177, 2342, 2971, 3348, 3691, 4315, 4731, 4959, 5161, 5258, 5530, 5819, 6154,
 *         6851, 7888.
 */
#ifndef IMAPD_ENGINE_H
#define IMAPD_ENGINE_H

#include "common/buf.h"
#include "imapd/backend.h"

enum {
	ENGINE_STEP_OCTETS = 64 * 1024,
	ENGINE_LINE_OCTETS = 64 * 1024,
	ENGINE_PREAUTH_LITERALS = 8 * 1024,
	ENGINE_LITERALS = 128 * 1024,
	ENGINE_LITERAL_COUNT = 1000,
	ENGINE_PREAUTH_ERRORS = 3,
	ENGINE_SIGN_INS = 3,
	ENGINE_FAILED_DELAY_MS = 2000,
};

struct session;

struct engine_conf {
	const char	     *hostname;		/* outlives the engine */
	unsigned	      zone;		/* ZONE_INTERNAL or ZONE_INTERNET */
	bool		      tls;		/* stands already (implicit TLS) */
	bool		      starttls;		/* may be begun */
	uint64_t	      message_octets;	/* largest message for APPEND */
	unsigned	      errors;		/* a signed-in session is closed after so many */
	const struct backend *backend;
	void		     *ctx;		/* for the backend */
};

int engine_new(const struct engine_conf *conf, struct session **out) MUST_USE;
void engine_free(struct session **e);

/* The greeting. */
void engine_start(struct session *e);

/* Octets of the peer: how many were taken. The rest is offered again after engine_run had
 * something to do. The rest after a STARTTLS must be thrown away, see engine_wants_tls. */
size_t engine_input(struct session *e, struct slice in) MUST_USE;

/* Go on with what the session is doing, for one step (a millisecond or so). */
void engine_run(struct session *e);

/* What the owner is to write and buf_consume. */
struct buf *engine_output(struct session *e);

/* Is there more to do at once, without input or answers? */
bool engine_busy(const struct session *e);

/* The answer to the ask that the session waits for. */
void engine_answer(struct session *e, const struct backend_reply *reply);

/* Some mailbox of the account changed: matters only while engine_looks_on, which is in IDLE with a
 * mailbox selected, whatever it is doing just then. */
void engine_changed(struct session *e);
bool engine_looks_on(const struct session *e);

/* For deadlines: what the session waits for from its peer. */
enum engine_waits {
	ENGINE_WAITS_SIGN_IN,	/* not signed in yet */
	ENGINE_WAITS_COMMAND,	/* signed in, nothing begun: may be silent for long */
	ENGINE_WAITS_REST,	/* the rest of a command, or a literal */
	ENGINE_WAITS_OTHERS,	/* nothing of the peer: an answer or its own work */
	ENGINE_WAITS_IDLE,	/* IDLE */
	ENGINE_WAITS_TLS,	/* the handshake: the owner begins it when the output is written */
	ENGINE_CLOSED,		/* close when the output is written */
};
enum engine_waits engine_waits(const struct session *e);

/* The owner ends the session: "* BYE text" with a response code (may be NULL). */
void engine_bye(struct session *e, const char *code, const char *text);

/* How many commands the peer has given since the last time. */
uint64_t engine_commands(struct session *e);

/* Give memory back when the session is quiet; called by the owner when all output is written. */
void engine_rest(struct session *e);

#endif
