/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <errno.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"
#include "mailstore/queue.h"
#include "mailstore/serve_internal.h"

enum { SETTLE_MS = 2000 };

static struct job *
job_of(struct engine_job *ej)
{
	return (struct job *)(void *)ej;
}

/* ---- the clock ---- */

static int
shift_control(struct engine *e, struct engine_job *ej)
{
	return queue_shift(e->ctl, job_of(ej)->u.shift_ms);
}

static int
settle_control(struct engine *e, struct engine_job *ej)
{
	(void)ej;
	return queue_settle_clock(e->ctl, clock_real_ms());
}

static void
times_done(struct engine *e, struct engine_job *ej)
{
	e->queue_changed = true;
	if (ej->status != OK)
		log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "queue times"), F_ERR(ej->status));
	job_free(job_of(ej));
}

static void
change_times(struct server *sv, int64_t shift_ms,
    int (*control)(struct engine *e, struct engine_job *ej))
{
	struct job *j = job_own(sv);

	if (j == NULL) {
		sv->clock.known = false;
		return;
	}
	j->u.shift_ms = shift_ms;
	j->ej = (struct engine_job){ .control = control, .done = times_done };
	job_ready(j);
}

static void
on_settle(struct loop_timer *t)
{
	change_times(t->arg, 0, settle_control);
}

/* Before anything is found due or not: was the clock set? The first call is at the start. */
void
queue_clock_watch(struct server *sv)
{
	bool start = !sv->clock.known;
	int64_t step_ms = queue_clock_step(&sv->clock, clock_real_ms(), (int64_t)clock_ms());

	if (step_ms == 0 && !start)
		return;
	change_times(sv, step_ms, start ? settle_control : shift_control);
	if (start)
		return;
	log_event(EV_CLOCK_SET, F_I64("by-ms", step_ms));
	/* What came in at that very moment bears a time of before, or was moved though it need not. */
	if (loop_timer_set(sv->loop, &sv->settle, SETTLE_MS, on_settle, sv) != OK)
		sv->clock.known = false;
}

/* ---- claim ---- */

static int
claim_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	int r;

	j->u.claim.found = false;
	if (j->u.claim.gone)
		return OK;
	r = queue_claim(e->ctl, j->msg, clock_real_ms(), &j->a, &j->u.claim.q,
	    &j->u.claim.next_ms);
	j->u.claim.found = r == 1;
	return r < 0 ? r : OK;
}

static void
on_deadline(struct loop_timer *t)
{
	struct job *j = t->arg, **at = &j->sv->claims;

	while (*at != NULL && *at != j)
		at = &(*at)->u.claim.next;
	if (*at == NULL) {	/* it was woken and is being looked at: claim_done ends it */
		j->u.claim.late = true;
		return;
	}
	*at = j->u.claim.next;
	job_finish(j, OK);
}

static void
on_due(struct loop_timer *t)
{
	queue_clock_watch(t->arg);
	claims_wake(t->arg);
}

/* Wake up when the entry that is due next is: it may be due sooner than what was waited for. */
static void
wait_due(struct server *sv, int64_t next_ms)
{
	int64_t left = next_ms - clock_real_ms();

	if (next_ms == INT64_MAX)
		return;
	left = left < 10 ? 10 : left > 60000 ? 60000 : left;
	if (loop_timer_set(sv->loop, &sv->due, (uint64_t)left, on_due, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

static void
wait_claim(struct job *j)
{
	struct server *sv = j->sv;
	const struct st_claim_request *req = j->msg;

	if (sv->closing || j->u.claim.gone || j->u.claim.late || req->wait_ms == 0) {
		loop_timer_stop(&j->u.claim.deadline);
		job_finish(j, OK);
		return;
	}
	if (j->u.claim.deadline.loop == NULL && loop_timer_set(sv->loop, &j->u.claim.deadline,
	    req->wait_ms, on_deadline, j) != OK) {
		job_finish(j, ERR_NOMEM);
		return;
	}
	j->u.claim.next = sv->claims;
	sv->claims = j;
	wait_due(sv, j->u.claim.next_ms);
}

/* Not the entry's fault: its lease ends soon, and it is tried again. */
static bool
passes(int err)
{
	return err == ERR_UNAVAIL || err == ERR_NOMEM || err == ERR_NOSPC || err == -EMFILE ||
	    err == -ENFILE;
}

/* What cannot be read back stays in the queue, held for an administrator. */
static int
hold_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct st_audit rec = { .event = SLICE("queue-unreadable"), .verdict = VERDICT_DEFER,
		.detail = SLICE("an entry of the queue cannot be read and is held") };
	int r = queue_act(e->ctl, j->msg, clock_real_ms(), &j->a);

	return r == OK ? audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1) : r;
}

static void
hold_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	job_finish(job_of(ej), ej->status);
}

static void
hold(struct job *failed, int why)
{
	struct st_queue_act_request act = { .id = failed->u.claim.q.entry[0].id,
		.act = ST_ACT_HOLD };
	struct chan_req nobody = { .code = ST_QUEUE_ACT };
	struct job *j = job_new(failed->sv, &nobody, &st_queue_act_request_wire, &act);

	log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "queue entry"), F_ERR(why));
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = hold_control, .done = hold_done };
	job_ready(j);
}

static void
claim_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	struct st_claim_reply *reply = &j->u.claim.reply;
	int r = ej->status;

	*reply = (struct st_claim_reply){ NULL, 0 };
	j->reply = reply;
	if (r == OK && !j->u.claim.found) {
		wait_claim(j);
		return;
	}
	loop_timer_stop(&j->u.claim.deadline);
	if (r == OK) {
		r = engine_spool_read(e, &j->u.claim.q, &j->reply_fd);
		if (r != OK && !passes(r))
			hold(j, r);
	}
	if (r == OK) {
		const struct st_claim_request *req = j->msg;

		leases_add(j->sv, j->req.peer_serial, j->u.claim.q.entry, req->lease_ms);
		*reply = (struct st_claim_reply){ j->u.claim.q.entry, 1 };
	}
	e->queue_changed = e->queue_changed || j->sv->claims != NULL;
	job_finish(j, r);
}

void
serve_ST_CLAIM(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct job *j;

	queue_clock_watch(sv);
	sv->claim_ms = clock_ms();
	if (sv->e->spool_key == NULL) {
		chan_reply(sv->chan, creq, ERR_UNAVAIL, NULL, NULL, 0);
		return;
	}
	j = job_new(sv, creq, &st_claim_request_wire, msg);
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = claim_control, .done = claim_done };
	job_ready(j);
}

/* All that wait look again; one of them gets what is due. */
void
claims_wake(struct server *sv)
{
	struct job *j = sv->claims;

	sv->e->queue_changed = false;
	sv->claims = NULL;
	while (j != NULL) {
		struct job *next = j->u.claim.next;

		job_ready(j);
		j = next;
	}
}

void
claims_stop(struct server *sv)
{
	while (sv->claims != NULL) {
		struct job *j = sv->claims;

		sv->claims = j->u.claim.next;
		loop_timer_stop(&j->u.claim.deadline);
		job_finish(j, ERR_UNAVAIL);
	}
}

void
claims_drop(struct server *sv, uint64_t peer_serial)
{
	struct job **at = &sv->claims;

	while (*at != NULL) {
		struct job *j = *at;

		if (j->req.peer_serial != peer_serial) {
			at = &j->u.claim.next;
			continue;
		}
		*at = j->u.claim.next;
		loop_timer_stop(&j->u.claim.deadline);
		job_finish(j, ERR_UNAVAIL);
	}
	for (struct engine_job *ej = sv->sched.other.first; ej != NULL; ej = ej->next)
		if (ej->control == claim_control && job_of(ej)->req.peer_serial == peer_serial)
			job_of(ej)->u.claim.gone = true;
}

/* ---- result and acts ---- */

static int
result_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_result_request *req = j->msg;
	int r = queue_result(e->ctl, req, clock_real_ms(), &j->a);

	return r == OK ? audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n) :
	    r;
}

static int
act_control(struct engine *e, struct engine_job *ej)
{
	static const char *const acts[] = { "queue-retry", "queue-hold", "queue-delete" };
	struct job *j = job_of(ej);
	const struct st_queue_act_request *req = j->msg;
	struct st_audit rec = { .event = slice_of(acts[req->act]), .verdict = VERDICT_ALLOW };
	char id[2 * ST_ID_OCTETS + 1];
	int r = queue_act(e->ctl, req, clock_real_ms(), &j->a);

	if (req->act == ST_ACT_DELETE && req->notify)
		rec.detail = SLICE("notify");

	if (r != OK)
		return r;
	for (size_t i = 0; i < ST_ID_OCTETS; i++)
		snprintf(id + 2 * i, 3, "%02x", (unsigned char)req->id.p[i]);
	rec.reference = slice_of(id);
	return audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1);
}

static void
changed_done(struct engine *e, struct engine_job *ej)
{
	e->queue_changed = true;
	job_finish(job_of(ej), ej->status);
}

void
serve_ST_RESULT(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_result_request *req = msg;
	struct job *j = job_new(service, creq, &st_result_request_wire, msg);

	leases_done(service, req->id, req->route);
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = result_control, .done = changed_done };
	job_ready(j);
}

static int
renew_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);

	return queue_renew(e->ctl, j->msg, clock_real_ms(), &j->a);
}

static void
renew_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	job_finish(job_of(ej), ej->status);
}

void
serve_ST_RENEW(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_renew_request_wire, msg);

	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = renew_control, .done = renew_done };
	job_ready(j);
}

static int
told_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = job_of(ej);
	const struct st_told_request *req = j->msg;
	int r = queue_told(e->ctl, req, clock_real_ms(), &j->a);

	return r == OK ? audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n) :
	    r;
}

void
serve_ST_TOLD(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_told_request *req = msg;
	struct job *j = job_new(service, creq, &st_told_request_wire, msg);

	leases_done(service, req->id, req->route);
	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = told_control, .done = changed_done };
	job_ready(j);
}

void
serve_ST_QUEUE_ACT(void *service, struct chan_req *creq, const void *msg)
{
	struct job *j = job_new(service, creq, &st_queue_act_request_wire, msg);

	if (j == NULL)
		return;
	j->ej = (struct engine_job){ .control = act_control, .done = changed_done };
	job_ready(j);
}

void
serve_ST_QUEUE_LIST(void *service, struct chan_req *creq, const void *msg)
{
	struct server *sv = service;
	struct st_queue_list_reply reply;
	int r = control_begin_read(sv->e->ctl);

	if (r == OK) {
		r = queue_list(sv->e->ctl, msg, creq->arena, &reply);
		control_abort(sv->e->ctl);
	}
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}

void
serve_ST_QUEUE_SHOW(void *service, struct chan_req *creq, const void *msg)
{
	const struct st_show_request *req = msg;
	struct server *sv = service;
	struct st_queue_list_reply reply;
	int r = req->id.n == ST_ID_OCTETS ? control_begin_read(sv->e->ctl) : ERR_INVAL;

	if (r == OK) {
		r = queue_show(sv->e->ctl, req->id, creq->arena, &reply);
		control_abort(sv->e->ctl);
	}
	chan_reply(sv->chan, creq, r, r == OK ? &reply : NULL, NULL, 0);
}
