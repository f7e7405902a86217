/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Releases: what congvuctl adds, lists and revokes, and what smtpd and the relay look for. */
#include "common/clock.h"
#include "mailstore/release.h"
#include "mailstore/serve_internal.h"

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static int
note(struct engine *e, struct job *j, const struct st_release *r, const char *event,
    struct slice by)
{
	struct st_audit rec;
	int err = release_audit(r, event, by, &j->a, &rec);

	return err == OK ? audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1) : err;
}

static int
add_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_release_add_request *req = j->msg;
	int r = req->release_n == 1 ?
	    release_add(e->ctl, req->release, clock_real_s(), &j->a) : ERR_INVAL;

	return r == OK ? note(e, j, req->release, "release-add", req->by) : r;
}

static int
revoke_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_release_revoke_request *req = j->msg;
	struct st_release row;
	int r = release_revoke(e->ctl, req->id, clock_real_s(), &j->a, &row);

	return r == OK ? note(e, j, &row, "release-revoke", req->by) : r;
}

static void
act_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	job_finish(job_of(ej), ej->status);
}

static void
act(struct job *j, int (*control)(struct engine *e, struct engine_job *ej))
{
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = control, .done = act_done };
	job_ready(j);
}

void
serve_ST_RELEASE_ADD(void *service, struct chan_req *creq, const void *msg)
{
	act(job_new(service, creq, &st_release_add_request_wire, msg), add_control);
}

void
serve_ST_RELEASE_REVOKE(void *service, struct chan_req *creq, const void *msg)
{
	act(job_new(service, creq, &st_release_revoke_request_wire, msg), revoke_control);
}

void
serve_ST_RELEASE_LIST(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct st_release_list_reply reply;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = release_list(sv->e->ctl, msg, creq->arena, &reply);
		control_abort(sv->e->ctl);
	}
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}

void
serve_ST_RELEASE_FIND(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct st_release_list_reply reply;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = release_find(sv->e->ctl, msg, clock_real_s(), creq->arena, &reply);
		control_abort(sv->e->ctl);
	}
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}
