/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/engine.h: one SMTP session of the server, as a pure machine.
 *
 * Shape   octets and events in, octets (appended to a buffer) and requests (struct engine_ops)
 *         out. It knows no socket, no clock and no service; the host tells it the time with every
 *         event and arms a timer for engine_due_ms(). Requests are answered by exactly one
 *         engine_on_*() call each, later or never, not from within the request.
 * States  engine.c has the table of (state, event); an event that has no row does nothing.
 * Bounds  command lines <= ENGINE_LINE_MAX; one transaction's memory see envelope.h; nothing is
 *         held between transactions but struct engine itself.
 * LMTP    every recipient is judged by itself and has its own reply; what is allowed is stored at
 *         once (deliver.c). Otherwise it is a receiving listener, as MX.
 * Rules   250 for a message only after the store said durable; on any doubt 4xx. Input where the
 *         protocol allows none (behind STARTTLS, AUTH, DATA, EHLO in the same group) ends the
 *         session.
 * Source  RFC 5321, 1870, 2034, 2033, 2920, 3207, 3461, 4954, 6152, 6409,
 *         6531; peers: smuggling, injection.
 */
#ifndef SMTPD_ENGINE_H
#define SMTPD_ENGINE_H

#include "common/buf.h"
#include "common/words.h"
#include "smtpd/data.h"
#include "smtpd/envelope.h"
#include "smtpd/reply.h"

enum {
	ENGINE_LINE_MAX = 2048,		/* with CRLF; more than 512 for SMTPUTF8 and parameters */
	ENGINE_SASL_LINE_MAX = 12288,	/* RFC 4954 4 */
	ENGINE_ID_OCTETS = 16,
	ENGINE_REF_OCTETS = 16,		/* hex digits of the first half of the id */
	ENGINE_HELO_MAX = 255,
	ENGINE_LMTP_RCPTS = 1000,	/* replies to one text; the output holds them */
};

enum engine_role { ENGINE_MX, ENGINE_SUBMISSION, ENGINE_LMTP };

/* What all sessions of a listener share; immutable. */
struct engine_conf {
	enum engine_role role;
	const char *hostname;
	const char *postmaster_domain;	/* for RCPT TO:<postmaster> */
	const char *contact_vi, *contact_en;
	bool	    starttls;		/* TLS can be had */
	uint64_t    message_octets, recipients, errors;
	uint64_t    command_ms, preauth_ms, idle_ms;
	uint64_t    service_ms;		/* longest wait for directory and store */
	uint64_t    policy_ms;
	uint64_t    min_octets_s;	/* slowest DATA that is borne */
	bool	    dsn;		/* RFC 3461 is offered */
	uint64_t    hops, own_hops;	/* Received fields in all, and of ours, that are borne */
};

/* ---- what the host answers ---- */

enum engine_auth_outcome {	/* values of enum dir_auth_outcome */
	ENGINE_AUTH_OK, ENGINE_AUTH_CONTINUE, ENGINE_AUTH_BAD, ENGINE_AUTH_DISABLED,
	ENGINE_AUTH_ZONE, ENGINE_AUTH_MECHANISM, ENGINE_AUTH_THROTTLED
};
enum engine_may {		/* what is limited per hour */
	ENGINE_MAY_MAIL, ENGINE_MAY_RCPT,	/* of an account: counted by the question */
	ENGINE_MAY_TRY,			/* is the address under its limit of bad recipients? */
	ENGINE_MAY_ERR				/* count one more of them; still under it? */
};
enum engine_rcpt_outcome {	/* values of enum dir_rcpt_outcome */
	ENGINE_RCPT_LOCAL, ENGINE_RCPT_GROUP, ENGINE_RCPT_NOT_OURS, ENGINE_RCPT_UNKNOWN,
	ENGINE_RCPT_DISABLED, ENGINE_RCPT_TOO_LARGE
};

/* Who signed in; everything lives in the host until the session ends or says so again. */
struct engine_account {
	struct slice	    address;		/* empty: nobody */
	const struct slice *identities;		/* addresses that may stand in MAIL FROM */
	size_t		    identities_n;
};

struct engine_auth {		/* a step of SASL, to be asked */
	uint64_t     conversation;
	struct slice mechanism;
	bool	     has_data;
	struct slice data;		/* decoded */
};

struct engine_auth_answer {
	int			 status;	/* not OK: the rest says nothing */
	enum engine_auth_outcome outcome;
	uint64_t		 conversation;
	struct slice		 challenge;
	struct engine_account	 account;	/* of OK */
};

struct engine_rcpt_answer {
	int			     status;
	enum engine_rcpt_outcome     outcome;
	const struct envelope_local *locals;
	size_t			     locals_n;
	const struct slice	    *externals;
	size_t			     externals_n;
};

struct engine_verdict {
	int	       status;		/* not OK: defer */
	unsigned       verdict;		/* VERDICT_* */
	struct slice   enhanced, rule, reason_vi, reason_en;
	const uint8_t *views;		/* verdict of each view of the envelope, in order */
	const bool    *first;		/* is it given for this reason? NULL: for all */
	size_t	       views_n;
	bool	       releasable;	/* security officers may release it */
	struct slice   unfit;		/* why a release of theirs does not; empty: there is none */
};

/* ---- what the engine asks ---- */

struct engine_ops {
	void (*start_tls)(void *host);	/* after the output so far */
	void (*auth)(void *host, const struct engine_auth *ask);
	void (*rcpt)(void *host, struct slice address);
	void (*room)(void *host, const struct envelope_local *to, uint64_t size_octets);
	/* The message: open, write; and drop it, always, at the end of the transaction. */
	int (*body_open)(void *host);
	int (*body_write)(void *host, struct slice piece);
	void (*body_drop)(void *host);
	/* Judge, deliver, or audit the refusal of, the message with e->env and e->id. What judge
	 * cannot even ask (not OK) gets no answer. */
	int (*judge)(void *host);
	void (*deliver)(void *host);	/* again with the same id after an unknown outcome */
	void (*audit)(void *host);
	void (*cancel)(void *host);	/* nobody waits any more for what was asked last */
	/* Answered at once: the route for a domain, and octets that nobody can guess. */
	bool (*route)(void *host, struct slice domain, struct slice *title_out, unsigned *zone_out);
	void (*random)(void *host, void *to, size_t n);
	bool (*may)(void *host, enum engine_may what);
};

enum engine_state {
	ENGINE_COMMAND,		/* a command line is awaited */
	ENGINE_SASL_LINE,	/* the client's next word in AUTH */
	ENGINE_DATA,
	ENGINE_WAIT_TLS, ENGINE_WAIT_AUTH, ENGINE_WAIT_RCPT, ENGINE_WAIT_ROOM,
	ENGINE_WAIT_POLICY, ENGINE_WAIT_STORE,
	ENGINE_STORE_PAUSE,	/* before the same delivery is tried again */
	ENGINE_WAIT_SPACE,	/* LMTP: whose mailbox is full? */
	ENGINE_WAIT_AUDIT,
	ENGINE_PENALTY,		/* a failed sign-in is answered late */
	ENGINE_SLOW,		/* so is a guessed recipient */
	ENGINE_CLOSED,		/* what is in the buffer is the last */
	ENGINE_STATES
};

enum engine_event {
	ENGINE_EV_INPUT, ENGINE_EV_TIMER, ENGINE_EV_TLS, ENGINE_EV_AUTH, ENGINE_EV_RCPT,
	ENGINE_EV_ROOM, ENGINE_EV_VERDICT, ENGINE_EV_STORED, ENGINE_EV_AUDITED, ENGINE_EV_SHUTDOWN,
	ENGINE_EV_WITHDRAWN,
	ENGINE_EVENTS
};

struct engine {
	const struct engine_conf *conf;
	const struct engine_ops	 *ops;
	void			 *host;
	struct buf		 *out;
	enum engine_state	  state;
	uint64_t		  now_ms, opened_ms, due_ms, store_until_ms;
	size_t			  scanned;	/* octets of the unfinished line */
	unsigned		  errors, junk, auth_failures;
	uint64_t		  commands;	/* given so far; the owner may set it back */
	bool			  tls, esmtp, started, draining, more;
	char			  helo[ENGINE_HELO_MAX + 1];	/* "" before HELO and EHLO */
	struct engine_account	  account;
	char			  mechanism[16];
	uint64_t		  conversation;
	enum reply		  penalty, withdrawn_why;
	bool			  withdrawn;	/* after the reply under way */
	unsigned		  guesses;	/* bad recipients of a stranger */
	struct envelope		 *env;		/* NULL: no transaction */
	struct slice		  rcpt;		/* being resolved, in env->mem */
	struct envelope_wish	  wish;		/* of that one, the same */
	struct envelope_local	  room;		/* being asked about, in env->mem */
	struct data_reader	  data;
	uint64_t		  body_octets, body_mark;
	int			  body_err;
	uint8_t			  id[ENGINE_ID_OCTETS];
	bool			  store_unknown;	/* an earlier try may have happened */
	struct engine_verdict	  verdict;	/* in env->mem */
	bool			 *gone;		/* LMTP: who is about to be told, in env->mem */
	size_t			  space_at;	/* the copy that room is asked for */
	unsigned		  rounds;	/* of judging the same message */
};

/* Begin a session (the greeting is appended to out). tls: it began with TLS. */
void engine_open(struct engine *e, const struct engine_conf *conf, const struct engine_ops *ops,
    void *host, struct buf *out, bool tls, uint64_t now_ms);

/* Let go of what the session holds; asks nothing any more (body_drop excepted). */
void engine_close(struct engine *e);

/* Take octets of the client; return how many were taken. The rest must be offered again, first,
 * with what came later, once the engine's state changed or more octets came. */
size_t engine_input(struct engine *e, uint64_t now_ms, struct slice in) MUST_USE;

/* When to call engine_on_timer (monotonic, as now_ms). */
uint64_t engine_due_ms(const struct engine *e);

void engine_on_timer(struct engine *e, uint64_t now_ms);
void engine_on_tls(struct engine *e, uint64_t now_ms);
void engine_on_auth(struct engine *e, uint64_t now_ms, const struct engine_auth_answer *a);
void engine_on_rcpt(struct engine *e, uint64_t now_ms, const struct engine_rcpt_answer *a);
void engine_on_room(struct engine *e, uint64_t now_ms, int status);
void engine_on_verdict(struct engine *e, uint64_t now_ms, const struct engine_verdict *v);
/* The gate is asked once more about the same message: as long again. */
void engine_more_time(struct engine *e, uint64_t now_ms);
void engine_on_stored(struct engine *e, uint64_t now_ms, int status);
void engine_on_audited(struct engine *e, uint64_t now_ms, int status);
/* The account's addresses changed. Not within a transaction: false, and nothing is taken. */
bool engine_renew(struct engine *e, const struct engine_account *account);
/* The account was disabled or lost rights: the session ends now, `why` (a 421) is said; while the store
 * is asked, after its answer. */
void engine_on_withdrawn(struct engine *e, uint64_t now_ms, enum reply why);
/* The server stops: an idle session ends now, a running transaction after its reply. */
void engine_on_shutdown(struct engine *e, uint64_t now_ms);

/* Would it take input now? (It takes, and forgets, everything once closed.) */
bool engine_takes_input(const struct engine *e);

/* "mx: wait-policy": for the log. */
const char *engine_state_name(enum engine_state state);

/* Does the state have a row for the event? For tests that walk the whole product. */
bool engine_expects(enum engine_state state, enum engine_event event);

/* The delivery's reference as shown to people. */
void engine_ref(const struct engine *e, char out[ENGINE_REF_OCTETS + 1]);

#endif
