/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/helper.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "directory/lookup.h"
#include "directory/probe.h"
#include "directory/sign_in.h"
#include "directory/watcher.h"

enum { JOB_ARENA_MAX = 64 * 1024 * 1024, PATHS_MAX = 16 };

struct helper {
	const struct conf  *conf;
	struct loop	   *loop;
	struct chan_server *server;
	struct ldapc	   *ldap;
	struct sign_in	   *sign_in;
	struct watcher	   *watcher;	/* of the helper that watches */
	struct agencies	   *agencies;
	struct arena	    arena;
};

uint64_t
helper_budget_ms(const struct conf *conf)
{
	return conf->ldap.timeout_ms - conf->ldap.timeout_ms / 10;
}

static struct lookup
begin(struct helper *h)
{
	ldapc_begin(h->ldap, helper_budget_ms(h->conf));
	return (struct lookup){ h->conf, ldapc_source(h->ldap), &h->arena, h->agencies };
}

static void
answer(struct helper *h, const struct chan_req *req, int r, const void *reply)
{
	chan_reply(h->server, req, r, reply, NULL, 0);
	arena_clear(&h->arena);
}

static void
serve_DIR_AUTH(void *service, struct chan_req *req, const void *msg)
{
	struct helper *h = service;
	struct job_auth_reply reply;
	int r = ERR_FORBIDDEN;

	(void)begin(h);
	if (h->sign_in != NULL)
		r = sign_in_step(h->sign_in, msg, &h->arena, &reply);
	answer(h, req, r, &reply);
}

static void
serve_DIR_RCPT(void *service, struct chan_req *req, const void *msg)
{
	const struct dir_rcpt_request *q = msg;
	struct helper *h = service;
	struct lookup l = begin(h);
	struct dir_rcpt_reply reply;
	int r = lookup_rcpt(&l, q->address, &reply);

	answer(h, req, r, &reply);
}

static void
serve_DIR_ACCOUNT(void *service, struct chan_req *req, const void *msg)
{
	struct helper *h = service;
	struct lookup l = begin(h);
	struct dir_account_reply reply;
	int r = lookup_account(&l, msg, &reply);

	answer(h, req, r, &reply);
}

static void
serve_DIR_TEST(void *service, struct chan_req *req, const void *msg)
{
	const struct dir_test_request *q = msg;
	struct helper *h = service;
	struct dir_test_reply reply;
	uint64_t share = helper_budget_ms(h->conf) / (1 + ldapc_servers(h->ldap));
	int r = probe_run(h->conf, h->ldap, h->agencies, q->user, share, &h->arena,
	    &reply);

	answer(h, req, r, &reply);
}

static void
serve_DIR_STATUS(void *service, struct chan_req *req, const void *msg)
{
	struct helper *h = service;
	struct dir_status_reply reply = { 0 };
	struct entry_values v;
	uint64_t began = clock_ms();

	(void)msg;
	(void)begin(h);
	reply.ldap_up = ldapc_read(h->ldap, h->conf->ldap.base, "objectClass", &h->arena, &v) == OK;
	reply.latency_ms = (uint32_t)(clock_ms() - began);
	reply.server = slice_of(ldapc_current(h->ldap));
	answer(h, req, OK, &reply);
}

static void
serve_DIR_MECHANISMS(void *service, struct chan_req *req, const void *msg)
{
	struct helper *h = service;
	struct dir_mechanisms_reply reply = { 0 };

	(void)msg;
	if (h->sign_in != NULL)
		reply.mechanisms = sign_in_mechanisms(h->sign_in);
	answer(h, req, h->sign_in != NULL ? OK : ERR_FORBIDDEN, &reply);
}

static void
serve_JOB_WATCH(void *service, struct chan_req *req, const void *msg)
{
	struct helper *h = service;
	struct job_watch_reply reply = { 0 };
	int r = h->watcher != NULL ? OK : watcher_new(h->conf, h->ldap, &h->watcher);

	if (r == OK)
		watcher_step(h->watcher, msg, &reply);
	answer(h, req, r, &reply);
}

static void
on_gone(void *service, uint64_t peer_serial)
{
	struct helper *h = service;

	(void)peer_serial;
	loop_stop(h->loop);
}

static int
enter_sandbox(const struct conf *conf)
{
	/* Names of servers, their certificates, and libc's and GnuTLS's own files. */
	const struct sandbox_path paths[] = {
		{ "/etc", SANDBOX_RO }, { "/lib", SANDBOX_RO_IF_THERE },
		{ "/lib64", SANDBOX_RO_IF_THERE }, { "/usr/lib", SANDBOX_RO_IF_THERE },
		{ "/usr/share/ca-certificates", SANDBOX_RO_IF_THERE },
		{ "/run/systemd/resolve", SANDBOX_RO_IF_THERE },
		{ conf->ldap.ca, SANDBOX_RO },
	};
	const struct sandbox_paths all = { .v = paths,
		.count = ARRAY_LEN(paths) - (conf->ldap.ca[0] == '\0') };

	return sandbox_enter(SANDBOX_SASL_HELPER, &all);
}

static int
start(struct helper *h, int fd, bool signs_in, struct buf *why)
{
	static const struct chan_row rows[] = { JOB_ROWS(CHAN_SERVER_ROW) };
	int r;

	if (setenv("LDAPNOINIT", "1", 1) != 0)
		return ERR_NOMEM;
	arena_init(&h->arena, JOB_ARENA_MAX);
	r = loop_new(&h->loop);
	if (r == OK)
		r = ldapc_new(h->conf, why, &h->ldap);
	if (r == OK)
		r = agencies_new(&h->agencies);
	if (r == OK && signs_in)
		r = sign_in_new(h->conf, h->ldap, h->agencies, &h->sign_in);
	if (r == OK)
		r = chan_server_new(h->loop, rows, ARRAY_LEN(rows), h, &h->server);
	if (r == OK)
		r = chan_server_adopt(h->server, fd, ROLE_DIRECTORYD);
	if (r != OK)
		return r;
	chan_server_on_gone(h->server, on_gone);
	return enter_sandbox(h->conf);
}

int
helper_main(const struct conf *conf, int fd, bool signs_in)
{
	struct helper h = { .conf = conf };
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = start(&h, fd, signs_in, &why);
	if (r == OK)
		r = loop_run(h.loop);
	else
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	buf_fini(&why);
	chan_server_free(&h.server);
	watcher_free(&h.watcher);
	sign_in_free(&h.sign_in);
	agencies_free(&h.agencies);
	ldapc_free(&h.ldap);
	loop_free(&h.loop);
	return r == OK ? 0 : 1;
}
