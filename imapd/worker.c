/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "imapd/conn.h"
#include "policy/proto.h"

enum {
	ACCEPTS = 32,
	ACCEPT_PAUSE_MS = 100,
	WATCH_MS = 30000,	/* a ring may get lost */
	STORE_RETRY_MS = 100,
	STORE_TRIES = 600,
	ARENA_OCTETS = 16 * 1024 * 1024,
	PATH_OCTETS = 512,
};

/* ---- accepting ---- */

/* The peer's address as text; an IPv4 address in IPv6 clothes is IPv4. */
static int
address_text(const struct sockaddr_storage *ss, char *out, socklen_t cap)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
	const void *addr = &v4->sin_addr;
	int family = ss->ss_family;

	if (family == AF_INET6) {
		addr = &v6->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			family = AF_INET;
			addr = v6->sin6_addr.s6_addr + 12;
		}
	} else if (family != AF_INET)
		return ERR_UNSUPPORTED;
	return inet_ntop(family, addr, out, cap) != NULL ? OK : ERR_UNSUPPORTED;
}

static size_t
count_from(const struct worker *w, const char *client)
{
	size_t n = 0;

	for (const struct conn *c = w->conns; c != NULL; c = c->next)
		n += strcmp(c->client, client) == 0;
	return n;
}

/* Why a client may not come in, or NULL. */
static const char *
refusal(const struct worker *w, const struct worker_listener *l, const char *client)
{
	const struct conf *conf = w->wc->conf;

	if (conf_session_zone(conf, l->conf, client) != w->wc->zone)
		return "[CANNOT] Not from this network";
	if (w->conns_n >= conf->limits.connections / w->wc->workers ||
	    count_from(w, client) >= conf->limits.connections_per_address)
		return "[LIMIT] Too many connections";
	return NULL;
}

static void
refuse(const struct worker_listener *l, int fd, const char *client, const char *why)
{
	char line[128];
	int n = snprintf(line, sizeof line, "* BYE %s\r\n", why);

	log_event(EV_SESSION_REFUSED, F_CSTR("client", client), F_CSTR("why", why));
	/* Best effort; inside TLS there is nobody to tell yet. */
	if (l->conf->tls != CONF_TLS_IMPLICIT &&
	    send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_event(EV_SESSION_CLOSE, F_CSTR("client", client));
	close(fd);
}

static void
on_pause_over(struct loop_timer *t)
{
	struct worker_listener *l = t->arg;

	if (loop_fd_want(&l->lf, LOOP_READ) != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "listener"));
}

/* Without a descriptor to give, a connection that waits would wake the loop again and again. */
static void
pause_accept(struct worker *w, struct worker_listener *l)
{
	log_event(EV_SESSION_REFUSED, F_CSTR("why", "no free descriptor"));
	if (loop_timer_set(w->loop, &l->pause, ACCEPT_PAUSE_MS, on_pause_over, l) == OK &&
	    loop_fd_want(&l->lf, 0) != OK)
		loop_timer_stop(&l->pause);
}

static void
on_accept(struct loop_fd *lf, unsigned events)
{
	struct worker_listener *l = (struct worker_listener *)
	    (void *)((char *)lf - offsetof(struct worker_listener, lf));
	struct worker *w = lf->arg;

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		char client[CONN_ADDRESS_OCTETS] = "";
		struct sockaddr_storage ss;
		socklen_t n = sizeof ss;
		const char *why;
		int one = 1, fd = accept4(l->fd, (struct sockaddr *)&ss, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM))
			pause_accept(w, l);
		if (fd < 0)
			return;
		if (address_text(&ss, client, sizeof client) != OK ||
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
			close(fd);
			continue;
		}
		why = refusal(w, l, client);
		if (why != NULL)
			refuse(l, fd, client, why);
		else if (conn_new(w, l->conf, fd, client) != OK)
			log_event(EV_SESSION_REFUSED, F_CSTR("client", client),
			    F_CSTR("why", "no memory"));
	}
}

static void
stop_accepting(struct worker *w)
{
	w->stopping = true;
	for (size_t i = 0; i < w->wc->listeners_n; i++) {
		loop_timer_stop(&w->wc->listeners[i].pause);
		loop_fd_remove(&w->wc->listeners[i].lf);
	}
	if (w->conns == NULL)
		loop_stop(w->loop);
}

void
worker_conn_gone(struct worker *w)
{
	w->conns_n--;
	if (w->stopping && w->conns == NULL)
		loop_stop(w->loop);
}

/* ---- changes ---- */

/* conn_go may end the connection, and only that one. */
static void
each_conn(struct worker *w, void (*fn)(struct conn *))
{
	for (struct conn *c = w->conns, *next; c != NULL; c = next) {
		next = c->next;
		fn(c);
	}
}

static void
on_watch_timer(struct loop_timer *t)
{
	struct worker *w = t->arg;

	each_conn(w, conn_changed);
	if (loop_timer_set(w->loop, &w->watch_timer, WATCH_MS, on_watch_timer, w) != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "watch"));
}

static void
on_watch(struct loop_fd *lf, unsigned events)
{
	struct worker *w = lf->arg;

	(void)events;
	store_watch_clear(w->watch);
	each_conn(w, conn_changed);
}

/* ---- signals ---- */

static void
say_bye(struct conn *c)
{
	conn_bye(c, "UNAVAILABLE", "The server stops");
	conn_go(c);
}

static void
on_signal(void *arg, int signal)
{
	struct worker *w = arg;

	stop_accepting(w);
	if (signal == SIGUSR1)
		return;
	each_conn(w, say_bye);
	loop_stop(w->loop);
}

/* ---- start ---- */

/* mailstored makes the store at its first start, which may be now. */
static int
open_store(struct worker *w)
{
	const struct conf *conf = w->wc->conf;
	unsigned flags = w->wc->zone == ZONE_INTERNAL ? 0 : STORE_INTERNET;
	const struct timespec pause = { 0, STORE_RETRY_MS * 1000000L };
	int err = ERR_UNAVAIL;

	for (int i = 0; i < STORE_TRIES && err == ERR_UNAVAIL; i++) {
		err = store_open(conf->general.state_dir, conf->general.run_dir,
		    conf->store.map_octets, flags, &w->store);
		if (err == ERR_UNAVAIL && i == 0)
			log_event(EV_SERVICE_AWAY, F_CSTR("service", "store"));
		if (err == ERR_UNAVAIL)
			nanosleep(&pause, NULL);
	}
	return err == OK ? store_watch_new(w->store, &w->watch) : err;
}

static int
open_client(struct worker *w, const char *service, const struct chan_row *rows, size_t n,
    struct chan_client **out)
{
	unsigned role = w->wc->zone == ZONE_INTERNAL ? ROLE_IMAPD_INTERNAL : ROLE_IMAPD_INTERNET;
	char path[PATH_OCTETS];
	int err = chan_path(w->wc->conf->general.run_dir, service, role, path, sizeof path);

	return err == OK ? chan_client_new(w->loop, path, rows, n, out) : err;
}

static int
open_clients(struct worker *w)
{
	const struct chan_row *rows;
	size_t n;
	int err;

	rows = dir_rows(&n);
	err = open_client(w, "directory", rows, n, &w->directory);
	rows = key_rows(&n);
	if (err == OK)
		err = open_client(w, "key", rows, n, &w->key);
	rows = pol_rows(&n);
	if (err == OK)
		err = open_client(w, "policy", rows, n, &w->policy);
	rows = st_rows(&n);
	return err == OK ? open_client(w, "store", rows, n, &w->mailstore) : err;
}

static int
enter_sandbox(const struct worker *w)
{
	const char *state = w->wc->conf->general.state_dir;
	char index[PATH_OCTETS], seg[PATH_OCTETS], lock[PATH_OCTETS];
	struct sandbox_path paths[] = {
		{ index, SANDBOX_RO }, { seg, SANDBOX_RO }, { lock, SANDBOX_RW },
		{ w->wc->conf->general.run_dir, SANDBOX_RO },
	};
	struct sandbox_paths all = { .v = paths, .count = ARRAY_LEN(paths) };

	snprintf(index, sizeof index, "%s/store/index", state);
	snprintf(seg, sizeof seg, "%s/store/seg", state);
	snprintf(lock, sizeof lock, "%s/store/index/lock.mdb", state);
	return sandbox_enter(SANDBOX_IMAPD, &all);
}

static int
open_listeners(struct worker *w)
{
	int err = OK;

	for (size_t i = 0; i < w->wc->listeners_n && err == OK; i++)
		err = loop_fd_add(w->loop, &w->wc->listeners[i].lf, w->wc->listeners[i].fd,
		    LOOP_READ, on_accept, w);
	return err;
}

static int
start(struct worker *w)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, 0 };
	int err = loop_new(&w->loop);

	if (err == OK)
		err = loop_signals(w->loop, signals, on_signal, w);
	if (err == OK)
		err = open_store(w);
	if (err == OK)
		err = keys_new(w->store, &w->keys);
	if (err == OK)
		err = open_clients(w);
	if (err == OK)
		err = loop_fd_add(w->loop, &w->watch_lf, store_watch_fd(w->watch), LOOP_READ,
		    on_watch, w);
	if (err == OK)
		err = loop_timer_set(w->loop, &w->watch_timer, WATCH_MS, on_watch_timer, w);
	if (err == OK)
		err = enter_sandbox(w);
	return err == OK ? open_listeners(w) : err;
}

static void
finish(struct worker *w)
{
	loop_fd_remove(&w->watch_lf);
	loop_timer_stop(&w->watch_timer);
	chan_client_free(&w->directory);
	chan_client_free(&w->key);
	chan_client_free(&w->policy);
	chan_client_free(&w->mailstore);
	keys_free(&w->keys);
	store_watch_free(&w->watch);
	store_close(&w->store);
	arena_clear(&w->arena);
	loop_free(&w->loop);
}

int
worker_run(const struct worker_conf *wc)
{
	static struct worker w;
	int err;

	w.wc = wc;
	arena_init(&w.arena, ARENA_OCTETS);
	err = start(&w);
	if (err == OK) {
		log_event(EV_START, F_CSTR("zone", zone_name(wc->zone)));
		err = loop_run(w.loop);
	}
	/* Sessions that still live end with the process; their secrets are wiped with the table. */
	if (w.conns == NULL || err != OK)
		finish(&w);
	else
		keys_free(&w.keys);
	return err;
}
