/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>

#include "mailstore/serve_internal.h"

/* Requests that are one act of mailstore/ms.h. */

/* The audit says that a message was taken in, and then it was not: say that too. */
static void
say_undone(struct job *j, const struct st_audit *record)
{
	struct st_audit undone = *record;
	char detail[100];

	snprintf(detail, sizeof detail, "not stored: %s", err_text(j->call.status));
	undone.verdict = VERDICT_DEFER;
	undone.detail = slice_of(detail);
	audit_own(j->sv, &undone);
}

static void
act_over(struct engine *e, struct engine_act *act)
{
	struct job *j = (struct job *)(void *)act;
	const struct st_append_request *append = j->msg;

	(void)e;
	if (j->call.act == MS_APPEND && j->call.status != OK && act->control_ran &&
	    append->audit_n > 0)
		say_undone(j, append->audit);
	job_finish(j, j->call.status);
}

void
job_act(struct job *j, enum ms_act act)
{
	j->call = (struct ms_call){ .act = act, .req = j->msg, .message = j->message,
		.summary = j->summary, .internet = j->scope.internet, .now_s = j->scope.now_s,
		.unlimited = j->unlimited,
		.a = &j->a };
	/* A union: its address is that of the reply that the act has. */
	if (act != MS_DELIVER && act != MS_DELETE && act != MS_RENAME && act != MS_SUBSCRIBE)
		j->reply = &j->call.reply;
	engine_act_init(&j->act, &j->call, act_over);
}

static void
start(struct server *sv, struct chan_req *creq, const struct wire_type *type, const void *msg,
    enum ms_act act)
{
	struct job *j = job_new(sv, creq, type, msg);

	if (j == NULL)
		return;
	job_act(j, act);
	job_ready(j);
}

#define SERVE_ACT(code, type, act) \
	void \
	serve_##code(void *service, struct chan_req *creq, const void *msg) \
	{ \
		start(service, creq, &type##_wire, msg, act); \
	}

SERVE_ACT(ST_CREATE, st_name_request, MS_CREATE)
SERVE_ACT(ST_DELETE, st_name_request, MS_DELETE)
SERVE_ACT(ST_RENAME, st_name_request, MS_RENAME)
SERVE_ACT(ST_SUBSCRIBE, st_name_request, MS_SUBSCRIBE)
SERVE_ACT(ST_FLAGS, st_flags_request, MS_FLAGS)
SERVE_ACT(ST_EXPUNGE, st_expunge_request, MS_EXPUNGE)
SERVE_ACT(ST_COPY, st_copy_request, MS_COPY)
SERVE_ACT(ST_SEEN_RECENT, st_seen_recent_request, MS_SEEN_RECENT)

/* Only an administrator's import may say which message it is a copy of. */
void
serve_ST_APPEND(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	const struct st_append_request *req = msg;

	if (req->email_id.n > 0)
		chan_reply(sv->chan, creq, ERR_ACCESS, NULL, NULL, 0);
	else
		start(sv, creq, &st_append_request_wire, msg, MS_APPEND);
}

/* Without any quota in it, nobody has asked the directory for what the account may keep. What is on its way
 * for one administrator keeps its order: it becomes that of the UIDs. */
void
serve_ST_IMPORT(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_append_request *req = msg;
	struct job *j = job_new(service, creq, &st_append_request_wire, msg);

	if (j == NULL)
		return;
	j->unlimited = req->quota.octets == 0 && req->quota.messages == 0 &&
	    req->quota.group.n == 0;
	job_act(j, MS_APPEND);
	j->ej.in_order = true;
	job_ready(j);
}
