/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/sealer.h: threads that seal bodies while the committer commits.
 *
 * Shape   the committer starts tasks; workers take them in that order; the committer asks which are
 *         done, or waits, and while it waits works on one itself. Without threads everything is
 *         done when it is waited for. Threads start with the first task, so after the sandbox was
 *         closed.
 * Threads all mailstore functions belong to the committer's thread. Workers call nothing but the
 *         function of a task, and that touches the task, what the task points to, and its own zstd
 *         contexts: no environment, segment file, table of accounts, arena, log, metric. What a
 *         task points to neither moves nor changes before it is done. Exceptions, each said where
 *         it is declared: the secret of the running epoch is read; a segment is synced
 *         (engine_commit.c); pages of the index are read in (index_touch).
 * Memory  a task that makes octets says how many at most; tasks are only begun while all results
 *         that were not yet taken over (sealer_forget) stay below SEALER_OCTETS_MAX, or while there
 *         is none. Stacks are SEALER_STACK_OCTETS. Keys of messages lie in locked memory
 *         (sealer_key).
 */
#ifndef MAILSTORE_SEALER_H
#define MAILSTORE_SEALER_H

#include "mailstore/crypt.h"

enum {
	SEALER_THREADS_MAX = 8,
	SEALER_STACK_OCTETS = 512 * 1024,
	SEALER_OCTETS_MAX = 64 << 20,
	SEALER_KEYS = 1024,
	SEALER_HELP_OCTETS = 256 << 10,
};

struct sealer;
struct sealer_task;

/* In a worker, or in the committer's thread when it helps. */
typedef int (*sealer_fn)(struct sealer_task *t, struct crypt_zip *zip);

enum sealer_state { SEALER_IDLE, SEALER_QUEUED, SEALER_RUNNING, SEALER_DONE };

struct sealer_task {
	sealer_fn	    fn;
	uint64_t	    octets;	/* of memory it makes at most */
	bool		    slow;	/* not for sealer_help */
	int		    status;	/* what fn returned, once it is done */
	/* private, under the lock of the pool */
	struct sealer_task *next;
	enum sealer_state   state;
};

/* threads: 0 for none. */
int sealer_new(unsigned threads, struct sealer **out) MUST_USE;
/* Ends the threads; no task may be unfinished. */
void sealer_free(struct sealer **s);

/* As many threads as this machine has use for. */
unsigned sealer_threads(void);

/* Hand a task over; urgent: before all that wait. */
void sealer_start(struct sealer *s, struct sealer_task *t, bool urgent);
bool sealer_is_done(struct sealer *s, const struct sealer_task *t);
/* Until it is done; works on it here if nobody has begun. Returns its status. */
int sealer_wait(struct sealer *s, struct sealer_task *t);
/* Until some task gets done that was not, at most wait_us; works on one itself, if that is no
 * large one. False: nothing is under way, or the time is over. */
bool sealer_help(struct sealer *s, uint64_t wait_us);
/* Are tasks under way? Then sealer_fd will say more. */
bool sealer_is_busy(struct sealer *s);
/* The result of a task that is done is no longer in memory. */
void sealer_forget(struct sealer *s, struct sealer_task *t);

/* Readable when a task got done since sealer_clear; -1: there are no threads. */
int sealer_fd(const struct sealer *s);
void sealer_clear(struct sealer *s);

/* Room for the key of a message, in locked memory: NULL when all is in use. Giving it back wipes
 * it. Only the committer takes and gives; a task reads and writes it. */
uint8_t *sealer_key_take(struct sealer *s);
void sealer_key_give(struct sealer *s, uint8_t **key);

#endif
