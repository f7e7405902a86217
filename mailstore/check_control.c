/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The environment "control": accounts and keysets, accepted deliveries, what was delivered, the
 * queue; and the audit chain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/audit.h"
#include "mailstore/check_parts.h"
#include "mailstore/queue.h"

typedef int (*take_fn)(struct check *c, const struct env_cursor *cur);

/* Every row of a tree of control. */
static int
walk(struct check *c, enum control_tree tree, take_fn take)
{
	struct env_cursor cur;
	uint64_t said = 0, met = 0;
	int r = env_cursor_open(c->ctl->t, tree, &cur);

	if (r != OK)
		return r;
	r = env_count(c->ctl->t, tree, &said);
	r = r != OK ? r : env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		if (met++ % CHECK_STEP == 0)
			check_step(c, "control", met, said);
		r = take(c, &cur);
		arena_clear(&c->a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

static void
unknown(struct check *c, enum control_tree tree, const struct env_cursor *cur)
{
	check_found_row(c, CHECK_ROW_UNKNOWN, true, tree, cur->key, "");
}

/* ---- accounts ---- */

static bool
is_user(const struct check *c, const struct control_account *row)
{
	return slice_is(row->uid, c->conf->user) || slice_is_nocase(row->address, c->conf->user);
}

static int
take_account(struct check *c, const struct env_cursor *cur)
{
	struct check_account *a;
	struct control_account row;
	int r = control_account_get(cur->key, cur->val, &c->a, &row);

	if (r == OK && (row.guid.n != 16 || !slice_eq(row.guid, cur->key) || row.number == 0))
		r = ERR_CORRUPT;
	if (r == ERR_CORRUPT || r == ERR_VERSION) {
		check_bad_row(c, true, CONTROL_ACCOUNT, cur, r);
		return OK;
	}
	if (r == OK)
		r = check_room((void **)&c->accounts, c->accounts_n, &c->accounts_cap,
		    sizeof *c->accounts);
	if (r != OK)
		return r;
	a = &c->accounts[c->accounts_n++];
	*a = (struct check_account){ .number = row.number };
	memcpy(a->guid, row.guid.p, 16);
	snprintf(a->uid, sizeof a->uid, "%.*s", (int)row.uid.n, row.uid.p);
	for (size_t i = 0; i < row.keysets_n && i < CHECK_KEYSETS_MAX; i++) {
		a->keysets[i] = row.keysets[i].id;
		a->classes[i] = row.keysets[i].class;
		a->mailboxes[i] = row.keysets[i].mailbox;
		a->in_use[i] = row.keysets[i].successor == 0;
		a->keysets_n++;
	}
	if (c->conf->user != NULL && is_user(c, &row))
		c->only = row.number;
	return OK;
}

static int
by_number(const void *x, const void *y)
{
	const struct check_account *p = x, *q = y;

	return p->number < q->number ? -1 : p->number > q->number;
}

static int
check_accounts(struct check *c)
{
	int r = walk(c, CONTROL_ACCOUNT, take_account);

	if (r != OK)
		return r;
	if (c->accounts_n > 0)
		qsort(c->accounts, c->accounts_n, sizeof *c->accounts, by_number);
	for (size_t i = 1; i < c->accounts_n; i++) {
		struct check_finding f = { .kind = CHECK_ACCOUNT_UNKNOWN,
			.account = c->accounts[i].number,
			.what = "two accounts of control have this number" };

		if (c->accounts[i].number == c->accounts[i - 1].number)
			check_found(c, &f);
	}
	return c->conf->user != NULL && c->only == 0 ? ERR_NOENT : OK;
}

/* ---- deliveries ---- */

static int
queued(struct check *c, const struct control_blob *b, uint32_t extra)
{
	return sorter_add(c->queued, b->blob, (uint64_t)b->segment << 32 | extra, b->offset);
}

/* Its row stands until the next commit of control, but its copies are filed: what it refers to is
 * looked at as theirs. Copies that were set aside still count as references. */
static bool
is_filed(struct check *c, uint64_t number, size_t copies)
{
	uint64_t intent = 0, filed = 0;

	if (index_u64_get(c->ix, "mark-intent", &intent) != OK ||
	    index_u64_get(c->ix, "mark-copies", &filed) != OK)
		return false;
	return number < intent || (number == intent && copies <= filed);
}

static int
intent_row(struct check *c, const struct env_cursor *cur, enum control_tree tree,
    struct control_intent *out)
{
	int r = control_intent_get(cur->key, cur->val, &c->a, out);

	if (r == OK && (out->body_n != 1 || out->id.n != ST_ID_OCTETS))
		r = ERR_CORRUPT;
	if (r == OK || (r != ERR_CORRUPT && r != ERR_VERSION))
		return r;
	check_bad_row(c, true, tree, cur, r);
	return ERR_NOENT;
}

static int
take_intent(struct check *c, const struct env_cursor *cur)
{
	struct control_intent row;
	int r = intent_row(c, cur, CONTROL_INTENT, &row);

	if (r == OK && cur->key.n != 8) {
		unknown(c, CONTROL_INTENT, cur);
		return OK;
	}
	for (size_t i = 0; r == OK && i < row.copies_n; i++) {
		struct check_finding f = { .kind = CHECK_INTENT, .blob = row.body[0].blob,
			.account = row.copies[i].account, .mailbox = row.copies[i].mailbox,
			.what = "its account is not known" };

		if (check_account(c, f.account) == NULL)
			check_found(c, &f);
	}
	if (r == OK && is_filed(c, record_key_read_u64(cur->key, 0), row.copies_n))
		row.body[0].segment = 0;
	if (r == OK)
		r = queued(c, row.body, (uint32_t)row.copies_n);
	return r == ERR_NOENT ? OK : r;
}

static int
take_stuck(struct check *c, const struct env_cursor *cur)
{
	struct check_finding f = { .kind = CHECK_STUCK };
	struct control_intent row;
	int r = intent_row(c, cur, CONTROL_STUCK, &row);

	if (r == OK && (cur->key.n != 12 || row.copies_n != 1)) {
		unknown(c, CONTROL_STUCK, cur);
		return OK;
	}
	if (r != OK)
		return r == ERR_NOENT ? OK : r;
	f.account = row.copies[0].account;
	f.mailbox = row.copies[0].mailbox;
	f.blob = row.body[0].blob;
	check_found(c, &f);
	return queued(c, row.body, 1);
}

static int
take_done(struct check *c, const struct env_cursor *cur)
{
	struct record_key age = { .n = 0 };
	struct slice val;
	uint64_t when;
	int r = record_u64_get(cur->key, cur->val, &when);

	if (cur->key.n != ST_ID_OCTETS) {
		unknown(c, CONTROL_DONE, cur);
		return OK;
	}
	if (r != OK) {
		check_bad_row(c, true, CONTROL_DONE, cur, r);
		return OK;
	}
	record_key_u32(&age, (uint32_t)when);
	record_key_octets(&age, cur->key);
	r = env_get(c->ctl->t, CONTROL_AGE, record_key_slice(&age), &val);
	if (r == ERR_NOENT)
		check_found_row(c, CHECK_DONE, true, CONTROL_DONE, cur->key, "it has no age");
	return r == ERR_NOENT ? OK : r;
}

static int
take_age(struct check *c, const struct env_cursor *cur)
{
	struct slice val;
	uint64_t nothing;
	int r = record_u64_get(cur->key, cur->val, &nothing);

	if (cur->key.n != 4 + ST_ID_OCTETS) {
		unknown(c, CONTROL_AGE, cur);
		return OK;
	}
	if (r != OK) {
		check_bad_row(c, true, CONTROL_AGE, cur, r);
		return OK;
	}
	r = env_get(c->ctl->t, CONTROL_DONE, slice_from(cur->key, 4), &val);
	if (r == ERR_NOENT)
		check_found_row(c, CHECK_DONE, true, CONTROL_AGE, cur->key,
		    "an age without its delivery");
	return r == ERR_NOENT ? OK : r;
}

/* ---- the queue ---- */

static struct record_key
due_key(uint64_t due_ms, struct slice entry)
{
	struct record_key k = { .n = 0 };

	record_key_u64(&k, due_ms);
	record_key_octets(&k, slice_sub(entry, 0, RECORD_KEY_MAX - 8));
	return k;
}

static int
take_queue(struct check *c, const struct env_cursor *cur)
{
	struct control_queue q;
	struct record_key k;
	struct slice val;
	int r = queue_load(c->ctl, cur->key, &c->a, &q);

	c->res->queued++;
	if (r == OK) {
		k = queue_entry_key(&q);
		if (!slice_eq(record_key_slice(&k), cur->key))
			r = ERR_CORRUPT;
	}
	if (r == ERR_CORRUPT || r == ERR_VERSION) {
		check_bad_row(c, true, CONTROL_QUEUE, cur, r);
		return OK;
	}
	if (r == OK)
		r = queued(c, q.body, 0);
	if (r != OK || (q.entry[0].state != ST_QUEUE_WAITING &&
	    q.entry[0].state != ST_QUEUE_CLAIMED))
		return r;
	k = due_key(q.due_ms, cur->key);
	r = env_get(c->ctl->t, CONTROL_DUE, record_key_slice(&k), &val);
	if (r == ERR_NOENT)
		check_found_row(c, CHECK_QUEUE, true, CONTROL_QUEUE, cur->key,
		    "it waits, but is never due");
	return r == ERR_NOENT ? OK : r;
}

static int
take_due(struct check *c, const struct env_cursor *cur)
{
	struct control_queue q;
	uint64_t owes;
	int r = record_u64_get(cur->key, cur->val, &owes);

	if (cur->key.n < 8 + ST_ID_OCTETS) {
		unknown(c, CONTROL_DUE, cur);
		return OK;
	}
	if (r != OK) {
		check_bad_row(c, true, CONTROL_DUE, cur, r);
		return OK;
	}
	r = queue_load(c->ctl, slice_from(cur->key, 8), &c->a, &q);
	if (r == ERR_NOENT || (r == OK && (q.due_ms != record_key_read_u64(cur->key, 0) ||
	    (q.entry[0].state != ST_QUEUE_WAITING && q.entry[0].state != ST_QUEUE_CLAIMED))))
		check_found_row(c, CHECK_QUEUE, true, CONTROL_DUE, cur->key,
		    "due, but nothing waits for it");
	return r == ERR_NOENT || r == ERR_CORRUPT || r == ERR_VERSION ? OK : r;
}

/* ---- the rest ---- */

static int
take_meta(struct check *c, const struct env_cursor *cur)
{
	int r = record_sound(cur->key, cur->val, RECORD_VERSION);

	if (r != OK)
		check_bad_row(c, true, CONTROL_META, cur, r);
	return OK;
}

int
check_control(struct check *c)
{
	int r = check_accounts(c);

	if (r == OK)
		r = walk(c, CONTROL_INTENT, take_intent);
	if (r == OK)
		r = walk(c, CONTROL_STUCK, take_stuck);
	if (r == OK && c->only == 0)
		r = walk(c, CONTROL_DONE, take_done);
	if (r == OK && c->only == 0)
		r = walk(c, CONTROL_AGE, take_age);
	if (r == OK && c->only == 0)
		r = walk(c, CONTROL_QUEUE, take_queue);
	if (r == OK && c->only == 0)
		r = walk(c, CONTROL_DUE, take_due);
	return r == OK ? walk(c, CONTROL_META, take_meta) : r;
}

int
check_audit(struct check *c)
{
	struct check_finding f = { .kind = CHECK_AUDIT };
	struct audit_verify v;
	uint64_t all = 0;
	int r = env_count(c->ctl->t, CONTROL_AUDIT, &all);

	audit_verify_begin(&v, (struct slice){ NULL, 0 });
	while (r == OK && !v.done) {
		check_step(c, "audit", v.at.serial, all);
		r = audit_verify_step(c->ctl, &v, CHECK_STEP);
	}
	c->res->audits = v.at.serial;
	if (r != OK || v.what[0] == '\0')
		return r;
	f.is = v.first_bad;
	f.has_numbers = true;
	snprintf(f.what, sizeof f.what, "%.90s", v.what);
	check_found(c, &f);
	return OK;
}
