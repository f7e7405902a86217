/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What an administrator asks about keysets (ST_KEYS ... ST_KEY_DROP). */
#include <string.h>

#include "mailstore/serve_internal.h"

enum { KEY_TIMEOUT_MS = 5000 };

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* ---- showing ---- */

static bool
has_name(const struct control_account *row, struct slice name)
{
	return slice_eq_nocase(row->uid, name) || slice_eq_nocase(row->address, name);
}

static int
find_by_name(struct engine *e, struct slice name, struct arena *a, struct control_account *row)
{
	struct env_cursor cur;
	int r = env_cursor_open(e->ctl->t, CONTROL_ACCOUNT, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		arena_clear(a);
		r = control_account_get(cur.key, cur.val, a, row);
		if (r != OK || has_name(row, name))
			break;
		r = env_cursor_next(&cur);
		if (r == 0)
			r = ERR_NOENT;
	}
	env_cursor_close(&cur);
	return r;
}

static int
find_by_number(struct engine *e, uint32_t from, struct arena *a, struct control_account *row)
{
	for (uint32_t n = from; n <= accounts_last(e->accounts); n++) {
		const struct account *acct = accounts_number(e->accounts, n);

		if (acct != NULL)
			return control_get_account(e->ctl,
			    (struct slice){ (const char *)acct->guid, 16 }, a, row);
	}
	return ERR_NOENT;
}

void
serve_ST_KEYS(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_keys_request *req = msg;
	struct control_account row = { 0 };
	struct st_keys_reply reply;
	struct arena a;
	int r = control_begin_read(sv->e->ctl);

	arena_init(&a, 1 << 20);
	if (r == OK) {
		r = req->name.n > 0 ? find_by_name(sv->e, req->name, &a, &row) :
		    find_by_number(sv->e, req->from, &a, &row);
		control_abort(sv->e->ctl);
	}
	if (r == OK)
		reply = (struct st_keys_reply){ row.number, row.guid, row.uid, row.address,
			row.keysets, row.keysets_n };
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
	arena_clear(&a);
}

/* ---- a new keyset ---- */

/* A mat mailbox is never shared as such: its agency's mat keyset is for cleared clerks inside. */
static int
rotate_seal(struct engine *e, struct engine_job *ej)
{
	const struct st_key_rotate_request *req = job_of(ej)->msg;
	int r = req->class == KEYSET_SHARED ? index_begin_read(e->ix) : OK;

	if (r != OK || req->class != KEYSET_SHARED)
		return r;
	r = index_box_get(e->ix, req->account, req->mailbox, &e->ix->box);
	if (r == OK && e->ix->box.class == KEYSET_MAT)
		r = ERR_ACCESS;
	index_abort(e->ix);
	return r;
}

static int
rotate_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_key_rotate_request *req = j->msg;
	int r = engine_key_rotate(e, req->account, &j->u.rotate.fresh, req->by, &j->a,
	    &j->u.rotate.row);

	if (r == OK)
		j->u.rotate.reply.keyset =
		    j->u.rotate.row.keysets[j->u.rotate.row.keysets_n - 1].id;
	return r;
}

static int
rotate_index(struct engine *e, struct engine_job *ej)
{
	return engine_keys_index(e, &job_of(ej)->u.rotate.row);
}

static void
rotate_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_key_rotate_request *req = j->msg;
	int r = engine_key_renew(e, req->account);

	j->reply = &j->u.rotate.reply;
	job_finish(j, ej->status == OK ? r : ej->status);
}

static void
on_key(void *arg, struct chan_answer *answer)
{
	struct job *j = arg;
	const struct key_new_reply *reply = answer->msg;
	const struct st_key_rotate_request *req = j->msg;

	if (answer->status != OK || reply->public_key.n != 32 || reply->wrapped.n == 0 ||
	    j->sv->closing) {
		job_finish(j, ERR_UNAVAIL);
		return;
	}
	j->u.rotate.fresh = (struct st_keyset){ .class = req->class,
		.mailbox = req->class == KEYSET_SHARED ? req->mailbox : 0,
		.public_key = arena_copy(&j->a, reply->public_key),
		.wrapped = arena_copy(&j->a, reply->wrapped) };
	j->ej = (struct engine_job){ .seal = rotate_seal, .control = rotate_control,
		.index = rotate_index, .done = rotate_done };
	if (j->a.err != OK)
		job_finish(j, j->a.err);
	else
		job_ready(j);
}

void
serve_ST_KEY_ROTATE(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_key_rotate_request_wire, msg);
	const struct st_key_rotate_request *req;
	struct key_new_request ask;
	const struct account *acct;

	if (j == NULL)
		return;
	req = j->msg;
	acct = accounts_number(j->sv->e->accounts, req->account);
	if (acct == NULL) {
		job_finish(j, ERR_NOENT);
		return;
	}
	ask = (struct key_new_request){ { (const char *)acct->guid, 16 }, req->class };
	chan_call(j->sv->keyd, KEY_NEW, &ask, NULL, 0, KEY_TIMEOUT_MS, on_key, j, NULL);
}

/* ---- wrapping anew ---- */

static int
rewrap_index(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	j->reply = &j->u.rewrap;
	return engine_rewrap(e, j->msg, &j->u.rewrap.done);
}

static void
plain_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	job_finish(job_of(ej), ej->status);
}

void
serve_ST_REWRAP(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_rewrap_request_wire, msg);

	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .index = rewrap_index, .done = plain_done };
	job_ready(j);
}

/* ---- the end ---- */

static int
drop_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return engine_key_drop(e, j->msg, &j->a);
}

static void
drop_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_key_drop_request *req = j->msg;
	int r = engine_key_renew(e, req->account);

	e->keysets_serial++;
	j->u.rewrap.done = ej->status == OK;
	j->reply = &j->u.rewrap;
	job_finish(j, ej->status == OK || ej->status == ERR_EXIST ? r : ej->status);
}

void
serve_ST_KEY_DROP(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_key_drop_request_wire, msg);

	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = drop_control, .done = drop_done };
	job_ready(j);
}
