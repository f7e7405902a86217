/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/serve_internal.h"

/*
 * Requests that are one act in the index. Each has a function for the step, and a macro makes its
 * entry from the table's names.
 */

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static void
box_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	if (ej->status == OK)
		notify_touch(e->notify, j->scope.account);
	job_finish(j, ej->status);
}

static void
start(struct server *sv, struct chan_req *creq, const struct wire_type *type, const void *msg,
    uint32_t account, int (*index)(struct engine *e, struct engine_job *ej))
{
	struct job *j = job_new(sv, creq, type, msg);

	if (j == NULL)
		return;
	j->scope.account = account;
	j->ej = (struct engine_job){ .index = index, .done = box_done };
	job_ready(j);
}

#define SERVE_BOX(code, type, step) \
	void \
	serve_##code(void *service, struct chan_req *creq, const void *msg) \
	{ \
		const struct type *req = msg; \
		start(service, creq, &type##_wire, msg, req->account, step); \
	}

static int
create_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_name_request *req = j->msg;

	j->reply = &j->u.name;
	return box_create(e->ix, &j->scope, req->name, req->special_use, &j->u.name.mailbox);
}

static int
delete_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_name_request *req = j->msg;

	return box_delete(e->ix, &j->scope, req->name);
}

static int
rename_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_name_request *req = j->msg;

	return box_rename(e->ix, &j->scope, req->name, req->new_name, &j->a);
}

static int
subscribe_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_name_request *req = j->msg;

	return box_subscribe(e->ix, &j->scope, req->name, req->on != 0);
}

static int
flags_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	j->reply = &j->u.flags;
	return box_flags(e->ix, &j->scope, j->msg, &j->a, &j->u.flags);
}

static int
expunge_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_expunge_request *req = j->msg;

	j->reply = &j->u.expunge;
	return box_expunge(e->ix, &j->scope, req->mailbox, req->uids, req->uids_n, &j->a,
	    &j->u.expunge);
}

static int
copy_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_copy_request *req = j->msg;
	int r;

	j->reply = &j->u.copy;
	r = box_token_get(e->ix, &j->scope, req->token, &st_copy_reply_wire, &j->a, &j->u.copy);
	if (r != ERR_NOENT)
		return r;
	r = req->move ? OK : engine_room(e, 0);
	if (r == OK)
		r = box_copy(e->ix, &j->scope, req, &j->a, &j->u.copy);
	return r == OK ? box_token_put(e->ix, &j->scope, req->token, &st_copy_reply_wire,
	    &j->u.copy) : r;
}

static int
seen_recent_step(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_seen_recent_request *req = j->msg;

	j->reply = &j->u.recent;
	return box_seen_recent(e->ix, &j->scope, req->mailbox, &j->u.recent.first_recent_uid,
	    &j->u.recent.end_uid);
}

SERVE_BOX(ST_CREATE, st_name_request, create_step)
SERVE_BOX(ST_DELETE, st_name_request, delete_step)
SERVE_BOX(ST_RENAME, st_name_request, rename_step)
SERVE_BOX(ST_SUBSCRIBE, st_name_request, subscribe_step)
SERVE_BOX(ST_FLAGS, st_flags_request, flags_step)
SERVE_BOX(ST_EXPUNGE, st_expunge_request, expunge_step)
SERVE_BOX(ST_COPY, st_copy_request, copy_step)
SERVE_BOX(ST_SEEN_RECENT, st_seen_recent_request, seen_recent_step)
