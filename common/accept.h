/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/accept.h: a worker's side of its listening sockets.
 *
 * Shape   every accepted connection is counted against `connections` and
 *         `connections-per-address` in the table shared by all workers (common/share.h) and given
 *         to one function, which takes it or turns it away.
 * Bounds  ACCEPT_ROUNDS connections before other events have their turn. Without a free
 *         descriptor or memory accepting pauses, longer each time, and the log hears of it at most
 *         every ACCEPT_TELL_MS; the last descriptors are left for the sessions in progress.
 */
#ifndef COMMON_ACCEPT_H
#define COMMON_ACCEPT_H

#include "common/listen.h"
#include "common/loop.h"
#include "common/share.h"

enum {
	ACCEPT_CLIENT_MAX = 48,
	ACCEPT_ROUNDS = 32,
	ACCEPT_PAUSE_MIN_MS = 50,
	ACCEPT_PAUSE_MAX_MS = 1000,
	ACCEPT_TELL_MS = 10000,
	ACCEPT_RESERVE = 64,	/* descriptors (at most an eighth of all) kept for sessions */
};

struct accept;

/* A connection that came in. */
struct accept_peer {
	int			    fd;		/* non-blocking; the receiver's */
	const struct conf_listener *listener;
	void			   *arg;	/* of that listener, see accept_new */
	char			    client[ACCEPT_CLIENT_MAX];	/* literal; "unix" */
	uint8_t			    key[SHARE_KEY_OCTETS];
	bool			    full;	/* over a limit: not counted; only say so and close */
};

/*
 * Take the connection: OK, and accept_gone() when it ends; or an error, and it is not counted; the
 * descriptor is closed by the function in either case. With full set: tell the client if that
 * needs no wait, close, return ERR_LIMIT. ERR_NOMEM makes accepting pause.
 */
typedef int (*accept_fn)(void *worker, const struct accept_peer *peer);

/* Begin to accept on the sockets (which stay the caller's). args: one per socket, or NULL. */
int accept_new(struct loop *loop, const struct listen_set *sockets, const struct conf *conf,
    struct share_seat seat, accept_fn fn, void *worker, void *const *args,
    struct accept **out) MUST_USE;

/* A connection that was taken has ended. */
void accept_gone(struct accept *a, const uint8_t key[SHARE_KEY_OCTETS]);

/* Connections that were taken and have not ended. */
uint64_t accept_count(const struct accept *a);

/* Accept no more, and close this process's copies of the sockets. Twice is harmless. */
void accept_stop(struct accept *a);
void accept_free(struct accept **a);

#endif
