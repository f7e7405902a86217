/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One queued message on its way: judged again, handed over, reported.
 *
 * Phases  judging -> connecting -> talking -> reporting; each has its deadline, all together have
 *         RELAY_TOTAL_MS. Every way out leads through the report, which is repeated until the
 *         store has it: without it the lease would end, and the next hop might get the message
 *         twice.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/memfd.h"
#include "policy/proto.h"
#include "smtpd/client_engine.h"
#include "common/keep.h"
#include "smtpd/relay.h"
#include "policy/release_ask.h"
#include "smtpd/stream.h"

enum { ENTRY_OCTETS = 24 * 1024 * 1024, REPORT_MS = 10000, REPORT_AGAIN_MS = 500, ROUNDS = 32,
    CLOSING_MS = 2000 };

enum phase { JUDGING, CONNECTING, TALKING, REPORTING };

struct relay_delivery {
	struct relay		*relay;
	struct relay_delivery	*next, **link;
	struct arena		 mem;
	struct st_queue_entry	*entry;
	const struct conf_route *route;
	struct relay_hop	*hop;		/* where it has a place; NULL: nowhere */
	bool			 tried;
	int			 message_fd;
	struct slice		 message;
	enum phase		 phase;
	uint64_t		 begun_ms;
	struct chan_client	*asked;
	uint32_t		 call;
	struct loop_timer	 timer;
	struct loop_fd		 lf;		/* lf.fd -1: no socket */
	struct tls_conn		*tls;
	bool			 handshaking;
	struct buf		 in, out;
	size_t			 out_at;
	struct client_job	 job;
	struct client_engine	 engine;
	struct st_audit		 audit;
	struct release_ask	 release;
};

static void talk(struct relay_delivery *d);
static void report(struct relay_delivery *d);

/* ---- life ---- */

/* The next one may begin. */
static void
leave_hop(struct relay_delivery *d, bool answered)
{
	if (d->hop == NULL)
		return;
	d->hop->active--;
	if (d->tried)
		relay_hop_note(d->hop, answered, clock_ms());
	d->hop = NULL;
}

static void
close_socket(struct relay_delivery *d)
{
	loop_fd_remove(&d->lf);
	tls_conn_free(&d->tls);
	if (d->lf.fd >= 0)
		close(d->lf.fd);
	d->lf.fd = -1;
}

static void
drop(struct relay_delivery *d)
{
	struct relay *r = d->relay;

	if (d->asked != NULL)
		chan_cancel(d->asked, d->call);
	release_ask_drop(&d->release);
	loop_timer_stop(&d->timer);
	leave_hop(d, true);
	close_socket(d);
	memfd_unmap(&d->message);
	if (d->message_fd >= 0)
		close(d->message_fd);
	buf_fini(&d->in);
	buf_fini(&d->out);
	arena_clear(&d->mem);
	*d->link = d->next;
	if (d->next != NULL)
		d->next->link = d->link;
	free(d);
	r->active--;
}

void
relay_delivery_drop_all(struct relay *r)
{
	while (r->deliveries != NULL)
		drop(r->deliveries);
}

bool
relay_delivery_has(const struct relay *r, const struct st_queue_entry *entry)
{
	for (const struct relay_delivery *d = r->deliveries; d != NULL; d = d->next)
		if (slice_eq(d->entry->id, entry->id) &&
		    slice_eq(d->entry->route, entry->route))
			return true;
	return false;
}

void
relay_delivery_renew_all(struct relay *r)
{
	for (struct relay_delivery *d = r->deliveries; d != NULL; d = d->next)
		relay_renew(r, d->entry);
}

/* Not sent (any more): all who have no outcome yet are deferred for this reason. */
static void
defer(struct relay_delivery *d, const char *text)
{
	client_engine_fail(&d->engine, text);
	close_socket(d);
	report(d);
}

/* The same, and the next hop is to blame. */
static void
no_answer(struct relay_delivery *d, const char *text)
{
	leave_hop(d, false);
	defer(d, text);
}

/* The reply to the text has ten times as long: who gave up earlier would send a second copy of what
 * a slow hop has taken (RFC 5321 4.5.3.2.6). */
static uint64_t
step_ms(const struct relay_delivery *d)
{
	uint64_t past = clock_ms() - d->begun_ms;
	uint64_t left = past < RELAY_TOTAL_MS ? RELAY_TOTAL_MS - past : 0;
	uint64_t step = d->relay->conf->relay.timeout_s * 1000 *
	    (d->engine.state == CLIENT_ACCEPTED ? 10 : 1);

	return step < left ? step : left;
}

static void
on_deadline(struct loop_timer *t)
{
	struct relay_delivery *d = t->arg;

	no_answer(d, d->phase == CONNECTING ? "next hop cannot be reached in time" :
	    "next hop did not answer in time");
}

/* ---- the socket ---- */

static int
send_out(struct relay_delivery *d)
{
	struct slice s = slice_from(buf_slice(&d->out), d->out_at);
	int n = stream_write(d->lf.fd, d->tls, s);

	if (n <= 0)
		return n;
	d->out_at += (size_t)n;
	if (d->out_at == d->out.n) {
		buf_clear(&d->out);
		d->out_at = 0;
	}
	return OK;
}

static int
receive(struct relay_delivery *d)
{
	struct relay *r = d->relay;
	int n = stream_read(d->lf.fd, d->tls, r->scratch, sizeof r->scratch);

	if (n <= 0)
		return n;
	buf_add(&d->in, (struct slice){ r->scratch, (size_t)n });
	if (d->in.err != OK)
		return d->in.err;
	buf_consume(&d->in, client_engine_input(&d->engine, buf_slice(&d->in)));
	return OK;
}

static int
begin_tls(struct relay_delivery *d)
{
	const struct conf_route *route = d->route;
	size_t at = (size_t)(route - d->relay->conf->route);
	const char *name = route->tls_name[0] != '\0' ? route->tls_name : route->host;

	d->handshaking = true;
	return tls_conn_new(d->relay->tls[at], d->lf.fd,
	    route->tls == CONF_ROUTE_TLS_REQUIRED || route->tls_name[0] != '\0' ? name : NULL,
	    &d->tls);
}

static int
shake(struct relay_delivery *d)
{
	int r = tls_conn_handshake(d->tls);

	if (r == OK) {
		d->handshaking = false;
		client_engine_on_tls(&d->engine);
		/* Empty, unless the check against injected replies is off. */
		buf_consume(&d->in, client_engine_input(&d->engine, buf_slice(&d->in)));
	} else if (r != TLS_WANT_READ && r != TLS_WANT_WRITE) {
		log_event(EV_TLS_FAILED, F_CSTR("route", d->route->title),
		    F_CSTR("why", tls_conn_why(d->tls)));
	}
	return r;
}

static int
step(struct relay_delivery *d)
{
	if (d->handshaking)
		return shake(d);
	if (d->out.n > d->out_at)
		return send_out(d);
	if (client_engine_done(&d->engine))
		return ERR_CLOSED;
	if (client_engine_wants_tls(&d->engine))
		return begin_tls(d);
	client_engine_produce(&d->engine);
	if (d->out.err != OK || d->out.n > 0)
		return d->out.err;
	return receive(d);
}

static void
on_socket(struct loop_fd *lf, unsigned events)
{
	struct relay_delivery *d = lf->arg;
	socklen_t n = sizeof(int);
	int err = 0;

	(void)events;
	if (d->phase == CONNECTING &&
	    (getsockopt(lf->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err != 0)) {
		no_answer(d, "next hop refused the connection or cannot be reached");
		return;
	}
	d->phase = TALKING;
	talk(d);
}

static void
on_more(struct loop_timer *t)
{
	talk(t->arg);
}

static void
talk(struct relay_delivery *d)
{
	int r = OK;

	for (unsigned i = 0; i < ROUNDS && r == OK; i++)
		r = step(d);
	if (r == OK || r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
		bool armed = loop_timer_set(d->relay->loop, &d->timer, r == OK ? 0 : step_ms(d),
		    r == OK ? on_more : on_deadline, d) == OK;

		if (armed &&
		    loop_fd_want(&d->lf, r == TLS_WANT_WRITE ? LOOP_WRITE : LOOP_READ) == OK)
			return;
		r = ERR_NOMEM;
	}
	if (client_engine_done(&d->engine)) {
		leave_hop(d, true);
		close_socket(d);
		report(d);
		return;
	}
	no_answer(d, d->handshaking ? "TLS with the next hop failed" :
	    "next hop closed the connection before the end");
}

static void
connect_next_hop(struct relay_delivery *d)
{
	struct sockaddr_storage ss;
	socklen_t n = relay_hop_address(d->route, &ss);
	int one = 1, fd;

	d->tried = true;
	fd = n == 0 ? -1 : socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	d->phase = CONNECTING;
	d->lf.fd = fd;
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    (connect(fd, (struct sockaddr *)&ss, n) != 0 && errno != EINPROGRESS) ||
	    loop_fd_add(d->relay->loop, &d->lf, fd, LOOP_WRITE, on_socket, d) != OK ||
	    loop_timer_set(d->relay->loop, &d->timer, step_ms(d), on_deadline, d) != OK)
		no_answer(d, "next hop cannot be reached");
}

/* ---- the gate ---- */

static void
fill_audit(struct relay_delivery *d, const struct pol_judge_reply *p)
{
	const struct st_queue_entry *e = d->entry;
	struct st_audit *a = &d->audit;

	*a = (struct st_audit){ .event = SLICE("relay"), .mail_from = e->mail_from,
	    .client = slice_of(d->route->host), .size_octets = d->message.n,
	    .arrival_zone = e->arrival_zone, .level = e->level, .verdict = VERDICT_ALLOW };
	a->recipients = arena_array(&d->mem, e->recipients_n, sizeof *a->recipients);
	a->recipients_n = a->recipients != NULL ? e->recipients_n : 0;
	for (size_t i = 0; i < a->recipients_n; i++)
		a->recipients[i].address = e->recipients[i].address;
	if (p == NULL)
		return;
	a->sha256 = arena_copy(&d->mem, p->sha256);
	a->verdict = p->verdict;
	a->rule = arena_copy(&d->mem, p->rule);
	a->level = p->level;
	a->sig = p->sig;
	a->sig_reason = p->sig_reason;
}

static void
refuse(struct relay_delivery *d, const struct pol_judge_reply *p)
{
	struct buf b;
	struct slice text;

	buf_init(&b, 400);
	buf_addf(&b, "550 5.7.1 refused by policy [rule=%.*s]", (int)p->rule.n, p->rule.p);
	text = arena_copy(&d->mem, buf_slice(&b));
	buf_fini(&b);
	for (size_t i = 0; i < d->job.rcpts_n; i++) {
		d->job.rcpts[i].outcome = CLIENT_FAILED;
		d->job.rcpts[i].text = text.n > 0 ? text : SLICE("550 5.7.1 refused by policy");
	}
	report(d);
}

/* No rule can allow this: policyd would have to be broken. What arrived or would leave by the
 * internet is never of level mat. */
static bool
must_not_be(const struct relay_delivery *d, const struct pol_judge_reply *p)
{
	unsigned level = p->level > d->entry->level ? p->level : d->entry->level;

	return level >= LEVEL_MAT &&
	    (d->route->zone == ZONE_INTERNET || d->entry->arrival_zone == ZONE_INTERNET);
}

static void judge(struct relay_delivery *d);

static void
on_release(void *arg, int status)
{
	struct relay_delivery *d = arg;

	if (status != OK)
		defer(d, "releases cannot be asked for now");
	else
		judge(d);	/* which refuses again if there is none */
}

/* Officers may have let it in: by the release that this delivery used, and by no other. */
static void
ask_release(struct relay_delivery *d)
{
	struct st_release_find_request what = { .delivery = d->entry->id };

	d->release.store = d->relay->store;
	d->release.directory = d->relay->directory;
	d->release.done = on_release;
	d->release.arg = d;
	release_ask_start(&d->release, &what);
}

static void
on_verdict(void *arg, struct chan_answer *answer)
{
	struct relay_delivery *d = arg;
	const struct pol_judge_reply *p = answer->msg;

	d->asked = NULL;
	fill_audit(d, p);
	if (p == NULL || p->verdict == VERDICT_DEFER || p->recipients_n != d->entry->recipients_n) {
		defer(d, "policy cannot decide now");
	} else if (p->verdict == VERDICT_REJECT && p->liftable && !d->release.begun) {
		ask_release(d);
	} else if (p->verdict != VERDICT_ALLOW) {
		refuse(d, p);
	} else if (must_not_be(d, p)) {
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "relay allowed across the internet"));
		defer(d, "policy cannot decide now");
	} else {
		connect_next_hop(d);
	}
}

static void
judge(struct relay_delivery *d)
{
	const struct st_queue_entry *e = d->entry;
	struct pol_judge_request r = { .path = PATH_RELAY, .arrival_zone = e->arrival_zone,
	    .mail_from = e->mail_from, .recipients_n = e->recipients_n,
	    .releases = d->release.releases, .releases_n = d->release.releases_n };

	if (control_off("relay-regate")) {
		fill_audit(d, NULL);
		connect_next_hop(d);
		return;
	}
	r.recipients = arena_array(&d->mem, e->recipients_n, sizeof *r.recipients);
	if (r.recipients == NULL) {
		defer(d, "no memory");
		return;
	}
	for (size_t i = 0; i < e->recipients_n; i++)
		r.recipients[i] = (struct pol_rcpt){ .address = e->recipients[i].address,
		    .exit_zone = (uint8_t)d->route->zone, .clearance = LEVEL_THUONG };
	d->asked = d->relay->policy;
	chan_call(d->asked, POL_JUDGE, &r, &d->message_fd, 1, d->relay->conf->limits.policy_ms,
	    on_verdict, d, &d->call);
}

/* ---- the report ---- */

static uint8_t
outcome_of(const struct client_rcpt *r, bool time_is_up)
{
	if (r->outcome == CLIENT_DELIVERED)
		return ST_DELIVERED;
	return r->outcome == CLIENT_FAILED || time_is_up ? ST_FAILED : ST_DEFERRED;
}

static void send_report(struct relay_delivery *d, const struct st_result_request *r);

static void
on_report_again(struct loop_timer *t)
{
	report(t->arg);
}

static void
on_reported(void *arg, struct chan_answer *answer)
{
	struct relay_delivery *d = arg;
	struct relay *r = d->relay;
	bool again = answer->status == ERR_UNKNOWN || answer->status == ERR_TIMEOUT ||
	    answer->status == ERR_UNAVAIL;

	d->asked = NULL;
	if (again && clock_ms() - d->begun_ms < RELAY_REPORT_MS &&
	    loop_timer_set(r->loop, &d->timer, REPORT_AGAIN_MS, on_report_again, d) == OK)
		return;
	if (answer->status != OK)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "store"), F_ERR(answer->status));
	drop(d);
	relay_ended(r);
}

static void
report(struct relay_delivery *d)
{
	const struct st_queue_entry *e = d->entry;
	struct st_result_request r = { .id = e->id, .route = e->route, .results_n = e->recipients_n,
	    .due_s = relay_due_s(d->relay->conf, e, (uint64_t)clock_real_s()),
	    .delayed = relay_is_delayed(d->relay->conf, e) };
	struct st_queue_rcpt *results = calloc(e->recipients_n + 1, sizeof *results);
	bool first = d->phase != REPORTING, settled = false;

	d->phase = REPORTING;
	leave_hop(d, true);
	loop_timer_stop(&d->timer);
	for (size_t i = 0; results != NULL && i < e->recipients_n; i++) {
		const struct client_rcpt *c = &d->job.rcpts[i];

		results[i] = (struct st_queue_rcpt){ .index = e->recipients[i].index,
		    .address = c->address, .outcome = outcome_of(c, r.due_s == 0),
		    .text = slice_sub(c->text, 0, 512), .remote = c->remote,
		    .passed = c->passed };
		settled = settled || results[i].outcome != ST_DEFERRED;
		if (first)
			relay_log_outcome(d->entry, c, results[i].outcome);
	}
	r.results = results;
	if (settled && e->mail_from.n == 0 && d->audit.event.n > 0)
		d->audit.detail = SLICE("null reverse-path: nobody is told of failures");
	r.audit = &d->audit;
	r.audit_n = settled && d->audit.event.n > 0 ? 1 : 0;
	if (results == NULL)
		r.results_n = 0;
	send_report(d, &r);
	free(results);
}

static void
send_report(struct relay_delivery *d, const struct st_result_request *r)
{
	d->asked = d->relay->store;
	chan_call(d->asked, ST_RESULT, r, NULL, 0, REPORT_MS, on_reported, d, &d->call);
}

/* ---- starting ---- */

static int
fill_job(struct relay_delivery *d)
{
	const struct st_queue_entry *e = d->entry;
	struct client_job *j = &d->job;

	*j = (struct client_job){ .hostname = d->relay->conf->general.hostname,
	    .mail_from = e->mail_from, .message = d->message, .utf8 = e->utf8, .mem = &d->mem,
	    .rcpts_n = e->recipients_n, .ret = e->ret, .envid = e->envid };
	if (d->route != NULL)
		j->tls = (enum client_tls)d->route->tls;
	j->rcpts = arena_array(&d->mem, e->recipients_n, sizeof *j->rcpts);
	for (size_t i = 0; j->rcpts != NULL && i < e->recipients_n; i++)
		j->rcpts[i] = (struct client_rcpt){ .address = e->recipients[i].address,
		    .notify = e->recipients[i].notify, .orcpt = e->recipients[i].orcpt };
	return j->rcpts == NULL ? ERR_NOMEM : OK;
}

static int
prepare(struct relay_delivery *d, const struct st_queue_entry *entry)
{
	int err;

	d->entry = keep_message(&st_queue_entry_wire, entry, &d->mem);
	if (d->entry == NULL)
		return ERR_NOMEM;
	d->route = relay_route(d->relay->conf, d->entry);
	err = memfd_map(d->message_fd, SIZE_MAX, &d->message);
	return err != OK ? err : fill_job(d);
}

/* It has a place at its next hop from now on, also while it is judged; false: that hop rests. */
static bool
enter_hop(struct relay_delivery *d)
{
	struct relay_hop *hop = &d->relay->hops[d->route - d->relay->conf->route];

	if (clock_ms() < hop->rest_ms)
		return false;
	hop->active++;
	d->hop = hop;
	return true;
}

int
relay_delivery_start(struct relay *r, const struct st_queue_entry *entry, int fd)
{
	struct relay_delivery *d = calloc(1, sizeof *d);
	int err;

	if (d == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	d->relay = r;
	d->message_fd = fd;
	d->lf.fd = -1;
	d->begun_ms = clock_ms();
	arena_init(&d->mem, ENTRY_OCTETS);
	buf_init(&d->in, 65536 + CLIENT_LINE_MAX);
	buf_init(&d->out, 1024 * 1024);
	d->next = r->deliveries;
	d->link = &r->deliveries;
	if (d->next != NULL)
		d->next->link = &d->next;
	r->deliveries = d;
	r->active++;
	err = prepare(d, entry);
	if (err != OK) {
		drop(d);
		return err;
	}
	client_engine_open(&d->engine, &d->job, &d->out);
	if (client_engine_done(&d->engine))
		report(d);
	else if (d->route == NULL)
		defer(d, "no route for this domain any more");
	else if (!enter_hop(d))
		defer(d, "next hop did not answer a moment ago");
	else
		judge(d);
	return OK;
}
