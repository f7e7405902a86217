/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Removed mail: kept in place for a backup, brought back. */
#include "common/clock.h"
#include "mailstore/quota.h"
#include "mailstore/serve_internal.h"

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
