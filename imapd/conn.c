/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metric.h"

enum {
	ROUNDS = 64,		/* before others have their turn */
	ROUNDS_OF_WORK = 8,	/* what a step of the engine counts for */
	PENDING_OCTETS = WORKER_SCRATCH_OCTETS,
	PROGRESS_OCTETS = 16 * 1024,	/* so much in command-time, or the peer is too slow */
	LEAVING_MS = 1500,	/* for the last words to an account that was withdrawn */
};

static void on_fd(struct loop_fd *lf, unsigned events);

static void
count_session(const struct conn *c, bool begins)
{
	unsigned at = metric_at(METRIC_SESSIONS_OPEN, c->listener->role, c->worker->wc->zone, 0);

	metric_session(at, begins);
}

static void
count_commands(struct conn *c)
{
	uint64_t n = engine_commands(c->engine);

	if (n > 0)
		metric_add(METRIC_COMMANDS, 0, n);
}

static void
conn_free(struct conn *c)
{
	struct worker *w = c->worker;
	uint8_t key[SHARE_KEY_OCTETS];

	memcpy(key, c->peer_key, sizeof key);
	count_commands(c);
	count_session(c, false);
	log_event(EV_SESSION_CLOSE, F_CSTR("client", c->client),
	    F_CSTR("who", c->account != NULL ? c->account->uid : ""));
	if (c->asked != NULL)
		chan_cancel(c->asked, c->call);
	loop_fd_remove(&c->lf);
	loop_timer_stop(&c->deadline);
	loop_timer_stop(&c->again);
	loop_timer_stop(&c->delay);
	conn_copy_drop(c);
	conn_spool_drop(c);
	conn_release(c);
	conn_sign_in_drop(c);
	conn_forget_account(c);
	engine_free(&c->engine);
	tls_conn_free(&c->tls);
	close(c->lf.fd);
	buf_fini(&c->pending);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	free(c);
	worker_conn_gone(w, key);
}

/* ---- deadlines ---- */

static uint64_t
deadline_ms(const struct conn *c, enum engine_waits waits)
{
	const struct conf_limits *l = &c->worker->wc->conf->limits;

	switch (waits) {
	case ENGINE_WAITS_SIGN_IN:
	case ENGINE_WAITS_TLS:
		return l->preauth_s * 1000;
	case ENGINE_WAITS_COMMAND:
	case ENGINE_WAITS_IDLE:
		return l->idle_s * 1000;
	default:
		return l->command_s * 1000;
	}
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
on_deadline(struct loop_timer *t)
{
	struct conn *c = t->arg;

	if (c->leaving) {
		reset_peer(c);
		conn_free(c);
		return;
	}
	/* A second time, or nobody reads what is written: that is all there is to say. */
	if (c->phase != CONN_OPEN || engine_waits(c->engine) == ENGINE_CLOSED ||
	    engine_output(c->engine)->n > 0) {
		conn_free(c);
		return;
	}
	engine_bye(c->engine, NULL, "Too long without a word");
	conn_go(c);
}

/* The time to sign in runs from the start. Other times run anew when the wait changes; between
 * commands with each word of the client, within one only with real progress. */
static int
set_deadline(struct conn *c)
{
	enum engine_waits waits = engine_waits(c->engine);
	bool signing_in = waits == ENGINE_WAITS_SIGN_IN || waits == ENGINE_WAITS_TLS;
	bool quiet = waits == ENGINE_WAITS_COMMAND || waits == ENGINE_WAITS_IDLE;
	bool was = c->deadline_for == ENGINE_WAITS_SIGN_IN || c->deadline_for == ENGINE_WAITS_TLS;

	if (c->leaving)
		return OK;
	if (c->deadline.loop != NULL && ((signing_in && was) || (waits == c->deadline_for &&
	    c->moved_octets < (quiet ? 1 : PROGRESS_OCTETS))))
		return OK;
	c->deadline_for = waits;
	c->moved_octets = 0;
	return loop_timer_set(c->worker->loop, &c->deadline, deadline_ms(c, waits), on_deadline, c);
}

/* ---- octets ---- */

/* > 0 octets, 0 end, TLS_WANT_*, or an error. */
static int
conn_read(struct conn *c, char *to, size_t n)
{
	ssize_t r;

	if (c->tls != NULL)
		return tls_conn_read(c->tls, to, n);
	r = recv(c->lf.fd, to, n, 0);
	if (r >= 0)
		return (int)r;
	return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : ERR_CLOSED;
}

static int
conn_write(struct conn *c, const char *from, size_t n)
{
	ssize_t r;

	if (c->tls != NULL)
		return tls_conn_write(c->tls, from, n);
	r = send(c->lf.fd, from, n, MSG_NOSIGNAL);
	if (r >= 0)
		return (int)r;
	return errno == EAGAIN || errno == EINTR ? TLS_WANT_WRITE : ERR_CLOSED;
}

/* ---- steps of conn_go: GO on at once, STOP (wait for what is wanted), END ---- */

enum step { GO, STOP, END };

static enum step
wait_for(struct conn *c, int want)
{
	unsigned bits = want == TLS_WANT_WRITE ? LOOP_WRITE : LOOP_READ;

	return loop_fd_want(&c->lf, bits) == OK ? STOP : END;
}

static enum step
handshake(struct conn *c)
{
	int r = tls_conn_handshake(c->tls);

	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
		return wait_for(c, r);
	if (r != OK) {
		metric_add(METRIC_TLS_FAILED, 0, 1);
		log_event(EV_TLS_FAILED, F_CSTR("client", c->client),
		    F_CSTR("why", tls_conn_why(c->tls)));
		return END;
	}
	c->phase = CONN_OPEN;
	if (engine_waits(c->engine) == ENGINE_WAITS_TLS)
		engine_answer(c->engine, &(struct backend_reply){ .status = OK });
	else
		engine_start(c->engine);
	return GO;
}

static enum step
begin_tls(struct conn *c)
{
	if (tls_conn_new(c->worker->wc->tls, c->lf.fd, NULL, &c->tls) != OK)
		return END;
	c->phase = CONN_HANDSHAKE;
	return GO;
}

static enum step
flush(struct conn *c, struct buf *out)
{
	int r = conn_write(c, out->p, out->n);

	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
		return wait_for(c, r);
	if (r <= 0)
		return END;
	metric_add(METRIC_OCTETS, METRIC_OUT, (uint64_t)r);
	buf_consume(out, (size_t)r);
	c->moved_octets += (uint64_t)r;
	return GO;
}

/* Closed now, what the kernel still holds would reach the peer whenever it reads: wait for it to
 * hang up, up to the deadline. */
static enum step
leave(struct conn *c)
{
	struct worker *w = c->worker;
	int r = c->tls == NULL || c->sent_end ? OK : tls_conn_close(c->tls);
	ssize_t n;

	if (r == TLS_WANT_WRITE)
		return wait_for(c, r);
	if (!c->sent_end && shutdown(c->lf.fd, SHUT_WR) != 0)
		return END;
	c->sent_end = true;
	n = recv(c->lf.fd, w->scratch, sizeof w->scratch, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return wait_for(c, TLS_WANT_READ);
	return n > 0 ? GO : END;
}

static enum step
closing(struct conn *c)
{
	int r;

	if (c->leaving) {
		c->phase = CONN_CLOSING;
		return leave(c);
	}
	if (c->tls == NULL || c->eof)
		return END;
	c->phase = CONN_CLOSING;
	r = tls_conn_close(c->tls);
	return r == TLS_WANT_READ || r == TLS_WANT_WRITE ? wait_for(c, r) : END;
}

/* What was read before and not taken: GO if some of it was taken now. */
static enum step
offer_pending(struct conn *c)
{
	size_t n = engine_input(c->engine, buf_slice(&c->pending));

	buf_consume(&c->pending, n);
	if (c->pending.n == 0)
		buf_fini(&c->pending);
	if (n > 0 || engine_busy(c->engine))
		return GO;
	return loop_fd_want(&c->lf, 0) == OK ? STOP : END;
}

static enum step
take_input(struct conn *c)
{
	struct worker *w = c->worker;
	int r = conn_read(c, w->scratch, sizeof w->scratch);
	size_t n;

	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
		engine_rest(c->engine);
		return wait_for(c, r);
	}
	if (r <= 0) {
		c->eof = true;
		return END;
	}
	c->moved_octets += (uint64_t)r;
	metric_add(METRIC_OCTETS, METRIC_IN, (uint64_t)r);
	n = engine_input(c->engine, (struct slice){ w->scratch, (size_t)r });
	if (n < (size_t)r)
		buf_add(&c->pending, slice_from((struct slice){ w->scratch, (size_t)r }, n));
	return c->pending.err == OK ? GO : END;
}

/* The server stops: what has begun is still answered, for as long as the worker lives. */
static bool
must_end(const struct conn *c, enum engine_waits waits)
{
	return c->worker->stopping && (waits == ENGINE_WAITS_SIGN_IN ||
	    waits == ENGINE_WAITS_COMMAND || waits == ENGINE_WAITS_IDLE);
}

static enum step
step(struct conn *c)
{
	struct buf *out = engine_output(c->engine);
	enum engine_waits waits = engine_waits(c->engine);

	if (c->phase == CONN_HANDSHAKE)
		return c->worker->stopping ? END : handshake(c);
	if (c->phase == CONN_CLOSING)
		return closing(c);
	if (out->n >= ENGINE_STEP_OCTETS)
		return flush(c, out);
	if (engine_busy(c->engine)) {
		engine_run(c->engine);
		c->worked = true;
		return GO;
	}
	if (must_end(c, waits)) {
		engine_bye(c->engine, "UNAVAILABLE", "The server stops");
		return GO;
	}
	if (c->keys_changed && waits == ENGINE_WAITS_COMMAND) {
		c->keys_changed = false;
		engine_bye(c->engine, "UNAVAILABLE", "Keys have changed: sign in again");
		return GO;
	}
	/* Commands that are here already are answered in one write with this one. */
	if (c->pending.n > 0 && waits != ENGINE_WAITS_OTHERS && waits != ENGINE_CLOSED)
		return offer_pending(c);
	if (out->n > 0)
		return flush(c, out);
	if (waits == ENGINE_CLOSED)
		return closing(c);
	if (waits == ENGINE_WAITS_TLS)
		return begin_tls(c);
	if (waits == ENGINE_WAITS_OTHERS)
		return loop_fd_want(&c->lf, 0) == OK ? STOP : END;
	return take_input(c);
}

static void
on_again(struct loop_timer *t)
{
	conn_go(t->arg);
}

void
conn_go(struct conn *c)
{
	enum step next = GO;

	for (int i = 0; i < ROUNDS && next == GO; i += c->worked ? ROUNDS_OF_WORK : 1) {
		c->worked = false;
		next = step(c);
	}
	count_commands(c);
	if (next == GO && loop_timer_set(c->worker->loop, &c->again, 0, on_again, c) != OK)
		next = END;
	if (next == END || set_deadline(c) != OK)
		conn_free(c);
}

static void
on_fd(struct loop_fd *lf, unsigned events)
{
	struct conn *c = lf->arg;

	/* The peer is gone altogether; an answer that is on its way would find nobody. */
	if ((events & LOOP_HANGUP) != 0 && (events & (LOOP_READ | LOOP_WRITE)) == 0) {
		c->eof = true;
		conn_free(c);
		return;
	}
	conn_go(c);
}

void
conn_answer(struct conn *c, const struct backend_reply *reply)
{
	engine_answer(c->engine, reply);
	conn_go(c);
}

void
conn_bye(struct conn *c, const char *code, const char *text)
{
	if (c->phase == CONN_OPEN)
		engine_bye(c->engine, code, text);
}

void
conn_withdraw(struct conn *c, const char *code, const char *text)
{
	if (c->leaving)
		return;
	if (c->asked != NULL)	/* whatever it was, nobody hears of it any more */
		chan_cancel(c->asked, c->call);
	c->asked = NULL;
	loop_timer_stop(&c->delay);
	conn_copy_drop(c);
	conn_bye(c, code, text);
	conn_spool_drop(c);
	conn_release(c);
	conn_sign_in_drop(c);
	conn_forget_account(c);
	c->leaving = true;
	if (loop_timer_set(c->worker->loop, &c->deadline, LEAVING_MS, on_deadline, c) != OK)
		conn_free(c);
	else
		conn_go(c);
}

void
conn_changed(struct conn *c)
{
	uint64_t now;

	if (c->account == NULL || !engine_looks_on(c->engine))
		return;
	now = store_watch_generation(c->worker->watch, c->account->number);
	if (now == c->generation)
		return;
	c->generation = now;
	engine_changed(c->engine);
	conn_go(c);
}

/* ---- the beginning ---- */

static int
start(struct conn *c, int fd)
{
	const struct worker_conf *wc = c->worker->wc;
	bool implicit = c->listener->tls == CONF_TLS_IMPLICIT;
	struct engine_conf conf = { .hostname = wc->conf->general.hostname, .zone = wc->zone,
		.tls = implicit, .starttls = !implicit,
		.message_octets = wc->conf->limits.message_octets,
		.errors = (unsigned)wc->conf->limits.errors, .backend = &conn_backend, .ctx = c };
	int err = engine_new(&conf, &c->engine);

	if (err == OK)
		err = loop_fd_add(c->worker->loop, &c->lf, fd, LOOP_READ, on_fd, c);
	if (err == OK && implicit)
		err = tls_conn_new(wc->tls, fd, NULL, &c->tls);
	if (err != OK)
		return err;
	c->phase = implicit ? CONN_HANDSHAKE : CONN_OPEN;
	if (!implicit)
		engine_start(c->engine);
	return OK;
}

int
conn_new(struct worker *w, const struct accept_peer *peer)
{
	struct conn *c = calloc(1, sizeof *c);
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	c->worker = w;
	c->listener = peer->listener;
	c->spool_fd = -1;
	memcpy(c->client, peer->client, sizeof c->client);
	memcpy(c->peer_key, peer->key, sizeof c->peer_key);
	buf_init(&c->pending, PENDING_OCTETS);
	err = start(c, peer->fd);
	if (err != OK) {
		loop_fd_remove(&c->lf);
		engine_free(&c->engine);
		tls_conn_free(&c->tls);
		free(c);
		return err;
	}
	c->link = &w->conns;
	c->next = w->conns;
	if (c->next != NULL)
		c->next->link = &c->next;
	w->conns = c;
	count_session(c, true);
	log_event(EV_SESSION_OPEN, F_CSTR("client", c->client),
	    F_CSTR("listener", peer->listener->title));
	conn_go(c);
	return OK;
}
