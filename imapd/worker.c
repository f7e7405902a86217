/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "directory/dirwatch.h"
#include "imapd/conn.h"
#include "policy/proto.h"

enum {
	WATCH_MS = 30000,	/* a ring may get lost */
	STORE_RETRY_MS = 100,
	STORE_TRIES = 600,
	ARENA_OCTETS = 16 * 1024 * 1024,
	PATH_OCTETS = 512,
};

/* ---- accepting ---- */

static void
turn_away(const struct accept_peer *peer, const char *why)
{
	char line[128];
	int n = snprintf(line, sizeof line, "* BYE %s\r\n", why);

	/* Best effort; inside TLS there is nobody to tell yet. */
	if (peer->listener->tls != CONF_TLS_IMPLICIT &&
	    send(peer->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_event(EV_SESSION_CLOSE, F_CSTR("client", peer->client));
}

static int
on_accept(void *worker, const struct accept_peer *peer)
{
	struct worker *w = worker;
	int err;

	if (conf_session_zone(w->wc->conf, peer->listener, peer->client) != w->wc->zone) {
		turn_away(peer, "[CANNOT] Not from this network");
		return ERR_ACCESS;
	}
	err = peer->full ? ERR_LIMIT : conn_new(w, peer);
	if (err != OK)
		turn_away(peer, "[LIMIT] Too many connections");
	return err;
}

void
worker_conn_gone(struct worker *w, const uint8_t key[SHARE_KEY_OCTETS])
{
	accept_gone(w->accept, key);
	if ((w->retiring || w->stopping) && w->conns == NULL)
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
	store_tidy(w->store);
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
on_stop_over(struct loop_timer *t)
{
	struct worker *w = t->arg;

	loop_stop(w->loop);
}

static void
stop(struct worker *w)
{
	if (w->stopping)
		return;
	w->stopping = true;
	if (loop_timer_set(w->loop, &w->stop_timer, WORKER_STOP_MS, on_stop_over, w) != OK)
		loop_stop(w->loop);
	each_conn(w, conn_go);
}

static void
on_signal(void *arg, int signal)
{
	struct worker *w = arg;

	accept_stop(w->accept);
	w->retiring = true;
	if (signal != PARENT_RETIRE)
		stop(w);
	if (w->conns == NULL)
		loop_stop(w->loop);
}

/* ---- start ---- */

/* mailstored makes the store at its first start, which may be now. */
static int
open_store(struct worker *w)
{
	const struct conf *conf = w->wc->conf;
	unsigned flags = w->wc->zone == ZONE_INTERNAL ? 0 : STORE_INTERNET;
	int err = ERR_UNAVAIL;

	for (int i = 0; i < STORE_TRIES && err == ERR_UNAVAIL && !w->retiring; i++) {
		err = store_open(conf->general.state_dir, conf->general.run_dir,
		    conf->store.map_octets, flags, &w->store);
		if (err == OK && (err = store_watch_new(w->store, &w->watch)) != OK)
			store_close(&w->store);
		if (err == ERR_UNAVAIL && i == 0)
			log_event(EV_SERVICE_AWAY, F_CSTR("service", "store"));
		if (err == ERR_UNAVAIL && loop_once(w->loop, STORE_RETRY_MS) != OK)
			break;
	}
	return err;
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
start(struct worker *w, const struct parent_child *child)
{
	static const int signals[] = { SIGTERM, SIGINT, PARENT_RETIRE, 0 };
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
		err = conn_watch_accounts(w);
	if (err == OK)
		err = loop_fd_add(w->loop, &w->watch_lf, store_watch_fd(w->watch), LOOP_READ,
		    on_watch, w);
	if (err == OK)
		err = loop_timer_set(w->loop, &w->watch_timer, WATCH_MS, on_watch_timer, w);
	if (err == OK)
		err = enter_sandbox(w);
	return err != OK ? err : accept_new(w->loop, child->sockets, w->wc->conf, child->seat,
	    on_accept, w, &w->accept);
}

static void
finish(struct worker *w)
{
	accept_free(&w->accept);
	loop_fd_remove(&w->watch_lf);
	loop_timer_stop(&w->watch_timer);
	loop_timer_stop(&w->stop_timer);
	dirwatch_free(&w->dirwatch);
	chan_client_free(&w->directory);
	chan_client_free(&w->key);
	chan_client_free(&w->policy);
	chan_client_free(&w->mailstore);
	keys_free(&w->keys);
	uidcache_fini(&w->uids);
	store_watch_free(&w->watch);
	store_close(&w->store);
	arena_clear(&w->arena);
	loop_free(&w->loop);
}

int
worker_run(const struct parent_child *child, unsigned zone)
{
	const struct worker_conf wc = { child->conf, zone, child->tls };
	static struct worker w;
	int err;

	w.wc = &wc;
	arena_init(&w.arena, ARENA_OCTETS);
	sandbox_require(wc.conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	err = start(&w, child);
	if (err == OK && !w.retiring) {
		log_event(EV_START, F_CSTR("zone", zone_name(wc.zone)));
		parent_child_ready(child);
		err = loop_run(w.loop);
	}
	/* Sessions that still live end with the process; their secrets are wiped with the table. */
	if (w.conns == NULL)
		finish(&w);
	else
		keys_free(&w.keys);
	if (w.retiring)
		return 0;
	log_event(EV_INTERNAL_ERROR, F_CSTR("at", "worker"), F_ERR(err));
	return 1;
}
