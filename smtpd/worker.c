/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "directory/proto.h"
#include "mailstore/proto.h"
#include "policy/proto.h"
#include "smtpd/conn.h"

enum { ACCEPT_ROUNDS = 32, ACCEPT_PAUSE_MS = 100, MIN_OCTETS_S = 500 };

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
		.starttls = !is_path, .message_octets = m->message_octets, .recipients = m->recipients,
		.errors = m->errors, .command_ms = m->command_s * 1000,
		.preauth_ms = m->preauth_s * 1000, .idle_ms = m->idle_s * 1000,
		.service_ms = WORKER_SERVICE_MS, .policy_ms = m->policy_ms,
		.min_octets_s = MIN_OCTETS_S,
	};
	if (out->role == ENGINE_LMTP && out->recipients > ENGINE_LMTP_RCPTS)
		out->recipients = ENGINE_LMTP_RCPTS;
}

/* ---- accepting ---- */

/* The literal of an address; an IPv4 address that came over IPv6 is shown as IPv4. */
static void
literal(const struct sockaddr_storage *ss, char out[CONN_CLIENT_MAX])
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	const char *s = NULL;

	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof in);
		s = inet_ntop(AF_INET, &in.sin_addr, out, CONN_CLIENT_MAX);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&in6, ss, sizeof in6);
		s = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ?
		    inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], out, CONN_CLIENT_MAX) :
		    inet_ntop(AF_INET6, &in6.sin6_addr, out, CONN_CLIENT_MAX);
	}
	if (s == NULL)
		memcpy(out, "unknown", sizeof "unknown");
}

/* Too many: say so where that needs no handshake. */
static void
turn_away(const struct worker_listener *l, int fd, const char *client)
{
	struct buf b;

	buf_init(&b, REPLY_LINE_MAX);
	reply_add(&b, SAY_TOO_MANY_SESSIONS, (struct slice){ NULL, 0 });
	if (l->conf->tls == CONF_TLS_STARTTLS && b.err == OK &&
	    send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_event(EV_SESSION_REFUSED, F_CSTR("client", client), F_ERR(-errno));
	else
		log_event(EV_SESSION_REFUSED, F_CSTR("client", client), F_ERR(ERR_LIMIT));
	buf_fini(&b);
	close(fd);
}

static void
take(struct worker_listener *l, int fd, const struct sockaddr_storage *ss)
{
	struct worker *w = l->worker;
	const struct conf_limits *m = &w->conf->limits;
	uint8_t key[PEERS_KEY_OCTETS];
	char client[CONN_CLIENT_MAX];
	int one = 1;

	literal(ss, client);
	peers_key((const struct sockaddr *)ss, key);
	if (w->conns_n >= m->connections / m->smtp_workers + 1 ||
	    peers_add(&w->peers, key, m->connections_per_address) != OK) {
		turn_away(l, fd, client);
		return;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    conn_new(w, l, fd, client, key) != OK) {
		peers_remove(&w->peers, key);
		turn_away(l, fd, client);
	}
}

static void
on_pause_over(struct loop_timer *t)
{
	struct worker_listener *l = t->arg;

	if (loop_fd_want(&l->lf, LOOP_READ) != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "a listener is lost"));
}

/* No descriptor is free: take the first in the queue with the spare one, and drop it, so that its
 * peer knows; then leave the queue alone for a while. */
static void
out_of_descriptors(struct worker_listener *l)
{
	struct worker *w = l->worker;
	int fd;

	if (w->spare_fd >= 0)
		close(w->spare_fd);
	fd = accept4(l->lf.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	w->spare_fd = dup(l->lf.fd);
	log_event(EV_SESSION_REFUSED, F_CSTR("why", "no free descriptor"));
	if (loop_timer_set(w->loop, &l->pause, ACCEPT_PAUSE_MS, on_pause_over, l) == OK &&
	    loop_fd_want(&l->lf, 0) != OK)
		loop_timer_stop(&l->pause);
}

static void
on_accept(struct loop_fd *lf, unsigned events)
{
	struct worker_listener *l = lf->arg;

	(void)events;
	for (unsigned i = 0; i < ACCEPT_ROUNDS && !l->worker->stopping; i++) {
		struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
		socklen_t n = sizeof ss;
		int fd = accept4(lf->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			take(l, fd, &ss);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			out_of_descriptors(l);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
			break;
	}
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
	if (w->stopping && w->conns_n == 0)
		loop_stop(w->loop);
}

static void
on_signal(void *arg, int signal)
{
	struct worker *w = arg;
	struct conn *next;

	(void)signal;
	if (w->stopping)
		return;
	w->stopping = true;
	for (size_t i = 0; i < w->listeners_n; i++) {
		loop_timer_stop(&w->listeners[i].pause);
		loop_fd_remove(&w->listeners[i].lf);
		close(w->listeners[i].lf.fd);
	}
	if (loop_timer_set(w->loop, &w->stop, WORKER_STOP_MS, on_stop_over, w) != OK)
		loop_stop(w->loop);
	for (struct conn *c = w->conns; c != NULL; c = next) {
		next = c->next;
		conn_stop(c);
	}
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
add_listeners(struct worker *w, const struct worker_socket *sockets, size_t n)
{
	w->listeners = calloc(n, sizeof *w->listeners);
	if (w->listeners == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct worker_listener *l = &w->listeners[i];
		int err;

		l->worker = w;
		l->conf = sockets[i].conf;
		worker_engine_conf(w->conf, l->conf, &l->engine);
		err = loop_fd_add(w->loop, &l->lf, sockets[i].fd, LOOP_READ, on_accept, l);
		if (err != OK)
			return err;
		w->listeners_n++;
	}
	w->spare_fd = dup(sockets[0].fd);
	return OK;
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
	chan_client_free(&w->directory);
	chan_client_free(&w->policy);
	chan_client_free(&w->store);
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
worker_run(const struct conf *conf, struct tls_ctx *tls, const struct worker_socket *sockets,
    size_t n)
{
	static const int signals[] = { SIGTERM, SIGINT, 0 };
	static struct worker w;
	int err = loop_new(&w.loop);

	w.conf = conf;
	w.rate = rates;
	w.tls = tls;
	w.spare_fd = -1;
	if (err == OK)
		err = loop_signals(w.loop, signals, on_signal, &w);
	if (err == OK)
		err = enter_sandbox(conf);
	if (err == OK)
		err = connect_services(&w);
	if (err == OK)
		err = add_listeners(&w, sockets, n);
	if (err == OK) {
		log_event(EV_START, F_CSTR("role", "worker"));
		err = loop_run(w.loop);
	}
	w.stopping = true;
	fini(&w);
	log_event(EV_STOP, F_CSTR("role", "worker"), F_ERR(err));
	return err == OK ? 0 : 1;
}
