/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What a session's engine asks, asked of the other programs. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "smtpd/conn.h"
#include "common/keep.h"

static struct chan_answer *
answered(void *arg, struct chan_answer *a)
{
	struct conn *c = arg;

	c->asked = NULL;
	return a;
}

void
host_ask(struct conn *c, struct chan_client *whom, uint16_t code, const void *msg, const int *fds,
    unsigned fds_n, uint64_t timeout_ms, chan_answer_fn fn)
{
	if (c->asked != NULL)
		chan_cancel(c->asked, c->call);
	c->asked = whom;
	chan_call(whom, code, msg, fds, fds_n, timeout_ms, fn, c, &c->call);
}

static void
cancel(void *host)
{
	struct conn *c = host;

	if (c->asked != NULL)
		chan_cancel(c->asked, c->call);
	c->asked = NULL;
	release_ask_drop(&c->message.release);
}

static void
start_tls(void *host)
{
	struct conn *c = host;

	c->start_tls = true;
}

/* ---- sign-in ---- */

int
host_keep_account(struct conn *c, const struct dir_auth_reply *r, struct engine_account *out)
{
	c->account = keep_message(&dir_auth_reply_wire, r, &c->account_mem);
	if (c->account == NULL || c->account->account_n != 1)
		return ERR_NOMEM;
	c->identities = arena_array(&c->account_mem, c->account->identities_n,
	    sizeof *c->identities);
	if (c->identities == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->account->identities_n; i++)
		c->identities[i] = c->account->identities[i].address;
	*out = (struct engine_account){ c->account->account[0].address, c->identities,
	    c->account->identities_n };
	return OK;
}

static void
log_auth(const struct conn *c, const struct engine_auth_answer *a)
{
	if (a->status != OK || a->outcome != ENGINE_AUTH_CONTINUE)
		metric_add(METRIC_SIGN_INS, a->status != OK ? METRIC_UNAVAILABLE :
		    a->outcome == ENGINE_AUTH_OK ? METRIC_OK : METRIC_BAD, 1);
	if (a->status != OK)
		log_event(EV_AUTH_UNAVAILABLE, F_CSTR("client", c->client), F_ERR(a->status));
	else if (a->outcome == ENGINE_AUTH_OK)
		log_event(EV_AUTH_OK, F_CSTR("client", c->client),
		    F_STR("who", a->account.address));
	else if (a->outcome != ENGINE_AUTH_CONTINUE)
		log_event(EV_AUTH_FAILED, F_CSTR("client", c->client),
		    F_U64("outcome", a->outcome));
}

static void
on_auth(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	const struct dir_auth_reply *r = answered(c, answer)->msg;
	struct engine_auth_answer a = { .status = answer->status };

	if (r != NULL) {
		a.outcome = (enum engine_auth_outcome)r->outcome;
		a.conversation = r->conversation;
		a.challenge = r->challenge;
		if (r->outcome == DIR_AUTH_OK)
			a.status = host_keep_account(c, r, &a.account);
	}
	log_auth(c, &a);
	engine_on_auth(&c->engine, clock_ms(), &a);
	conn_run(c);
}

static void
auth(void *host, const struct engine_auth *ask)
{
	struct conn *c = host;
	struct tls_binding binding = { .type = "" };
	struct dir_auth_request r = {
		.conversation = ask->conversation, .service = SLICE("smtp"),
		.mechanism = ask->mechanism, .has_data = ask->has_data, .data = ask->data,
		.zone = (uint8_t)c->zone, .client = slice_of(c->client),
	};

	if (c->tls != NULL && tls_conn_binding(c->tls, &binding) == OK) {
		r.binding_type = slice_of(binding.type);
		r.binding = (struct slice){ (const char *)binding.octets, binding.n };
	}
	host_ask(c, c->worker->directory, DIR_AUTH, &r, NULL, 0, WORKER_SERVICE_MS, on_auth);
}

/* ---- recipients ---- */

static void
log_away(const char *service, int status)
{
	if (status != OK)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", service), F_ERR(status));
}

static int
convert(const struct dir_rcpt_reply *r, struct engine_rcpt_answer *a,
    struct envelope_local **locals_out, struct slice **externals_out)
{
	struct envelope_local *l = calloc(r->accounts_n + 1, sizeof *l);
	struct slice *x = calloc(r->externals_n + 1, sizeof *x);

	*locals_out = l;
	*externals_out = x;
	if (l == NULL || x == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < r->accounts_n; i++) {
		const struct dir_account *from = &r->accounts[i];

		if (from->guid.n != ENVELOPE_GUID)
			return ERR_FRAME;
		memcpy(l[i].guid, from->guid.p, ENVELOPE_GUID);
		l[i].uid = from->uid;
		l[i].address = from->address;
		l[i].clearance = from->clearance;
		l[i].quota = from->quota;
	}
	for (size_t i = 0; i < r->externals_n; i++)
		x[i] = r->externals[i].address;
	*a = (struct engine_rcpt_answer){ OK, (enum engine_rcpt_outcome)r->outcome, l,
	    r->accounts_n, x, r->externals_n };
	return OK;
}

static void
on_rcpt(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	const struct dir_rcpt_reply *r = answered(c, answer)->msg;
	struct engine_rcpt_answer a = { .status = answer->status };
	struct envelope_local *locals = NULL;
	struct slice *externals = NULL;

	if (r != NULL)
		a.status = convert(r, &a, &locals, &externals);
	log_away("directory", a.status);
	engine_on_rcpt(&c->engine, clock_ms(), &a);
	free(locals);
	free(externals);
	conn_run(c);
}

static void
rcpt(void *host, struct slice address)
{
	struct conn *c = host;
	const struct conf *conf = c->worker->conf;
	struct dir_rcpt_request r = { .address = address };

	if (conf->general.postmaster[0] != '\0' &&
	    slice_starts_nocase(address, SLICE("postmaster@")) &&
	    conf_is_local_domain(conf, envelope_domain(address)))
		r.address = slice_of(conf->general.postmaster);

	host_ask(c, c->worker->directory, DIR_RCPT, &r, NULL, 0, WORKER_SERVICE_MS, on_rcpt);
}

static void
on_room(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	int status = answered(c, answer)->status;

	if (status != ERR_QUOTA && status != ERR_NOSPC && status != ERR_NOENT)
		log_away("store", status);
	engine_on_room(&c->engine, clock_ms(), status);
	conn_run(c);
}

static void
room(void *host, const struct envelope_local *to, uint64_t size_octets)
{
	struct conn *c = host;
	struct st_room_request r = {
		.guid = { (const char *)to->guid, ENVELOPE_GUID },
		.quota = to->quota, .size_octets = size_octets,
	};

	host_ask(c, c->worker->store, ST_ROOM, &r, NULL, 0, WORKER_SERVICE_MS, on_room);
}

static bool
route(void *host, struct slice domain, struct slice *title_out, unsigned *zone_out)
{
	const struct conn *c = host;
	const struct conf_route *r = conf_route_for(c->worker->conf, domain);

	if (r == NULL)
		return false;
	*title_out = slice_of(r->title);
	*zone_out = r->zone;
	return true;
}

/* The kernel's generator does not fail for so few octets. */
static void
random_octets(void *host, void *to, size_t n)
{
	(void)host;
	if (getrandom(to, n, 0) != (ssize_t)n)
		abort();
}

/* ---- limits per hour ---- */

static bool
may_account(struct conn *c, enum rate_kind kind, uint64_t per_hour)
{
	struct slice who = c->account != NULL ? c->account->account[0].guid : SLICE("");

	if (rate_take(c->worker->rate, kind, who, per_hour, clock_us()))
		return true;
	metric_add(METRIC_RATE_EXCEEDED, (unsigned)kind, 1);
	if (!c->told_rate)
		log_event(EV_RATE_EXCEEDED, F_CSTR("client", c->client), F_STR("who",
		    c->engine.account.address), F_U64("per-hour", per_hour));
	c->told_rate = true;
	return false;
}

static bool
may(void *host, enum engine_may what)
{
	struct conn *c = host;
	const struct conf_limits *m = &c->worker->conf->limits;
	struct slice peer = { (const char *)c->peer_key, SHARE_KEY_OCTETS };
	bool ok;

	if (what == ENGINE_MAY_MAIL)
		return may_account(c, RATE_MESSAGES, m->messages_per_hour);
	if (what == ENGINE_MAY_RCPT)
		return may_account(c, RATE_RECIPIENTS, m->recipients_per_hour);
	ok = what == ENGINE_MAY_ERR ?
	    rate_take(c->worker->rate, RATE_REFUSED, peer, m->refused_per_hour, clock_us()) :
	    rate_has_left(c->worker->rate, RATE_REFUSED, peer, m->refused_per_hour, clock_us());
	if (ok)
		return true;
	metric_add(METRIC_RATE_EXCEEDED, RATE_REFUSED, 1);
	log_event(EV_RATE_EXCEEDED, F_CSTR("client", c->client),
	    F_U64("per-hour", m->refused_per_hour));
	return false;
}

const struct engine_ops *
host_ops(void)
{
	static const struct engine_ops ops = {
		.start_tls = start_tls, .auth = auth, .rcpt = rcpt, .room = room,
		.body_open = message_open, .body_write = message_write, .body_drop = message_drop,
		.judge = message_judge, .deliver = message_deliver, .audit = message_audit,
		.cancel = cancel, .route = route, .random = random_octets, .may = may,
	};

	return &ops;
}
