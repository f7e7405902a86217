/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/waiting.h: requests to policyd, and those of them that wait for a worker.
 *
 * Shape   a queue for each sort of request, first come first served; which sort is next is the
 *         pool's business.
 * Bounds  WAITING_MAX jobs and WAITING_OCTETS_MAX octets of requests, of all sorts together.
 */
#ifndef POLICY_WAITING_H
#define POLICY_WAITING_H

#include "policy/proto.h"

enum {
	WAITING_MAX = 1024,
	WAITING_OCTETS_MAX = 64 << 20,	/* of encoded requests; the messages are in their memfds */
};

/* In the order in which they are served. */
enum { SORT_SUBMIT, SORT_SMTP, SORT_STORE, SORT_COUNT };

struct pool;

/* A request that waits or is being judged. */
struct job {
	struct job	 *next;
	struct pool	 *pool;
	struct chan_req	  req;		/* answered later; its descriptors are not used */
	struct buf	  encoded;	/* while it waits */
	int		  fd;		/* the message, while it waits; or -1 */
	unsigned	  sort;		/* SORT_* */
	unsigned	  path;
	uint64_t	  began_us;
	size_t		  recipients_n;
	struct loop_timer timer;	/* while it waits */
};

struct waiting {
	struct job *head[SORT_COUNT], **tail[SORT_COUNT];
	size_t	    n, octets;
};

/* Copies *req and what of msg is needed while it waits. ERR_NOMEM. */
int job_new(struct pool *pool, const struct chan_req *req, const struct pol_judge_request *msg,
    struct job **out) MUST_USE;
void job_free(struct job *job);

void waiting_init(struct waiting *w);

/* Let it wait, with the descriptor of its message, which is taken over. ERR_UNAVAIL: there is no
 * room. On an error it does not wait, and *fd stays the caller's. */
int waiting_put(struct waiting *w, struct job *job, const struct pol_judge_request *msg, int *fd)
    MUST_USE;

/* It waits no more. */
void waiting_take(struct waiting *w, struct job *job);

/* The first job of this peer that waits, or NULL. */
struct job *waiting_of_peer(const struct waiting *w, uint64_t peer_serial);

#endif
