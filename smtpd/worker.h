/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/worker.h: a process that serves SMTP sessions with one event loop.
 *
 * Shape   worker_run() takes listening sockets and the TLS context that the parent opened, enters the
 *         sandbox and serves until SIGTERM: then idle sessions end with 421, running transactions
 *         get WORKER_STOP_MS to finish. PARENT_RETIRE: it accepts no more, and ends with its last
 *         session.
 * Bounds  sessions in all and per address (common/accept.h), octets in flight; over them 421 and
 *         452. A process without free descriptors goes on serving those that it has.
 */
#ifndef SMTPD_WORKER_H
#define SMTPD_WORKER_H

#include "common/chan.h"
#include "common/conf.h"
#include "common/parent.h"
#include "common/tls.h"
#include "smtpd/engine.h"
#include "smtpd/peers.h"
#include "smtpd/rate.h"

enum { WORKER_STOP_MS = 20000, WORKER_SCRATCH = 65536, WORKER_SERVICE_MS = 10000 };

struct worker;
struct conn;
struct dirwatch;

struct worker_listener {
	const struct conf_listener *conf;
	struct engine_conf	    engine;
};

struct worker {
	struct loop		*loop;
	const struct conf	*conf;
	struct tls_ctx		*tls;
	struct chan_client	*directory, *policy, *store;
	struct worker_listener	*listeners;	/* as the sockets */
	struct accept		*accept;
	struct conn		*conns;
	struct dirwatch		*dirwatch;
	struct peers		 peers;
	struct rate		*rate;			/* shared by all workers */
	uint64_t		 inflight_octets;	/* of messages being received */
	uint64_t		 strange_octets;	/* of these, from sessions without an account */
	bool			 stopping, retiring;
	struct loop_timer	 stop;
	char			 scratch[WORKER_SCRATCH];
};

/* Make what all workers share: once, before the first is forked. OK, ERR_NOMEM. */
int worker_prepare(void) MUST_USE;

/* Serve; the exit status of the process. */
int worker_run(const struct parent_child *child);

/* The engine's view of a listener (contact and hostname point into conf). */
void worker_engine_conf(const struct conf *conf, const struct conf_listener *l,
    struct engine_conf *out);

/* End sessions whose account may not go on (withdraw.c). */
int worker_watch_accounts(struct worker *w) MUST_USE;

/* A session has gone. */
void worker_gone(struct worker *w);

#endif
