/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/conn.h: one session's socket, TLS and engine.
 *
 * Shape   conn_run() does all that can be done now and then waits for the socket, for a service or
 *         for the deadline. What a service answers goes to the engine, then conn_run() again.
 * Bounds  a fixed struct; input and output buffers exist only while something is in them.
 */
#ifndef SMTPD_CONN_H
#define SMTPD_CONN_H

#include "mailstore/proto.h"
#include "policy/proto.h"
#include "policy/release_ask.h"
#include "smtpd/worker.h"

enum { CONN_IN_MAX = 256 * 1024, CONN_OUT_MAX = 4 * 1024 * 1024 };

/* The message being received, then judged, then stored (smtpd/message.c). */
struct message {
	int			   fd;		/* as received; -1: none */
	int			   final_fd, summary_fd;
	uint64_t		   octets;
	bool			   strange;	/* its sender has not signed in */
	bool			   sealed;
	size_t			   return_path_octets;
	struct slice		   trace;	/* in the envelope's arena, as the next ones */
	struct st_deliver_request *deliver;
	struct st_audit		   audit;
	struct release_ask	   release;
	struct engine_verdict	   refused;	/* if no release fits */
};

struct conn {
	struct worker		     *worker;
	struct conn		     *next, **link;
	const struct worker_listener *listener;
	struct loop_fd		      lf;
	struct loop_timer	      timer;
	struct tls_conn		     *tls;
	bool			      handshaking, start_tls, sent_end;
	bool			      told_rate;
	unsigned		      zone;
	char			      client[ACCEPT_CLIENT_MAX];
	uint8_t			      peer_key[SHARE_KEY_OCTETS];
	struct buf		      in, out;
	size_t			      out_at;
	uint64_t		      linger_until_ms;	/* 0: not ending */
	bool			      leaving;		/* ... whatever the engine says */
	struct chan_client	     *asked;		/* NULL: nothing is open */
	uint32_t		      call;
	struct arena		      account_mem;
	struct dir_auth_reply	     *account;		/* deep copy, NULL: nobody */
	struct slice		     *identities;
	bool			      stale;		/* the account's addresses changed */
	bool			      renewing;		/* ... and are being asked for */
	unsigned		      odd;		/* answers that made no sense */
	uint32_t		      renewal;
	struct message		      message;
	struct engine		      engine;
};

/* Take over an accepted connection, which then ends by itself; on error it stays the caller's. */
int conn_new(struct worker *w, const struct worker_listener *l, const struct accept_peer *peer)
    MUST_USE;
void conn_free(struct conn *c);

/* Go on: after an event of the engine that did not come from the socket. */
void conn_run(struct conn *c);

/* The account may not go on: end it, within a moment also if the peer does not read. */
void conn_withdraw(struct conn *c, enum reply why);

/* Ask for the addresses of a stale account, once no transaction uses them. */
void conn_renew(struct conn *c);

/* Keep the account of an answer (in account_mem): ERR_NOMEM. */
int host_keep_account(struct conn *c, const struct dir_auth_reply *r, struct engine_account *out)
    MUST_USE;

/* The server stops. */
void conn_stop(struct conn *c);

/* What the engine asks (smtpd/host.c). */
const struct engine_ops *host_ops(void);

/* Ask a service on behalf of c; one at a time. */
void host_ask(struct conn *c, struct chan_client *whom, uint16_t code, const void *msg,
    const int *fds, unsigned fds_n, uint64_t timeout_ms, chan_answer_fn fn);

/* The body of a message (smtpd/message.c): the ops of the same names. */
int message_open(void *host);
int message_write(void *host, struct slice piece);
void message_drop(void *host);
int message_judge(void *host);
/* Tell the engine. */
void message_verdict(struct conn *c, const struct engine_verdict *v);
/* Fill the audit record from what policyd answered (smtpd/message_record.c). */
void message_record(struct conn *c, const struct pol_judge_reply *r);
/* The gate refused: are there releases that may lift it? Then they are gathered, the gate is asked
 * again, and the engine is told afterwards (true). */
bool message_release_begin(struct conn *c, const struct pol_judge_reply *r,
    const struct engine_verdict *v);
/* The release that the verdict is due to, for the delivery; NULL: none, or env->mem.err. */
struct st_release_use *message_release_use(struct conn *c, const struct pol_judge_reply *r);
/* The delivery is stored: tell the log of the release that it used up, if any. */
void message_release_used(const struct conn *c);
void message_deliver(void *host);
void message_audit(void *host);

#endif
