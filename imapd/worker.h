/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/worker.h: one process that serves many IMAP sessions of one zone.
 *
 * Shape   the parent opens sockets and certificates and forks; worker_run opens the store and the
 *         channels of its zone, closes the sandbox, and serves until it is told to stop. SIGTERM
 *         ends all sessions with BYE; SIGUSR1 stops accepting and ends with the last session.
 * Zones   an internal worker uses the sockets of the role imapd-internal. An internet worker opens
 *         the store so that mailboxes of a mat keyset do not exist there, and keyd, mailstored and
 *         directoryd know it by its sockets. A client of an internal listener whose address is not
 *         internal is turned away: no session of another zone lives in an internal worker.
 */
#ifndef IMAPD_WORKER_H
#define IMAPD_WORKER_H

#include "common/conf.h"
#include "common/loop.h"
#include "common/tls.h"
#include "imapd/backend.h"
#include "imapd/keys.h"

struct worker_listener {
	int			    fd;		/* listening, non-blocking */
	const struct conf_listener *conf;
	struct loop_fd		    lf;
	struct loop_timer	    pause;	/* while no descriptor is free */
};

struct worker_conf {
	const struct conf      *conf;
	unsigned		zone;
	struct tls_ctx	       *tls;
	struct worker_listener *listeners;
	size_t			listeners_n;
	unsigned		workers;	/* of this zone: limits are shared out */
};

enum { WORKER_SCRATCH_OCTETS = 64 * 1024 };

struct conn;

struct worker {
	const struct worker_conf *wc;
	struct loop		 *loop;
	struct chan_client	 *directory, *key, *policy, *mailstore;
	struct store		 *store;
	struct store_watch	 *watch;
	struct loop_fd		  watch_lf;
	struct loop_timer	  watch_timer;
	struct keys		 *keys;
	struct conn		 *conns;
	size_t			  conns_n;
	uint64_t		  inflight_octets;	/* of messages being received */
	struct arena		  arena;		/* of one call */
	bool			  stopping;
	char			  scratch[WORKER_SCRATCH_OCTETS];
};

/* Does not return before the worker ends: OK, or why it could not work. */
int worker_run(const struct worker_conf *wc) MUST_USE;

/* Called by a connection that ended. */
void worker_conn_gone(struct worker *w);

#endif
