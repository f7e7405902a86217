/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the relay asks to tell security officers of. */
#include "mailstore/incident.h"
#include "mailstore/serve_internal.h"

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* The first time: what was before is history. Later: what has nothing to be told of need not be
 * looked at again after a restart. */
static int
move_control(struct engine *e, struct engine_job *ej)
{
	const struct st_incidents_request *req = job_of(ej)->msg;
	uint64_t told;
	int r = incident_get(e->ctl, &told);

	if (r == ERR_NOENT)
		return incident_set(e->ctl, e->audit.serial);
	if (r == OK && req->from > told + 1 && req->from <= e->audit.serial + 1)
		r = incident_set(e->ctl, req->from - 1);
	return r;
}

static int
list(struct server *sv, const struct st_incidents_request *req, struct arena *a,
    struct st_incidents_reply *out)
{
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = incident_list(sv->e->ctl, req, a, out);
		control_abort(sv->e->ctl);
	}
	return r;
}

static void
move_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct st_incidents_reply *reply = arena_alloc(&j->a, sizeof *reply);
	int r = ej->status;

	(void)e;
	if (r == OK)
		r = reply == NULL ? ERR_NOMEM : list(j->sv, j->msg, &j->a, reply);
	j->reply = r == OK ? reply : NULL;
	job_finish(j, r);
}

static bool
must_move(struct server *sv, const struct st_incidents_request *req)
{
	uint64_t told = 0;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = incident_get(sv->e->ctl, &told);
		control_abort(sv->e->ctl);
	}
	return r == ERR_NOENT || (r == OK && req->idle && req->from > told + INCIDENT_BEHIND_MAX);
}

void
serve_ST_INCIDENTS(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct st_incidents_reply reply;
	struct job *j;
	int r;

	if (!must_move(sv, msg)) {
		r = list(sv, msg, creq->arena, &reply);
		chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
		return;
	}
	j = job_new(sv, creq, &st_incidents_request_wire, msg);
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = move_control, .done = move_done };
	job_ready(j);
}
