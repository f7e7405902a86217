/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Removed mail: kept in place for a backup, brought back. */
#include "common/clock.h"
#include "common/log.h"
#include "mailstore/quota.h"
#include "mailstore/serve_internal.h"

enum { BUSY_SHARE = 3 };

/* As long as there is more to do: no more than a quarter of the committer's time. */
static void
on_gc(struct loop_timer *t)
{
	struct server *sv = t->arg;
	uint64_t begun_us = clock_us(), wait_ms, rest_ms;
	int r = engine_gc(sv->e, gc_clock_s(&sv->gc_clock, clock_real_ms(), (int64_t)clock_ms()),
	    &wait_ms);

	if (r != OK)
		log_event(EV_STORE_GC_FAILED, F_ERR(r));
	if (sv->e->broken != OK) {
		loop_stop(sv->loop);
		return;
	}
	rest_ms = (clock_us() - begun_us) * BUSY_SHARE / 1000 + 1;
	if (loop_timer_set(sv->loop, &sv->gc, wait_ms > rest_ms ? wait_ms : rest_ms, on_gc,
	    sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

void
gc_start(struct server *sv)
{
	enum { FIRST_MS = 1000 };	/* the first mail of the day comes first */

	if (loop_timer_set(sv->loop, &sv->gc, FIRST_MS, on_gc, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

void
serve_ST_HOLD(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_hold_request *req = msg;
	struct st_hold_reply reply;
	int r = engine_hold(sv->e, req->hold, req->lease_ms, &reply.hold);

	chan_reply(sv->chan, creq, r, &reply, NULL, 0);
}

static int
unexpunge_control(struct engine *e, struct engine_job *ej)
{
	const struct st_unexpunge_request *req = job_of(ej)->msg;

	return audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
}

static int
unexpunge_index(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct box_scope sc = j->scope;
	struct box_quota q;

	sc.quota = quota_scope(e, sc.account, true, &q);
	j->reply = &j->u.unexpunge;
	return box_unexpunge(e->ix, &sc, j->msg, &j->u.unexpunge);
}

static void
unexpunge_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	if (ej->status == OK)
		notify_touch(e->notify, j->scope.account);
	job_finish(j, ej->status);
}

void
serve_ST_UNEXPUNGE(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_unexpunge_request_wire, msg);
	const struct st_unexpunge_request *req = msg;

	if (j == NULL)
		return;
	j->scope.account = req->account;
	j->ej = (struct engine_job){ .control = unexpunge_control, .index = unexpunge_index,
		.done = unexpunge_done };
	job_ready(j);
}
