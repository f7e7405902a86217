/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/serve_internal.h: what the files of the service share; nobody else includes it.
 */
#ifndef MAILSTORE_SERVE_INTERNAL_H
#define MAILSTORE_SERVE_INTERNAL_H

#include "directory/proto.h"
#include "mailstore/adopt.h"
#include "mailstore/engine_act.h"
#include "mailstore/queue.h"
#include "mailstore/sched.h"
#include "mailstore/serve.h"

/* One request on its way; memory and maps are freed with it. */
struct job {
	union {				/* first: the engine hands it back */
		struct engine_job ej;
		struct engine_act act;	/* of a request that is one */
	};
	struct ms_call	   call;
	struct server	  *sv;
	struct chan_req	   req;
	const void	  *msg;		/* an own copy */
	struct arena	   a;
	struct buf	   encoded;	/* what the copy's strings point into */
	struct slice	   message, summary;	/* mapped */
	struct box_scope   scope;
	bool		   unlimited;	/* as in ms_call */
	unsigned	   waits;	/* accounts that are still being made */
	unsigned	   unkeyed;	/* those of them for which keyd has not answered yet */
	int		   failed;	/* why one of them could not be */
	const void	  *reply;
	int		   reply_fd;	/* -1: none */
	union {
		struct st_unexpunge_reply unexpunge;
		struct {
			struct adopt	  made;
			struct st_restore_reply reply;
		} restore;
		struct st_open_reply   open;
		struct st_flags_reply  seen;
		struct {
			struct st_key_rotate_reply reply;
			struct st_keyset	   fresh;
			struct control_account	   row;
		} rotate;
		struct st_rewrap_reply rewrap;
		struct {
			struct st_spool_rotate_reply reply;
			struct spool_key      fresh;
			struct record_key     at;	/* last entry looked at */
			uint8_t		     *secret;	/* guarded */
			bool		      through;
		} spool;
		struct {
			struct st_master_reply reply;
			struct control_account row;
			struct spool_key      spool;
			size_t		      asked;
		} master;
		struct {
			struct st_claim_reply reply;
			struct control_queue  q;
			struct loop_timer     deadline;
			struct job	     *next;	/* among those that wait */
			bool		      found, gone, late;
			int64_t		      next_ms;
		} claim;
		struct {
			struct st_audit_verify_reply reply;
			struct audit_verify   v;
			struct loop_timer     timer;
		} verify;
		int64_t shift_ms;
		struct lease *lease;
	} u;
};

struct pending_account;
struct figures;

struct server {
	struct loop	    *loop;
	const struct conf   *conf;
	struct engine	    *e;
	struct chan_server  *chan;
	struct chan_client  *keyd;
	struct sched	     sched;
	struct loop_fd	     sealed;	/* some body was */
	bool		     apply_failed;
	struct pending_account *pending;
	struct job	    *claims;	/* waiting for something to become due */
	struct lease	    *leases;	/* what was given */
	struct loop_timer    round, apply, close, minute, spool, due, settle, gc;
	struct spool_row     spool_row;	/* as in control */
	bool		     spool_rotating;
	uint64_t	     signed_serial, signed_ms;	/* last checkpoint */
	struct queue_clock   clock;
	struct gc_clock	     gc_clock;
	uint64_t	     claim_ms;	/* when the relay asked last; at first, when we started */
	uint8_t		     audit_key[32];	/* of keyd; has_audit_key */
	int		     lock_fd;	/* until the engine has it */
	bool		     has_audit_key, signing, closing;
	struct st_nothing    nothing;
	struct figures	    *figures;
};

/* A job for a request: NULL when there is no memory, and then the request is answered. type is the
 * request's. Descriptors (message, summary) are mapped when the row has some. */
struct job *job_new(struct server *sv, struct chan_req *req, const struct wire_type *type,
    const void *msg);
/* A job of our own, without a request. */
struct job *job_own(struct server *sv);
void job_free(struct job *j);
/* Into the next group. */
void job_ready(struct job *j);
/* Make the job the act that its request asks for; it becomes ready, is done and answered. */
void job_act(struct job *j, enum ms_act act);
/* Have a round when all that has arrived by now is read. */
void round_soon(struct server *sv);
/* Answer and free. */
void job_finish(struct job *j, int status);

/* Make the accounts that the job needs and that do not exist; then it becomes ready. */
void accounts_need(struct job *j, struct slice guid, struct slice uid, struct slice address);
void accounts_go(struct job *j);
/* Groups of new accounts whose keysets have come: before the other jobs of a round. */
void accounts_commit(struct server *sv);
void accounts_stop(struct server *sv);

/* keyd */
int keyd_start(struct server *sv) MUST_USE;
void keyd_checkpoint_maybe(struct server *sv);
/* Sign the head now; fn is called when it is done or cannot be done. */
void keyd_checkpoint(struct server *sv, void (*fn)(void *arg), void *arg);

/* Keys of the queue: fetch them at the start, and end a rotation that was cut short. */
int spool_start(struct server *sv) MUST_USE;

/* queue */
void queue_clock_watch(struct server *sv);
void claims_wake(struct server *sv);
void claims_stop(struct server *sv);
/* The peer has gone: what waits for it must not take an entry, which would lie under its lease. */
void claims_drop(struct server *sv, uint64_t peer_serial);
/* A peer was given an entry; said how it went; or has gone. */
void leases_add(struct server *sv, uint64_t peer_serial, const struct st_queue_entry *e,
    uint32_t lease_ms);
void leases_done(struct server *sv, struct slice id, struct slice route);
void leases_release(struct server *sv, uint64_t peer_serial);
void leases_free(struct server *sv);

/* Give space of removed mail back from now on. */
void gc_start(struct server *sv);

/* Keep the metrics that must be looked up. */
int figures_start(struct server *sv) MUST_USE;
void figures_routes(const struct conf *conf);	/* names that may be shown */
void figures_stop(struct server *sv);

/* Write audit records of our own. */
void audit_own(struct server *sv, const struct st_audit *record);

#define SERVE_DECLARE(code, name, roles, fds, request, reply) \
	void serve_##code(void *service, struct chan_req *req, const void *msg);
ST_ROWS(SERVE_DECLARE)

#endif
