/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/parent.h: the process of smtpd and of imapd that starts the others, and starts them again.
 *
 * Shape   it reads the configuration, opens sockets and TLS files, forks the children of a table
 *         of roles, and does nothing else: no octet of a peer reaches it.
 * Life    a child that ends unasked is started again, with back-off.
 *         SIGHUP: the file is read anew; a bad one changes nothing and all its errors are logged; a
 *         good one makes a new generation of children. When all of these serve, the old ones
 *         retire: they get PARENT_RETIRE, accept no more, and end with their last session.
 *         Certificate and key files that change make a new generation with the same configuration.
 *         SIGTERM, SIGINT: all children get SIGTERM, end politely, and after PARENT_STOP_MS
 *         SIGKILL. A second one does so at once. Children get SIGTERM when the parent dies.
 * Bounds  PARENT_RETIRED_MAX retired generations, each for conf.limits.reload_grace_s; over that
 *         they get SIGTERM, then SIGKILL.
 * TLS     ticket keys outlive reloads, so that clients can resume.
 */
#ifndef COMMON_PARENT_H
#define COMMON_PARENT_H

#include <signal.h>

#include "common/accept.h"
#include "common/conf.h"
#include "common/identity.h"
#include "common/listen.h"
#include "common/tls.h"

enum { PARENT_STOP_MS = 25000, PARENT_RETIRED_MAX = 4, PARENT_RETIRE = SIGUSR1 };

/* What a child is given; all of it lives as long as the child. */
struct parent_child {
	const struct conf	 *conf;
	struct tls_ctx		 *tls;		/* NULL for a role without listeners */
	const struct listen_set	 *sockets;	/* of its role only */
	struct share_seat	  seat;
	int			  ready_fd;	/* see parent_child_ready */
};

/* A kind of child. */
struct parent_role {
	const char *name;	/* in logs: "worker", "relay", "internal" */
	const char *log_name;	/* the program's name in its log; NULL: as the parent's */
	/* How many of them this configuration wants. */
	uint64_t  (*count)(const struct conf *conf);
	/* Which listeners it serves; NULL: none, and it has no TLS key either. */
	bool	  (*serves)(const struct conf_listener *l);
	enum identity_role who;	/* whom it becomes before all else */
	/* The child: its exit status. */
	int	  (*run)(const struct parent_child *child);
};

struct parent_program {
	const char		 *name;			/* in logs: "smtpd" */
	const char *const	 *alpn;			/* NULL-ended */
	unsigned		  listener_roles;	/* LISTEN_ROLE() bits */
	const struct parent_role *roles;
	size_t			  roles_n;
	uint64_t		  pending_ms;		/* a new generation has so long to serve, 0: 30 s */
};

/* Run with the configuration file at path; the exit status of the program. */
int parent_run(const struct parent_program *program, const char *path);

/* Called by a child when it serves, once. */
void parent_child_ready(const struct parent_child *child);

#endif
