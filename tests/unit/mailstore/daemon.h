/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/daemon.h: the real mailstored and a keyd of our own as processes.
 *
 * The keyd speaks the real protocol with real keys, and wraps a secret by nothing at all: a test
 * may read it from st_keyset.wrapped.
 */
#ifndef TESTS_MAILSTORE_DAEMON_H
#define TESTS_MAILSTORE_DAEMON_H

#include <sys/types.h>

#include "common/chan.h"
#include "mailstore/proto.h"

/* Each blocking call takes a frame (64 KiB) of its arena. */
enum { DAEMON_MAP = 256 * 1024 * 1024, ARENA_MAX = 64 * 1024 * 1024 };

struct daemon {
	char  dir[64], state[80], run[80], conf[80];
	pid_t keyd, mailstored;
};

void daemon_begin(struct daemon *d);		/* folder and configuration; nothing runs */
void daemon_end(struct daemon *d);		/* ends both, removes the folder */
void daemon_keyd(struct daemon *d);
void daemon_start(struct daemon *d);		/* mailstored; does not wait */

int  daemon_stop(struct daemon *d, int signal);	/* wait status */

/* cmocka fixtures: *state is a daemon that has begun; with both running; the third ends either. */
int daemon_setup(void **state);
int daemon_setup_up(void **state);
int daemon_teardown(void **state);

/* A connection in a role, waiting up to 10 s for the socket. */
int daemon_connect(const struct daemon *d, unsigned role);

/* One call; the reply lives in the arena. */
int daemon_call(int fd, uint16_t code, const void *msg, const int *fds, unsigned fds_n,
    struct arena *a, const void **reply_out, int *fd_out);

/* The same until it is not "unavailable" any more (10 s). */
int daemon_call_up(int fd, uint16_t code, const void *msg, const int *fds, unsigned fds_n,
    struct arena *a, const void **reply_out, int *fd_out);

#endif
