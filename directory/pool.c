/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/systemd.h"

enum {
	BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 5000, STEADY_MS = 10000,
	GRACE_MS = 1000,
	MESSAGE_OCTETS_MAX = 512 * 1024,
	SLOTS = 2 * POOL_HELPERS_MAX,	/* those of before the last reload may still be at work */
};

struct helper;

struct job {
	struct job	      *next, **prev;	/* in the queue */
	struct pool	      *pool;
	struct helper	      *helper;		/* who works on it, or must; NULL: any */
	uint64_t	       bound;		/* the process that must, 0: any */
	const struct chan_row *row;
	bool		       sent, answered;
	struct buf	       msg;
	uint64_t	       began_us;
	struct loop_timer      timer;
	pool_answer_fn	       fn;
	void		      *arg;
};

struct helper {
	struct pool	   *pool;
	pid_t		    pid;		/* 0: none runs */
	uint64_t	    serial;
	struct chan_client *client;
	struct job	   *job;		/* being worked on */
	bool		    used, old;		/* a helper's place; of before a reload */
	uint64_t	    started_ms, backoff_ms, worked_ms;
	struct loop_timer   restart, retire;
};

struct pool {
	struct loop	*loop;
	struct pool_spec spec;
	struct helper	 helpers[SLOTS];
	struct job	*queue, **queue_end;
	size_t		 queue_n;
	uint64_t	 serial;
	struct arena	 arena;
};

static void run_queue(struct pool *p);

/* ---- processes ---- */

/* In the child: nothing of the parent's but standard error, fd and the memory of the fork. */
static void
become_helper(const struct pool *p, int fd)
{
	sigset_t none;

	sigemptyset(&none);
	/* Signals to the whole group are its parent's business; the end of the socket is ours. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd != 3) {
		dup2(fd, 3);
		fd = 3;
	}
	close_range(4, ~0u, 0);
	log_init(p->spec.name);
	metric_leave();
	_exit(p->spec.main(p->spec.arg, fd));
}

static int
start_helper(struct helper *h)
{
	size_t rows_n;
	const struct chan_row *rows = job_rows(&rows_n);
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return -errno;
	h->pid = fork();
	if (h->pid == 0) {
		systemd_close();
		become_helper(h->pool, fds[1]);
	}
	r = h->pid < 0 ? -errno :
	    chan_client_adopt(h->pool->loop, fds[0], rows, rows_n, &h->client);
	close(fds[1]);
	if (r != OK) {
		close(fds[0]);
		if (h->pid > 0)
			kill(h->pid, SIGKILL);
		h->pid = h->pid > 0 ? h->pid : 0;
		return r;
	}
	h->serial = ++h->pool->serial;
	h->started_ms = clock_ms();
	metric_add(METRIC_WORKER_STARTS, 0, 1);
	log_event(EV_WORKER_STARTED, F_CSTR("role", h->pool->spec.name), F_I64("worker", h->pid),
	    F_END);
	return OK;
}

static void on_restart(struct loop_timer *t);

static void
restart_later(struct helper *h)
{
	if (clock_ms() - h->started_ms > STEADY_MS)
		h->backoff_ms = 0;
	h->backoff_ms = h->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * h->backoff_ms;
	if (h->backoff_ms > BACKOFF_MAX_MS)
		h->backoff_ms = BACKOFF_MAX_MS;
	if (loop_timer_set(h->pool->loop, &h->restart, h->backoff_ms, on_restart, h) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM), F_END);
}

static void
on_restart(struct loop_timer *t)
{
	struct helper *h = t->arg;

	if (h->pid != 0)
		return;
	if (start_helper(h) == OK)
		run_queue(h->pool);
	else
		restart_later(h);
}

/* One of before a reload has ended. */
static void
forget(struct helper *h)
{
	struct pool *p = h->pool;

	loop_timer_stop(&h->retire);
	chan_client_free(&h->client);	/* answers its job */
	*h = (struct helper){ .pool = p };
	run_queue(p);			/* what was bound to it fails now */
}

static int
start_all(struct pool *p)
{
	size_t wanted = p->spec.helpers;
	int r, failed = OK;

	for (size_t i = 0; i < SLOTS && wanted > 0; i++) {
		struct helper *h = &p->helpers[i];

		if (h->used)
			continue;
		*h = (struct helper){ .pool = p, .used = true };
		r = start_helper(h);
		failed = r != OK ? r : failed;
		wanted--;
	}
	return failed;
}

bool
pool_reaped(struct pool *pool, pid_t pid, int status)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct helper *h = &pool->helpers[i];

		if (h->pid != pid)
			continue;
		if (h->old) {
			forget(h);
			return true;
		}
		metric_add(METRIC_WORKER_DEATHS, 0, 1);
		log_event(EV_WORKER_DIED, F_CSTR("role", pool->spec.name), F_I64("worker", pid),
		    F_I64("status", status), F_END);
		h->pid = 0;
		h->serial = 0;
		chan_client_free(&h->client);	/* answers its job */
		restart_later(h);
		return true;
	}
	return false;
}

int
pool_new(struct loop *loop, const struct pool_spec *spec, struct pool **out)
{
	struct pool *p = calloc(1, sizeof *p);
	int r = OK;

	if (p == NULL)
		return ERR_NOMEM;
	p->loop = loop;
	p->spec = *spec;
	if (p->spec.helpers > POOL_HELPERS_MAX)
		p->spec.helpers = POOL_HELPERS_MAX;
	p->queue_end = &p->queue;
	arena_init(&p->arena, 4 * MESSAGE_OCTETS_MAX);
	*out = p;
	r = start_all(p);
	if (r != OK)
		pool_free(out);
	return r;
}

/* ---- jobs ---- */

static void
unlink_job(struct job *j)
{
	if (j->prev == NULL)
		return;
	*j->prev = j->next;
	if (j->next != NULL)
		j->next->prev = j->prev;
	else
		j->pool->queue_end = j->prev;
	j->prev = NULL;
	j->pool->queue_n--;
}

static void
enqueue(struct job *j)
{
	struct pool *p = j->pool;

	j->next = NULL;
	j->prev = p->queue_end;
	*p->queue_end = j;
	p->queue_end = &j->next;
	p->queue_n++;
}

static void
free_job(struct job *j)
{
	unlink_job(j);
	loop_timer_stop(&j->timer);
	buf_fini(&j->msg);
	free(j);
}

static void
answer(struct job *j, int status, const void *reply)
{
	uint64_t helper = j->helper != NULL ? j->helper->serial : 0;

	if (j->answered)
		return;
	j->answered = true;
	if (j->pool->spec.timed)
		metric_observe_us(METRIC_LDAP_TIME, 0, clock_us() - j->began_us);
	loop_timer_stop(&j->timer);
	j->fn(j->arg, status, reply, helper);
}

/* The time of a job is up. If it is being worked on, its helper is left a little longer. */
static void
on_deadline(struct loop_timer *t)
{
	struct job *j = t->arg;

	answer(j, ERR_UNAVAIL, NULL);
	if (!j->sent)
		free_job(j);
}

static void
on_answer(void *arg, struct chan_answer *a)
{
	struct job *j = arg;
	struct helper *h = j->helper;
	int status = a->status;

	h->job = NULL;
	h->worked_ms = clock_ms();
	if (status == ERR_TIMEOUT && h->pid > 0)
		kill(h->pid, SIGKILL);	/* hung where no timeout of its own reaches */
	if (status == ERR_TIMEOUT || status == ERR_UNKNOWN)
		status = ERR_UNAVAIL;
	answer(j, status, a->msg);
	free_job(j);
	run_queue(h->pool);
}

/* Answer ERR_UNAVAIL at the next round of the loop. */
static void
fail_soon(struct job *j)
{
	j->sent = false;
	if (loop_timer_set(j->pool->loop, &j->timer, 0, on_deadline, j) != OK)
		abort();
}

static bool
is_free(const struct helper *h)
{
	return h->pid != 0 && h->client != NULL && h->job == NULL && chan_client_up(h->client);
}

/* New work goes to helpers of the present configuration. */
static struct helper *
helper_for(struct pool *p, const struct job *j)
{
	if (j->helper != NULL)
		return is_free(j->helper) ? j->helper : NULL;
	for (size_t i = 0; i < SLOTS; i++)
		if (!p->helpers[i].old && is_free(&p->helpers[i]))
			return &p->helpers[i];
	return NULL;
}

static void
send_job(struct job *j, struct helper *h)
{
	struct pool *p = j->pool;
	void *msg = arena_alloc(&p->arena, j->row->request->size);

	unlink_job(j);
	j->sent = true;
	j->helper = h;
	if (msg != NULL && wire_decode(j->row->request, buf_slice(&j->msg), &p->arena, msg) == OK) {
		h->job = j;
		chan_call(h->client, j->row->code, msg, NULL, 0, p->spec.job_ms + GRACE_MS,
		    on_answer, j, NULL);
	} else {
		fail_soon(j);
	}
	arena_clear(&p->arena);
}

static void
run_queue(struct pool *p)
{
	struct job *j = p->queue;

	while (j != NULL) {
		struct job *next = j->next;
		struct helper *h = helper_for(p, j);

		if (j->bound != 0 && j->helper->serial != j->bound)
			fail_soon(j);	/* what it had begun is lost with the process */
		else if (h != NULL)
			send_job(j, h);
		else if (j->helper == NULL)
			break;		/* nobody is free */
		j = next;
	}
}

static struct helper *
find_helper(struct pool *p, uint64_t serial)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (p->helpers[i].serial == serial)
			return &p->helpers[i];
	return NULL;
}

static const struct chan_row *
row_of(uint16_t code)
{
	size_t n;
	const struct chan_row *rows = job_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].code == code)
			return &rows[i];
	abort();	/* the codes are our own */
}

void
pool_call(struct pool *pool, uint64_t helper, uint16_t code, const void *msg, uint64_t job_ms,
    pool_answer_fn fn, void *arg)
{
	struct job *j = calloc(1, sizeof *j);
	bool refuse = pool->queue_n >= POOL_QUEUE_MAX;

	/* As in chan_call: without memory for one job there is no way to answer. */
	if (j == NULL)
		abort();
	*j = (struct job){ .pool = pool, .row = row_of(code), .fn = fn,
		.arg = arg, .began_us = clock_us() };
	if (helper != 0) {
		j->helper = find_helper(pool, helper);
		j->bound = helper;
		refuse = refuse || j->helper == NULL;
	}
	buf_init(&j->msg, MESSAGE_OCTETS_MAX);
	if (wire_encode(j->row->request, msg, &j->msg) != OK)
		refuse = true;
	job_ms = refuse ? 0 : job_ms != 0 ? job_ms : pool->spec.job_ms;
	if (loop_timer_set(pool->loop, &j->timer, job_ms, on_deadline, j) != OK)
		abort();
	enqueue(j);
	if (!refuse)
		run_queue(pool);
}

/* ---- another configuration ---- */

static void on_retire(struct loop_timer *t);

static void
retire(struct helper *h)
{
	uint64_t idle_ms = clock_ms() - h->worked_ms;

	if (h->job == NULL && idle_ms >= POOL_HOLD_MS) {
		kill(h->pid, SIGKILL);	/* it keeps nothing; reaping it frees its place */
		return;
	}
	if (loop_timer_set(h->pool->loop, &h->retire, h->job != NULL ? POOL_HOLD_MS :
	    POOL_HOLD_MS - idle_ms, on_retire, h) != OK)
		kill(h->pid, SIGKILL);
}

static void
on_retire(struct loop_timer *t)
{
	retire(t->arg);
}

static void
make_old(struct helper *h)
{
	loop_timer_stop(&h->restart);
	if (h->pid == 0)
		*h = (struct helper){ .pool = h->pool };
	else if (h->old)	/* of two reloads ago: its place is needed */
		kill(h->pid, SIGKILL);
	else {
		h->old = true;
		retire(h);
	}
}

void
pool_reload(struct pool *p, const struct pool_spec *spec)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (p->helpers[i].used)
			make_old(&p->helpers[i]);
	p->spec = *spec;
	if (p->spec.helpers > POOL_HELPERS_MAX)
		p->spec.helpers = POOL_HELPERS_MAX;
	if (start_all(p) != OK)
		for (size_t i = 0; i < SLOTS; i++)
			if (p->helpers[i].used && p->helpers[i].pid == 0)
				restart_later(&p->helpers[i]);
	run_queue(p);
}

void
pool_free(struct pool **pool)
{
	struct pool *p = *pool;

	if (p == NULL)
		return;
	for (struct job *j = p->queue; j != NULL; j = p->queue) {
		answer(j, ERR_UNAVAIL, NULL);
		free_job(j);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		struct helper *h = &p->helpers[i];

		loop_timer_stop(&h->restart);
		loop_timer_stop(&h->retire);
		chan_client_free(&h->client);	/* answers its job */
		if (h->pid > 0)		/* it keeps nothing, and might hang */
			kill(h->pid, SIGKILL);
	}
	arena_clear(&p->arena);
	free(p);
	*pool = NULL;
}
