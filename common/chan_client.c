/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/chan_frame.h"

enum {
	BUCKETS = 1024,
	REPLY_ARENA_MAX = 32 * 1024 * 1024,
	ROUNDS_PER_EVENT = 32,
	RETRY_MIN_MS = 20,
	RETRY_MAX_MS = 1000,
	SPARE_CALLS = 32,
};

struct call {
	struct call	  *next;	/* in its bucket */
	struct chan_client *client;
	uint32_t	   id;
	const struct chan_row *row;
	chan_answer_fn	   fn;
	void		  *arg;
	int		   failed;	/* != OK: answer with this at the next round of the loop */
	struct loop_timer  timer;
};

struct chan_client {
	struct loop	      *loop;
	char		      *path;	/* NULL: adopted, never reconnects */
	const struct chan_row *rows;
	size_t		       rows_n;
	bool		       up;
	struct loop_fd	       lf;
	struct chan_sendq      sendq;
	uint64_t	       retry_ms;
	struct loop_timer      retry;
	struct call	      *calls[BUCKETS];
	struct call	      *spare;	/* for calls without memory, so that they can fail */
	unsigned	       spare_n;
	unsigned	       in_callback;
	bool		       freed;	/* by a callback: the last of them ends it */
	uint32_t	       next_id;
	struct arena	       arena;
	struct buf	       out;
	char		       in[CHAN_FRAME_MAX];
};

static void connect_now(struct chan_client *c);

/* ---- memory of calls ---- */

static void
call_free(struct chan_client *c, struct call *call)
{
	if (call == NULL || c->spare_n == SPARE_CALLS) {
		free(call);
		return;
	}
	call->next = c->spare;
	c->spare = call;
	c->spare_n++;
}

static struct call *
call_new(struct chan_client *c)
{
	struct call *call = calloc(1, sizeof *call);

	if (call != NULL || c->spare == NULL)
		return call;
	call = c->spare;
	c->spare = call->next;
	c->spare_n--;
	*call = (struct call){ .failed = ERR_NOMEM };
	return call;
}

static void
spare_free(struct chan_client *c)
{
	while (c->spare != NULL) {
		struct call *call = c->spare;

		c->spare = call->next;
		free(call);
	}
}

/* ---- life ---- */

static int
client_new(struct loop *loop, const struct chan_row *rows, size_t n, struct chan_client **out)
{
	struct chan_client *c = calloc(1, sizeof *c);

	if (c == NULL)
		return ERR_NOMEM;
	c->loop = loop;
	c->rows = rows;
	c->rows_n = n;
	c->retry_ms = RETRY_MIN_MS;
	chan_sendq_init(&c->sendq);
	arena_init(&c->arena, REPLY_ARENA_MAX);
	buf_init(&c->out, CHAN_BODY_MAX);
	while (c->spare_n < SPARE_CALLS) {
		struct call *call = calloc(1, sizeof *call);

		if (call == NULL) {
			spare_free(c);
			free(c);
			return ERR_NOMEM;
		}
		call_free(c, call);
	}
	*out = c;
	return OK;
}

static void
destroy(struct chan_client *c)
{
	spare_free(c);
	chan_sendq_fini(&c->sendq);
	arena_clear(&c->arena);
	buf_fini(&c->out);
	free(c->path);
	free(c);
}

/* Around everything that calls back: the client may be freed in there. */
static void
enter(struct chan_client *c)
{
	c->in_callback++;
}

static void
leave(struct chan_client *c)
{
	if (--c->in_callback == 0 && c->freed)
		destroy(c);
}

/* ---- open calls ---- */

static struct call **
call_place(struct chan_client *c, uint32_t id)
{
	struct call **at = &c->calls[id % BUCKETS];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static struct call *
call_take(struct chan_client *c, uint32_t id)
{
	struct call **at = call_place(c, id);
	struct call *call = *at;

	if (call != NULL) {
		*at = call->next;
		loop_timer_stop(&call->timer);
	}
	return call;
}

static void
call_answer(struct call *call, struct chan_answer *a)
{
	call->fn(call->arg, a);
	chan_fds_close(a->fds, a->fds_n);
	call_free(call->client, call);
}

static void
on_call_timer(struct loop_timer *t)
{
	struct call *call = t->arg;
	struct chan_client *c = call->client;
	struct chan_answer a = { .status = call->failed != OK ? call->failed : ERR_TIMEOUT };

	enter(c);
	call_answer(call_take(c, call->id), &a);
	leave(c);
}

/* All open calls fail; new ones made by the callbacks are not touched. */
static void
fail_calls(struct chan_client *c, int status)
{
	struct call *all = NULL;

	for (size_t i = 0; i < BUCKETS; i++)
		while (c->calls[i] != NULL) {
			struct call *call = call_take(c, c->calls[i]->id);

			call->next = all;
			all = call;
		}
	while (all != NULL) {
		struct call *call = all;
		struct chan_answer a = { .status = call->failed != OK ? call->failed : status };

		all = call->next;
		call_answer(call, &a);
	}
}

/* ---- connection ---- */

static void
on_retry(struct loop_timer *t)
{
	connect_now(t->arg);
}

static void
retry_later(struct chan_client *c)
{
	if (c->path == NULL || c->freed)
		return;
	/* Without memory for a timer the next chan_call tries again. */
	if (loop_timer_set(c->loop, &c->retry, c->retry_ms, on_retry, c) == OK)
		c->retry_ms = c->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : c->retry_ms * 2;
}

static void
disconnect(struct chan_client *c)
{
	if (!c->up)
		return;
	c->up = false;
	loop_fd_remove(&c->lf);
	close(c->lf.fd);
	chan_sendq_fini(&c->sendq);
	chan_sendq_init(&c->sendq);
	retry_later(c);
	fail_calls(c, ERR_UNKNOWN);
}

static void
deliver(struct chan_client *c, struct chan_frame *f)
{
	struct call *call = call_take(c, f->id);
	struct chan_answer a = { .status = f->status, .fds_n = f->fds_n };

	memcpy(a.fds, f->fds, sizeof a.fds);
	if (call == NULL) {	/* cancelled or too late */
		chan_fds_close(a.fds, a.fds_n);
		return;
	}
	if (a.status > 0)	/* no such thing: it must not pass for anything */
		a.status = ERR_FRAME;
	if (a.status == OK) {
		void *msg = arena_alloc(&c->arena, call->row->reply->size);

		a.msg = msg;
		a.status = msg == NULL ? c->arena.err :
		    wire_decode(call->row->reply, f->body, &c->arena, msg);
		if (f->code != call->row->code)
			a.status = ERR_FRAME;
	}
	if (a.status != OK)
		a.msg = NULL;
	call_answer(call, &a);
	arena_clear(&c->arena);
}

static void
on_readable(struct loop_fd *lf, unsigned events)
{
	struct chan_client *c = lf->arg;
	struct chan_frame f;
	int r = 1;

	enter(c);
	if ((events & LOOP_WRITE) != 0) {
		r = chan_sendq_flush(&c->sendq, lf->fd);
		if (r == OK)
			r = loop_fd_want(lf, LOOP_READ);
		r = r == OK || r == ERR_AGAIN ? 1 : 0;
	}
	if ((events & (LOOP_READ | LOOP_HANGUP)) != 0)
		for (int i = 0; r == 1 && c->up && i < ROUNDS_PER_EVENT; i++) {
			r = chan_frame_recv(lf->fd, c->in, &f);
			if (r == 1) {
				deliver(c, &f);
				chan_frame_done(&f);
			}
		}
	if (r != 1 && r != ERR_AGAIN)
		disconnect(c);
	leave(c);
}

static int
connect_unix(const char *path, int flags)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct slice name = slice_of(path);
	int fd;

	if (name.n >= sizeof sa.sun_path)
		return ERR_LIMIT;
	memcpy(sa.sun_path, name.p, name.n);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	/* On a UNIX socket connect() is immediate, or EAGAIN when the backlog is full. */
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		int e = -errno;

		close(fd);
		return e;
	}
	return fd;
}

static int
attach(struct chan_client *c, int fd)
{
	int r = loop_fd_add(c->loop, &c->lf, fd, LOOP_READ, on_readable, c);

	if (r == OK) {
		c->up = true;
		c->retry_ms = RETRY_MIN_MS;
	}
	return r;
}

static void
connect_now(struct chan_client *c)
{
	int fd;

	if (c->up || c->path == NULL || c->freed)
		return;
	loop_timer_stop(&c->retry);
	fd = connect_unix(c->path, SOCK_NONBLOCK);
	if (fd >= 0 && attach(c, fd) == OK)
		return;
	if (fd >= 0)
		close(fd);
	retry_later(c);
}

int
chan_client_new(struct loop *loop, const char *path, const struct chan_row *rows, size_t n,
    struct chan_client **out)
{
	int r = client_new(loop, rows, n, out);

	if (r != OK)
		return r;
	(*out)->path = strdup(path);
	if ((*out)->path == NULL) {
		chan_client_free(out);
		return ERR_NOMEM;
	}
	connect_now(*out);
	return OK;
}

int
chan_client_adopt(struct loop *loop, int fd, const struct chan_row *rows, size_t n,
    struct chan_client **out)
{
	int r = client_new(loop, rows, n, out);

	if (r == OK && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
		r = -errno;
	if (r == OK)
		r = attach(*out, fd);
	if (r != OK)
		chan_client_free(out);
	return r;
}

void
chan_client_free(struct chan_client **client)
{
	struct chan_client *c = *client;

	*client = NULL;
	if (c == NULL || c->freed)
		return;
	c->freed = true;
	enter(c);
	if (c->up) {
		loop_fd_remove(&c->lf);
		close(c->lf.fd);
		c->up = false;
	}
	fail_calls(c, ERR_UNAVAIL);
	loop_timer_stop(&c->retry);
	leave(c);
}

/* ---- calling ---- */

static int
send_call(struct chan_client *c, struct call *call, const void *msg, const int *fds,
    unsigned fds_n)
{
	int r;

	if (!c->up)
		connect_now(c);
	if (!c->up)
		return ERR_UNAVAIL;
	r = chan_frame_encode(&c->out, call->row->code, call->id, OK, call->row->request, msg);
	if (r == OK)
		r = chan_sendq_push(&c->sendq, c->lf.fd, buf_slice(&c->out), fds, fds_n);
	buf_wipe(&c->out);
	if (r == OK && c->sendq.head != NULL)
		r = loop_fd_want(&c->lf, LOOP_READ | LOOP_WRITE);
	if (r == -EPIPE || r == -ECONNRESET)
		r = ERR_UNAVAIL;	/* the loop will see the hang-up and reconnect */
	return r;
}

void
chan_call(struct chan_client *client, uint16_t code, const void *msg, const int *fds,
    unsigned fds_n, uint64_t timeout_ms, chan_answer_fn fn, void *arg, uint32_t *call_out)
{
	const struct chan_row *row = chan_row_find(client->rows, client->rows_n, code);
	struct call *call = call_new(client);
	struct call **at;

	/* fn must be called later and exactly once: when not even the spare memory is left there is
	 * no honest way on, and the sizes here are ours, not a peer's. */
	if (call == NULL || row == NULL || client->freed)
		abort();
	do
		call->id = ++client->next_id;
	while (call->id == 0 || *call_place(client, call->id) != NULL);
	call->client = client;
	call->row = row;
	call->fn = fn;
	call->arg = arg;
	if (call->failed == OK)
		call->failed = send_call(client, call, msg, fds, fds_n);
	if (call->failed != OK)
		timeout_ms = 0;
	if (loop_timer_set(client->loop, &call->timer, timeout_ms, on_call_timer, call) != OK)
		abort();
	at = call_place(client, call->id);
	*at = call;
	if (call_out != NULL)
		*call_out = call->id;
}

void
chan_cancel(struct chan_client *client, uint32_t call)
{
	call_free(client, call_take(client, call));
}

bool
chan_client_up(const struct chan_client *client)
{
	return client->up;
}

/* ---- blocking calls ---- */

static int
set_timeout(int fd, uint64_t timeout_ms)
{
	struct timeval tv = { (time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000 * 1000) };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) != 0)
		return -errno;
	return OK;
}

int
chan_sync_connect(const char *path, uint64_t timeout_ms, int *fd_out)
{
	int fd = connect_unix(path, 0);
	int r;

	if (fd < 0)
		return fd == -ECONNREFUSED || fd == -ENOENT ? ERR_UNAVAIL : fd;
	r = set_timeout(fd, timeout_ms);
	if (r != OK) {
		close(fd);
		return r;
	}
	*fd_out = fd;
	return OK;
}

static int
sync_send(int fd, uint32_t id, const struct chan_row *row, const void *msg, const int *fds,
    unsigned fds_n)
{
	struct buf out;
	int r;

	buf_init(&out, CHAN_BODY_MAX);
	r = chan_frame_encode(&out, row->code, id, OK, row->request, msg);
	if (r == OK)
		r = chan_frame_send(fd, buf_slice(&out), fds, fds_n);
	buf_wipe(&out);
	buf_fini(&out);
	return r == ERR_AGAIN ? ERR_TIMEOUT : r;
}

/* The reply to this very call: one that answers an earlier call, given up in the meantime, must not
 * be taken for it. */
static int
sync_recv(int fd, uint32_t id, char *mem, struct chan_frame *f)
{
	for (;;) {
		int r = chan_frame_recv(fd, mem, f);

		if (r != 1)
			return r == ERR_AGAIN ? ERR_TIMEOUT : r == ERR_FRAME ? r : ERR_UNKNOWN;
		if (f->id == id)
			return OK;
		chan_frame_done(f);
		chan_fds_close(f->fds, f->fds_n);
	}
}

int
chan_sync_call(int fd, const struct chan_row *row, const void *msg, const int *fds,
    unsigned fds_n, uint64_t timeout_ms, struct arena *arena, const void **reply_out,
    int *fds_out, unsigned *fds_out_n)
{
	char *mem = arena_alloc(arena, CHAN_FRAME_MAX);
	void *reply = arena_alloc(arena, row->reply->size);
	static uint32_t last_id;	/* of this process */
	uint32_t id = ++last_id;
	struct chan_frame f;
	int r;

	if (mem == NULL || reply == NULL)
		return arena->err;
	r = set_timeout(fd, timeout_ms);
	if (r == OK)
		r = sync_send(fd, id, row, msg, fds, fds_n);
	if (r == OK)
		r = sync_recv(fd, id, mem, &f);
	if (r != OK)
		return r;
	r = f.status > 0 ? ERR_FRAME : f.status;
	if (r == OK && f.code != row->code)
		r = ERR_FRAME;
	if (r == OK)	/* the strings must live as long as the arena */
		r = wire_decode(row->reply, arena_copy(arena, f.body), arena, reply);
	chan_frame_done(&f);
	*reply_out = r == OK ? reply : NULL;
	if (r == OK && fds_out != NULL) {
		memcpy(fds_out, f.fds, sizeof f.fds);
		*fds_out_n = f.fds_n;
	} else {
		chan_fds_close(f.fds, f.fds_n);
	}
	return r;
}
