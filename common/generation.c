/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/generation.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/reload.h"

enum { WHY_OCTETS = 1 << 20 };

/* ---- TLS ---- */

static int
ticket_keys(struct generation_keeps *k)
{
	bool old = clock_ms() - k->ticket_key_ms >= GENERATION_KEY_MS;
	uint8_t key[TLS_TICKET_KEY_OCTETS];
	int err = OK;

	if (k->ticket_key_count > 0 && !old)
		return OK;
	err = tls_ticket_key_make(key);
	if (err == OK) {
		memcpy(k->ticket_key[1], k->ticket_key[0], sizeof key);
		memcpy(k->ticket_key[0], key, sizeof key);
		k->ticket_key_count += k->ticket_key_count < 2;
		k->ticket_key_ms = clock_ms();
	}
	explicit_bzero(key, sizeof key);
	return err;
}

static int
open_tls(struct generation_keeps *k, const struct conf *conf, struct buf *why,
    struct tls_ctx **out)
{
	struct tls_server_conf tc = { .cert_file = conf->tls.certificate,
	    .key_file = conf->tls.key, .alpn = k->alpn,
	    .only_13 = conf->tls.minimum == CONF_TLS_MIN_13 };
	int err = tls_ctx_new_server(&tc, why, out);

	if (err == OK)
		err = ticket_keys(k);
	for (unsigned i = k->ticket_key_count; err == OK && i > 0; i--)
		tls_ctx_set_ticket_key(*out, k->ticket_key[i - 1]);
	return err;
}

/* ---- the files of TLS ---- */

static void
look(const struct conf *conf, struct generation_files *out)
{
	*out = (struct generation_files){ .there = false };
	out->there = stat(conf->tls.certificate, &out->of[0]) == 0 &&
	    stat(conf->tls.key, &out->of[1]) == 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
same_files(const struct generation_files *a, const struct generation_files *b)
{
	return a->there && b->there && same_file(&a->of[0], &b->of[0]) &&
	    same_file(&a->of[1], &b->of[1]);
}

bool
generation_renew(struct generation_keeps *k, struct generation *g)
{
	struct generation_files now;
	struct tls_ctx *tls = NULL;
	struct buf why;
	bool settled;
	int err;

	look(g->conf, &now);
	settled = same_files(&now, &g->seen);
	g->seen = now;
	if (!settled || same_files(&now, &g->loaded))
		return false;
	g->loaded = now;
	buf_init(&why, WHY_OCTETS);
	err = open_tls(k, g->conf, &why, &tls);
	if (err != OK) {
		reload_log_errors(k->path, &why, err);
		tls_ctx_free(&tls);
	} else {
		tls_ctx_free(&g->tls);
		g->tls = tls;
	}
	buf_fini(&why);
	return err == OK;
}

/* ---- the whole ---- */

static void
log_sockets(const struct generation *g, const struct generation *old)
{
	for (size_t i = 0; i < g->sockets.n; i++) {
		const struct listen_socket *s = &g->sockets.v[i];
		bool was = false;

		for (size_t j = 0; j < old->sockets.n && !was; j++)
			was = old->sockets.v[j].fd == s->fd;
		if (!was)
			log_event(EV_LISTENER_UP, F_CSTR("listener", s->conf->title),
			    F_CSTR("address", s->conf->address), F_U64("port", s->conf->port));
	}
}

void
generation_close(struct generation *g, const struct generation *next)
{
	listen_close(&g->sockets, next != NULL ? &next->sockets : NULL);
	tls_ctx_free(&g->tls);
	conf_free(&g->conf);
	*g = (struct generation){ .conf = NULL };
}

void
generation_leave(struct generation *g, const struct generation *own)
{
	for (size_t i = 0; i < g->sockets.n; i++) {
		bool ours = false;

		for (size_t j = 0; j < own->sockets.n; j++)
			ours = ours || own->sockets.v[j].fd == g->sockets.v[i].fd;
		if (!ours)
			close(g->sockets.v[i].fd);
	}
	tls_ctx_free(&g->tls);
}

int
generation_open(struct generation_keeps *k, const struct generation *old, struct generation *out)
{
	struct generation g = { .conf = NULL };
	struct buf why;
	int err, tls_err;

	buf_init(&why, WHY_OCTETS);
	err = conf_load(k->path, &g.conf, &why);
	if (err == OK) {	/* both may be wrong, and both are said */
		look(g.conf, &g.loaded);
		g.seen = g.loaded;
		/* Whom children become hangs on nothing else here, so it may change first. */
		tls_err = identity_load(g.conf, k->identities, &why);
		if (tls_err == OK)
			tls_err = open_tls(k, g.conf, &why, &g.tls);
		if (why.n > 0)
			buf_addc(&why, '\n');
		err = listen_open(g.conf, k->listener_roles, &old->sockets, &k->passed,
		    &g.sockets, &why);
		if (tls_err != OK) {
			listen_undo(&g.sockets, &old->sockets, &k->passed);
			err = tls_err;
		}
	}
	if (err != OK) {
		reload_log_errors(k->path, &why, err);
		tls_ctx_free(&g.tls);
		conf_free(&g.conf);
	} else {
		log_sockets(&g, old);
		*out = g;
	}
	buf_fini(&why);
	return err;
}
