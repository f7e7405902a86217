/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/sched.h: which jobs make the next group.
 *
 * Shape   jobs come in any number; sched_group gives out the next group for engine_commit. Jobs
 *         with a body (deliveries, APPENDs) are prepared in the order they came, SCHED_AHEAD of
 *         them at a time, and wait until they are sealed; all others are ready at once. No sockets,
 *         and only sched_gather looks at the clock.
 * Fair    two queues, first in first out, and a group takes from both in turn, so whatever the load
 *         of one kind is, a job of the other waits for the group that is being committed and at
 *         most one more. A body that takes long to seal holds up nobody; but jobs that are in_order
 *         wait for each other.
 * Bounds  a group has at most SCHED_GROUP_MAX jobs.
 */
#ifndef MAILSTORE_SCHED_H
#define MAILSTORE_SCHED_H

#include "mailstore/engine.h"

enum { SCHED_GROUP_MAX = 256, SCHED_AHEAD = 512 };

struct sched_list {
	struct engine_job *first, **end;
	size_t		   n;
};

struct sched {
	struct engine	 *e;
	struct sched_list fresh;	/* to be prepared */
	struct sched_list sealing;	/* prepared, not yet sealed */
	struct sched_list mail;		/* ready: with a body... */
	struct sched_list other;	/* ...and without */
};

void sched_init(struct sched *s, struct engine *e);

void sched_add(struct sched *s, struct engine_job *j);

/* Prepare what can be prepared now, note what is sealed. hold: begin no more bodies
 * (back-pressure). Jobs that fail in prepare are ready, too: their status says it. */
void sched_pump(struct sched *s, bool hold);

/* sched_pump, and wait for bodies that will be sealed by the time that half a commit takes: they
 * share the commit. */
void sched_gather(struct sched *s, bool hold);

/* The next group, ready jobs only, with their order kept; NULL: none is. */
struct engine_job *sched_group(struct sched *s, size_t *n_out);

/* How many are ready; how many are on the way. */
size_t sched_ready(const struct sched *s);
size_t sched_coming(const struct sched *s);

#endif
