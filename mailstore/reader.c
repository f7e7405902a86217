/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/reader.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/control.h"
#include "mailstore/index.h"
#include "mailstore/name.h"
#include "mailstore/path.h"

struct list {
	struct reader_account *v;
	size_t		       n, cap;
	struct arena	      *a;
};

static int
add(struct list *l, const struct control_account *row)
{
	struct reader_account *v = l->v;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : 2 * l->cap;

		v = arena_array(l->a, cap, sizeof *v);
		if (v == NULL)
			return l->a->err;
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	v[l->n++] = (struct reader_account){ .number = row->number,
		.guid = arena_copy(l->a, row->guid), .uid = arena_copy(l->a, row->uid),
		.address = arena_copy(l->a, row->address), .keysets = row->keysets,
		.keysets_n = row->keysets_n };
	/* The decoded list is in the arena; what it points to is not. */
	for (size_t i = 0; i < row->keysets_n; i++) {
		row->keysets[i].public_key = arena_copy(l->a, row->keysets[i].public_key);
		row->keysets[i].wrapped = arena_copy(l->a, row->keysets[i].wrapped);
	}
	return l->a->err;
}

static int
collect(struct control *c, struct list *l)
{
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_ACCOUNT, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });	/* the least of keys */
	while (r == 1) {
		struct control_account row;
		int e = control_account_get(cur.key, cur.val, l->a, &row);

		if (e == OK)
			e = add(l, &row);
		r = e == OK ? env_cursor_next(&cur) : e;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static int
by_address(const void *a, const void *b)
{
	const struct reader_account *x = a, *y = b;

	return slice_cmp(x->address, y->address);
}

int
reader_accounts(const char *state_dir, uint64_t map_octets, struct arena *a,
    struct reader_account **list_out, size_t *n_out)
{
	struct list l = { .a = a };
	struct control *c = NULL;
	char path[PATH_OCTETS];
	int r = path_store(state_dir, "control", path);

	if (r == OK)
		r = control_open(path, map_octets, true, &c);
	if (r == ERR_NOENT)
		r = ERR_UNAVAIL;
	if (r == OK)
		r = control_begin_read(c);
	if (r == OK) {
		r = collect(c, &l);
		control_abort(c);
	}
	control_close(&c);
	if (r == OK && l.n > 1)
		qsort(l.v, l.n, sizeof *l.v, by_address);
	*list_out = l.v;
	*n_out = l.n;
	return r;
}

/* ---- mailboxes ---- */

static int
find_deleted(struct index *ix, uint32_t account, struct slice name, uint32_t *mailbox_out)
{
	enum { MAILBOX_AT = 9 };
	struct record_key prefix = record_key(account, RECORD_DELETED);
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	*mailbox_out = 0;
	for (r = env_cursor_seek(&c, record_key_slice(&prefix));
	    r == 1 && record_key_under(c.key, &prefix); r = env_cursor_next(&c))
		if (record_box_get(c.key, c.val, &ix->box) == OK &&
		    slice_eq(record_box_name(&ix->box), name))
			*mailbox_out = record_key_read_u32(c.key, MAILBOX_AT);
	env_cursor_close(&c);
	return r < 0 ? r : *mailbox_out == 0 ? ERR_NOENT : OK;
}

int
reader_mailbox(const char *state_dir, uint64_t map_octets, uint32_t account, struct slice name,
    uint32_t *mailbox_out)
{
	struct index *ix = NULL;
	char path[PATH_OCTETS];
	struct buf normal;
	int r = path_store(state_dir, "index", path);

	buf_init(&normal, ST_NAME_MAX + 1);
	if (r == OK)
		r = name_normal(name, &normal);
	if (r == OK)
		r = index_open(path, map_octets, true, &ix);
	if (r == OK)
		r = index_begin_read(ix);
	if (r == OK) {
		r = index_name_find(ix, account, buf_slice(&normal), mailbox_out);
		if (r == ERR_NOENT)
			r = find_deleted(ix, account, buf_slice(&normal), mailbox_out);
		index_abort(ix);
	}
	index_close(&ix);
	buf_fini(&normal);
	return r;
}
