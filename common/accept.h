/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/accept.h: a worker's side of its listening sockets.
 *
 * Shape   every accepted connection is counted against `connections` and
 *         `connections-per-address` in the table shared by all workers (common/share.h) and given
 *         to one function, which takes it or turns it away.
 * Bounds  ACCEPT_ROUNDS connections before other events have their turn. Without a free
 *         descriptor or memory accepting pauses, longer each time; the last descriptors are left
 *         for the sessions in progress. The log hears of refusals ACCEPT_TELL times in
 *         ACCEPT_TELL_MS, and then of their number.
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
	ACCEPT_TELL = 20,
	ACCEPT_TELL_MS = 10000,
	ACCEPT_RESERVE = 64,	/* descriptors (at most an eighth of all) kept for sessions */
};

struct accept;

/* A connection that came in. */
struct accept_peer {
	int			    fd;		/* non-blocking; the receiver's */
	const struct conf_listener *listener;
	size_t			    index;	/* of its socket in the set */
	char			    client[ACCEPT_CLIENT_MAX];	/* literal; "unix" */
	uint8_t			    key[SHARE_KEY_OCTETS];
	bool			    full;	/* over a limit: not counted; only say so and close */
};

/*
 * Take the connection: OK, and accept_gone() when it has ended, perhaps before this returns; the
 * descriptor is then closed by whoever took it. Or an error: nothing has happened, the connection is
 * not counted and is closed here after the client was told, if that needs no wait. ERR_NOMEM makes
 * accepting pause. With full set it is not to be taken: only tell the client.
 */
typedef int (*accept_fn)(void *worker, const struct accept_peer *peer);

/* Begin to accept on the sockets; their descriptors are taken over, the set must live as long. */
int accept_new(struct loop *loop, const struct listen_set *sockets, const struct conf *conf,
    struct share_seat seat, accept_fn fn, void *worker, struct accept **out) MUST_USE;

/* A connection that was taken has ended. */
void accept_gone(struct accept *a, const uint8_t key[SHARE_KEY_OCTETS]);

/* Connections that were taken and have not ended. */
uint64_t accept_count(const struct accept *a);

/* Accept no more, and close this process's copies of the sockets. Twice, or of NULL, is
 * harmless. */
void accept_stop(struct accept *a);
void accept_free(struct accept **a);

#endif
