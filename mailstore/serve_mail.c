/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "mailstore/serve_internal.h"

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* ---- deliver ---- */

static int
deliver_seal(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return engine_deliver_seal(e, j->msg, j->message, j->summary, &j->a, &j->u.delivery);
}

static int
deliver_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return engine_deliver_control(e, j->msg, &j->u.delivery);
}

static void
deliver_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_deliver_request *req = j->msg;

	if (ej->status == OK && engine_deliver_done(e, &j->u.delivery) != OK) {
		/* Durable, but its mailbox rows must wait for the next start. */
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
		e->broken = ERR_NOMEM;
	}
	e->queue_changed = e->queue_changed || (ej->status == OK &&
	    req->remote_n + req->filed_n + req->settles_n > 0);
	job_finish(j, ej->status);
}

/* The relay, which talks to strangers, may deliver nothing but the notice that an entry owes. */
static bool
may_deliver(const struct chan_req *creq, const struct st_deliver_request *req)
{
	if (creq->role != ROLE_RELAY)
		return req->settles_n == 0;
	return (req->settles_n == 1 && req->mail_from.n == 0 && req->kind == KIND_DSN &&
	    req->filed_n == 0 && req->local_n + req->remote_n <= 1) ||
	    control_off("relay-delivers");
}

void
serve_ST_DELIVER(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_deliver_request *req = msg;
	struct job *j;

	if (!may_deliver(creq, req) || sv->e->spool_key == NULL) {
		chan_reply(sv->chan, creq, sv->e->spool_key == NULL ? ERR_UNAVAIL : ERR_ACCESS,
		    NULL, NULL, 0);
		return;
	}
	if (req->settles_n == 1)
		leases_done(sv, req->settles[0].id, req->settles[0].route);
	j = job_new(sv, creq, &st_deliver_request_wire, msg);
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .seal = deliver_seal, .control = deliver_control,
		.done = deliver_done };
	for (size_t i = 0; i < req->local_n; i++)
		accounts_need(j, req->local[i].guid, req->local[i].uid, req->local[i].address);
	accounts_go(j);
}

void
serve_ST_ROOM(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_room_request *req = msg;
	int r = engine_room(sv->e, req->size_octets);

	if (r == OK)
		r = engine_quota(sv->e, req->guid, &req->quota, req->size_octets);
	chan_reply(sv->chan, creq, r, &sv->nothing, NULL, 0);
}

/* ---- append ---- */

static int
append_seal(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return engine_append_seal(e, &j->scope, j->msg, j->message, j->summary, &j->u.append);
}

static int
append_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_append_request *req = j->msg;
	int r = OK;

	if (!j->u.append.repeated)
		r = audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
	j->control_ran = r == OK;
	return r;
}

static int
append_index(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return engine_append_index(e, &j->scope, j->msg, &j->u.append);
}

static void
append_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_append_request *req = j->msg;

	j->reply = &j->u.append.reply;
	if (ej->status == OK && !j->u.append.repeated)
		notify_touch(e->notify, j->scope.account);
	/* The audit says that it was taken in, and then it was not: say that too. */
	if (ej->status != OK && j->control_ran && req->audit_n > 0) {
		struct st_audit undone = req->audit[0];
		char detail[100];

		snprintf(detail, sizeof detail, "not stored: %s", err_text(ej->status));
		undone.verdict = VERDICT_DEFER;
		undone.detail = slice_of(detail);
		audit_own(j->sv, &undone);
	}
	job_finish(j, ej->status);
}

static void
append_start(struct server *sv, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(sv, creq, &st_append_request_wire, msg);
	const struct st_append_request *req = msg;

	if (j == NULL)
		return;
	j->scope.account = req->account;
	j->ej = (struct engine_job){ .seal = append_seal, .index = append_index,
		.done = append_done, .control = req->audit_n > 0 ? append_control : NULL };
	job_ready(j);
}

void
serve_ST_APPEND(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_append_request *req = msg;

	if (req->email_id.n > 0)
		chan_reply(sv->chan, creq, ERR_ACCESS, NULL, NULL, 0);
	else
		append_start(sv, creq, msg);
}

void
serve_ST_IMPORT(void *service, struct chan_req *creq, const void *msg)
{
	append_start(service, creq, msg);
}

/* ---- accounts ---- */

static void
open_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_open_request *req = j->msg;
	struct st_open_reply *reply = &j->u.open;
	struct control_account row;
	int r = control_begin_read(e->ctl);

	if (r == OK) {
		r = control_get(e->ctl, CONTROL_ACCOUNT, req->guid, &control_account_wire, &j->a,
		    &row);
		control_abort(e->ctl);
	}
	if (r == OK) {
		size_t n = 0;

		for (size_t i = 0; i < row.keysets_n; i++)
			if (row.keysets[i].class != KEYSET_MAT ||
			    j->req.role == ROLE_IMAPD_INTERNAL)
				row.keysets[n++] = row.keysets[i];
		*reply = (struct st_open_reply){ row.number, row.keysets, n };
		j->reply = reply;
	}
	job_finish(j, r);
}

void
serve_ST_OPEN(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_open_request_wire, msg);
	const struct st_open_request *req = msg;

	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .done = open_done };
	accounts_need(j, req->guid, req->uid, req->address);
	accounts_go(j);
}
