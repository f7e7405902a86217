/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/queue.h"

#include <string.h>

enum { ID_AT = 8 };		/* in keys of "due" */

static struct record_key
entry_key(struct slice id, struct slice route)
{
	struct record_key k = { .n = 0 };

	record_key_octets(&k, slice_sub(id, 0, ST_ID_OCTETS));
	record_key_octets(&k, slice_sub(route, 0, 64));
	return k;
}

static struct record_key
due_key(uint64_t due_ms, const struct record_key *entry)
{
	struct record_key k = { .n = 0 };

	record_key_u64(&k, due_ms);
	record_key_octets(&k, record_key_slice(entry));
	return k;
}

static bool
waits(const struct control_queue *q)
{
	return q->entry[0].state == ST_QUEUE_WAITING || q->entry[0].state == ST_QUEUE_CLAIMED;
}

static struct record_key
key_of(const struct control_queue *q)
{
	return entry_key(q->entry[0].id, q->entry[0].route);
}

static int
save(struct control *c, struct control_queue *q)
{
	struct record_key k = key_of(q), due;
	int r;

	q->entry[0].due_s = q->due_ms / 1000;
	r = control_put(c, CONTROL_QUEUE, record_key_slice(&k), &control_queue_wire, q);
	if (r != OK || !waits(q))
		return r;
	due = due_key(q->due_ms, &k);
	return control_put_u64(c, CONTROL_DUE, record_key_slice(&due), 0);
}

/* Off the list of what is due; to be done with the row as it is stored. */
static int
take_off(struct control *c, const struct control_queue *q)
{
	struct record_key k = key_of(q), due = due_key(q->due_ms, &k);

	return waits(q) ? control_del(c, CONTROL_DUE, record_key_slice(&due)) : OK;
}

static int
load(struct control *c, struct slice key, struct arena *a, struct control_queue *out)
{
	int r = control_get(c, CONTROL_QUEUE, key, &control_queue_wire, a, out);

	if (r == OK && (out->entry_n != 1 || out->body_n != 1 ||
	    out->entry[0].id.n != ST_ID_OCTETS))
		r = ERR_CORRUPT;
	return r;
}

int
queue_add(struct control *c, struct control_queue *q, int64_t now_ms)
{
	q->due_ms = (uint64_t)now_ms;
	q->entry[0].state = ST_QUEUE_WAITING;
	return save(c, q);
}

/* ---- claiming ---- */

/* Keep the recipients with that outcome (only), or those with another one. */
static void
keep(struct st_queue_entry *e, uint8_t outcome, bool only)
{
	size_t n = 0;

	for (size_t i = 0; i < e->recipients_n; i++)
		if ((e->recipients[i].outcome == outcome) == only)
			e->recipients[n++] = e->recipients[i];
	e->recipients_n = n;
}

static int
claim(struct control *c, struct slice key, int64_t now_ms, uint32_t lease_ms, struct arena *a,
    struct control_queue *out)
{
	int r = load(c, key, a, out);

	if (r == OK)
		r = take_off(c, out);
	if (r != OK)
		return r;
	out->entry[0].state = ST_QUEUE_CLAIMED;
	out->entry[0].attempts++;
	out->due_ms = (uint64_t)now_ms + lease_ms;
	r = save(c, out);
	keep(&out->entry[0], ST_DEFERRED, true);
	return r;
}

int
queue_claim(struct control *c, int64_t now_ms, uint32_t lease_ms, struct arena *a,
    struct control_queue *out, int64_t *next_ms_out)
{
	struct record_key key = { .n = 0 };
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_DUE, &cur);

	*next_ms_out = INT64_MAX;
	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	if (r == 1) {
		*next_ms_out = (int64_t)record_key_read_u64(cur.key, 0);
		record_key_octets(&key, slice_sub(cur.key, ID_AT, RECORD_KEY_MAX - ID_AT));
	}
	env_cursor_close(&cur);
	if (r != 1 || *next_ms_out > now_ms)
		return r < 0 ? r : 0;
	r = claim(c, record_key_slice(&key), now_ms, lease_ms, a, out);
	return r == OK ? 1 : r;
}

/* ---- results ---- */

static void
note_result(struct st_queue_entry *e, const struct st_queue_rcpt *result)
{
	for (size_t i = 0; i < e->recipients_n; i++)
		if (e->recipients[i].index == result->index) {
			e->recipients[i].outcome = result->outcome;
			e->recipients[i].text = result->text;
		}
}

static size_t
count(const struct st_queue_entry *e, uint8_t outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < e->recipients_n; i++)
		n += e->recipients[i].outcome == outcome;
	return n;
}

static void
give_up(struct st_queue_entry *e)
{
	for (size_t i = 0; i < e->recipients_n; i++)
		if (e->recipients[i].outcome == ST_DEFERRED)
			e->recipients[i].outcome = ST_FAILED;
}

int
queue_result(struct control *c, const struct st_result_request *req, int64_t now_ms,
    struct arena *a)
{
	struct record_key k = entry_key(req->id, req->route);
	struct control_queue q;
	struct st_queue_entry *e;
	int r = load(c, record_key_slice(&k), a, &q);

	if (r == OK)
		r = take_off(c, &q);
	if (r != OK)
		return r;
	e = &q.entry[0];
	for (size_t i = 0; i < req->results_n; i++)
		note_result(e, &req->results[i]);
	keep(e, ST_DELIVERED, false);
	if (req->due_s == 0)
		give_up(e);
	if (e->recipients_n == 0)
		return control_del(c, CONTROL_QUEUE, record_key_slice(&k));
	if (count(e, ST_DEFERRED) == 0)
		e->state = ST_QUEUE_GIVEN_UP;
	else if (e->state != ST_QUEUE_HELD)
		e->state = ST_QUEUE_WAITING;
	q.due_ms = req->due_s > INT64_MAX / 1000 ? (uint64_t)now_ms : req->due_s * 1000;
	return save(c, &q);
}

/* ---- administration ---- */

static int
act(struct control *c, struct control_queue *q, uint8_t what, int64_t now_ms)
{
	struct record_key k = key_of(q);
	struct st_queue_entry *e = &q->entry[0];
	int r = take_off(c, q);

	if (r != OK)
		return r;
	switch (what) {
	case ST_ACT_RETRY:
		for (size_t i = 0; i < e->recipients_n; i++)
			e->recipients[i].outcome = ST_DEFERRED;
		e->state = ST_QUEUE_WAITING;
		q->due_ms = (uint64_t)now_ms;
		return save(c, q);
	case ST_ACT_HOLD:
		e->state = ST_QUEUE_HELD;
		return save(c, q);
	default:
		return control_del(c, CONTROL_QUEUE, record_key_slice(&k));
	}
}

int
queue_act(struct control *c, const struct st_queue_act_request *req, int64_t now_ms,
    struct arena *a)
{
	struct record_key key = entry_key(req->id, (struct slice){ NULL, 0 });
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
		r = load(c, record_key_slice(&key), a, &q);
		if (r == OK)
			r = act(c, &q, req->act, now_ms);
		any = true;
		key.octets[key.n++] = 0;	/* the next key in order */
	} while (r == OK);
	return r == 0 && !any ? ERR_NOENT : r;
}

int
queue_list(struct control *c, const struct st_list_request *req, struct arena *a,
    struct st_queue_list_reply *out)
{
	struct control_queue q;
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_QUEUE, &cur);

	*out = (struct st_queue_list_reply){ .entries = arena_array(a, req->max,
	    sizeof *out->entries) };
	if (r != OK)
		return r;
	r = out->entries == NULL ? a->err : env_cursor_seek(&cur, (struct slice){ "", 1 });
	for (uint64_t skip = req->from; r == 1 && skip > 0; skip--)
		r = env_cursor_next(&cur);
	for (; r == 1; r = r == OK ? env_cursor_next(&cur) : r) {
		out->more = out->entries_n == req->max;
		if (out->more)
			break;
		r = load(c, cur.key, a, &q);
		if (r == OK)
			out->entries[out->entries_n++] = q.entry[0];
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}
