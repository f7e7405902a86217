/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/clock.h"
#include "common/log.h"
#include "mailstore/serve_internal.h"

enum {
	VERIFY_AT_ONCE = 500,
	LIST_OCTETS = 4 * 1024 * 1024,
	RELAY_SILENCE_MS = 120 * 1000,	/* the longest claim waits half as long */
};

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* ---- adding ---- */

static int
audit_control(struct engine *e, struct engine_job *ej)
{
	const struct st_audit_request *req = job_of(ej)->msg;

	return audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
}

static void
audit_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	job_finish(job_of(ej), ej->status);
}

static void
add_job(struct job *j)
{
	j->ej = (struct engine_job){ .control = audit_control, .done = audit_done };
	job_ready(j);
}

void
serve_ST_AUDIT(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_audit_request_wire, msg);

	if (j != NULL)
		add_job(j);
}

void
audit_own(struct server *sv, const struct st_audit *record)
{
	struct st_audit one = *record;
	struct st_audit_request req = { &one, 1 };
	struct chan_req nobody = { .code = ST_AUDIT };
	struct job *j = job_new(sv, &nobody, &st_audit_request_wire, &req);

	if (j == NULL)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
	else
		add_job(j);
}

/* ---- showing ---- */

void
serve_ST_AUDIT_LIST(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_list_request *req = msg;
	struct st_audit_list_reply reply;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = audit_list(sv->e->ctl, req->from, req->max, LIST_OCTETS, creq->arena, &reply);
		control_abort(sv->e->ctl);
	}
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}

/* ---- verifying, a piece a round ---- */

static void
verify_finish(struct job *j, int r)
{
	struct audit_verify *v = &j->u.verify.v;

	j->u.verify.reply = (struct st_audit_verify_reply){ .ok = v->what[0] == '\0',
		.records = v->at.serial, .checkpoints = v->checkpoints,
		.first_bad = v->first_bad, .what = slice_of(v->what), .covered = v->covered,
		.covered_ms = v->covered_ms,
		.node = { (const char *)v->at.node, sizeof v->at.node } };
	j->reply = &j->u.verify.reply;
	job_finish(j, r);
}

static void
on_verify(struct loop_timer *t)
{
	struct job *j = t->arg;
	struct server *sv = j->sv;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = audit_verify_step(sv->e->ctl, &j->u.verify.v, VERIFY_AT_ONCE);
		control_abort(sv->e->ctl);
	}
	if (r == OK && !j->u.verify.v.done)
		r = loop_timer_set(sv->loop, &j->u.verify.timer, 0, on_verify, j);
	if (r != OK || j->u.verify.v.done)
		verify_finish(j, r);
}

/* keyd has signed the head as it is now, and so has shown its key; or it is away. */
static void
verify_start(void *arg)
{
	struct job *j = arg;
	struct server *sv = j->sv;

	if (sv->closing) {
		job_finish(j, ERR_UNAVAIL);
		return;
	}
	audit_verify_begin(&j->u.verify.v, (struct slice){ (const char *)sv->audit_key,
	    sv->has_audit_key ? sizeof sv->audit_key : 0 });
	j->u.verify.timer.arg = j;
	on_verify(&j->u.verify.timer);
}

void
serve_ST_AUDIT_VERIFY(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_nothing_wire, msg);

	if (j != NULL)
		keyd_checkpoint(j->sv, verify_start, j);
}

/* ---- figures ---- */

static int
count_control(struct engine *e, struct st_status_reply *out)
{
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	r = control_count(e->ctl, CONTROL_QUEUE, &out->queue_entries);
	if (r == OK)
		r = control_count(e->ctl, CONTROL_INTENT, &out->intents_open);
	control_abort(e->ctl);
	return r;
}

static int
count_index(struct engine *e, struct st_status_reply *out)
{
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = env_count(e->ix->t, INDEX_BLOB, &out->messages);
	index_abort(e->ix);
	return r;
}

void
serve_ST_STATUS(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct engine *e = sv->e;
	struct st_status_reply reply = { .accounts = accounts_count(e->accounts),
		.commits = e->stats.commits, .syncs = e->stats.syncs,
		.commit_p50_us = engine_latency_us(e, 50),
		.commit_p99_us = engine_latency_us(e, 99),
		.free_octets = engine_free_octets(e), .audit_records = e->audit.serial,
		.keyd_up = e->spool_key != NULL,
		.relay_up = sv->claims != NULL ||
		clock_ms() - sv->claim_ms < RELAY_SILENCE_MS };
	int r = count_control(e, &reply);

	(void)msg;
	if (r == OK)
		r = count_index(e, &reply);
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}
