/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The key of the queue: asked of keyd at the start, and changed on request.
 *
 * A rotation has three commits: the new key and the old one are noted; entries are wrapped anew, some
 * at a time; the old key is forgotten. Cut short anywhere it goes on at the next start. While both
 * are there an entry may be wrapped for either.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mailstore/serve_internal.h"

enum { KEY_TIMEOUT_MS = 5000, RETRY_MS = 200, AT_ONCE = 256 };

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

static struct slice
slice_of_key(const struct spool_key *k)
{
	return (struct slice){ (const char *)k->octets, k->n };
}

static void
ask_key(struct server *sv, const struct spool_key *k, chan_answer_fn fn, void *arg)
{
	struct key_spool_request req = { slice_of_key(k) };

	chan_call(sv->keyd, KEY_SPOOL, &req, NULL, 0, KEY_TIMEOUT_MS, fn, arg, NULL);
}

/* The 32 octets of an answer, which are wiped there by `use` having copied them. */
static int
take_key(struct server *sv, struct chan_answer *answer,
    int (*use)(struct engine *e, const uint8_t key[32]))
{
	const struct key_spool_reply *reply = answer->msg;
	int r = answer->status != OK ? answer->status : reply->key.n != 32 ? ERR_FRAME :
	    use(sv->e, (const uint8_t *)reply->key.p);

	if (answer->status == OK)
		crypt_wipe((void *)(uintptr_t)reply->key.p, reply->key.n);
	return r;
}

/* ---- at the start ---- */

static void on_spool_timer(struct loop_timer *t);
static void rewrap_all(struct job *j);

static void
retry(struct server *sv)
{
	if (loop_timer_set(sv->loop, &sv->spool, RETRY_MS, on_spool_timer, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

static void
go_on(struct server *sv)
{
	struct job *j = job_own(sv);

	if (j == NULL) {
		retry(sv);
		return;
	}
	sv->spool_rotating = true;
	rewrap_all(j);
}

static void
on_old_key(void *arg, struct chan_answer *answer)
{
	struct server *sv = arg;

	if (sv->closing)
		return;
	if (take_key(sv, answer, engine_set_spool_old) == OK)
		go_on(sv);
	else
		retry(sv);
}

static void
on_spool_key(void *arg, struct chan_answer *answer)
{
	struct server *sv = arg;

	if (sv->closing)
		return;
	if (take_key(sv, answer, engine_set_spool_key) != OK) {
		retry(sv);
		return;
	}
	log_event(EV_SERVICE_UP, F_CSTR("service", "keyd"));
	if (sv->spool_row.has_old)
		ask_key(sv, &sv->spool_row.old, on_old_key, sv);
}

static void
on_spool_timer(struct loop_timer *t)
{
	struct server *sv = t->arg;

	ask_key(sv, sv->e->spool_key == NULL ? &sv->spool_row.now : &sv->spool_row.old,
	    sv->e->spool_key == NULL ? on_spool_key : on_old_key, sv);
}

int
spool_start(struct server *sv)
{
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = engine_spool_row_get(sv->e, &sv->spool_row);
		control_abort(sv->e->ctl);
	}
	if (r != OK)
		return r;
	sv->spool.arg = sv;
	on_spool_timer(&sv->spool);
	return OK;
}

/* ---- a rotation ---- */

static int
audit_spool(struct engine *e, const char *event, struct slice by)
{
	struct st_audit rec = { .event = slice_of(event), .verdict = VERDICT_ALLOW, .detail = by };

	return audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1);
}

static struct slice
by_of(const struct job *j)
{
	const struct st_spool_rotate_request *req = j->msg;

	return req == NULL ? SLICE("after a restart") : req->by;
}

static void
finish(struct job *j, int r)
{
	j->sv->spool_rotating = false;
	if (j->msg == NULL)
		job_free(j);
	else
		job_finish(j, r);
}

/* Third: nothing is wrapped for the old key any more. */
static int
forget_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct spool_row row = { .now = j->sv->spool_row.now };
	int r = engine_spool_row_put(e, &row);

	return r == OK ? audit_spool(e, "spool-destroy", by_of(j)) : r;
}

static void
forget_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	if (ej->status == OK) {
		j->sv->spool_row.has_old = false;
		engine_spool_forget_old(e);
	}
	j->reply = &j->u.spool.reply;
	finish(j, ej->status);
}

/* Second: entry by entry. */
static int
rewrap_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	int r = engine_spool_rewrap(e, &j->u.spool.at, AT_ONCE, &j->u.spool.reply.entries);

	j->u.spool.through = r == 0;
	return r < 0 ? r : OK;
}

static void
rewrap_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	(void)e;
	if (ej->status != OK || j->sv->closing) {
		if (ej->status != OK)
			log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "queue keys"),
			    F_ERR(ej->status));
		finish(j, ej->status == OK ? ERR_UNKNOWN : ej->status);
		return;
	}
	if (!j->u.spool.through) {
		rewrap_all(j);
		return;
	}
	j->ej = (struct engine_job){ .control = forget_control, .done = forget_done };
	job_ready(j);
}

static void
rewrap_all(struct job *j)
{
	j->ej = (struct engine_job){ .control = rewrap_control, .done = rewrap_done };
	job_ready(j);
}

/* First: both are noted. */
static int
note_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct spool_row row = { .now = j->u.spool.fresh, .old = j->sv->spool_row.now,
		.has_old = true };
	int r = engine_spool_row_put(e, &row);

	return r == OK ? audit_spool(e, "spool-rotate", by_of(j)) : r;
}

static void
note_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct server *sv = j->sv;
	int r = ej->status;

	if (r == OK) {
		sv->spool_row.old = sv->spool_row.now;
		sv->spool_row.now = j->u.spool.fresh;
		sv->spool_row.has_old = true;
		r = e->broken = engine_spool_turn(e, j->u.spool.secret);
	}
	crypt_secret_free(j->u.spool.secret);
	j->u.spool.secret = NULL;
	if (r != OK || sv->closing)
		finish(j, r == OK ? ERR_UNKNOWN : r);
	else
		rewrap_all(j);
}

static void
on_fresh_key(void *arg, struct chan_answer *answer)
{
	struct job *j = arg;
	const struct key_spool_reply *reply = answer->msg;

	if (j->sv->closing || answer->status != OK || reply->key.n != CRYPT_KEY_OCTETS) {
		finish(j, ERR_UNAVAIL);
		return;
	}
	j->u.spool.secret = crypt_secret_new(CRYPT_KEY_OCTETS);
	if (j->u.spool.secret != NULL)
		memcpy(j->u.spool.secret, reply->key.p, CRYPT_KEY_OCTETS);
	crypt_wipe((void *)(uintptr_t)reply->key.p, reply->key.n);
	if (j->u.spool.secret == NULL) {
		finish(j, ERR_NOMEM);
		return;
	}
	j->ej = (struct engine_job){ .control = note_control, .done = note_done };
	job_ready(j);
}

static void
on_new(void *arg, struct chan_answer *answer)
{
	struct job *j = arg;
	const struct key_new_reply *reply = answer->msg;
	struct spool_key *to = &j->u.spool.fresh;

	if (j->sv->closing || answer->status != OK || reply->wrapped.n == 0 ||
	    reply->wrapped.n > sizeof to->octets) {
		finish(j, ERR_UNAVAIL);
		return;
	}
	to->n = (uint8_t)reply->wrapped.n;
	memcpy(to->octets, reply->wrapped.p, reply->wrapped.n);
	ask_key(j->sv, to, on_fresh_key, j);
}

void
serve_ST_SPOOL_ROTATE(void *service, struct chan_req *creq, const void *msg)
{
	static const char nobody[DIR_GUID_OCTETS];
	struct key_new_request ask = { { nobody, sizeof nobody }, KEYSET_SPOOL };
	struct server *sv = service;
	bool ready = !sv->spool_rotating && sv->e->spool_key != NULL && !sv->spool_row.has_old;
	struct job *j;

	if (!ready) {
		chan_reply(sv->chan, creq, sv->e->spool_key == NULL ? ERR_UNAVAIL : ERR_AGAIN,
		    NULL, NULL, 0);
		return;
	}
	j = job_new(sv, creq, &st_spool_rotate_request_wire, msg);
	if (j == NULL)
		return;
	sv->spool_rotating = true;
	chan_call(sv->keyd, KEY_NEW, &ask, NULL, 0, KEY_TIMEOUT_MS, on_new, j, NULL);
}
