/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "smtpd/stream.h"

enum {
	ROUNDS = 64,		/* of reading, before others get their turn */
	LEAVING_MS = 1500,	/* for the last words to an account that was withdrawn */
	LINGER_MS = 5000,	/* for the last reply to reach a peer that still sends */
	CONN_WAIT = 1,		/* a service will go on with it */
};

_Static_assert(sizeof(struct conn) <= 4096, "a session's fixed part");

static void on_socket(struct loop_fd *lf, unsigned events);
static void on_timer(struct loop_timer *t);

/* ---- life ---- */

static void
count_session(const struct conn *c, bool begins)
{
	unsigned at = metric_at(METRIC_SESSIONS_OPEN, c->listener->conf->role, c->zone, 0);

	metric_session(at, begins);
}

static void
count_commands(struct conn *c)
{
	if (c->engine.commands > 0)
		metric_add(METRIC_COMMANDS, 0, c->engine.commands);
	c->engine.commands = 0;
}

static int
start(struct conn *c, int fd)
{
	struct worker *w = c->worker;
	bool implicit = c->listener->conf->tls == CONF_TLS_IMPLICIT;
	int err = loop_fd_add(w->loop, &c->lf, fd, LOOP_READ, on_socket, c);

	if (err == OK && implicit) {
		err = tls_conn_new(w->tls, fd, NULL, &c->tls);
		c->handshaking = true;
	}
	if (err != OK)
		return err;
	engine_open(&c->engine, &c->listener->engine, host_ops(), c, &c->out, implicit, clock_ms());
	return OK;
}

int
conn_new(struct worker *w, const struct worker_listener *l, const struct accept_peer *peer)
{
	struct conn *c = calloc(1, sizeof *c);
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	c->worker = w;
	c->listener = l;
	c->message.fd = c->message.final_fd = c->message.summary_fd = -1;
	c->zone = conf_session_zone(w->conf, l->conf, peer->client);
	memcpy(c->client, peer->client, sizeof c->client);
	memcpy(c->peer_key, peer->key, sizeof c->peer_key);
	buf_init(&c->in, CONN_IN_MAX);
	buf_init(&c->out, CONN_OUT_MAX);
	arena_init(&c->account_mem, 1024 * 1024);
	err = start(c, peer->fd);
	if (err != OK) {
		loop_fd_remove(&c->lf);
		tls_conn_free(&c->tls);
		free(c);
		return err;
	}
	c->next = w->conns;
	c->link = &w->conns;
	if (c->next != NULL)
		c->next->link = &c->next;
	w->conns = c;
	count_session(c, true);
	log_event(EV_SESSION_OPEN, F_CSTR("client", c->client), F_CSTR("listener", l->conf->title),
	    F_CSTR("zone", zone_name(c->zone)));
	conn_run(c);
	return OK;
}

void
conn_free(struct conn *c)
{
	struct worker *w = c->worker;

	log_event(EV_SESSION_CLOSE, F_CSTR("client", c->client),
	    F_CSTR("listener", c->listener->conf->title));
	count_commands(c);
	count_session(c, false);
	if (c->asked != NULL)
		chan_cancel(c->asked, c->call);
	if (c->renewing)
		chan_cancel(w->directory, c->renewal);
	loop_timer_stop(&c->timer);
	engine_close(&c->engine);
	loop_fd_remove(&c->lf);
	tls_conn_free(&c->tls);
	close(c->lf.fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	arena_clear(&c->account_mem);
	accept_gone(w->accept, c->peer_key);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	free(c);
	worker_gone(w);
}

/* ---- octets ---- */

static int
send_out(struct conn *c)
{
	struct slice s = slice_from(buf_slice(&c->out), c->out_at);
	int n = stream_write(c->lf.fd, c->tls, s);

	if (n <= 0)
		return n;
	metric_add(METRIC_OCTETS, METRIC_OUT, (uint64_t)n);
	c->out_at += (size_t)n;
	if (c->out_at == c->out.n) {
		buf_fini(&c->out);
		c->out_at = 0;
	}
	return OK;
}

/* Offer what is held and what came; keep what the engine does not take yet. */
static int
feed(struct conn *c, struct slice more)
{
	size_t taken;

	if (c->in.n > 0) {
		buf_add(&c->in, more);
		if (c->in.err != OK)
			return c->in.err;
		buf_consume(&c->in, engine_input(&c->engine, clock_ms(), buf_slice(&c->in)));
		if (c->in.n == 0 && c->engine.state == ENGINE_WAIT_AUTH)
			explicit_bzero(c->in.p, c->in.cap);
		if (c->in.n == 0)
			buf_fini(&c->in);
		return OK;
	}
	taken = engine_input(&c->engine, clock_ms(), more);
	if (taken < more.n)
		buf_add(&c->in, slice_from(more, taken));
	return c->in.err;
}

static int
receive(struct conn *c)
{
	struct worker *w = c->worker;
	int n = stream_read(c->lf.fd, c->tls, w->scratch, sizeof w->scratch);

	if (n <= 0)
		return n;
	metric_add(METRIC_OCTETS, METRIC_IN, (uint64_t)n);
	n = feed(c, (struct slice){ w->scratch, (size_t)n });
	if (c->engine.state == ENGINE_WAIT_AUTH)	/* passwords do not stay */
		explicit_bzero(w->scratch, sizeof w->scratch);
	return n;
}

/* ---- TLS ---- */

static int
shake(struct conn *c)
{
	int r = tls_conn_handshake(c->tls);

	if (r == OK) {
		c->handshaking = false;
		if (c->engine.state == ENGINE_WAIT_TLS)
			engine_on_tls(&c->engine, clock_ms());
	} else if (r != TLS_WANT_READ && r != TLS_WANT_WRITE) {
		metric_add(METRIC_TLS_FAILED, 0, 1);
		log_event(EV_TLS_FAILED, F_CSTR("client", c->client),
		    F_CSTR("why", tls_conn_why(c->tls)));
	}
	return r;
}

/* The 220 is out. What is still held came before the handshake, unprotected: with the check off
 * it would be taken for protected input. */
static int
begin_tls(struct conn *c)
{
	c->start_tls = false;
	c->handshaking = true;
	arena_clear(&c->account_mem);
	c->account = NULL;
	return tls_conn_new(c->worker->tls, c->lf.fd, NULL, &c->tls);
}

/* ---- driving ---- */

/* Say that no more will come, and wait for the peer to hear it. */
static int
end_output(struct conn *c)
{
	c->sent_end = true;
	if (c->tls != NULL && !c->handshaking) {
		int r = tls_conn_close(c->tls);

		(void)r;	/* the peer hears of it, or not */
		tls_conn_free(&c->tls);
	}
	return shutdown(c->lf.fd, SHUT_WR) == 0 ? OK : ERR_CLOSED;
}

static int
step(struct conn *c)
{
	bool ending = c->engine.state == ENGINE_CLOSED;

	if (c->out.err != OK)
		return c->out.err;
	if (c->handshaking)
		return ending ? ERR_CLOSED : shake(c);
	if (c->out.n > c->out_at)
		return send_out(c);
	if (c->start_tls)
		return begin_tls(c);
	if (ending && !c->sent_end)
		return end_output(c);
	if (!engine_takes_input(&c->engine))
		return CONN_WAIT;
	if (c->in.n > 0 && c->engine.state != ENGINE_CLOSED) {
		size_t before = c->in.n;
		int r = feed(c, (struct slice){ NULL, 0 });

		if (r != OK || c->in.n != before)
			return r;
	}
	return receive(c);
}

static int
arm(struct conn *c, int r)
{
	uint64_t now = clock_ms(), due = engine_due_ms(&c->engine);

	if (c->engine.state == ENGINE_CLOSED) {
		if (c->linger_until_ms == 0)
			c->linger_until_ms = now + LINGER_MS;
		due = c->linger_until_ms;
	}
	if (c->leaving && due > c->linger_until_ms)
		due = c->linger_until_ms;
	if (r == OK)
		due = now;	/* more rounds, after the others */
	return loop_timer_set(c->worker->loop, &c->timer, due > now ? due - now : 0, on_timer, c);
}

void
conn_run(struct conn *c)
{
	int r = OK;

	if (c->stale)
		conn_renew(c);
	for (unsigned i = 0; i < ROUNDS && r == OK; i++)
		r = step(c);
	count_commands(c);
	if (r != OK && r != CONN_WAIT && r != TLS_WANT_READ && r != TLS_WANT_WRITE) {
		conn_free(c);
		return;
	}
	if (arm(c, r) != OK || loop_fd_want(&c->lf, r == TLS_WANT_WRITE ? LOOP_WRITE :
	    r == TLS_WANT_READ ? LOOP_READ : 0) != OK)
		conn_free(c);
}

static void
on_socket(struct loop_fd *lf, unsigned events)
{
	struct conn *c = lf->arg;

	/* While a service is asked nothing is read; a peer that has gone ends it all the same. */
	if ((events & LOOP_HANGUP) != 0 && (events & (LOOP_READ | LOOP_WRITE)) == 0)
		conn_free(c);
	else
		conn_run(c);
}

/* Nothing of what the kernel still holds may reach it. */
static void
reset_peer(struct conn *c)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(c->lf.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "linger"), F_ERR(-errno));
}

static void
on_timer(struct loop_timer *t)
{
	struct conn *c = t->arg;

	if (c->linger_until_ms != 0 && clock_ms() >= c->linger_until_ms) {
		if (c->leaving)
			reset_peer(c);
		conn_free(c);
		return;
	}
	engine_on_timer(&c->engine, clock_ms());
	conn_run(c);
}

void
conn_withdraw(struct conn *c, enum reply why)
{
	if (c->leaving)
		return;
	c->leaving = true;
	c->linger_until_ms = clock_ms() + LEAVING_MS;
	engine_on_withdrawn(&c->engine, clock_ms(), why);
	conn_run(c);
}

void
conn_stop(struct conn *c)
{
	engine_on_shutdown(&c->engine, clock_ms());
	conn_run(c);
}
