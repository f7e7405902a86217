/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "directory/dirwatch.h"
#include "mailstore/proto.h"
#include "policy/proto.h"
#include "smtpd/conn.h"

enum { MIN_OCTETS_S = 500 };

void
worker_engine_conf(const struct conf *conf, const struct conf_listener *l, struct engine_conf *out)
{
	static const enum engine_role roles[] = { [CONF_LISTEN_MX] = ENGINE_MX,
	    [CONF_LISTEN_SUBMISSION] = ENGINE_SUBMISSION, [CONF_LISTEN_LMTP] = ENGINE_LMTP };
	const struct conf_limits *m = &conf->limits;
	bool is_path = l->address[0] == '/';

	*out = (struct engine_conf){
		.role = roles[l->role],
		.hostname = conf->general.hostname, .postmaster_domain = conf->general.domains.v[0],
		.contact_vi = conf->general.contact.n > 0 ? conf->general.contact.v[0] : "",
		.contact_en = conf->general.contact.n > 1 ? conf->general.contact.v[1] : "",
		.starttls = !is_path, .message_octets = m->message_octets,
		.recipients = m->recipients,
		.errors = m->errors, .command_ms = m->command_s * 1000,
		.preauth_ms = m->preauth_s * 1000, .idle_ms = m->idle_s * 1000,
		.service_ms = WORKER_SERVICE_MS, .policy_ms = m->policy_ms,
		.min_octets_s = MIN_OCTETS_S,
		/* Strangers may forge the sender; who is told of success would be a third. */
		.dsn = l->role != CONF_LISTEN_MX || l->zone == ZONE_INTERNAL,
		.hops = m->hops, .own_hops = m->own_hops,
	};
	if (out->role == ENGINE_LMTP && out->recipients > ENGINE_LMTP_RCPTS)
		out->recipients = ENGINE_LMTP_RCPTS;
}

/* ---- accepting ---- */

/* Too many: say so where that needs no handshake. */
static void
turn_away(const struct accept_peer *peer)
{
	struct buf b;

	buf_init(&b, REPLY_LINE_MAX);
	reply_add(&b, SAY_TOO_MANY_SESSIONS, (struct slice){ NULL, 0 });
	if (peer->listener->tls == CONF_TLS_STARTTLS && b.err == OK &&
	    send(peer->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_event(EV_SESSION_CLOSE, F_CSTR("client", peer->client));
	buf_fini(&b);
}

static int
on_accept(void *worker, const struct accept_peer *peer)
{
	struct worker *w = worker;
	int err = ERR_LIMIT;

	if (!peer->full)
		err = conn_new(w, &w->listeners[peer->index], peer);
	if (err != OK)
		turn_away(peer);
	return err;
}

/* ---- stopping ---- */

static void
on_stop_over(struct loop_timer *t)
{
	struct worker *w = t->arg;

	loop_stop(w->loop);
}

void
worker_gone(struct worker *w)
{
	if ((w->stopping || w->retiring) && w->conns == NULL)
		loop_stop(w->loop);
}

static void
stop(struct worker *w)
{
	struct conn *next;

	if (w->stopping)
		return;
	w->stopping = true;
	if (loop_timer_set(w->loop, &w->stop, WORKER_STOP_MS, on_stop_over, w) != OK)
		loop_stop(w->loop);
	for (struct conn *c = w->conns; c != NULL; c = next) {
		next = c->next;
		conn_stop(c);
	}
}

static void
on_signal(void *arg, int signal)
{
	struct worker *w = arg;

	accept_stop(w->accept);
	w->retiring = true;
	if (signal != PARENT_RETIRE)
		stop(w);
	worker_gone(w);
}

/* ---- starting ---- */

static int
connect_service(struct worker *w, const char *service, const struct chan_row *rows, size_t n,
    struct chan_client **out)
{
	char path[200];
	int err = chan_path(w->conf->general.run_dir, service, ROLE_SMTPD, path, sizeof path);

	return err != OK ? err : chan_client_new(w->loop, path, rows, n, out);
}

static int
connect_services(struct worker *w)
{
	const struct chan_row *rows;
	size_t n;
	int err;

	rows = dir_rows(&n);
	err = connect_service(w, "directory", rows, n, &w->directory);
	rows = pol_rows(&n);
	if (err == OK)
		err = connect_service(w, "policy", rows, n, &w->policy);
	rows = st_rows(&n);
	if (err == OK)
		err = connect_service(w, "store", rows, n, &w->store);
	return err;
}

static int
open_doors(struct worker *w, const struct parent_child *child)
{
	const struct listen_set *set = child->sockets;

	w->listeners = calloc(set->n + 1, sizeof *w->listeners);
	if (w->listeners == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < set->n; i++) {
		w->listeners[i].conf = set->v[i].conf;
		worker_engine_conf(w->conf, set->v[i].conf, &w->listeners[i].engine);
	}
	return accept_new(w->loop, set, w->conf, child->seat, on_accept, w, &w->accept);
}

static int
enter_sandbox(const struct conf *conf)
{
	struct sandbox_path run = { conf->general.run_dir, SANDBOX_RO_IF_THERE };
	struct sandbox_paths paths = { .v = &run, .count = 1 };

	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_SMTPD, &paths);
}

static void
fini(struct worker *w)
{
	while (w->conns != NULL)
		conn_free(w->conns);
	dirwatch_free(&w->dirwatch);
	chan_client_free(&w->directory);
	chan_client_free(&w->policy);
	chan_client_free(&w->store);
	accept_free(&w->accept);
	free(w->listeners);
	loop_free(&w->loop);
}

/* One for all workers of all generations. */
static struct rate *rates;

int
worker_prepare(void)
{
	return rate_open(&rates);
}

int
worker_run(const struct parent_child *child)
{
	static const int signals[] = { SIGTERM, SIGINT, PARENT_RETIRE, 0 };
	static struct worker w;
	int err = loop_new(&w.loop);

	w.conf = child->conf;
	w.rate = rates;
	w.tls = child->tls;
	if (err == OK)
		err = loop_signals(w.loop, signals, on_signal, &w);
	if (err == OK)
		err = enter_sandbox(child->conf);
	if (err == OK)
		err = connect_services(&w);
	if (err == OK)
		err = worker_watch_accounts(&w);
	if (err == OK)
		err = open_doors(&w, child);
	if (err == OK) {
		log_event(EV_START, F_CSTR("role", "worker"));
		parent_child_ready(child);
		err = loop_run(w.loop);
	}
	w.stopping = true;
	fini(&w);
	log_event(EV_STOP, F_CSTR("role", "worker"), F_ERR(err));
	return err == OK ? 0 : 1;
}
