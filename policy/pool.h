/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/pool.h: the workers of policyd, their jobs, and what happens when one fails.
 *
 * Shape   one job at a time per worker; further jobs wait in bounded queues, submissions before
 *         other SMTP before APPEND, and one worker is left to submissions. A worker that dies, is
 *         silent past conf.limits.policy_ms or answers what cannot be believed is killed and
 *         replaced, and its job is answered ERR_UNAVAIL.
 */
#ifndef POLICY_POOL_H
#define POLICY_POOL_H

#include "common/conf.h"
#include "policy/proto.h"
#include "policy/trust.h"

struct pool;

/* fatal is called when no worker can ever run (its sandbox cannot be closed). */
typedef void (*pool_event_fn)(void *arg);

struct pool_events {
	pool_event_fn ready;	/* the first worker has its trust set */
	pool_event_fn fatal;
	void	     *arg;
};

/* Start conf.limits.policy_workers workers with the trust set. conf and trust must outlive it. */
int pool_new(struct loop *loop, const struct conf *conf, const struct trust *trust,
    const struct pool_events *events, struct pool **out) MUST_USE;
void pool_free(struct pool **pool);	/* kills the workers and waits for them */

/* The server whose requests pool_judge answers. */
void pool_serve(struct pool *pool, struct chan_server *server);

/* Judge one request, now or later; it is answered in any case. */
void pool_judge(struct pool *pool, struct chan_req *req, const struct pol_judge_request *msg);

/* Forget the waiting jobs of a peer that has gone. */
void pool_peer_gone(struct pool *pool, uint64_t peer_serial);

/* Hand the present trust set to every worker. */
void pool_trust_changed(struct pool *pool);

/* Replace every worker by one with this configuration, each after its present job. */
void pool_reload(struct pool *pool, const struct conf *conf);

/* SIGCHLD came. */
void pool_reap(struct pool *pool);

/* Answer which certificates the workers met lately. */
void pool_seen(struct pool *pool, struct chan_req *req);

/* What the workers said of the trust set last, and the counters. */
void pool_status(const struct pool *pool, struct pol_status_reply *out);

#endif
