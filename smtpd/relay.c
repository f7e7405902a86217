/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/relay.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "policy/proto.h"
#include "smtpd/envelope.h"

enum { CLAIM_AGAIN_MS = 500, CLAIM_SOON_MS = 1000, CLAIM_GRACE_MS = 10000 };

/* ---- claiming ---- */

static void claim(struct relay *r);

/* ---- leases ---- */

/* Gone or not known now: its result will show. */
static void
on_renewed(void *arg, struct chan_answer *answer)
{
	(void)arg;
	(void)answer;
}

void
relay_renew(struct relay *r, const struct st_queue_entry *entry)
{
	struct st_renew_request req = { .id = entry->id, .route = entry->route,
	    .lease_ms = RELAY_LEASE_MS };

	chan_call(r->store, ST_RENEW, &req, NULL, 0, RELAY_RENEW_MS, on_renewed, r, NULL);
}

static void
on_renew(struct loop_timer *t)
{
	struct relay *r = t->arg;

	relay_delivery_renew_all(r);
	relay_notice_renew_all(r);
	if (loop_timer_set(r->loop, &r->renew, RELAY_RENEW_MS, on_renew, r) != OK)
		loop_stop(r->loop);	/* the parent starts us again */
}

static void
on_again(struct loop_timer *t)
{
	claim(t->arg);
}

static void
claim_later(struct relay *r)
{
	if (loop_timer_set(r->loop, &r->again, CLAIM_AGAIN_MS, on_again, r) != OK)
		loop_stop(r->loop);	/* the parent starts us again */
}

static void
on_claim(void *arg, struct chan_answer *answer)
{
	struct relay *r = arg;
	const struct st_claim_reply *reply = answer->msg;
	bool got = reply != NULL && reply->entry_n == 1;
	int err = OK;

	relay_claim_note(r, got, clock_ms());
	if (got && answer->fds_n == 1 && !relay_delivery_has(r, &reply->entry[0]) &&
	    !relay_notice_has(r, &reply->entry[0])) {
		int fd = answer->fds[0];

		answer->fds[0] = -1;
		err = reply->entry[0].notice_id.n > 0 ?
		    relay_notice_start(r, &reply->entry[0], fd) :
		    relay_delivery_start(r, &reply->entry[0], fd);
	}
	if (answer->status != OK || err != OK)
		claim_later(r);
	else
		claim(r);
}

/* Only one waits for what is not there yet: whatever comes wakes it. False: one more cannot bring
 * anything now. */
static bool
claim_one(struct relay *r)
{
	struct st_route without[ST_ROUTES_MAX];
	struct st_claim_request ask = { .wait_ms = RELAY_CLAIM_WAIT_MS,
	    .lease_ms = RELAY_LEASE_MS, .without = without };
	bool past = relay_looks_past(r, clock_ms());

	ask.without_n = relay_other_routes(r, past, clock_ms(), without);
	if (r->claiming > 0 && ask.without_n == r->conf->route_n)
		return false;
	if (past || r->claiming > 0)
		ask.wait_ms = 0;
	else if (ask.without_n > 0)
		ask.wait_ms = CLAIM_SOON_MS;
	r->claiming++;
	chan_call(r->store, ST_CLAIM, &ask, NULL, 0, RELAY_CLAIM_WAIT_MS + CLAIM_GRACE_MS, on_claim,
	    r, NULL);
	return true;
}

static void
claim(struct relay *r)
{
	while (!r->stopping && r->claiming < r->claims &&
	    r->active + r->claiming < r->conf->relay.concurrency && claim_one(r))
		;
}

void
relay_ended(struct relay *r)
{
	if (r->stopping && r->active == 0)
		loop_stop(r->loop);
	claim(r);
}

/* ---- stopping ---- */

static void
on_stop_over(struct loop_timer *t)
{
	struct relay *r = t->arg;

	loop_stop(r->loop);
}

static void
on_signal(void *arg, int signal)
{
	struct relay *r = arg;

	r->stopping = true;
	if (r->active == 0 || (signal != PARENT_RETIRE &&
	    loop_timer_set(r->loop, &r->stop, RELAY_STOP_MS, on_stop_over, r) != OK))
		loop_stop(r->loop);
}

/* ---- starting ---- */

static int
open_routes(struct relay *r)
{
	static const char *const alpn[] = { "smtp", NULL };
	struct buf why;
	int err = OK;

	r->tls = calloc(r->conf->route_n + 1, sizeof(struct tls_ctx *));
	r->hops = calloc(r->conf->route_n + 1, sizeof *r->hops);
	if (r->tls == NULL || r->hops == NULL)
		return ERR_NOMEM;
	buf_init(&why, 2000);
	for (size_t i = 0; i < r->conf->route_n && err == OK; i++) {
		const struct conf_route *route = &r->conf->route[i];
		struct tls_client_conf tc = { .alpn = alpn };

		if (route->tls == CONF_ROUTE_TLS_NONE)
			continue;
		if (route->tls == CONF_ROUTE_TLS_REQUIRED)
			tc.ca_file = route->ca;
		err = tls_ctx_new_client(&tc, &why, &r->tls[i]);
	}
	if (err != OK)
		log_event(EV_CONFIG_ERROR, F_STR("why", buf_slice(&why)), F_ERR(err));
	buf_fini(&why);
	return err;
}

static int
connect_services(struct relay *r)
{
	const struct chan_row *rows;
	char path[200];
	size_t n;
	int err = chan_path(r->conf->general.run_dir, "store", ROLE_RELAY, path, sizeof path);

	rows = st_rows(&n);
	if (err == OK)
		err = chan_client_new(r->loop, path, rows, n, &r->store);
	if (err == OK)
		err = chan_path(r->conf->general.run_dir, "policy", ROLE_RELAY, path, sizeof path);
	rows = pol_rows(&n);
	if (err == OK)
		err = chan_client_new(r->loop, path, rows, n, &r->policy);
	if (err == OK)
		err = chan_path(r->conf->general.run_dir, "directory", ROLE_RELAY, path,
		    sizeof path);
	rows = dir_rows(&n);
	if (err == OK)
		err = chan_client_new(r->loop, path, rows, n, &r->directory);
	return err;
}

static int
enter_sandbox(const struct conf *conf)
{
	struct sandbox_path run = { conf->general.run_dir, SANDBOX_RO_IF_THERE };
	struct sandbox_paths paths = { .v = &run, .count = 1 };

	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_RELAY, &paths);
}

static void
fini(struct relay *r)
{
	r->stopping = true;
	relay_delivery_drop_all(r);
	relay_notice_drop_all(r);
	loop_timer_stop(&r->again);
	loop_timer_stop(&r->postmaster);
	loop_timer_stop(&r->renew);
	chan_client_free(&r->store);
	chan_client_free(&r->policy);
	chan_client_free(&r->directory);
	relay_incident_free(r);
	for (size_t i = 0; r->tls != NULL && i < r->conf->route_n; i++)
		if (r->tls[i] != NULL)
			tls_ctx_free(&r->tls[i]);
	free(r->tls);
	free(r->hops);
	loop_free(&r->loop);
}

int
relay_run(const struct parent_child *child)
{
	static const int signals[] = { SIGTERM, SIGINT, PARENT_RETIRE, 0 };
	static struct relay r;
	int err = loop_new(&r.loop);

	r.conf = child->conf;
	if (err == OK)
		err = loop_signals(r.loop, signals, on_signal, &r);
	if (err == OK)
		err = open_routes(&r);
	if (err == OK)
		err = enter_sandbox(child->conf);
	if (err == OK)
		err = connect_services(&r);
	if (err == OK)
		err = relay_incident_start(&r);
	if (err == OK) {
		log_event(EV_START, F_CSTR("role", "relay"));
		parent_child_ready(child);
		relay_postmaster_check(&r);
		r.renew.arg = &r;
		r.claims = 1;
		on_renew(&r.renew);
		claim(&r);
		err = loop_run(r.loop);
	}
	fini(&r);
	log_event(EV_STOP, F_CSTR("role", "relay"), F_ERR(err));
	return err == OK ? 0 : 1;
}
