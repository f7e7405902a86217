/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "mailstore/serve_internal.h"

enum { KEY_TIMEOUT_MS = 5000 };

/* Who waits for an account; in the memory of the job. */
struct waiter {
	struct waiter *next;
	struct job    *job;
};

/* One of the two answers of keyd that an account needs. */
struct key_call {
	struct pending_account *of;
	uint8_t class;
};

/* An account that does not exist yet. */
struct pending_account {
	struct engine_job ej;		/* first */
	struct pending_account *next;
	struct server	 *sv;
	struct control_account row;
	struct st_keyset  keysets[ACCOUNT_CLASSES];
	struct key_call	  calls[ACCOUNT_CLASSES];
	unsigned	  open_calls;
	int		  failed;
	struct waiter	 *waiters;
	struct arena	  a;
};

static void
job_wake(struct job *j, int failed)
{
	if (failed != OK)
		j->failed = failed;
	if (--j->waits > 0)
		return;
	if (j->failed != OK)
		job_finish(j, j->failed);
	else
		job_ready(j);
}

static void
pending_free(struct pending_account *p, int status)
{
	struct pending_account **at = &p->sv->pending;
	struct waiter *w = p->waiters;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	while (w != NULL) {
		struct job *j = w->job;

		w = w->next;	/* it lives in the job */
		job_wake(j, status);
	}
	arena_clear(&p->a);
	free(p);
}

/* ---- keysets ---- */

static void
take_keyset(struct pending_account *p, uint8_t class, const struct key_new_reply *reply)
{
	struct st_keyset *ks = &p->keysets[class == KEYSET_OPEN ? ACCOUNT_OPEN : ACCOUNT_MAT];

	ks->class = class;
	ks->public_key = arena_copy(&p->a, reply->public_key);
	ks->wrapped = arena_copy(&p->a, reply->wrapped);
	if (reply->public_key.n != 32 || reply->wrapped.n == 0)
		p->failed = ERR_UNAVAIL;
}

static void
on_key(void *arg, struct chan_answer *answer)
{
	struct key_call *call = arg;
	struct pending_account *p = call->of;
	struct server *sv = p->sv;

	if (answer->status == OK)
		take_keyset(p, call->class, answer->msg);
	else
		p->failed = ERR_UNAVAIL;
	if (--p->open_calls > 0)
		return;
	for (struct waiter *w = p->waiters; w != NULL; w = w->next)
		w->job->unkeyed--;
	if (p->failed == OK)
		p->failed = p->a.err;
	if (p->failed != OK || sv->closing) {
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "keyd"), F_ERR(answer->status));
		pending_free(p, ERR_UNAVAIL);
	} else {
		p->row.keysets_n = ACCOUNT_CLASSES;
	}
	round_soon(sv);
}

/* ---- need ---- */

static struct pending_account *
pending_new(struct server *sv, struct slice guid, struct slice uid, struct slice address)
{
	static const uint8_t classes[ACCOUNT_CLASSES] = { KEYSET_OPEN, KEYSET_MAT };
	struct pending_account *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	arena_init(&p->a, 8192);
	p->sv = sv;
	p->row = (struct control_account){ .guid = arena_copy(&p->a, guid),
		.uid = arena_copy(&p->a, uid), .address = arena_copy(&p->a, address),
		.keysets = p->keysets };
	p->next = sv->pending;
	sv->pending = p;
	p->open_calls = ACCOUNT_CLASSES;
	for (int i = 0; i < ACCOUNT_CLASSES; i++) {
		struct key_new_request req = { p->row.guid, classes[i] };

		p->calls[i] = (struct key_call){ p, classes[i] };
		chan_call(sv->keyd, KEY_NEW, &req, NULL, 0, KEY_TIMEOUT_MS, on_key, &p->calls[i],
		    NULL);
	}
	return p;
}

void
accounts_need(struct job *j, struct slice guid, struct slice uid, struct slice address)
{
	struct server *sv = j->sv;
	struct pending_account *p = sv->pending;
	struct waiter *w;

	if (guid.n != 16)
		j->failed = ERR_INVAL;
	if (j->failed != OK || accounts_find(sv->e->accounts, guid) != NULL)
		return;
	while (p != NULL && !slice_eq(p->row.guid, guid))
		p = p->next;
	if (p == NULL)
		p = pending_new(sv, guid, uid, address);
	w = p == NULL ? NULL : arena_alloc(&j->a, sizeof *w);
	if (w == NULL) {
		j->failed = ERR_NOMEM;
		return;
	}
	*w = (struct waiter){ p->waiters, j };
	p->waiters = w;
	j->waits++;
	j->unkeyed += p->open_calls > 0;
}

void
accounts_go(struct job *j)
{
	if (j->waits > 0 && j->unkeyed == 0)	/* they have their keys, and wait for another job */
		round_soon(j->sv);
	j->waits++;
	job_wake(j, OK);
}

/* ---- making ---- */

static int
account_control(struct engine *e, struct engine_job *ej)
{
	struct pending_account *p = (struct pending_account *)(void *)ej;

	return engine_account_control(e, &p->row);
}

static int
account_index(struct engine *e, struct engine_job *ej)
{
	struct pending_account *p = (struct pending_account *)(void *)ej;

	return engine_account_index(e, &p->row);
}

static void
account_done(struct engine *e, struct engine_job *ej)
{
	struct pending_account *p = (struct pending_account *)(void *)ej;
	int r = ej->status;

	/* Rows that are in control but not in index are completed at the next start. */
	if (r == OK)
		r = accounts_add(e->accounts, &p->row);
	pending_free(p, r);
}

/* Of one who waits for many, none is made before keyd has answered for all of them: else each would
 * have a commit of its own, which takes a slow disk minutes. */
static bool
all_keyed(const struct server *sv)
{
	for (const struct pending_account *p = sv->pending; p != NULL; p = p->next)
		for (const struct waiter *w = p->waiters; p->open_calls == 0 && w != NULL;
		    w = w->next)
			if (w->job->unkeyed == 0)
				return true;
	return false;
}

void
accounts_commit(struct server *sv)
{
	struct engine_job *list = NULL;

	if (!all_keyed(sv))
		return;
	for (struct pending_account *p = sv->pending; p != NULL; p = p->next)
		if (p->open_calls == 0) {
			p->ej = (struct engine_job){ .next = list, .control = account_control,
				.index = account_index, .done = account_done };
			list = &p->ej;
		}
	if (list != NULL)
		engine_commit(sv->e, list);
}

void
accounts_stop(struct server *sv)
{
	while (sv->pending != NULL)
		pending_free(sv->pending, ERR_UNAVAIL);
}
