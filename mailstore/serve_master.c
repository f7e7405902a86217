/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* ST_MASTER: secrets of keysets, wrapped anew by keyd for a master key that takes over. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "mailstore/serve_internal.h"

enum { KEY_TIMEOUT_MS = 10000 };

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static int
audit_master(struct engine *e, const struct job *j)
{
	const struct st_master_request *req = j->msg;
	struct st_audit rec = { .event = SLICE("master-key"), .verdict = VERDICT_ALLOW,
		.account = j->u.master.row.address, .detail = req->by };

	return audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1);
}

/* Rows that changed in the meantime are asked about again. */
static int
put_account(struct engine *e, struct job *j)
{
	struct control_account now;
	const struct control_account *was = &j->u.master.row;
	int r = control_get_account(e->ctl, was->guid, &j->a, &now);

	if (r == OK && now.keysets_n != was->keysets_n)
		return ERR_AGAIN;
	for (size_t i = 0; i < now.keysets_n && r == OK; i++) {
		if (now.keysets[i].id != was->keysets[i].id)
			return ERR_AGAIN;
		now.keysets[i].wrapped = was->keysets[i].wrapped;
	}
	return r == OK ? control_put_account(e->ctl, &now) : r;
}

static int
put_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	int r;

	if (j->u.master.row.number != 0)
		r = put_account(e, j);
	else {
		j->sv->spool_row.now = j->u.master.spool;
		r = engine_spool_row_put(e, &j->sv->spool_row);
	}
	return r == OK ? audit_master(e, j) : r;
}

static void
put_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	(void)e;
	j->reply = &j->u.master.reply;
	job_finish(j, ej->status);
}

static void
on_rewrapped(void *arg, struct chan_answer *answer)
{
	struct job *j = arg;
	const struct key_rewrap *reply = answer->msg;
	struct control_account *row = &j->u.master.row;
	bool spool = row->number == 0;
	int r = answer->status;

	if (r == OK && (reply->secrets_n != j->u.master.asked || j->sv->closing))
		r = ERR_UNAVAIL;
	for (size_t i = 0; r == OK && i < j->u.master.asked; i++) {
		struct slice w = reply->secrets[i].wrapped;

		if (w.n == 0 || w.n > sizeof j->u.master.spool.octets)
			r = ERR_FRAME;
		else if (spool) {
			j->u.master.spool.n = (uint8_t)w.n;
			memcpy(j->u.master.spool.octets, w.p, w.n);
		} else
			row->keysets[i].wrapped = arena_copy(&j->a, w);
	}
	if (r == OK)
		r = j->a.err;
	if (r != OK) {
		job_finish(j, r == ERR_BAD_STATE ? r : ERR_UNAVAIL);
		return;
	}
	j->u.master.reply.keysets = (uint32_t)j->u.master.asked;
	j->ej = (struct engine_job){ .control = put_control, .done = put_done };
	job_ready(j);
}

/* The account with that number or the next one. */
static int
read_account(struct server *sv, struct job *j, uint32_t from)
{
	struct engine *e = sv->e;
	const struct account *acct = NULL;
	uint32_t n = from;
	int r;

	for (; n <= accounts_last(e->accounts) && acct == NULL; n++)
		acct = accounts_number(e->accounts, n);
	if (acct == NULL)
		return ERR_NOENT;
	j->u.master.reply.next = n;
	r = control_begin_read(e->ctl);
	if (r != OK)
		return r;
	r = control_get_account(e->ctl, (struct slice){ (const char *)acct->guid, 16 }, &j->a,
	    &j->u.master.row);
	control_abort(e->ctl);
	return r;
}

static int
ask(struct server *sv, struct job *j)
{
	const struct control_account *row = &j->u.master.row;
	size_t n = row->number == 0 ? 1 : row->keysets_n;
	struct key_rewrap req = { arena_array(&j->a, n, sizeof *req.secrets), n };

	if (req.secrets == NULL)
		return j->a.err;
	if (row->number == 0)
		req.secrets[0].wrapped = (struct slice){ (const char *)sv->spool_row.now.octets,
			sv->spool_row.now.n };
	for (size_t i = 0; row->number != 0 && i < n; i++)
		req.secrets[i].wrapped = row->keysets[i].wrapped;
	j->u.master.asked = n;
	chan_call(sv->keyd, KEY_REWRAP, &req, NULL, 0, KEY_TIMEOUT_MS, on_rewrapped, j, NULL);
	return OK;
}

/* 0 stands for the key of the queue. The first one of a store follows from the master key: it has to
 * be rotated before. */
void
serve_ST_MASTER(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_master_request *req = msg;
	struct job *j = job_new(sv, creq, &st_master_request_wire, msg);
	int r;

	if (j == NULL)
		return;
	if (req->from != 0)
		r = read_account(sv, j, req->from);
	else {
		r = sv->spool_row.now.n == 0 || sv->spool_row.has_old ? ERR_BAD_STATE : OK;
		j->u.master.reply.next = 1;
	}
	if (r == OK)
		r = ask(sv, j);
	if (r == ERR_NOENT) {	/* through */
		j->u.master.reply = (struct st_master_reply){ 0, 0 };
		j->reply = &j->u.master.reply;
		r = OK;
		job_finish(j, r);
	} else if (r != OK)
		job_finish(j, r);
}
