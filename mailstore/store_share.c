/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Rights and metadata, for readers. */
#include <stdlib.h>

#include "mailstore/store_internal.h"

/* Call fn for each row of a kind and mailbox. A transaction is open. */
static int
each_row(struct store *s, uint32_t account, enum record_kind kind, uint32_t mailbox,
    int (*fn)(void *arg, struct slice key, struct slice val), void *arg)
{
	struct record_key prefix = record_key(account, kind);
	struct env_cursor c;
	int r = env_cursor_open(s->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	record_key_u32(&prefix, mailbox);
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(c.key, &prefix); r = r == OK ? env_cursor_next(&c) : r)
		r = fn(arg, c.key, c.val);
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

/* In a mailbox that this reader may see; 0 is the account itself. */
static int
read_rows(struct store *s, uint32_t account, enum record_kind kind, uint32_t mailbox,
    int (*fn)(void *arg, struct slice key, struct slice val), void *arg)
{
	struct record_account acct;
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = mailbox != 0 ? store_get_box(s, account, mailbox) :
	    index_account_get(s->ix, account, &acct);
	if (r == OK)
		r = each_row(s, account, kind, mailbox, fn, arg);
	index_abort(s->ix);
	return r;
}

/* ---- rights ---- */

struct rights_list {
	struct arena	    *a;
	struct store_rights *v;
	size_t		     n;
};

static int
take_rights(void *arg, struct slice key, struct slice val)
{
	struct rights_list *l = arg;
	struct record_rights row;
	int r = record_rights_get(key, val, &row);

	if (r != OK || l->n == ST_IDENTIFIERS_MAX)
		return r != OK ? r : ERR_CORRUPT;
	l->v[l->n++] = (struct store_rights){ arena_copy(l->a, row.identifier), row.rights };
	return l->a->err;
}

static int
by_identifier(const void *a, const void *b)
{
	const struct store_rights *x = a, *y = b;

	return slice_cmp(x->identifier, y->identifier);
}

int
store_rights_list(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_rights **list_out, size_t *n_out)
{
	struct rights_list l = { .a = a };
	int r;

	*n_out = 0;
	*list_out = l.v = arena_array(a, ST_IDENTIFIERS_MAX, sizeof *l.v);
	if (l.v == NULL)
		return a->err;
	r = read_rows(s, account, RECORD_RIGHTS, mailbox, take_rights, &l);
	if (r == OK && l.n > 1)
		qsort(l.v, l.n, sizeof *l.v, by_identifier);
	*n_out = r == OK ? l.n : 0;
	return r;
}

struct rights_sum {
	const struct slice *identifiers;
	size_t		    n;
	uint16_t	    given, taken;
};

static int
add_rights(void *arg, struct slice key, struct slice val)
{
	struct rights_sum *sum = arg;
	struct record_rights row;
	int r = record_rights_get(key, val, &row);
	bool minus;

	if (r != OK)
		return r;
	minus = row.identifier.n > 1 && row.identifier.p[0] == '-';
	for (size_t i = 0; i < sum->n; i++) {
		if (!slice_eq(sum->identifiers[i], slice_from(row.identifier, minus)))
			continue;
		if (minus)
			sum->taken |= row.rights;
		else
			sum->given |= row.rights;
	}
	return OK;
}

int
store_rights_of(struct store *s, uint32_t account, uint32_t mailbox,
    const struct slice *identifiers, size_t n, uint16_t *rights_out)
{
	struct rights_sum sum = { .identifiers = identifiers, .n = n };
	int r = read_rows(s, account, RECORD_RIGHTS, mailbox, add_rights, &sum);

	*rights_out = r == OK ? (uint16_t)(sum.given & ~sum.taken) : 0;
	return r;
}

/* ---- metadata ---- */

struct entry_list {
	struct arena	   *a;
	struct store_entry *v;
	size_t		    n;
};

static int
take_entry(void *arg, struct slice key, struct slice val)
{
	struct entry_list *l = arg;
	struct record_entry row;
	int r = record_entry_get(key, val, &row);

	if (r != OK || l->n == ST_ENTRIES_MAX)
		return r != OK ? r : ERR_CORRUPT;
	l->v[l->n++] = (struct store_entry){ arena_copy(l->a, row.name),
		arena_copy(l->a, row.value) };
	return l->a->err;
}

static int
by_entry_name(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

int
store_entries(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_entry **list_out, size_t *n_out)
{
	struct entry_list l = { .a = a };
	int r;

	*n_out = 0;
	*list_out = l.v = arena_array(a, ST_ENTRIES_MAX, sizeof *l.v);
	if (l.v == NULL)
		return a->err;
	r = read_rows(s, account, RECORD_ENTRY, mailbox, take_entry, &l);
	if (r == OK && l.n > 1)
		qsort(l.v, l.n, sizeof *l.v, by_entry_name);
	*n_out = r == OK ? l.n : 0;
	return r;
}
