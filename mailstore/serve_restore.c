/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Mail of a backup comes back: ST_RESTORE. */
#include "common/clock.h"
#include "common/memfd.h"
#include "mailstore/quota.h"
#include "mailstore/serve_internal.h"

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static int
restore_seal(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_restore_request *req = j->msg;
	struct account *acct = accounts_number(e->accounts, req->account);
	int r = acct == NULL ? ERR_NOENT : req->token.n != ST_ID_OCTETS ? ERR_INVAL : OK;

	if (r == OK)
		r = quota_learn(e, acct, &req->quota);
	return r == OK ?
	    adopt_seal(e, &j->scope, req, j->message, &j->a, &j->u.restore.made) : r;
}

static int
restore_control(struct engine *e, struct engine_job *ej)
{
	const struct st_restore_request *req = job_of(ej)->msg;

	return audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
}

static int
restore_index(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct box_scope sc = j->scope;
	struct box_quota q;
	int r;

	sc.quota = quota_scope(e, sc.account, true, &q);
	r = adopt_index(e, &sc, j->msg, &j->a, &j->u.restore.made);
	j->u.restore.reply = j->u.restore.made.reply;
	j->reply = &j->u.restore.reply;
	return r;
}

static void
restore_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	if (ej->status == OK)
		notify_touch(e->notify, j->scope.account);
	else if (e->broken == OK && ej->status != ERR_UNKNOWN)	/* else its row may be there */
		adopt_undo(e, &j->u.restore.made);
	job_finish(j, ej->status);
}

void
serve_ST_RESTORE(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_restore_request_wire, msg);
	const struct st_restore_request *req = msg;
	int r;

	if (j == NULL)
		return;
	r = memfd_map(creq->fds[0], FRAME_SIZE_MAX, &j->message);
	if (r != OK) {
		job_finish(j, r);
		return;
	}
	j->scope.account = req->account;
	j->ej = (struct engine_job){ .seal = restore_seal, .control = restore_control,
		.index = restore_index, .done = restore_done };
	job_ready(j);
}
