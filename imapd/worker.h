/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/worker.h: one process that serves many IMAP sessions of one zone.
 *
 * Shape   the parent opens sockets and certificates and forks; worker_run opens the store and the
 *         channels of its zone, closes the sandbox, and serves until it is told to stop. SIGTERM
 *         ends all sessions with BYE, those within a command after its end, at most WORKER_STOP_MS
 *         later; PARENT_RETIRE stops accepting and ends with the last session.
 * Zones   an internal worker uses the sockets of the role imapd-internal. An internet worker opens
 *         the store so that mailboxes of a mat keyset do not exist there, and keyd, mailstored and
 *         directoryd know it by its sockets. A client of an internal listener whose address is not
 *         internal is turned away: no session of another zone lives in an internal worker.
 */
#ifndef IMAPD_WORKER_H
#define IMAPD_WORKER_H

#include "common/conf.h"
#include "common/loop.h"
#include "common/parent.h"
#include "common/tls.h"
#include "imapd/backend.h"
#include "imapd/keys.h"
#include "imapd/uidcache.h"

struct worker_conf {
	const struct conf *conf;
	unsigned	   zone;
	struct tls_ctx	  *tls;
};

enum { WORKER_SCRATCH_OCTETS = 64 * 1024, WORKER_STOP_MS = 5000 };

struct conn;
struct dirwatch;

struct worker {
	const struct worker_conf *wc;
	struct loop		 *loop;
	struct chan_client	 *directory, *key, *policy, *mailstore;
	struct store		 *store;
	struct store_watch	 *watch;
	struct loop_fd		  watch_lf;
	struct loop_timer	  watch_timer;
	struct keys		 *keys;
	struct uidcache		  uids;
	struct dirwatch		 *dirwatch;
	struct accept		 *accept;
	struct conn		 *conns;
	uint64_t		  inflight_octets;	/* of messages being received */
	struct arena		  arena;		/* of one call */
	bool			  retiring, stopping;
	struct loop_timer	  stop_timer;
	char			  scratch[WORKER_SCRATCH_OCTETS];
};

/* Serve the zone; the exit status of the process. */
int worker_run(const struct parent_child *child, unsigned zone);

/* Called by a connection that ended. */
void worker_conn_gone(struct worker *w, const uint8_t key[SHARE_KEY_OCTETS]);

#endif
