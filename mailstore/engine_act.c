/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/engine_act.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mailstore/quota.h"

static struct engine_act *
act_of(struct engine_job *ej)
{
	return (struct engine_act *)(void *)ej;
}

/* ---- deliver ---- */

static int
deliver_prepare(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	struct engine_delivery *d = &act->u.delivery;
	int r = engine_deliver_prepare(e, act->call->req, act->call->message, act->call->summary,
	    act->call->a, d);

	act->prepared = r == OK;
	ej->task = act->prepared && !d->repeated ? &d->sealing.task : NULL;
	return r;
}

static int
deliver_seal(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);

	return act->prepared ? engine_deliver_put(e, &act->u.delivery) :
	    engine_deliver_seal(e, act->call->req, act->call->message, act->call->summary,
		act->call->a, &act->u.delivery);
}

static int
deliver_control(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);

	return engine_deliver_control(e, act->call->req, &act->u.delivery);
}

static void
deliver_over(struct engine *e, struct engine_act *act)
{
	const struct st_deliver_request *req = act->call->req;
	int status = act->call->status;

	if (engine_deliver_done(e, req, &act->u.delivery, status) != OK) {
		/* Durable, but its mailbox rows must wait for the next start. */
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
		e->broken = ERR_NOMEM;
	}
	if (status == OK && req->remote_n + req->filed_n + req->settles_n > 0)
		e->queue_changed = true;
}

/* ---- append ---- */

static int
append_prepare(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	struct engine_append *ap = &act->u.append;
	int r = engine_append_prepare(e, &act->scope, act->call->req, act->call->message,
	    act->call->summary, ap);

	act->prepared = r == OK;
	ej->task = act->prepared && !ap->repeated ? &ap->sealing.task : NULL;
	return r;
}

static int
append_seal(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);

	return act->prepared ? engine_append_put(e, act->call->req, &act->u.append) :
	    engine_append_seal(e, &act->scope, act->call->req, act->call->message,
		act->call->summary, &act->u.append);
}

static int
append_control(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_append_request *req = act->call->req;
	int r = OK;

	if (!act->u.append.repeated)
		r = audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
	act->control_ran = r == OK;
	return r;
}

static int
append_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	int r = engine_append_index(e, &act->scope, act->call->req, &act->u.append);

	act->call->reply.append = act->u.append.reply;
	return r;
}

/* ---- acts in the index alone ---- */

static int
create_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_name_request *req = act->call->req;

	return box_create(e->ix, &act->scope, req->name, req->special_use,
	    &act->call->reply.name.mailbox);
}

static int
delete_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_name_request *req = act->call->req;

	return box_delete(e->ix, &act->scope, req->name);
}

static int
rename_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_name_request *req = act->call->req;

	return box_rename(e->ix, &act->scope, req->name, req->new_name, act->call->a);
}

static int
subscribe_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_name_request *req = act->call->req;

	return box_subscribe(e->ix, &act->scope, req->name, req->on != 0);
}

static int
flags_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);

	return box_flags(e->ix, &act->scope, act->call->req, act->call->a,
	    &act->call->reply.flags);
}

static int
expunge_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_expunge_request *req = act->call->req;

	return box_expunge(e->ix, &act->scope, req->mailbox, req->uids, req->uids_n, act->call->a,
	    &act->call->reply.expunge);
}

static int
learn(struct engine *e, struct engine_act *act, const struct st_quota *said)
{
	struct account *a = accounts_number(e->accounts, act->scope.account);
	int r = a == NULL ? OK : quota_learn(e, a, said);

	act->scope.quota = quota_scope(e, act->scope.account, true, &act->quota);
	return r;
}

static int
copy_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_copy_request *req = act->call->req;
	struct st_copy_reply *reply = &act->call->reply.copy;
	int r = box_token_get(e->ix, &act->scope, req->token, &st_copy_reply_wire, act->call->a,
	    reply);

	if (r != ERR_NOENT)
		return r;
	r = req->move ? OK : engine_room(e, 0);
	if (r == OK)
		r = learn(e, act, &req->quota);
	if (r == OK)
		r = box_copy(e->ix, &act->scope, req, act->call->a, reply);
	return r == OK ? box_token_put(e->ix, &act->scope, req->token, &st_copy_reply_wire,
	    reply) : r;
}

static int
seen_recent_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	const struct st_seen_recent_request *req = act->call->req;
	struct st_seen_recent_reply *reply = &act->call->reply.recent;

	return box_seen_recent(e->ix, &act->scope, req->mailbox, &reply->first_recent_uid,
	    &reply->end_uid);
}

/* ---- the table ---- */

static void
act_done(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);

	act->call->status = ej->status;
	if (act->call->act == MS_DELIVER)	/* what never came to be put */
		engine_deliver_cancel(e, &act->u.delivery);
	else if (act->call->act == MS_APPEND) {
		engine_append_cancel(e, &act->u.append);
		engine_append_done(e, &act->scope, &act->u.append);
	}
	if (act->call->act == MS_DELIVER)
		deliver_over(e, act);
	else if (ej->status == OK) {
		quota_tell(e, act->scope.account);
		if (act->call->act != MS_APPEND || !act->u.append.repeated)
			notify_touch(e->notify, act->scope.account);
	}
	act->done(e, act);
}

typedef int (*step_fn)(struct engine *e, struct engine_job *job);

/* Where the account is in a request of each act: all but a delivery begin with it. */
#define ACCOUNT_AT(type)	offsetof(struct type, account)

static const struct {
	step_fn prepare, seal, control, index;
	size_t	account_at;
} rows[MS_ACTS] = {
	[MS_DELIVER] = { deliver_prepare, deliver_seal, deliver_control, NULL, 0 },
	[MS_APPEND] = { append_prepare, append_seal, append_control, append_index,
		ACCOUNT_AT(st_append_request) },
	[MS_FLAGS] = { NULL, NULL, NULL, flags_index, ACCOUNT_AT(st_flags_request) },
	[MS_EXPUNGE] = { NULL, NULL, NULL, expunge_index, ACCOUNT_AT(st_expunge_request) },
	[MS_COPY] = { NULL, NULL, NULL, copy_index, ACCOUNT_AT(st_copy_request) },
	[MS_CREATE] = { NULL, NULL, NULL, create_index, ACCOUNT_AT(st_name_request) },
	[MS_DELETE] = { NULL, NULL, NULL, delete_index, ACCOUNT_AT(st_name_request) },
	[MS_RENAME] = { NULL, NULL, NULL, rename_index, ACCOUNT_AT(st_name_request) },
	[MS_SUBSCRIBE] = { NULL, NULL, NULL, subscribe_index, ACCOUNT_AT(st_name_request) },
	[MS_SEEN_RECENT] = { NULL, NULL, NULL, seen_recent_index,
	    ACCOUNT_AT(st_seen_recent_request) },
};

/* What is pending is known only now. */
static int
run_index(struct engine *e, struct engine_job *ej)
{
	struct engine_act *act = act_of(ej);
	int r;

	act->scope.quota = quota_scope(e, act->scope.account, true, &act->quota);
	r = rows[act->call->act].index(e, ej);
	if (r == OK)
		quota_note(e, act->scope.account, act->scope.quota);
	act->scope.quota = NULL;
	return r;
}

void
engine_act_init(struct engine_act *act, struct ms_call *call,
    void (*done)(struct engine *e, struct engine_act *act))
{
	const struct st_append_request *append = call->req;

	act->call = call;
	act->done = done;
	act->control_ran = false;
	act->scope = (struct box_scope){ .internet = call->internet, .now_s = call->now_s };
	if (call->act != MS_DELIVER)
		memcpy(&act->scope.account, (const char *)call->req + rows[call->act].account_at,
		    sizeof act->scope.account);
	act->prepared = false;
	memset(&act->u, 0, sizeof act->u);
	if (call->act == MS_APPEND)
		act->u.append.unlimited = call->unlimited;
	act->ej = (struct engine_job){ .prepare = rows[call->act].prepare,
		.seal = rows[call->act].seal,
		.control = rows[call->act].control,
		.index = rows[call->act].index == NULL ? NULL : run_index,
		.done = act_done };
	if (call->act == MS_APPEND && append->audit_n == 0)
		act->ej.control = NULL;
}
