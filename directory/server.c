/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "directory/address.h"
#include "directory/helper.h"

enum {
	CACHE_OCTETS = 64 * 1024 * 1024,
	LOOK_UP_HELPERS = 2,
	ARENA_MAX = 32 * 1024 * 1024,
	TEST_MS = 60 * 1000,
};

/* A question handed to a helper. */
struct question {
	struct server  *s;
	struct chan_req req;
	uint64_t	epoch;		/* of the cache, when it was asked */
	struct slice	key;		/* in the cache; empty: not to be kept */
	char		key_mem[8 + ADDRESS_OCTETS_MAX];
};

void
server_note(struct server *s, int status)
{
	bool up = status == OK;

	s->unavailable += !up;
	if (!up)
		metric_add(METRIC_LDAP_UNAVAILABLE, 0, 1);
	metric_set(METRIC_LDAP_UP, 0, up);
	if (up == s->ldap_up)
		return;
	s->ldap_up = up;
	log_event(up ? EV_SERVICE_UP : EV_SERVICE_AWAY, F_CSTR("service", "ldap"), F_ERR(status),
	    F_END);
}

/* ---- questions that a helper answers as they are ---- */

static bool
may_keep(uint16_t code, const void *reply)
{
	const struct dir_rcpt_reply *rcpt = reply;
	const struct dir_account_reply *account = reply;

	if (code == DIR_RCPT)
		return rcpt->outcome == DIR_RCPT_LOCAL || rcpt->outcome == DIR_RCPT_GROUP;
	return code == DIR_ACCOUNT && account->account_n == 1 && account->identities_n > 0;
}

static const struct wire_type *
reply_type(uint16_t code)
{
	return code == DIR_RCPT ? &dir_rcpt_reply_wire : &dir_account_reply_wire;
}

static void
keep(struct question *q, const void *reply)
{
	struct buf b;

	buf_init(&b, CHAN_BODY_MAX);
	if (wire_encode(reply_type(q->req.code), reply, &b) == OK)
		cache_put(q->s->cache, q->key, buf_slice(&b), clock_ms());
	buf_fini(&b);
}

static void
on_answer(void *arg, int status, const void *reply, uint64_t helper)
{
	struct question *q = arg;

	(void)helper;
	server_note(q->s, status == ERR_CORRUPT ? OK : status);
	if (status == ERR_CORRUPT && q->req.code != DIR_ACCOUNT)
		status = ERR_UNAVAIL;
	if (status == OK && q->key.n > 0 && q->epoch == q->s->cache_epoch &&
	    may_keep(q->req.code, reply))
		keep(q, reply);
	chan_reply(q->s->chan, &q->req, status, reply, NULL, 0);
	free(q);
}

static struct question *
question_new(struct server *s, const struct chan_req *req)
{
	struct question *q = calloc(1, sizeof *q);

	if (q == NULL)
		chan_reply(s->chan, req, ERR_UNAVAIL, NULL, NULL, 0);
	else
		*q = (struct question){ .s = s, .req = *req, .epoch = s->cache_epoch };
	return q;
}

static bool
answer_from_cache(struct server *s, const struct chan_req *req, struct slice key)
{
	const struct wire_type *type = reply_type(req->code);
	struct slice value;
	void *reply;

	if (!cache_get(s->cache, key, clock_ms(), &value))
		return false;
	reply = arena_alloc(req->arena, type->size);
	if (reply == NULL || wire_decode(type, value, req->arena, reply) != OK)
		return false;
	chan_reply(s->chan, req, OK, reply, NULL, 0);
	return true;
}

/* Look in the cache under code and name, else ask a helper. */
static void
look_up(struct server *s, struct chan_req *req, char sort, struct slice name, const void *msg)
{
	struct question *q = question_new(s, req);

	if (q == NULL)
		return;
	if (name.n < sizeof q->key_mem) {
		q->key_mem[0] = sort;
		if (name.n > 0)
			memcpy(q->key_mem + 1, name.p, name.n);
		q->key = (struct slice){ q->key_mem, name.n + 1 };
	}
	if (q->key.n > 0 && answer_from_cache(s, req, q->key)) {
		free(q);
		return;
	}
	pool_call(s->look_up, 0, req->code, msg, 0, on_answer, q);
}

static void
serve_DIR_RCPT(void *service, struct chan_req *req, const void *msg)
{
	const struct dir_rcpt_request *q = msg;
	struct server *s = service;
	struct dir_rcpt_reply reply = { .outcome = DIR_RCPT_UNKNOWN };
	struct slice a;
	int r = address_canon(q->address, req->arena, &a);

	if (r == OK && conf_is_local_domain(s->conf, address_domain(a))) {
		look_up(s, req, 'r', a, msg);
		return;
	}
	if (r == OK)
		reply.outcome = DIR_RCPT_NOT_OURS;
	chan_reply(s->chan, req, OK, &reply, NULL, 0);
}

static void
serve_DIR_ACCOUNT(void *service, struct chan_req *req, const void *msg)
{
	const struct dir_account_request *q = msg;
	struct slice a = { NULL, 0 };

	if (q->guid.n > 0)
		look_up(service, req, 'g', q->guid, msg);
	else if (address_canon(q->address, req->arena, &a) == OK)
		look_up(service, req, 'a', a, msg);
	else
		chan_reply(((struct server *)service)->chan, req, OK,
		    &(struct dir_account_reply){ 0 }, NULL, 0);
}

static void
serve_DIR_TEST(void *service, struct chan_req *req, const void *msg)
{
	struct server *s = service;
	struct question *q = question_new(s, req);

	if (q != NULL)
		pool_call(s->look_up, 0, DIR_TEST, msg, TEST_MS, on_answer, q);
}

static void
on_status(void *arg, int status, const void *reply, uint64_t helper)
{
	struct question *q = arg;
	struct server *s = q->s;
	struct dir_status_reply out = { 0 };

	(void)helper;
	if (status == OK)
		out = *(const struct dir_status_reply *)reply;
	server_note(s, status == OK && out.ldap_up ? OK : ERR_UNAVAIL);
	out.sign_ins_ok = s->sign_ins_ok;
	out.sign_ins_bad = s->sign_ins_bad;
	out.unavailable = s->unavailable;
	out.keyd_up = chan_client_up(s->keyd);
	server_watch_status(s, &out);
	chan_reply(s->chan, &q->req, OK, &out, NULL, 0);
	free(q);
}

static void
serve_DIR_STATUS(void *service, struct chan_req *req, const void *msg)
{
	struct server *s = service;
	struct question *q = question_new(s, req);

	if (q != NULL)
		pool_call(s->look_up, 0, DIR_STATUS, msg, 0, on_status, q);
}

/* The list does not change while a helper's plugins do not: asked once. */
static void
on_mechanisms(void *arg, int status, const void *reply, uint64_t helper)
{
	const struct dir_mechanisms_reply *m = reply;
	struct question *q = arg;

	(void)helper;
	if (status == OK) {
		buf_clear(&q->s->mechanisms);
		buf_add(&q->s->mechanisms, m->mechanisms);
	}
	chan_reply(q->s->chan, &q->req, status, reply, NULL, 0);
	free(q);
}

static void
serve_DIR_MECHANISMS(void *service, struct chan_req *req, const void *msg)
{
	struct server *s = service;
	struct dir_mechanisms_reply known = { buf_slice(&s->mechanisms) };
	struct question *q;

	if (known.mechanisms.n > 0)
		chan_reply(s->chan, req, OK, &known, NULL, 0);
	else if ((q = question_new(s, req)) != NULL)
		pool_call(s->sign_in, 0, DIR_MECHANISMS, msg, 0, on_mechanisms, q);
}

/* ---- life ---- */

static int
sign_in_main(void *arg, int fd)
{
	struct server *s = arg;

	sodium_free(s->token_key);	/* zeroes: helpers make no tokens */
	s->token_key = NULL;
	return helper_main(s->conf, fd, true);
}

static int
look_up_main(void *arg, int fd)
{
	struct server *s = arg;

	sodium_free(s->token_key);
	s->token_key = NULL;
	return helper_main(s->conf, fd, false);
}

static void
on_gone(void *service, uint64_t peer_serial)
{
	server_auth_gone(service, peer_serial);
	server_watch_gone(service, peer_serial);
}

static struct pool_spec
sign_in_spec(struct server *s)
{
	return (struct pool_spec){ .name = "sasl-helper", .helpers = s->conf->ldap.helpers,
		.job_ms = s->conf->ldap.timeout_ms, .timed = true, .main = sign_in_main,
		.arg = s };
}

static struct pool_spec
look_up_spec(struct server *s)
{
	return (struct pool_spec){ .name = "lookup-helper", .helpers = LOOK_UP_HELPERS,
		.job_ms = s->conf->ldap.timeout_ms, .timed = true, .main = look_up_main,
		.arg = s };
}

static int
start_pools(struct server *s)
{
	struct pool_spec sign_in = sign_in_spec(s), look_up = look_up_spec(s);
	int r = pool_new(s->loop, &sign_in, &s->sign_in);

	if (r == OK)
		r = pool_new(s->loop, &look_up, &s->look_up);
	return r == OK ? server_watch_start(s, look_up_main) : r;
}

static int
listen_all(struct server *s)
{
	static const unsigned roles[] = { ROLE_SMTPD, ROLE_IMAPD_INTERNAL, ROLE_IMAPD_INTERNET,
		ROLE_RELAY, ROLE_CONTROL };
	char path[108];
	int r = OK;

	for (size_t i = 0; r == OK && i < ARRAY_LEN(roles); i++) {
		r = chan_path(s->conf->general.run_dir, "directory", roles[i], path, sizeof path);
		if (r == OK)
			r = chan_server_listen(s->chan, path, roles[i]);
		if (r != OK)
			log_event(EV_CONFIG_ERROR, F_CSTR("socket", path), F_ERR(r), F_END);
	}
	return r;
}

int
server_start(struct server *s)
{
	char path[108];
	size_t n;
	const struct chan_row *rows = key_rows(&n);
	int r = chan_path(s->conf->general.run_dir, "key", ROLE_DIRECTORYD, path, sizeof path);

	if (r == OK)
		r = chan_client_new(s->loop, path, rows, n, &s->keyd);
	return r == OK ? start_pools(s) : r;
}

void
server_reload(struct server *s, const struct conf *conf)
{
	struct pool_spec sign_in, look_up;
	struct cache *fresh;

	s->conf = conf;
	sign_in = sign_in_spec(s);
	look_up = look_up_spec(s);
	pool_reload(s->sign_in, &sign_in);
	pool_reload(s->look_up, &look_up);
	server_watch_reload(s, look_up_main);
	buf_clear(&s->mechanisms);
	/* What was true of another search base is not to be answered any more. */
	cache_clear(s->cache);
	s->cache_epoch++;
	if (cache_new(conf->ldap.cache_ms, CACHE_OCTETS, &fresh) == OK) {
		cache_free(&s->cache);
		s->cache = fresh;
	}
}

int
server_new(struct loop *loop, const struct conf *conf,
    const uint8_t token_key[TOKEN_KEY_OCTETS], struct server **out)
{
	static const struct chan_row rows[] = { DIR_ROWS(CHAN_SERVER_ROW) };
	struct server *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return ERR_NOMEM;
	*out = s;
	s->loop = loop;
	s->conf = conf;
	s->ldap_up = true;
	metric_set(METRIC_LDAP_UP, 0, 1);
	arena_init(&s->arena, ARENA_MAX);
	buf_init(&s->mechanisms, 256);
	s->token_key = sodium_malloc(TOKEN_KEY_OCTETS);
	if (s->token_key == NULL)
		return ERR_NOMEM;
	memcpy(s->token_key, token_key, TOKEN_KEY_OCTETS);
	r = cache_new(conf->ldap.cache_ms, CACHE_OCTETS, &s->cache);
	if (r == OK)
		r = throttle_new(&s->throttle);
	if (r == OK)
		r = chan_server_new(loop, rows, ARRAY_LEN(rows), s, &s->chan);
	if (r != OK)
		return r;
	chan_server_on_gone(s->chan, on_gone);
	return listen_all(s);
}

void
server_free(struct server **server)
{
	struct server *s = *server;

	if (s == NULL)
		return;
	server_watch_stop(s);
	pool_free(&s->sign_in);
	pool_free(&s->look_up);
	chan_server_free(&s->chan);
	chan_client_free(&s->keyd);
	cache_free(&s->cache);
	throttle_free(&s->throttle);
	sodium_free(s->token_key);
	buf_fini(&s->mechanisms);
	arena_clear(&s->arena);
	free(s);
	*server = NULL;
}

bool
server_reaped(struct server *s, pid_t pid, int status)
{
	return pool_reaped(s->sign_in, pid, status) || pool_reaped(s->look_up, pid, status) ||
	    server_watch_reaped(s, pid, status);
}
