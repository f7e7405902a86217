/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/loop.h: the event loop of every daemon: descriptors, timers, signals.
 *
 * Shape   one loop per thread of control, epoll underneath; callbacks run one at a time and must
 *         not block. Handlers and timers are structs inside the caller's own structs; the loop
 *         allocates nothing per event.
 * Units   milliseconds of the monotonic clock (common/clock.h), so tests can move time.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct loop;
struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

/* events: LOOP_* bits that hold now. The handler may remove itself or any other handler. */
typedef void (*loop_fd_fn)(struct loop_fd *lf, unsigned events);
typedef void (*loop_timer_fn)(struct loop_timer *t);
typedef void (*loop_signal_fn)(void *arg, int signal);

struct loop_fd {
	int		 fd;
	unsigned	 want;
	loop_fd_fn	 fn;
	void		*arg;
	struct loop	*loop;	/* NULL: not watched */
};

struct loop_timer {
	uint64_t	 due_ms;
	loop_timer_fn	 fn;
	void		*arg;
	struct loop	*loop;	/* NULL: not armed */
	size_t		 at;	/* place in the loop's heap */
};

int loop_new(struct loop **loop_out) MUST_USE;
void loop_free(struct loop **loop);

/* Run until loop_stop(), or for one round of waiting at most wait_ms (-1: as long as needed). */
int loop_run(struct loop *loop) MUST_USE;
int loop_once(struct loop *loop, int wait_ms) MUST_USE;
void loop_stop(struct loop *loop);

/* Watch lf->fd for want (LOOP_READ|LOOP_WRITE, 0 = hang-up only). lf must outlive the watch. */
int loop_fd_add(struct loop *loop, struct loop_fd *lf, int fd, unsigned want, loop_fd_fn fn,
    void *arg) MUST_USE;
int loop_fd_want(struct loop_fd *lf, unsigned want) MUST_USE;
void loop_fd_remove(struct loop_fd *lf);	/* does not close the descriptor; twice is harmless */

/* (Re)arm a timer delay_ms from now; it fires once. ERR_NOMEM leaves it unarmed. */
int loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t delay_ms, loop_timer_fn fn,
    void *arg) MUST_USE;
void loop_timer_stop(struct loop_timer *t);	/* twice is harmless */

/* Block the signals (0-terminated list) and have fn called for each that arrives. Once a loop. */
int loop_signals(struct loop *loop, const int *signals, loop_signal_fn fn, void *arg) MUST_USE;

#endif
