/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/listen.h: the listening sockets of the configuration.
 *
 * Shape   opened once by the parent, shared by all its workers: each connection goes to one of them.
 *         A reload makes a new set; a socket that both sets name is one and the same descriptor,
 *         so that nothing is refused meanwhile. A place is an address literal and a port, or the
 *         absolute path of a UNIX socket (mode 0660).
 *         Descriptors that the service manager passed in are used before any is opened.
 */
#ifndef COMMON_LISTEN_H
#define COMMON_LISTEN_H

#include <sys/types.h>

#include "common/buf.h"
#include "common/conf.h"

enum { LISTEN_BACKLOG = 4096, LISTEN_PASSED_MAX = 64 };

/* Bits for the roles of listeners, from CONF_LISTEN_MX, ... */
#define LISTEN_ROLE(role)	(1U << (role))

struct listen_socket {
	int			    fd;
	bool			    passed;	/* its file, if any, is the service manager's */
	dev_t			    dev;	/* else the file that it made at its path; 0 on IP */
	ino_t			    ino;
	const struct conf_listener *conf;	/* lives in the configuration of the set */
};

struct listen_set {
	struct listen_socket *v;
	size_t		      n;
};

/* Descriptors from the service manager that no listener has taken yet. */
struct listen_passed {
	int    fd[LISTEN_PASSED_MAX];
	size_t n;
};

/* Take over what the service manager passed in (LISTEN_FDS); what is no listening stream socket
 * is closed and logged. */
void listen_passed_take(struct listen_passed *out);

/* Log those that no listener names: an error of whoever wrote the unit or the configuration. */
void listen_passed_log(const struct listen_passed *passed);
void listen_passed_close(struct listen_passed *passed);

/*
 * Open every listener of conf whose role is one of roles; keep the sockets of old (may be NULL),
 * take those of passed (may be NULL). OK and out (its array is on the heap); else nothing has
 * changed and why has one line per listener that failed: ERR_CONF when there is none, or an error
 * of the system: -EADDRINUSE also for a UNIX socket that another process serves.
 */
int listen_open(const struct conf *conf, unsigned roles, const struct listen_set *old,
    struct listen_passed *passed, struct listen_set *out, struct buf *why) MUST_USE;

/* Back to before listen_open(): what is not in old is closed, or given back to passed. */
void listen_undo(struct listen_set *set, const struct listen_set *old,
    struct listen_passed *passed);

/* Close what is not in kept (may be NULL) too, and empty the set. A UNIX socket's file that is
 * closed so is removed. */
void listen_close(struct listen_set *set, const struct listen_set *kept);

/* In a child: close the descriptors that it does not serve (NULL: all). Files stay. */
void listen_keep(struct listen_set *set, bool (*serves)(const struct conf_listener *));

/* Is the listener at a path? */
bool listen_is_unix(const struct conf_listener *l);

#endif
