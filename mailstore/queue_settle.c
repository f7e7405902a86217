/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What becomes of an entry: results of attempts, notices told, acts of administrators. */
#include "mailstore/queue_internal.h"

#include "common/words.h"

/* ---- who is told ---- */

static bool
may_tell(const struct st_queue_entry *e)
{
	return e->mail_from.n > 0 && e->kind != KIND_DSN;
}

/* RFC 3461 4.1: without NOTIFY the sender hears of failures and, here, of delays. */
static bool
wants(const struct st_queue_rcpt *r, unsigned what)
{
	unsigned notify = r->notify == 0 ? ST_NOTIFY_FAILURE | ST_NOTIFY_DELAY : r->notify;

	return (notify & what) != 0 && (notify & ST_NOTIFY_NEVER) == 0;
}

static void
decide_tell(struct st_queue_entry *e, struct st_queue_rcpt *r, bool delayed)
{
	if (r->tell == ST_TELL_DELAYED && r->outcome != ST_DEFERRED)
		r->tell = ST_TELL_NOTHING;	/* not told yet, and no longer so */
	if (r->tell != ST_TELL_NOTHING || !may_tell(e))
		return;
	if (r->outcome == ST_DELIVERED && !r->passed && wants(r, ST_NOTIFY_SUCCESS))
		r->tell = ST_TELL_RELAYED;
	else if (r->outcome == ST_FAILED && wants(r, ST_NOTIFY_FAILURE))
		r->tell = ST_TELL_FAILED;
	else if (r->outcome == ST_DEFERRED && delayed && !e->delay_told &&
	    wants(r, ST_NOTIFY_DELAY))
		r->tell = ST_TELL_DELAYED;
}

/* ---- the end of a step ---- */

/* Recipients that are settled and of whom nobody is to be told any more leave. What is left is due
 * at once for its notice, or at retry_ms. */
static int
finish(struct control *c, struct control_queue *q, int64_t now_ms)
{
	struct st_queue_entry *e = &q->entry[0];
	struct record_key k = queue_key(e->id, e->route);
	size_t n = 0;

	for (size_t i = 0; i < e->recipients_n; i++)
		if (e->recipients[i].outcome == ST_DEFERRED ||
		    e->recipients[i].tell != ST_TELL_NOTHING)
			e->recipients[n++] = e->recipients[i];
	e->recipients_n = n;
	q->deaths = 0;
	if (n == 0)
		return control_del(c, CONTROL_QUEUE, record_key_slice(&k));
	queue_plan(q, now_ms, queue_owes(q) ? (uint64_t)now_ms : q->retry_ms);
	if (e->state != ST_QUEUE_HELD)
		e->state = ST_QUEUE_WAITING;
	return queue_save(c, q);
}

/* ---- results ---- */

static void
note_result(struct st_queue_entry *e, const struct st_queue_rcpt *result)
{
	for (size_t i = 0; i < e->recipients_n; i++)
		if (e->recipients[i].index == result->index &&
		    e->recipients[i].outcome == ST_DEFERRED) {
			e->recipients[i].outcome = result->outcome;
			e->recipients[i].text = result->text;
			e->recipients[i].remote = result->remote;
			e->recipients[i].passed = result->passed;
		}
}

static void
note_attempt(struct st_queue_entry *e, const struct st_result_request *req, int64_t now_ms,
    struct arena *a)
{
	struct st_attempt at = { .time_s = (uint64_t)now_ms / 1000 };
	struct st_attempt *list = arena_array(a, ST_ATTEMPTS_KEPT, sizeof *list);
	size_t first = e->history_n < ST_ATTEMPTS_KEPT ? 0 : 1;

	for (size_t i = 0; i < req->results_n; i++) {
		const struct st_queue_rcpt *r = &req->results[i];

		at.delivered += r->outcome == ST_DELIVERED;
		at.deferred += r->outcome == ST_DEFERRED;
		at.failed += r->outcome == ST_FAILED;
		if (r->outcome != ST_DELIVERED && at.text.n == 0)
			at.text = slice_sub(r->text, 0, 200);
	}
	if (list == NULL)
		return;	/* the arena's error is looked at by who owns it */
	for (size_t i = first; i < e->history_n; i++)
		list[i - first] = e->history[i];
	e->history_n -= first;
	list[e->history_n++] = at;
	e->history = list;
}

int
queue_result(struct control *c, const struct st_result_request *req, int64_t now_ms,
    struct arena *a)
{
	struct record_key k = queue_key(req->id, req->route);
	struct control_queue q;
	struct st_queue_entry *e;
	int r = queue_load(c, record_key_slice(&k), a, &q);

	if (r == OK)
		r = queue_take_off(c, &q);
	if (r != OK)
		return r;
	e = &q.entry[0];
	for (size_t i = 0; i < req->results_n; i++)
		note_result(e, &req->results[i]);
	note_attempt(e, req, now_ms, a);
	for (size_t i = 0; i < e->recipients_n; i++) {
		if (req->due_s == 0 && e->recipients[i].outcome == ST_DEFERRED)
			e->recipients[i].outcome = ST_FAILED;
		decide_tell(e, &e->recipients[i], req->delayed != 0);
	}
	e->delay_told = e->delay_told || (req->delayed && !queue_owes(&q));
	q.retry_ms = req->due_s > INT64_MAX / 1000 ? (uint64_t)now_ms : req->due_s * 1000;
	return a->err == OK ? finish(c, &q, now_ms) : a->err;
}

/* ---- notices ---- */

static int
load_owing(struct control *c, struct slice id, struct slice route, struct slice notice_id,
    struct arena *a, struct control_queue *out)
{
	struct record_key k = queue_key(id, route);
	int r = id.n != ST_ID_OCTETS ? ERR_INVAL : queue_load(c, record_key_slice(&k), a, out);

	if (r == OK && (!queue_owes(out) ||
	    !slice_eq(queue_notice_id(&out->entry[0], a), notice_id)))
		r = ERR_NOENT;
	return r;
}

int
queue_may_settle(struct control *c, const struct st_settles *of, struct slice notice_id,
    uint8_t level, struct arena *a)
{
	struct control_queue q;
	int r = load_owing(c, of->id, of->route, notice_id, a, &q);

	return r == OK && level < q.entry[0].level ? ERR_ACCESS : r;
}

/* When a notice that cannot be given now is tried again, or before it who still waits. */
static uint64_t
later_ms(const struct control_queue *q, uint64_t due_s, int64_t now_ms)
{
	uint64_t due_ms = due_s > INT64_MAX / 1000 ? (uint64_t)now_ms : due_s * 1000;

	if (queue_tries(q) && q->retry_ms < due_ms)
		due_ms = q->retry_ms > (uint64_t)now_ms ? q->retry_ms : (uint64_t)now_ms;
	return due_ms;
}

int
queue_told(struct control *c, const struct st_told_request *req, int64_t now_ms, struct arena *a)
{
	struct control_queue q;
	struct st_queue_entry *e;
	int r = load_owing(c, req->id, req->route, req->notice_id, a, &q);

	if (r == OK)
		r = queue_take_off(c, &q);
	if (r != OK)
		return r;
	e = &q.entry[0];
	if (req->due_s != 0) {	/* later */
		q.deaths = 0;
		queue_plan(&q, now_ms, later_ms(&q, req->due_s, now_ms));
		if (e->state != ST_QUEUE_HELD)
			e->state = ST_QUEUE_WAITING;
		return queue_save(c, &q);
	}
	for (size_t i = 0; i < e->recipients_n; i++) {
		e->delay_told = e->delay_told || e->recipients[i].tell == ST_TELL_DELAYED;
		e->recipients[i].tell = ST_TELL_NOTHING;
	}
	e->notices++;
	e->notice_tries = 0;
	return finish(c, &q, now_ms);
}

/* ---- administration ---- */

static void
delete_with_notice(struct st_queue_entry *e)
{
	for (size_t i = 0; i < e->recipients_n; i++) {
		struct st_queue_rcpt *r = &e->recipients[i];

		if (r->tell == ST_TELL_NOTHING || r->tell == ST_TELL_DELAYED) {
			r->tell = ST_TELL_NOTHING;
			r->outcome = ST_FAILED;
			r->text = SLICE("554 5.3.0 deleted from the queue by an administrator");
			r->remote = 0;
			decide_tell(e, r, false);
		}
	}
	e->state = ST_QUEUE_WAITING;
}

static int
act(struct control *c, struct control_queue *q, const struct st_queue_act_request *req,
    int64_t now_ms)
{
	struct st_queue_entry *e = &q->entry[0];
	struct record_key k = queue_key(e->id, e->route);
	int r = req->act == ST_ACT_DELETE && req->notify && e->state == ST_QUEUE_CLAIMED ?
	    ERR_AGAIN : queue_take_off(c, q);

	if (r != OK)
		return r;
	switch (req->act) {
	case ST_ACT_RETRY:
		for (size_t i = 0; i < e->recipients_n; i++)
			if (e->recipients[i].tell == ST_TELL_NOTHING)
				e->recipients[i].outcome = ST_DEFERRED;
		queue_plan(q, now_ms, (uint64_t)now_ms);
		q->retry_ms = (uint64_t)now_ms;
		e->state = ST_QUEUE_WAITING;
		return queue_save(c, q);
	case ST_ACT_HOLD:
		queue_plan(q, now_ms, q->due_ms);
		e->state = ST_QUEUE_HELD;
		return queue_save(c, q);
	default:
		if (!req->notify)
			return control_del(c, CONTROL_QUEUE, record_key_slice(&k));
		delete_with_notice(e);
		return finish(c, q, now_ms);
	}
}

int
queue_act(struct control *c, const struct st_queue_act_request *req, int64_t now_ms,
    struct arena *a)
{
	struct record_key key = queue_key(req->id, (struct slice){ NULL, 0 });
	struct control_queue q;
	struct env_cursor cur;
	bool any = false;
	int r;

	if (req->id.n != ST_ID_OCTETS)
		return ERR_INVAL;
	do {	/* each route in its turn: the cursor does not live through the change */
		r = env_cursor_open(c->t, CONTROL_QUEUE, &cur);
		if (r != OK)
			return r;
		r = env_cursor_seek(&cur, record_key_slice(&key));
		if (r == 1 && !slice_eq(slice_sub(cur.key, 0, ST_ID_OCTETS), req->id))
			r = 0;
		if (r == 1) {
			key.n = 0;
			record_key_octets(&key, slice_sub(cur.key, 0, RECORD_KEY_MAX - 1));
		}
		env_cursor_close(&cur);
		if (r != 1)
			break;
		r = queue_load(c, record_key_slice(&key), a, &q);
		if (r == OK)
			r = act(c, &q, req, now_ms);
		any = true;
		key.octets[key.n++] = 0;	/* the next key in order */
	} while (r == OK);
	return r == 0 && !any ? ERR_NOENT : r;
}

/* ---- the clock ---- */

int64_t
queue_clock_step(struct queue_clock *qc, int64_t real_ms, int64_t mono_ms)
{
	int64_t offset_ms = real_ms - mono_ms, step_ms = offset_ms - qc->offset_ms;

	if (qc->known && step_ms > -2000 && step_ms < 2000)
		return 0;	/* slewed, or measured at different moments: stays to be seen */
	if (!qc->known)
		step_ms = 0;
	qc->known = true;
	qc->offset_ms = offset_ms;
	return step_ms;
}

static uint64_t
moved(uint64_t ms, int64_t by_ms)
{
	return by_ms < 0 && ms < (uint64_t)-by_ms ? 0 : ms + (uint64_t)by_ms;
}

/* All entries: by_ms, or (0) those set after now_ms back to it. */
static int
move(struct control *c, struct slice key, int64_t by_ms, int64_t now_ms)
{
	struct control_queue q;
	struct arena a;
	int r;

	arena_init(&a, 32 * 1024 * 1024);
	r = queue_load(c, key, &a, &q);
	if (r == OK && by_ms == 0 && (int64_t)q.set_ms > now_ms)
		by_ms = now_ms - (int64_t)q.set_ms;
	if (r == OK && by_ms != 0)
		r = queue_take_off(c, &q);
	if (r == OK && by_ms != 0) {
		q.set_ms = moved(q.set_ms, by_ms);
		q.due_ms = moved(q.due_ms, by_ms);
		q.retry_ms = moved(q.retry_ms, by_ms);
		r = queue_save(c, &q);
	}
	arena_clear(&a);
	return r == ERR_CORRUPT ? OK : r;	/* it is seen to when it is claimed */
}

static int
move_all(struct control *c, int64_t by_ms, int64_t now_ms)
{
	struct record_key key = { .octets = { 0 }, .n = 1 };
	struct env_cursor cur;
	int r;

	do {
		r = env_cursor_open(c->t, CONTROL_QUEUE, &cur);
		if (r != OK)
			return r;
		r = env_cursor_seek(&cur, record_key_slice(&key));
		key.n = 0;
		if (r == 1)
			record_key_octets(&key, slice_sub(cur.key, 0, RECORD_KEY_MAX - 1));
		env_cursor_close(&cur);
		if (r == 1) {
			r = move(c, record_key_slice(&key), by_ms, now_ms);
			key.octets[key.n++] = 0;
			r = r == OK ? 1 : r;
		}
	} while (r == 1);
	return r;
}

int
queue_shift(struct control *c, int64_t by_ms)
{
	return by_ms == 0 ? OK : move_all(c, by_ms, 0);
}

int
queue_settle_clock(struct control *c, int64_t now_ms)
{
	return move_all(c, 0, now_ms);
}
