/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/queue.h"

#include <sodium.h>

#include "mailstore/queue_internal.h"

enum { ID_AT = 8, ROUTE_AT = ID_AT + ST_ID_OCTETS };	/* in keys of "due" */
enum { RELEASE_MIN_MS = 1000, RELEASE_STEP_MS = 15000, RELEASE_TRIES = 8 };
enum { WAITS, OWES };					/* values of "due" */

struct record_key
queue_key(struct slice id, struct slice route)
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

bool
queue_owes(const struct control_queue *q)
{
	for (size_t i = 0; i < q->entry[0].recipients_n; i++)
		if (q->entry[0].recipients[i].tell != ST_TELL_NOTHING)
			return true;
	return false;
}

bool
queue_tries(const struct control_queue *q)
{
	for (size_t i = 0; i < q->entry[0].recipients_n; i++)
		if (q->entry[0].recipients[i].outcome == ST_DEFERRED)
			return true;
	return false;
}

/* Is the notice what it is due for? One that could not be given stands aside when others of the
 * entry are to be tried. */
static bool
is_due_to_tell(const struct control_queue *q)
{
	return queue_owes(q) && (q->entry[0].notice_tries == 0 || q->retry_ms > q->due_ms ||
	    !queue_tries(q));
}

/* ---- rows ---- */

int
queue_store(struct control *c, struct slice key, const struct control_queue *q)
{
	int r = record_wire_put_as(key, QUEUE_VERSION, &control_queue_wire, q, &c->row);

	return r == OK ? env_put(c->t, CONTROL_QUEUE, key, buf_slice(&c->row)) : r;
}

int
queue_save(struct control *c, struct control_queue *q)
{
	struct record_key k = queue_key(q->entry[0].id, q->entry[0].route), due;
	struct slice key = record_key_slice(&k);
	int r;

	q->entry[0].due_s = q->due_ms / 1000;
	q->entry[0].age_s = q->age_ms / 1000;
	r = queue_store(c, key, q);
	if (r != OK || !waits(q))
		return r;
	due = due_key(q->due_ms, &k);
	return control_put_u64(c, CONTROL_DUE, record_key_slice(&due),
	    is_due_to_tell(q) ? OWES : WAITS);
}

int
queue_take_off(struct control *c, const struct control_queue *q)
{
	struct record_key k = queue_key(q->entry[0].id, q->entry[0].route);
	struct record_key due = due_key(q->due_ms, &k);

	return waits(q) ? control_del(c, CONTROL_DUE, record_key_slice(&due)) : OK;
}

int
queue_row(struct slice key, struct slice val, struct arena *a, struct control_queue *out)
{
	int r = record_version(val) < QUEUE_VERSION ? queue_old_read(key, val, a, out) :
	    record_wire_get_as(key, val, QUEUE_VERSION, &control_queue_wire, a, out);

	if (r == OK && (out->entry_n != 1 || out->body_n != 1 ||
	    out->entry[0].id.n != ST_ID_OCTETS))
		r = ERR_CORRUPT;
	return r;
}

int
queue_load(struct control *c, struct slice key, struct arena *a, struct control_queue *out)
{
	struct slice val;
	int r = env_get(c->t, CONTROL_QUEUE, key, &val);

	return r == OK ? queue_row(key, val, a, out) : r;
}

int
queue_restore(struct control *c, struct slice key, struct slice val, struct arena *a)
{
	struct control_queue q;
	int r = queue_row(key, val, a, &q);

	if (r != OK)
		return r;
	if (q.entry[0].state != ST_QUEUE_GIVEN_UP)
		q.entry[0].state = ST_QUEUE_HELD;
	return queue_save(c, &q);
}

/* It was tried for as long as has passed, but no longer than was planned: the clock may have been
 * set, or nobody have been there. */
static void
grow_old(struct control_queue *q, int64_t now_ms)
{
	int64_t planned = (int64_t)(q->due_ms - q->set_ms), past = now_ms - (int64_t)q->set_ms;

	if (past > planned)
		past = planned;
	if (past > 0)
		q->age_ms += (uint64_t)past;
}

void
queue_plan(struct control_queue *q, int64_t now_ms, uint64_t due_ms)
{
	if (waits(q))
		grow_old(q, now_ms);
	q->set_ms = (uint64_t)now_ms;
	q->due_ms = due_ms;
}

int
queue_add(struct control *c, struct control_queue *q, int64_t now_ms)
{
	q->due_ms = q->set_ms = q->retry_ms = (uint64_t)now_ms;
	q->entry[0].state = ST_QUEUE_WAITING;
	return queue_save(c, q);
}

struct record_key
queue_entry_key(const struct control_queue *q)
{
	return queue_key(q->entry[0].id, q->entry[0].route);
}

int
queue_enter_time(struct control *c, struct control_queue *q)
{
	return queue_save(c, q);
}

/* ---- claiming ---- */

/* Keep those to tell, or else those to be tried. */
static void
keep(struct st_queue_entry *e, bool owed)
{
	size_t n = 0;

	for (size_t i = 0; i < e->recipients_n; i++)
		if (owed ? e->recipients[i].tell != ST_TELL_NOTHING :
		    e->recipients[i].outcome == ST_DEFERRED)
			e->recipients[n++] = e->recipients[i];
	e->recipients_n = n;
}

struct slice
queue_notice_id(const struct st_queue_entry *e, struct arena *a)
{
	static const unsigned char purpose[] = "congvu: notice\n";
	struct record_key k = queue_key(e->id, e->route);
	unsigned char *id = arena_alloc(a, ST_ID_OCTETS);

	if (id == NULL)
		return (struct slice){ NULL, 0 };
	record_key_u32(&k, e->notices);
	record_key_u32(&k, e->attempts);	/* what is to be told may differ after each */
	crypto_generichash(id, ST_ID_OCTETS, k.octets, k.n, purpose, sizeof purpose);
	return (struct slice){ (const char *)id, ST_ID_OCTETS };
}

static int
claim(struct control *c, struct slice key, uint32_t lease_ms, int64_t now_ms, struct arena *a,
    struct control_queue *out)
{
	int r = queue_load(c, key, a, out);
	struct st_queue_entry *e = out->entry;
	bool owed;

	if (r == OK)
		r = queue_take_off(c, out);
	if (r != OK)
		return r;
	owed = is_due_to_tell(out);
	e->attempts += owed ? 0 : 1;
	e->notice_tries += owed ? 1 : 0;
	queue_plan(out, now_ms, (uint64_t)now_ms + lease_ms);
	e->state = ST_QUEUE_CLAIMED;
	r = queue_save(c, out);
	keep(e, owed);
	e->notice_id = owed ? queue_notice_id(e, a) : (struct slice){ NULL, 0 };
	return r == OK ? a->err : r;
}

static bool
is_without(const struct st_claim_request *req, struct slice route)
{
	for (size_t i = 0; i < req->without_n; i++)
		if (slice_eq(req->without[i].title, route))
			return true;
	return false;
}

/* The first of what is due that may be given: 1 and its key in *key. */
static int
find_due(struct control *c, const struct st_claim_request *req, int64_t now_ms,
    struct record_key *key, int64_t *next_ms_out)
{
	struct env_cursor cur;
	uint64_t owes;
	int r = env_cursor_open(c->t, CONTROL_DUE, &cur);

	if (r == OK)
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	for (; r == 1; r = env_cursor_next(&cur)) {
		*next_ms_out = (int64_t)record_key_read_u64(cur.key, 0);
		if (*next_ms_out > now_ms)
			break;
		r = record_u64_get(cur.key, cur.val, &owes);
		if (r == OK && owes != OWES && is_without(req, slice_from(cur.key, ROUTE_AT)))
			continue;
		record_key_octets(key, slice_sub(cur.key, ID_AT, RECORD_KEY_MAX - ID_AT));
		r = r == OK ? 1 : r;
		break;
	}
	if (r == 0)
		*next_ms_out = INT64_MAX;
	env_cursor_close(&cur);
	return r < 0 ? r : r == 1 && *next_ms_out <= now_ms;
}

int
queue_claim(struct control *c, const struct st_claim_request *req, int64_t now_ms,
    struct arena *a, struct control_queue *out, int64_t *next_ms_out)
{
	uint32_t lease_ms = req->lease_ms < 1000 ? 1000 : req->lease_ms;
	struct record_key key = { .n = 0 };
	int r;

	*next_ms_out = INT64_MAX;
	r = find_due(c, req, now_ms, &key, next_ms_out);
	if (r != 1)
		return r;
	r = claim(c, record_key_slice(&key), lease_ms, now_ms, a, out);
	return r == OK ? 1 : r;
}

struct queue_claimed
queue_claimed_of(const struct st_queue_entry *e)
{
	return (struct queue_claimed){ e->attempts, e->notices, e->notice_tries };
}

static int64_t
release_ms(const struct control_queue *q)
{
	int64_t tries = q->deaths;

	if (tries <= 1)
		return RELEASE_MIN_MS;
	return tries >= RELEASE_TRIES ? RELEASE_TRIES * RELEASE_TRIES * RELEASE_STEP_MS :
	    tries * tries * RELEASE_STEP_MS;
}

int
queue_release(struct control *c, struct slice id, struct slice route,
    const struct queue_claimed *claimed, int64_t now_ms, struct arena *a)
{
	struct record_key k = queue_key(id, route);
	struct queue_claimed is;
	struct control_queue q;
	int r = queue_load(c, record_key_slice(&k), a, &q);

	if (r != OK)
		return r;
	is = queue_claimed_of(q.entry);
	if (q.entry[0].state != ST_QUEUE_CLAIMED || is.attempts != claimed->attempts ||
	    is.notices != claimed->notices || is.notice_tries != claimed->notice_tries)
		return OK;
	r = queue_take_off(c, &q);
	if (r != OK)
		return r;
	q.deaths++;
	queue_plan(&q, now_ms, (uint64_t)(now_ms + release_ms(&q)));
	q.entry[0].state = ST_QUEUE_WAITING;
	return queue_save(c, &q);
}

int
queue_renew(struct control *c, const struct st_renew_request *req, int64_t now_ms,
    struct arena *a)
{
	struct record_key k = queue_key(req->id, req->route);
	struct control_queue q;
	int r = queue_load(c, record_key_slice(&k), a, &q);

	if (r == OK && q.entry[0].state != ST_QUEUE_CLAIMED)
		r = ERR_NOENT;
	if (r == OK)
		r = queue_take_off(c, &q);
	if (r != OK)
		return r;
	queue_plan(&q, now_ms, (uint64_t)now_ms + (req->lease_ms < 1000 ? 1000 : req->lease_ms));
	return queue_save(c, &q);
}

/* ---- lists ---- */

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
		r = queue_load(c, cur.key, a, &q);
		if (r == OK)
			out->entries[out->entries_n++] = q.entry[0];
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

int
queue_show(struct control *c, struct slice id, struct arena *a, struct st_queue_list_reply *out)
{
	struct record_key k = queue_key(id, (struct slice){ NULL, 0 });
	struct control_queue q;
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_QUEUE, &cur);

	*out = (struct st_queue_list_reply){ .entries = arena_array(a, ST_ROUTES_MAX,
	    sizeof *out->entries) };
	if (r != OK)
		return r;
	r = out->entries == NULL ? a->err : env_cursor_seek(&cur, record_key_slice(&k));
	while (r == 1 && record_key_under(cur.key, &k) && out->entries_n < ST_ROUTES_MAX) {
		r = queue_load(c, cur.key, a, &q);
		if (r == OK) {
			out->entries[out->entries_n++] = q.entry[0];
			r = env_cursor_next(&cur);
		}
	}
	env_cursor_close(&cur);
	return r < 0 ? r : out->entries_n == 0 ? ERR_NOENT : OK;
}
