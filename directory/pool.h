/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/pool.h: helper processes that block so that directoryd does not.
 *
 * Shape   n children, each with one job at a time; jobs wait in a queue. A child that dies is
 *         started again with back-off; one that overstays is killed.
 * Bounds  POOL_QUEUE_MAX jobs wait; every job is answered within its time, by a helper or with
 *         ERR_UNAVAIL.
 */
#ifndef DIRECTORY_POOL_H
#define DIRECTORY_POOL_H

#include <sys/types.h>

#include "common/conf.h"
#include "directory/job.h"

enum { POOL_QUEUE_MAX = 4096, POOL_HELPERS_MAX = 64, POOL_HOLD_MS = 30000 };

struct pool;

/* What a new child does: its exit status is the result. fd is its end of the socketpair. */
typedef int (*pool_main_fn)(void *arg, int fd);

struct pool_spec {
	const char  *name;	/* in logs */
	size_t	     helpers;
	uint64_t     job_ms;	/* longest time of a job, waiting included */
	bool	     timed;	/* its jobs are questions to the directory: their times are shown */
	pool_main_fn main;
	void	    *arg;
};

/* status and reply as of chan_answer; helper is the one that answered (a token for pool_call,
 * which names this very process, not its successors), 0 for none. */
typedef void (*pool_answer_fn)(void *arg, int status, const void *reply, uint64_t helper);

int pool_new(struct loop *loop, const struct pool_spec *spec, struct pool **out) MUST_USE;
void pool_free(struct pool **pool);	/* answers open jobs: ERR_UNAVAIL */

/*
 * Run helpers of another spec from now on. The old ones finish what they have begun (an exchange of
 * several steps goes on for POOL_HOLD_MS after its last step) and end. name stays what it is.
 */
void pool_reload(struct pool *pool, const struct pool_spec *spec);

/* Ask any helper (0), or the one named; if that has gone: ERR_UNAVAIL. msg is copied. fn is called
 * exactly once, never before this returned. job_ms 0: the spec's. */
void pool_call(struct pool *pool, uint64_t helper, uint16_t code, const void *msg, uint64_t job_ms,
    pool_answer_fn fn, void *arg);

/* A child was reaped: true if it was one of this pool's, which is then restarted in time. */
bool pool_reaped(struct pool *pool, pid_t pid, int status);

#endif
