/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "mailstore/engine_internal.h"
#include "mailstore/quota.h"

enum { INTENT_ARENA_MAX = 32 * 1024 * 1024, COLD_US = 10 * 1000 * 1000 };

static const char mark_intent[] = "mark-intent", mark_copies[] = "mark-copies";

struct record_key
engine_intent_key(uint64_t number)
{
	return record_key_blob(number);
}

/* ---- opening and closing ---- */

static void
count_pending(struct engine *e, const struct engine_intent *i, size_t from, size_t to, bool more)
{
	uint64_t size = i->row.body[0].size_octets;

	for (size_t k = from; k < to; k++) {
		uint32_t account = i->row.copies[k].account;

		if (more)
			quota_add(e, account, size);
		else
			quota_release(e, account, size);
	}
	e->copies_pending += more ? to - from : from - to;
}

static void
append(struct engine_intent ***end, struct engine_intent *i)
{
	i->next = NULL;
	**end = i;
	*end = &i->next;
}

static void
queue_intent(struct engine *e, struct engine_intent *i)
{
	if (i->applied >= i->row.copies_n) {
		append(&e->applied_end, i);
		return;
	}
	count_pending(e, i, i->applied, i->row.copies_n, true);
	e->intents_n++;
	append(&e->intents_end, i);
}

static int
intent_new(struct engine_intent **out)
{
	struct engine_intent *i = calloc(1, sizeof *i);

	*out = i;
	if (i == NULL)
		return ERR_NOMEM;
	i->opened_us = clock_us();
	arena_init(&i->a, INTENT_ARENA_MAX);
	return OK;
}

static void
intent_free(struct engine_intent *i)
{
	arena_clear(&i->a);
	free(i);
}

int
engine_intent_open(struct engine *e, uint64_t number, const struct control_intent *row)
{
	struct record_key k = engine_intent_key(number);
	struct slice key = record_key_slice(&k);
	struct engine_intent *i;
	int r = intent_new(&i);

	if (r != OK)
		return r;
	i->number = number;
	r = control_intent_put(key, row, &e->ctl->row);
	if (r == OK)
		r = control_intent_get(key, buf_slice(&e->ctl->row), &i->a, &i->row);
	if (r != OK) {
		intent_free(i);
		return r;
	}
	queue_intent(e, i);
	return OK;
}

int
engine_intents_close_rows(struct engine *e)
{
	int r = OK;

	for (struct engine_intent *i = e->applied; i != NULL && r == OK; i = i->next) {
		struct record_key k = engine_intent_key(i->number);

		r = control_del(e->ctl, CONTROL_INTENT, record_key_slice(&k));
		for (size_t n = 0; n < i->row.copies_n && i->stuck != NULL && r == OK; n++) {
			struct control_intent one = i->row;
			struct record_key at = k;

			if (!i->stuck[n])
				continue;
			one.copies = &i->row.copies[n];
			one.copies_n = 1;
			record_key_u32(&at, (uint32_t)n);
			r = control_put_intent(e->ctl, CONTROL_STUCK, record_key_slice(&at), &one);
		}
	}
	return r;
}

void
engine_intents_closed(struct engine *e)
{
	while (e->applied != NULL) {
		struct engine_intent *i = e->applied;

		e->applied = i->next;
		intent_free(i);
	}
	e->applied_end = &e->applied;
}

int
engine_close_intents(struct engine *e)
{
	int r;

	if (e->applied == NULL)
		return OK;
	if (e->broken != OK)
		return e->broken;
	r = control_begin_write(e->ctl);
	if (r != OK)
		return r;
	r = engine_intents_close_rows(e);
	if (r == OK) {
		r = engine_committed(e, control_commit(e->ctl));
		e->stats.syncs += 2;
	}
	control_abort(e->ctl);
	if (r == OK)
		engine_intents_closed(e);
	return r;
}

/* ---- applying ---- */

/* A copy that can never be filed stays in control, in full, under "stuck": nothing is lost
 * silently. */
static int
set_aside(struct engine_intent *i, size_t n, int why)
{
	if (i->stuck == NULL)
		i->stuck = arena_array(&i->a, i->row.copies_n, sizeof *i->stuck);
	if (i->stuck == NULL)
		return ERR_NOMEM;
	i->stuck[n] = true;
	log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "mailbox"), F_U64("intent", i->number),
	    F_U64("account", i->row.copies[n].account), F_ERR(why));
	return OK;
}

static struct box_message
message_of(const struct engine_intent *i)
{
	const struct control_blob *b = &i->row.body[0];

	return (struct box_message){ .blob = b->blob, .level = i->row.level,
		.internal_date_s = (int64_t)i->row.internal_date_s,
		.email_id = (const uint8_t *)i->row.id.p,
		.place = { .offset = b->offset, .segment = b->segment,
		.head_octets = b->head_octets, .size_octets = b->size_octets,
		.stored_octets = i->row.stored_octets },
		.sig = i->row.sig, .thread_id = i->row.thread_id.n == 8 ?
		(const uint8_t *)i->row.thread_id.p : NULL };
}

static int
apply_copy(struct engine *e, struct engine_intent *i, size_t n)
{
	const struct control_copy *c = &i->row.copies[n];
	struct box_quota q;
	struct box_scope sc = { .account = c->account, .now_s = clock_real_s(),
		.quota = quota_scope(e, c->account, false, &q) };
	struct box_message m = message_of(i);
	uint64_t writes = env_writes(e->ix->t);
	struct account *acct = accounts_number(e->accounts, c->account);
	const struct account_keyset *ks =
	    acct == NULL ? NULL : account_keyset_find(acct, c->keyset);
	uint32_t uidvalidity, uid;
	int r;

	m.keyset_class = ks == NULL ? KEYSET_SPOOL : ks->class;	/* which fits nowhere */
	r = c->wrapped_key.n != CRYPT_WRAP_OCTETS || ks == NULL ? ERR_CORRUPT :
	    box_add(e->ix, &sc, c->mailbox, &m, c->keyset, (const uint8_t *)c->wrapped_key.p,
	    &uidvalidity, &uid);

	if (r == OK)
		quota_note(e, c->account, sc.quota);
	if (r == OK || env_writes(e->ix->t) != writes)
		return r;
	return r == ERR_IO || r == ERR_NOMEM ? r : set_aside(i, n, r);
}

/* The copies first..last-1 of one intent. */
static int
apply_some(struct engine *e, struct engine_intent *i, size_t first, size_t last)
{
	struct box_message m = message_of(i);
	int r = box_blob(e->ix, &m, (uint32_t)(last - first));

	for (size_t n = first; n < last && r == OK; n++)
		r = apply_copy(e, i, n);
	return r;
}

/* How far a slice goes: all intents before `last`, and `copies` of that. */
struct slice_end {
	struct engine_intent *last;
	size_t		      copies;
};

static int
apply_slice(struct engine *e, struct slice_end *end)
{
	uint64_t late = clock_us() + ENGINE_APPLY_MS * 1000;
	size_t room = ENGINE_COPIES_MAX;
	int r = OK;

	for (struct engine_intent *i = e->intents; i != NULL && room > 0 && r == OK; i = i->next) {
		size_t n = i->row.copies_n - i->applied;

		n = n < room ? n : room;
		r = apply_some(e, i, i->applied, i->applied + n);
		room = clock_us() < late ? room - n : 0;
		*end = (struct slice_end){ i, i->applied + n };
	}
	if (r == OK)
		r = index_u64_put(e->ix, mark_intent, end->last->number);
	return r == OK ? index_u64_put(e->ix, mark_copies, end->copies) : r;
}

static void
note_lag(struct engine *e, const struct engine_intent *i)
{
	uint64_t us = clock_us() - i->opened_us;

	e->stats.lag_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	if (e->stats.lag_us > e->stats.lag_max_us)
		e->stats.lag_max_us = e->stats.lag_us;
}

bool
engine_behind(const struct engine *e)
{
	return e->copies_pending >= ENGINE_COPIES_BEHIND || (e->intents != NULL &&
	    clock_us() > e->intents->opened_us + ENGINE_LAG_MS * 1000);
}

/* The slice is durable: readers may know, and what is complete waits for being closed. */
static void
advance(struct engine *e, const struct slice_end *end)
{
	bool last;

	do {
		struct engine_intent *i = e->intents;
		size_t to;

		last = i == end->last;
		to = last ? end->copies : i->row.copies_n;
		for (size_t n = i->applied; n < to; n++)
		{
			notify_touch(e->notify, i->row.copies[n].account);
			quota_tell(e, i->row.copies[n].account);
		}
		count_pending(e, i, i->applied, to, false);
		i->applied = to;
		if (to < i->row.copies_n)
			break;
		note_lag(e, i);
		e->intents = i->next;
		if (e->intents == NULL)
			e->intents_end = &e->intents;
		e->intents_n--;
		append(&e->applied_end, i);
	} while (!last);
	notify_ring(e->notify);
}

static long
disk_faults(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_majflt : 0;
}

int
engine_apply(struct engine *e)
{
	struct slice_end end = { e->intents, 0 };
	uint64_t begun = clock_us();
	long faults = disk_faults();
	int r;

	if (e->intents == NULL)
		return OK;
	if (e->broken != OK)
		return e->broken;
	r = index_begin_write(e->ix);
	if (r != OK)
		return r;
	r = apply_slice(e, &end);
	if (r == OK) {
		r = engine_committed(e, index_commit(e->ix));
		e->stats.syncs += 2;
	}
	index_abort(e->ix);
	if (disk_faults() != faults)
		e->cold_us = engine_note_part(e, ENGINE_APPLY, begun) + COLD_US;
	else
		(void)engine_note_part(e, ENGINE_APPLY, begun);
	if (r == OK)
		advance(e, &end);
	else {
		metric_add(METRIC_COMMITS_FAILED, 0, 1);
		log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "mailboxes"), F_ERR(r));
	}
	return r;
}

/* ---- after a start ---- */

static int
read_mark(struct engine *e, uint64_t *intent, uint64_t *copies)
{
	int r = index_begin_read(e->ix);

	*intent = *copies = 0;
	if (r != OK)
		return r;
	r = index_u64_get(e->ix, mark_intent, intent);
	if (r == OK)
		r = index_u64_get(e->ix, mark_copies, copies);
	index_abort(e->ix);
	return r == ERR_NOENT ? OK : r;
}

static int
reopen(struct engine *e, const struct env_cursor *cur, uint64_t mark, uint64_t copies)
{
	struct engine_intent *i;
	int r = intent_new(&i);

	if (r != OK)
		return r;
	i->number = record_key_read_u64(cur->key, 0);
	r = control_intent_get(cur->key, cur->val, &i->a, &i->row);
	if (r == OK && (i->row.body_n != 1 || i->row.id.n != ST_ID_OCTETS))
		r = ERR_CORRUPT;
	if (r != OK) {
		intent_free(i);
		return r;
	}
	if (i->number < mark)
		i->applied = i->row.copies_n;
	else if (i->number == mark)
		i->applied = (size_t)copies;
	e->next_intent = i->number + 1;
	queue_intent(e, i);
	return OK;
}

static int
reopen_all(struct engine *e, uint64_t mark, uint64_t copies)
{
	struct env_cursor cur;
	int r = control_begin_read(e->ctl);

	e->next_intent = mark + 1;
	if (r != OK)
		return r;
	r = env_cursor_open(e->ctl->t, CONTROL_INTENT, &cur);
	if (r == OK)
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		r = reopen(e, &cur, mark, copies);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	control_abort(e->ctl);
	return r;
}

/* Accounts whose rows in the index the crash prevented. */
static int
reopen_accounts(struct engine *e)
{
	struct control_account row;
	struct env_cursor cur;
	struct arena a;
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, 1 << 20);
	r = env_cursor_open(e->ctl->t, CONTROL_ACCOUNT, &cur);
	if (r == OK)
		r = index_begin_write(e->ix);
	if (r == OK)
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		r = control_account_get(cur.key, cur.val, &a, &row);
		if (r == OK)
			r = engine_account_index(e, &row);
		arena_clear(&a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	control_abort(e->ctl);
	if (r == OK)
		r = index_commit(e->ix);
	index_abort(e->ix);
	return r;
}

int
engine_replay(struct engine *e)
{
	uint64_t mark, copies;
	int r = reopen_accounts(e);

	if (r == OK)
		r = read_mark(e, &mark, &copies);
	if (r == OK)
		r = reopen_all(e, mark, copies);
	while (r == OK && e->intents != NULL)
		r = engine_apply(e);
	return r == OK ? engine_close_intents(e) : r;
}
