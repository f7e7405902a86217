/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Requests about rights, metadata and what readers have seen: each is one act in the index. */
#include "common/control.h"
#include "mailstore/serve_internal.h"

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static int
rights_index(struct engine *e, struct engine_job *ej)
{
	return box_rights(e->ix, &job_of(ej)->scope, job_of(ej)->msg);
}

static int
entry_index(struct engine *e, struct engine_job *ej)
{
	return box_entry(e->ix, &job_of(ej)->scope, job_of(ej)->msg);
}

static int
seen_index(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_reader_seen_request *req = j->msg;

	/* Each reader gets a row, which stays as long as the mailbox: none for those who are nobody. */
	if (accounts_number(e->accounts, req->reader) == NULL && !control_off("reader-known"))
		return ERR_NOENT;
	j->reply = &j->u.seen;
	return box_reader_seen(e->ix, &j->scope, j->msg, &j->a, &j->u.seen);
}

static void
over(struct engine *e, struct engine_job *ej)
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
	j->ej = (struct engine_job){ .index = index, .done = over };
	job_ready(j);
}

void
serve_ST_RIGHTS(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_rights_request *req = msg;

	start(service, creq, &st_rights_request_wire, msg, req->account, rights_index);
}

void
serve_ST_ENTRY(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_entry_request *req = msg;

	start(service, creq, &st_entry_request_wire, msg, req->account, entry_index);
}

void
serve_ST_READER_SEEN(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_reader_seen_request *req = msg;

	start(service, creq, &st_reader_seen_request_wire, msg, req->account, seen_index);
}
