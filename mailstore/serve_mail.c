/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/control.h"
#include "mailstore/quota.h"
#include "mailstore/serve_internal.h"

enum { INCIDENT_OFFICERS_MAX = 50 };

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* ---- deliver ---- */

/* To mailboxes here and nowhere else, and only if there is something to tell. */
static bool
is_incidents(const struct st_deliver_request *req)
{
	return req->incidents_n == 1 && req->settles_n == 0 && req->mail_from.n == 0 &&
	    req->remote_n == 0 && req->filed_n == 0 && req->local_n > 0 &&
	    req->local_n <= INCIDENT_OFFICERS_MAX && req->level == LEVEL_THUONG;
}

/* The relay, which talks to strangers, may deliver nothing but the notice that an entry owes, and
 * that of incidents. */
static bool
may_deliver(const struct chan_req *creq, const struct st_deliver_request *req)
{
	if (creq->role == ROLE_RELAY && req->release_n > 0)	/* they let submissions in */
		return false;
	if (creq->role != ROLE_RELAY)
		return req->settles_n == 0 && req->incidents_n == 0;
	return is_incidents(req) || (req->settles_n == 1 && req->incidents_n == 0 && req->mail_from.n == 0 && req->kind == KIND_DSN &&
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
	job_act(j, MS_DELIVER);
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

/* ---- accounts ---- */

static void
open_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_open_request *req = j->msg;
	struct st_open_reply *reply = &j->u.open;
	struct control_account row;
	struct account *known = accounts_find(e->accounts, req->guid);
	int r = known == NULL ? OK : quota_learn(e, known, &req->quota);

	if (r == OK)
		r = control_begin_read(e->ctl);
	if (r == OK) {
		r = control_get_account(e->ctl, req->guid, &j->a, &row);
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
