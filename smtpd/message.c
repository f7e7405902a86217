/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The octets of a message on their way: received into a memory file, judged sealed, composed with
 * our fields on top, stored. Whatever is not stored is gone with its descriptor.
 */
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "smtpd/composed.h"
#include "smtpd/conn.h"
#include "smtpd/received.h"
#include "smtpd/xtext.h"

enum { TRACE_MAX = 4096 };

/* ---- receiving ---- */

int
message_open(void *host)
{
	struct conn *c = host;

	message_drop(c);
	return memfd_new("message", &c->message.fd);
}

/* A share of what may be under way, but never too little for one message. */
static uint64_t
share(const struct conf *conf, unsigned part)
{
	uint64_t octets = conf->limits.inflight_octets / part;

	return octets > conf->limits.message_octets ? octets : conf->limits.message_octets;
}

/* Take part of the room for messages under way. Strangers get half of it, each address among
 * them a quarter: they may send as slowly as they like, and officials must still get in. */
static int
take_room(struct conn *c, uint64_t octets)
{
	struct worker *w = c->worker;
	bool stranger = c->account == NULL && !control_off("inflight-share");

	if (w->inflight_octets + octets > w->conf->limits.inflight_octets ||
	    (stranger && (w->strange_octets + octets > share(w->conf, 2) ||
	    peers_hold(&w->peers, c->peer_key, octets, share(w->conf, 4)) != OK)))
		return ERR_NOSPC;
	w->inflight_octets += octets;
	w->strange_octets += stranger ? octets : 0;
	c->message.strange = stranger;
	return OK;
}

static void
give_room_back(struct conn *c)
{
	struct worker *w = c->worker;

	w->inflight_octets -= c->message.octets;
	if (!c->message.strange)
		return;
	w->strange_octets -= c->message.octets;
	peers_release(&w->peers, c->peer_key, c->message.octets);
}

int
message_write(void *host, struct slice piece)
{
	struct conn *c = host;
	int err = take_room(c, piece.n);

	if (err != OK)
		return err;
	c->message.octets += piece.n;
	return memfd_write(c->message.fd, piece);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
message_drop(void *host)
{
	struct conn *c = host;
	struct message *m = &c->message;

	release_ask_drop(&m->release);
	give_room_back(c);
	close_fd(&m->fd);
	close_fd(&m->final_fd);
	close_fd(&m->summary_fd);
	*m = (struct message){ .fd = -1, .final_fd = -1, .summary_fd = -1 };
}

/* ---- judging ---- */

static void
ref_of(struct conn *c, struct slice *out)
{
	char ref[ENGINE_REF_OCTETS + 1];

	engine_ref(&c->engine, ref);
	*out = arena_copy(&c->engine.env->mem, slice_of(ref));
}

static int
make_trace(struct conn *c, struct slice ref)
{
	struct envelope *env = c->engine.env;
	struct received_facts f = {
		.mail_from = env->mail_from, .helo = slice_of(c->engine.helo),
		.client = slice_of(c->client),
		.hostname = slice_of(c->worker->conf->general.hostname),
		.ref = ref, .esmtp = c->engine.esmtp, .utf8 = env->utf8,
		.authenticated = c->account != NULL, .lmtp = c->engine.conf->role == ENGINE_LMTP,
		.now_s = clock_real_s(), .zone_min = 0,
	};
	struct buf b;
	int err;

	if (env->rcpts_n == 1)
		f.only_rcpt = env->rcpts[0];
	if (c->tls != NULL) {
		f.tls_protocol = slice_of(tls_conn_protocol(c->tls));
		f.tls_cipher = slice_of(tls_conn_cipher(c->tls));
	}
	buf_init(&b, TRACE_MAX);
	err = received_write(&f, &b, &c->message.return_path_octets);
	c->message.trace = arena_copy(&env->mem, buf_slice(&b));
	buf_fini(&b);
	return err != OK ? err : env->mem.err;
}

static struct pol_rcpt *
views(struct envelope *env)
{
	struct pol_rcpt *r = arena_array(&env->mem, env->views_n, sizeof *r);

	for (size_t i = 0; r != NULL && i < env->views_n; i++)
		r[i] = (struct pol_rcpt){ .address = env->rcpts[env->views[i].rcpt],
		    .exit_zone = (uint8_t)env->views[i].exit_zone,
		    .clearance = (uint8_t)env->views[i].clearance };
	return r;
}

static void
fill_account(const struct conn *c, struct pol_judge_request *r)
{
	if (c->account == NULL)
		return;
	r->account = c->account->account[0].address;
	r->unsigned_until_s = c->account->account[0].unsigned_until_s;
	r->unit = c->account->account[0].unit;
	r->identities = c->account->identities;
	r->identities_n = c->account->identities_n;
}

/* LMTP: the same text is judged again for the recipients that are left. */
static void
forget_last_round(struct message *m)
{
	close_fd(&m->final_fd);
	close_fd(&m->summary_fd);
	m->deliver = NULL;
	m->audit = (struct st_audit){ .verdict = 0 };
}

static void on_verdict(void *arg, struct chan_answer *answer);

static int
judge(struct conn *c)
{
	struct envelope *env = c->engine.env;
	struct message *m = &c->message;
	struct pol_judge_request r = {
		.path = c->engine.conf->role == ENGINE_SUBMISSION ? PATH_SUBMIT : PATH_RECEIVE,
		.arrival_zone = (uint8_t)c->zone, .client = slice_of(c->client),
		.mail_from = env->mail_from, .recipients = views(env), .recipients_n = env->views_n,
		.want_summary = 1,
		.may_sign = c->engine.conf->role == ENGINE_SUBMISSION,
	};
	int err;

	forget_last_round(m);
	ref_of(c, &m->audit.reference);
	err = make_trace(c, m->audit.reference);
	if (err == OK && !m->sealed)
		err = memfd_seal(m->fd);
	m->sealed = true;
	if (err != OK || r.recipients == NULL)
		return err != OK ? err : ERR_NOMEM;
	r.trace = m->trace;
	r.releases = m->release.releases;
	r.releases_n = m->release.releases_n;
	fill_account(c, &r);
	host_ask(c, c->worker->policy, POL_JUDGE, &r, &m->fd, 1, c->worker->conf->limits.policy_ms,
	    on_verdict);
	return OK;
}

int
message_judge(void *host)
{
	struct conn *c = host;
	int err = judge(c);

	if (err != OK) {
		metric_add(METRIC_MESSAGES, METRIC_DEFERRED, 1);
		log_event(EV_MESSAGE_DEFERRED, F_CSTR("client", c->client), F_ERR(err));
	}
	return err;
}

/* ---- what is stored ---- */

static int
compose(struct message *m, const struct pol_judge_reply *r)
{
	struct slice message;
	int err = memfd_map(m->fd, SIZE_MAX, &message);

	if (err != OK)
		return err;
	err = memfd_new("composed", &m->final_fd);
	if (err == OK)
		err = composed_write(m->final_fd, message, r);
	if (err == OK)
		err = memfd_seal(m->final_fd);
	memfd_unmap(&message);
	return err;
}

static struct st_local *
local_copies(struct conn *c, unsigned level, size_t *n_out)
{
	struct envelope *env = c->engine.env;
	bool own_copy = level >= LEVEL_MAT && c->account != NULL;
	struct st_local *l = arena_array(&env->mem, env->locals_n + 1, sizeof *l);

	*n_out = env->locals_n + (own_copy ? 1 : 0);
	for (size_t i = 0; l != NULL && i < env->locals_n; i++) {
		const struct envelope_local *from = &env->locals[i];

		l[i] = (struct st_local){ .guid = { (const char *)from->guid, ENVELOPE_GUID },
		    .uid = from->uid, .address = from->address, .quota = from->quota,
		    .place = level >= LEVEL_MAT ? ST_PLACE_MAT : ST_PLACE_INBOX };
	}
	if (l != NULL && own_copy) {
		const struct dir_account *own = &c->account->account[0];

		l[env->locals_n] = (struct st_local){ .guid = own->guid, .uid = own->uid,
		    .address = own->address, .quota = own->quota,
		    .place = ST_PLACE_MAT_SENT };
	}
	return l;
}

static struct st_remote *
remote_copies(struct envelope *env)
{
	struct st_remote *r = arena_array(&env->mem, env->remotes_n, sizeof *r);

	for (size_t i = 0; r != NULL && i < env->remotes_n; i++)
		r[i] = (struct st_remote){ .address = env->remotes[i].address,
		    .route = env->remotes[i].route, .zone = (uint8_t)env->remotes[i].zone,
		    .notify = (uint8_t)env->remotes[i].notify, .orcpt = env->remotes[i].orcpt };
	return r;
}

/* Recipients here, of whom the sender wants to hear that they have the message. */
static struct st_filed *
filed_copies(struct envelope *env, size_t *n_out)
{
	struct st_filed *f = arena_array(&env->mem, env->rcpts_n, sizeof *f);

	*n_out = 0;
	for (size_t i = 0; f != NULL && i < env->rcpts_n && env->mail_from.n > 0; i++)
		if ((env->wishes[i].notify & XTEXT_SUCCESS) != 0 && !env->wishes[i].outside)
			f[(*n_out)++] = (struct st_filed){ .address = env->rcpts[i],
			    .orcpt = env->wishes[i].orcpt,
			    .tell = env->wishes[i].group ? ST_TELL_EXPANDED :
			    ST_TELL_DELIVERED };
	return f;
}

static int
prepare(struct conn *c, const struct pol_judge_reply *r, struct chan_answer *answer)
{
	struct envelope *env = c->engine.env;
	struct message *m = &c->message;
	struct st_deliver_request *d = arena_alloc(&env->mem, sizeof *d);
	size_t local_n;
	struct st_local *local = local_copies(c, r->level, &local_n);

	if (answer->fds_n != 1)
		return ERR_FRAME;
	m->summary_fd = answer->fds[0];
	answer->fds[0] = -1;
	if (d == NULL)
		return ERR_NOMEM;
	*d = (struct st_deliver_request){ .id = { (const char *)c->engine.id, ST_ID_OCTETS },
	    .mail_from = env->mail_from, .arrival_zone = (uint8_t)c->zone, .level = r->level,
	    .opaque = r->opaque, .kept_inside = r->kept_inside, .kind = r->kind,
	    .utf8 = env->utf8, .body8 = env->body8,
	    .local = local, .local_n = local_n, .remote = remote_copies(env),
	    .remote_n = env->remotes_n, .ret = (uint8_t)env->ret, .envid = env->envid,
	    .audit = &m->audit, .audit_n = 1 };
	d->filed = filed_copies(env, &d->filed_n);
	d->release = message_release_use(c, r);
	d->release_n = d->release != NULL;
	if (!slice_starts_nocase(r->trace, m->trace) && !control_off("composed"))
		return ERR_FRAME;
	d->relay_skip = (uint32_t)m->return_path_octets;
	m->deliver = d;
	return env->mem.err != OK ? env->mem.err : compose(m, r);
}

/* No rule can allow this (DESIGN 1): policyd would have to be broken, or not be policyd. */
static bool
must_not_be(const struct conn *c, const struct pol_judge_reply *r)
{
	const struct envelope *env = c->engine.env;

	if (r->level < LEVEL_MAT || control_off("mat-door"))
		return false;
	for (size_t i = 0; i < env->views_n; i++)
		if (env->views[i].exit_zone == ZONE_INTERNET)
			return true;
	return c->zone == ZONE_INTERNET;
}

static void
log_verdict(const struct conn *c, const struct engine_verdict *v)
{
	struct slice ref = c->message.audit.reference;

	if (v->status != OK || v->verdict != VERDICT_ALLOW)
		metric_add(METRIC_MESSAGES, v->status == OK && v->verdict == VERDICT_REJECT ?
		    METRIC_REFUSED : METRIC_DEFERRED, 1);
	if (v->status != OK)
		log_event(EV_MESSAGE_DEFERRED, F_CSTR("client", c->client), F_STR("ref", ref),
		    F_CSTR("at", "policy"), F_ERR(v->status));
	else if (v->verdict != VERDICT_ALLOW)
		log_event(v->verdict == VERDICT_REJECT ? EV_MESSAGE_REFUSED : EV_MESSAGE_DEFERRED,
		    F_CSTR("client", c->client), F_STR("from", c->engine.env->mail_from),
		    F_STR("ref", ref), F_STR("rule", v->rule));
}

/* Check the answer and turn it into the engine's terms; views has env->views_n octets. */
static int
take_verdict(struct conn *c, struct chan_answer *answer, struct engine_verdict *v,
    uint8_t *views_out, bool *first_out)
{
	const struct pol_judge_reply *r = answer->msg;
	const struct envelope *env = c->engine.env;

	if (answer->status != OK)
		return answer->status;
	if (r->recipients_n != env->views_n || views_out == NULL || first_out == NULL)
		return ERR_FRAME;
	for (size_t i = 0; i < env->views_n; i++) {
		views_out[i] = r->recipients[i].verdict;
		first_out[i] = slice_eq(r->recipients[i].rule, r->rule);
		if (views_out[i] > r->verdict)
			return ERR_FRAME;
	}
	v->verdict = r->verdict;
	v->enhanced = r->enhanced;
	v->rule = r->rule;
	v->reason_vi = r->reason_vi;
	v->reason_en = r->reason_en;
	v->views = views_out;
	v->first = first_out;
	v->views_n = env->views_n;
	v->releasable = r->liftable && c->engine.conf->role == ENGINE_SUBMISSION;
	v->unfit = r->unfit;
	message_record(c, r);
	if (r->verdict != VERDICT_ALLOW)
		return OK;
	if (r->signed_by.n > 0 && c->engine.conf->role != ENGINE_SUBMISSION)
		return ERR_FRAME;	/* nobody asked for it */
	if (must_not_be(c, r)) {
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "allowed across the internet"));
		return ERR_FORBIDDEN;
	}
	return prepare(c, r, answer);
}

void
message_verdict(struct conn *c, const struct engine_verdict *v)
{
	log_verdict(c, v);
	engine_on_verdict(&c->engine, clock_ms(), v);
	conn_run(c);
}

static void
on_verdict(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	struct engine_verdict v = { .status = OK };
	struct arena *mem = &c->engine.env->mem;

	c->asked = NULL;
	v.status = take_verdict(c, answer, &v, arena_alloc(mem, c->engine.env->views_n + 1),
	    arena_alloc(mem, c->engine.env->views_n + 1));
	if (v.status != OK || !message_release_begin(c, answer->msg, &v))
		message_verdict(c, &v);
}

/* ---- storing ---- */

static void
on_stored(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;

	c->asked = NULL;
	metric_add(METRIC_MESSAGES, answer->status == OK ? METRIC_ACCEPTED : METRIC_DEFERRED, 1);
	if (answer->status == OK) {
		metric_add(METRIC_MESSAGE_OCTETS, 0, c->message.octets);
		message_release_used(c);
		log_event(EV_MESSAGE_ACCEPTED, F_CSTR("client", c->client),
		    F_STR("from", c->engine.env->mail_from),
		    F_STR("ref", c->message.audit.reference),
		    F_U64("recipients", c->engine.env->rcpts_n),
		    F_U64("octets", c->message.octets));
	} else {
		log_event(EV_MESSAGE_DEFERRED, F_CSTR("client", c->client),
		    F_STR("ref", c->message.audit.reference), F_CSTR("at", "store"),
		    F_ERR(answer->status));
	}
	engine_on_stored(&c->engine, clock_ms(), answer->status);
	conn_run(c);
}

void
message_deliver(void *host)
{
	struct conn *c = host;
	int fds[2] = { c->message.final_fd, c->message.summary_fd };

	host_ask(c, c->worker->store, ST_DELIVER, c->message.deliver, fds, 2, WORKER_SERVICE_MS,
	    on_stored);
}

static void
on_audited(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;

	c->asked = NULL;
	engine_on_audited(&c->engine, clock_ms(), answer->status);
	conn_run(c);
}

/* LMTP: the record of a refusal names those that it concerns. */
static void
keep_refused(struct conn *c)
{
	struct st_audit *a = &c->message.audit;
	size_t n = 0;

	for (size_t i = 0; c->engine.gone != NULL && i < a->recipients_n; i++)
		if (c->engine.gone[i])
			a->recipients[n++] = a->recipients[i];
	if (c->engine.gone != NULL)
		a->recipients_n = n;
}

void
message_audit(void *host)
{
	struct conn *c = host;
	struct st_audit_request r = { .audit = &c->message.audit, .audit_n = 1 };

	keep_refused(c);
	host_ask(c, c->worker->store, ST_AUDIT, &r, NULL, 0, WORKER_SERVICE_MS, on_audited);
}
