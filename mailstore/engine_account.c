/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/clock.h"
#include "mailstore/engine.h"

static const struct slice last_account = { "last-account", 12 };
static const struct slice last_keyset = { "last-keyset", 11 };

/* A row of which the index, or our memory, never heard, for want of room or memory: nothing can have
 * been wrapped for its keysets, so it is made anew under its numbers. */
static int
make_again(struct engine *e, const struct control_account *there, struct control_account *row)
{
	if (accounts_find(e->accounts, row->guid) != NULL || there->keysets_n != row->keysets_n)
		return ERR_EXIST;
	for (size_t i = 0; i < row->keysets_n; i++)
		if (row->keysets[i].class != there->keysets[i].class)
			return ERR_EXIST;
	row->number = there->number;
	for (size_t i = 0; i < row->keysets_n; i++)
		row->keysets[i].id = there->keysets[i].id;
	return control_put_account(e->ctl, row);
}

int
engine_account_control(struct engine *e, struct control_account *row)
{
	struct arena a;
	struct control_account there;
	uint64_t last = 0, keyset = 0;
	int r = control_get_u64(e->ctl, CONTROL_META, last_account, &last);

	if (r == OK)
		r = control_get_u64(e->ctl, CONTROL_META, last_keyset, &keyset);
	if (r != OK && r != ERR_NOENT)
		return r;
	arena_init(&a, 1 << 20);
	r = control_get_account(e->ctl, row->guid, &a, &there);
	if (r == OK)
		r = make_again(e, &there, row);
	arena_clear(&a);
	if (r != ERR_NOENT)
		return r;
	/* The highest keyset number stands for the spool key. */
	if (last >= ACCOUNT_NUMBER_MAX || keyset >= UINT32_MAX - 1 - row->keysets_n)
		return ERR_LIMIT;
	row->number = (uint32_t)last + 1;
	for (size_t i = 0; i < row->keysets_n; i++)
		row->keysets[i].id = (uint32_t)++keyset;
	r = control_put_account(e->ctl, row);
	if (r == OK)
		r = control_put_u64(e->ctl, CONTROL_META, last_account, row->number);
	return r == OK ? control_put_u64(e->ctl, CONTROL_META, last_keyset, keyset) : r;
}

int
engine_account_index(struct engine *e, const struct control_account *row)
{
	uint32_t open = 0, mat = 0;
	int r;

	for (size_t i = 0; i < row->keysets_n; i++) {
		if (row->keysets[i].successor != 0)
			continue;
		if (row->keysets[i].class == KEYSET_OPEN)
			open = row->keysets[i].id;
		if (row->keysets[i].class == KEYSET_MAT)
			mat = row->keysets[i].id;
	}
	r = box_account_make(e->ix, row->number, row->guid, open, mat, clock_real_s());
	return r == OK ? engine_keys_index(e, row) : r;
}

bool
engine_keyset_there(const struct engine *e, uint32_t account, uint32_t keyset)
{
	struct account *a = accounts_number(e->accounts, account);

	return a != NULL && account_keyset_find(a, keyset) != NULL;
}
