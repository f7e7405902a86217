/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Keysets that take over from others, and the end of those. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "mailstore/engine.h"

static const struct slice last_keyset = { "last-keyset", 11 };

enum { KEYSETS_MAX = 64 };

/* ---- which is in use ---- */

static struct st_keyset *
in_use(const struct control_account *row, uint8_t class, uint32_t mailbox)
{
	for (size_t i = 0; i < row->keysets_n; i++)
		if (row->keysets[i].class == class && row->keysets[i].successor == 0 &&
		    row->keysets[i].mailbox == mailbox)
			return &row->keysets[i];
	return NULL;
}

static uint32_t
id_in_use(const struct control_account *row, uint8_t class)
{
	const struct st_keyset *ks = in_use(row, class, 0);

	return ks == NULL ? 0 : ks->id;
}

/* All mailboxes of a class, one after the other: their numbers were given out by counting. */
static int
set_boxes(struct engine *e, uint32_t account, const struct record_account *acct)
{
	struct record_box *box = &e->ix->box;
	int r = OK;

	for (uint32_t id = 1; id < acct->next_mailbox && r == OK; id++) {
		uint32_t keyset;

		r = index_box_get(e->ix, account, id, box);
		keyset = r == OK && box->class == KEYSET_MAT ? acct->keyset_mat : acct->keyset_open;
		if (r == OK && box->class != KEYSET_SHARED && box->keyset != keyset) {
			box->keyset = keyset;
			r = index_box_put(e->ix, box);
		}
		r = r == ERR_NOENT ? OK : r;
	}
	return r;
}

static int
set_shared(struct engine *e, uint32_t account, const struct st_keyset *ks)
{
	struct record_box *box = &e->ix->box;
	int r = index_box_get(e->ix, account, ks->mailbox, box);

	if (r != OK)
		return r == ERR_NOENT ? OK : r;
	if (box->class == KEYSET_MAT || (box->class == KEYSET_SHARED && box->keyset == ks->id))
		return OK;
	box->class = KEYSET_SHARED;
	box->keyset = ks->id;
	return index_box_put(e->ix, box);
}

int
engine_keys_index(struct engine *e, const struct control_account *row)
{
	struct record_account acct;
	uint32_t open = id_in_use(row, KEYSET_OPEN), mat = id_in_use(row, KEYSET_MAT);
	int r = index_account_get(e->ix, row->number, &acct);

	if (r == OK && (acct.keyset_open != open || acct.keyset_mat != mat)) {
		acct.keyset_open = open;
		acct.keyset_mat = mat;
		r = set_boxes(e, row->number, &acct);
		if (r == OK)
			r = index_account_put(e->ix, row->number, &acct);
	}
	for (size_t i = 0; i < row->keysets_n && r == OK; i++)
		if (row->keysets[i].class == KEYSET_SHARED && row->keysets[i].successor == 0)
			r = set_shared(e, row->number, &row->keysets[i]);
	return r;
}

/* ---- a new one ---- */

static int
audit_act(struct engine *e, const char *event, const struct control_account *row,
    const char *what, struct slice by)
{
	char detail[256];
	struct st_audit rec = { .event = slice_of(event), .account = row->address,
		.verdict = VERDICT_ALLOW };

	snprintf(detail, sizeof detail, "%s%s%.*s", what, by.n > 0 ? " " : "", (int)by.n, by.p);
	rec.detail = slice_of(detail);
	return audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1);
}

static int
read_row(struct engine *e, uint32_t account, struct arena *a, struct control_account *row)
{
	const struct account *acct = accounts_number(e->accounts, account);

	return acct == NULL ? ERR_NOENT :
	    control_get_account(e->ctl, (struct slice){ (const char *)acct->guid, 16 }, a, row);
}

/* Add a keyset to the row; the one that it takes over from gets to know it. */
static int
add_keyset(struct engine *e, struct control_account *row, const struct st_keyset *fresh,
    struct arena *a, char what[128])
{
	struct st_keyset *all = arena_array(a, row->keysets_n + 1, sizeof *all), *old;
	uint64_t last = 0;
	int r = control_get_u64(e->ctl, CONTROL_META, last_keyset, &last);

	if (r != OK || all == NULL)
		return r != OK ? r : a->err;
	if (row->keysets_n >= KEYSETS_MAX || last >= UINT32_MAX - 1)	/* that is the spool key */
		return ERR_LIMIT;
	memcpy(all, row->keysets, row->keysets_n * sizeof *all);
	row->keysets = all;
	old = in_use(row, fresh->class, fresh->mailbox);
	all[row->keysets_n] = *fresh;
	all[row->keysets_n].id = (uint32_t)last + 1;
	all[row->keysets_n].successor = 0;
	if (old != NULL)
		old->successor = (uint32_t)last + 1;
	snprintf(what, 128, "class=%s mailbox=%u keyset=%u before=%u", keyset_name(fresh->class),
	    fresh->mailbox, (uint32_t)last + 1, old == NULL ? 0 : old->id);
	row->keysets_n++;
	return control_put_u64(e->ctl, CONTROL_META, last_keyset, last + 1);
}

int
engine_key_rotate(struct engine *e, uint32_t account, const struct st_keyset *fresh,
    struct slice by, struct arena *a, struct control_account *row)
{
	char what[128];
	int r = read_row(e, account, a, row);

	if (r == OK)
		r = add_keyset(e, row, fresh, a, what);
	if (r == OK)
		r = control_put_account(e->ctl, row);
	return r == OK ? audit_act(e, "key-rotate", row, what, by) : r;
}

int
engine_key_renew(struct engine *e, uint32_t account)
{
	struct control_account row;
	struct arena a;
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, 1 << 20);
	r = read_row(e, account, &a, &row);
	if (r == OK)
		r = accounts_renew(e->accounts, &row);
	control_abort(e->ctl);
	arena_clear(&a);
	return r;
}

/* ---- wrapping anew ---- */

static int
rewrap_one(struct engine *e, const struct st_rewrap_request *req, const struct st_wrap *w,
    uint32_t *done)
{
	struct store_record m;
	int r = w->wrapped_key.n != sizeof m.wrapped_key ? ERR_INVAL :
	    index_message_get(e->ix, req->account, req->mailbox, w->uid, &m);

	if (r != OK)
		return r == ERR_NOENT ? OK : r;
	if (m.blob != w->blob || m.keyset != w->keyset)
		return OK;
	m.keyset = req->keyset;
	memcpy(m.wrapped_key, w->wrapped_key.p, sizeof m.wrapped_key);
	++*done;
	return index_message_put(e->ix, req->account, req->mailbox, &m);
}

int
engine_rewrap(struct engine *e, const struct st_rewrap_request *req, uint32_t *done_out)
{
	int r = index_box_get(e->ix, req->account, req->mailbox, &e->ix->box);

	*done_out = 0;
	if (r == OK && e->ix->box.keyset != req->keyset)
		r = ERR_AGAIN;
	for (size_t i = 0; i < req->wraps_n && r == OK; i++)
		r = rewrap_one(e, req, &req->wraps[i], done_out);
	return r;
}

/* ---- the end of one ---- */

/* 1: a row of that kind is wrapped for it. */
static int
kind_needs(struct index *ix, uint32_t account, enum record_kind kind, uint32_t keyset)
{
	struct record_key prefix = record_key(account, kind);
	struct store_record m = { .keyset = 0 };
	struct env_cursor cur;
	int r = env_cursor_open(ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	while (r == 1 && record_key_under(cur.key, &prefix)) {
		r = record_message_get(cur.key, cur.val, &m);
		if (r != OK || m.keyset == keyset)
			break;
		r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : m.keyset == keyset;
}

static bool
list_needs(const struct engine_intent *i, uint32_t account, uint32_t keyset)
{
	for (; i != NULL; i = i->next)
		for (size_t k = i->applied; k < i->row.copies_n; k++)
			if (i->row.copies[k].account == account && i->row.copies[k].keyset == keyset)
				return true;
	return false;
}

/* Mail, also what was expunged and may be restored, and deliveries that are not in their mailboxes
 * yet. A row that cannot be read may need it as well. */
static int
check_unused(struct engine *e, uint32_t account, uint32_t keyset)
{
	int r;

	if (list_needs(e->intents, account, keyset))
		return ERR_EXIST;
	r = index_begin_read(e->ix);
	if (r != OK)
		return r;
	r = kind_needs(e->ix, account, RECORD_MESSAGE, keyset);
	if (r == 0)
		r = kind_needs(e->ix, account, RECORD_EXPUNGED, keyset);
	index_abort(e->ix);
	return r == 1 ? ERR_EXIST : r;
}

int
engine_key_drop(struct engine *e, const struct st_key_drop_request *req, struct arena *a)
{
	struct control_account row;
	char what[64];
	size_t n = 0;
	int r = read_row(e, req->account, a, &row);

	if (r != OK)
		return r;
	for (size_t i = 0; i < row.keysets_n; i++)
		if (row.keysets[i].id != req->keyset || row.keysets[i].successor == 0)
			row.keysets[n++] = row.keysets[i];
	if (n == row.keysets_n)
		return ERR_NOENT;
	r = check_unused(e, req->account, req->keyset);
	if (r != OK)
		return r;
	row.keysets_n = n;
	snprintf(what, sizeof what, "keyset=%u", req->keyset);
	r = control_put_account(e->ctl, &row);
	return r == OK ? audit_act(e, "key-destroy", &row, what, req->by) : r;
}
