/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"

enum { EVENTS_PER_ROUND = 64, HEAP_SPARE = 64 /* timers that need no memory */ };

struct loop {
	int		     epoll_fd;
	bool		     stop;
	struct loop_timer  **heap;	/* binary heap by due_ms */
	size_t		     heap_n, heap_cap;
	struct epoll_event   ready[EVENTS_PER_ROUND];
	int		     ready_n, ready_at;
	struct loop_fd	     signal_lf;
	loop_signal_fn	     signal_fn;
	void		    *signal_arg;
};

int
loop_new(struct loop **loop_out)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return ERR_NOMEM;
	l->signal_lf.fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int e = -errno;

		free(l);
		return e;
	}
	*loop_out = l;
	return OK;
}

void
loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (l == NULL)
		return;
	if (l->signal_lf.fd >= 0)
		close(l->signal_lf.fd);
	close(l->epoll_fd);
	free(l->heap);
	free(l);
	*loop = NULL;
}

/* ---- timers ---- */

static void
heap_put(struct loop *l, size_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void
heap_up(struct loop *l, size_t at)
{
	struct loop_timer *t = l->heap[at];

	while (at > 0 && l->heap[(at - 1) / 2]->due_ms > t->due_ms) {
		heap_put(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(l, at, t);
}

static void
heap_down(struct loop *l, size_t at)
{
	struct loop_timer *t = l->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= l->heap_n)
			break;
		if (child + 1 < l->heap_n && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
			child++;
		if (l->heap[child]->due_ms >= t->due_ms)
			break;
		heap_put(l, at, l->heap[child]);
		at = child;
	}
	heap_put(l, at, t);
}

static int
heap_room(struct loop *l)
{
	size_t cap = l->heap_cap == 0 ? 4 * HEAP_SPARE : l->heap_cap * 2;
	struct loop_timer **h;

	if (l->heap_n + HEAP_SPARE <= l->heap_cap)
		return OK;
	h = realloc(l->heap, cap * sizeof *h);
	if (h == NULL)
		return l->heap_n < l->heap_cap ? OK : ERR_NOMEM;
	l->heap = h;
	l->heap_cap = cap;
	return OK;
}

int
loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t delay_ms, loop_timer_fn fn,
    void *arg)
{
	int r;

	loop_timer_stop(t);
	r = heap_room(loop);
	if (r != OK)
		return r;
	*t = (struct loop_timer){ clock_ms() + delay_ms, fn, arg, loop, loop->heap_n };
	loop->heap[loop->heap_n++] = t;
	heap_up(loop, t->at);
	return OK;
}

void
loop_timer_stop(struct loop_timer *t)
{
	struct loop *l = t->loop;
	struct loop_timer *last;

	if (l == NULL)
		return;
	t->loop = NULL;
	last = l->heap[--l->heap_n];
	if (last == t)
		return;
	heap_put(l, t->at, last);
	heap_up(l, last->at);
	heap_down(l, last->at);
}

static void
run_timers(struct loop *l)
{
	uint64_t now = clock_ms();

	while (l->heap_n > 0 && l->heap[0]->due_ms <= now && !l->stop) {
		struct loop_timer *t = l->heap[0];

		loop_timer_stop(t);
		t->fn(t);
	}
}

/* ---- descriptors ---- */

static uint32_t
to_epoll(unsigned want)
{
	return ((want & LOOP_READ) != 0 ? EPOLLIN | EPOLLRDHUP : 0U) |
	    ((want & LOOP_WRITE) != 0 ? EPOLLOUT : 0U);
}

int
loop_fd_add(struct loop *loop, struct loop_fd *lf, int fd, unsigned want, loop_fd_fn fn, void *arg)
{
	struct epoll_event ev = { .events = to_epoll(want), .data.ptr = lf };

	*lf = (struct loop_fd){ fd, want, fn, arg, NULL };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		return -errno;
	lf->loop = loop;
	return OK;
}

int
loop_fd_want(struct loop_fd *lf, unsigned want)
{
	struct epoll_event ev = { .events = to_epoll(want), .data.ptr = lf };

	if (lf->loop == NULL)
		return ERR_BAD_STATE;
	if (lf->want == want)
		return OK;
	if (epoll_ctl(lf->loop->epoll_fd, EPOLL_CTL_MOD, lf->fd, &ev) != 0)
		return -errno;
	lf->want = want;
	return OK;
}

void
loop_fd_remove(struct loop_fd *lf)
{
	struct loop *l = lf->loop;

	if (l == NULL)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, lf->fd, NULL);
	lf->loop = NULL;
	/* Events already fetched for it in this round must not reach freed memory. */
	for (int i = l->ready_at; i < l->ready_n; i++)
		if (l->ready[i].data.ptr == lf)
			l->ready[i].data.ptr = NULL;
}

static void
run_ready(struct loop *l)
{
	while (l->ready_at < l->ready_n) {
		const struct epoll_event *ev = &l->ready[l->ready_at++];
		struct loop_fd *lf = ev->data.ptr;

		if (lf == NULL)
			continue;
		lf->fn(lf, ((ev->events & (EPOLLIN | EPOLLRDHUP)) != 0 ? LOOP_READ : 0U) |
		    ((ev->events & EPOLLOUT) != 0 ? LOOP_WRITE : 0U) |
		    ((ev->events & (EPOLLHUP | EPOLLERR)) != 0 ? LOOP_HANGUP : 0U));
	}
	l->ready_n = l->ready_at = 0;
}

static int
wait_of(const struct loop *l, int wait_ms)
{
	uint64_t now, left;

	if (l->heap_n == 0)
		return wait_ms;
	now = clock_ms();
	left = l->heap[0]->due_ms <= now ? 0 : l->heap[0]->due_ms - now;
	if (wait_ms >= 0 && (uint64_t)wait_ms < left)
		return wait_ms;
	return left > 60000 ? 60000 : (int)left;
}

int
loop_once(struct loop *loop, int wait_ms)
{
	int n = epoll_wait(loop->epoll_fd, loop->ready, EVENTS_PER_ROUND, wait_of(loop, wait_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->ready_at = 0;
	loop->ready_n = n < 0 ? 0 : n;
	run_ready(loop);
	run_timers(loop);
	return OK;
}

int
loop_run(struct loop *loop)
{
	loop->stop = false;
	while (!loop->stop) {
		int r = loop_once(loop, -1);

		if (r != OK)
			return r;
	}
	return OK;
}

void
loop_stop(struct loop *loop)
{
	loop->stop = true;
}

/* ---- signals ---- */

static void
on_signal(struct loop_fd *lf, unsigned events)
{
	struct loop *l = lf->arg;
	struct signalfd_siginfo si;

	(void)events;
	while (read(lf->fd, &si, sizeof si) == (ssize_t)sizeof si)
		l->signal_fn(l->signal_arg, (int)si.ssi_signo);
}

int
loop_signals(struct loop *loop, const int *signals, loop_signal_fn fn, void *arg)
{
	sigset_t set;
	int fd;

	assert(loop->signal_fn == NULL);
	sigemptyset(&set);
	for (; *signals != 0; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	loop->signal_fn = fn;
	loop->signal_arg = arg;
	return loop_fd_add(loop, &loop->signal_lf, fd, LOOP_READ, on_signal, loop);
}
