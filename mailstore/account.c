/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/account.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"
#include "mailstore/crypt.h"

enum { ROW_ARENA_MAX = 1 << 20 };

struct accounts {
	struct account **by_number;	/* [number], NULL where there is none */
	size_t		 by_number_cap;
	struct account **by_guid;	/* open addressing, a power of two */
	size_t		 by_guid_cap;
	uint32_t	 count, segment;
	struct account_group **groups;	/* open addressing, a power of two */
	size_t		 groups_cap, groups_n;
};

int
accounts_new(struct accounts **out)
{
	*out = calloc(1, sizeof **out);
	return *out == NULL ? ERR_NOMEM : OK;
}

void
accounts_free(struct accounts **as)
{
	if (*as == NULL)
		return;
	for (size_t i = 0; i < (*as)->by_number_cap; i++)
		if ((*as)->by_number[i] != NULL) {
			crypt_wipe((*as)->by_number[i], sizeof(struct account));
			free((*as)->by_number[i]);
		}
	for (size_t i = 0; i < (*as)->groups_cap; i++)
		free((*as)->groups[i]);
	free((*as)->groups);
	free((*as)->by_number);
	free((*as)->by_guid);
	free(*as);
	*as = NULL;
}

uint32_t
accounts_count(const struct accounts *as)
{
	return as->count;
}

/* Where guid is, or the free place for it. */
static size_t
place(struct account *const *table, size_t cap, const void *guid)
{
	size_t i = crc32c(0, (struct slice){ guid, 16 }) & (cap - 1);

	while (table[i] != NULL && memcmp(table[i]->guid, guid, 16) != 0)
		i = (i + 1) & (cap - 1);
	return i;
}

struct account *
accounts_find(const struct accounts *as, struct slice guid)
{
	if (guid.n != 16 || as->by_guid_cap == 0)
		return NULL;
	return as->by_guid[place(as->by_guid, as->by_guid_cap, guid.p)];
}

struct account *
accounts_number(const struct accounts *as, uint32_t number)
{
	return number < as->by_number_cap ? as->by_number[number] : NULL;
}

static int
guid_room(struct accounts *as)
{
	size_t cap = as->by_guid_cap == 0 ? 256 : 2 * as->by_guid_cap;
	struct account **t;

	if (2 * (size_t)(as->count + 1) <= as->by_guid_cap)
		return OK;
	t = calloc(cap, sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < as->by_guid_cap; i++)
		if (as->by_guid[i] != NULL)
			t[place(t, cap, as->by_guid[i]->guid)] = as->by_guid[i];
	free(as->by_guid);
	as->by_guid = t;
	as->by_guid_cap = cap;
	return OK;
}

static int
number_room(struct accounts *as, uint32_t number)
{
	size_t cap = as->by_number_cap == 0 ? 256 : as->by_number_cap;
	struct account **t;

	while (cap <= number)
		cap *= 2;
	if (cap == as->by_number_cap)
		return OK;
	t = realloc(as->by_number, cap * sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	memset(t + as->by_number_cap, 0, (cap - as->by_number_cap) * sizeof *t);
	as->by_number = t;
	as->by_number_cap = cap;
	return OK;
}

/* ---- agencies ---- */

static size_t
group_place(struct account_group *const *table, size_t cap, const void *id)
{
	size_t i = crc32c(0, (struct slice){ id, QUOTA_GROUP_OCTETS }) & (cap - 1);

	while (table[i] != NULL && memcmp(table[i]->id, id, QUOTA_GROUP_OCTETS) != 0)
		i = (i + 1) & (cap - 1);
	return i;
}

static int
group_room(struct accounts *as)
{
	size_t cap = as->groups_cap == 0 ? 64 : 2 * as->groups_cap;
	struct account_group **t;

	if (2 * (as->groups_n + 1) <= as->groups_cap)
		return OK;
	t = calloc(cap, sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < as->groups_cap; i++)
		if (as->groups[i] != NULL)
			t[group_place(t, cap, as->groups[i]->id)] = as->groups[i];
	free(as->groups);
	as->groups = t;
	as->groups_cap = cap;
	return OK;
}

struct account_group *
accounts_group(struct accounts *as, struct slice id)
{
	struct account_group *g;
	size_t at;

	if (id.n != QUOTA_GROUP_OCTETS || group_room(as) != OK)
		return NULL;
	at = group_place(as->groups, as->groups_cap, id.p);
	if (as->groups[at] != NULL)
		return as->groups[at];
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	memcpy(g->id, id.p, sizeof g->id);
	as->groups[at] = g;
	as->groups_n++;
	return g;
}

/* A number is given out by counting, so a huge one can only be damage. */
enum { NUMBER_MAX = 1 << 26 };

static int
take_keysets(struct account *a, const struct control_account *row)
{
	for (size_t i = 0; i < row->keysets_n; i++) {
		const struct st_keyset *ks = &row->keysets[i];
		int which = ks->class == KEYSET_OPEN ? ACCOUNT_OPEN :
		    ks->class == KEYSET_MAT ? ACCOUNT_MAT : -1;

		if (which < 0 || ks->public_key.n != 32)
			continue;
		a->keysets[which].id = ks->id;
		memcpy(a->keysets[which].public, ks->public_key.p, 32);
	}
	return a->keysets[ACCOUNT_OPEN].id != 0 && a->keysets[ACCOUNT_MAT].id != 0 ?
	    OK : ERR_CORRUPT;
}

int
accounts_add(struct accounts *as, const struct control_account *row)
{
	struct account *a;
	int r;

	if (row->guid.n != 16 || row->number == 0 || row->number > NUMBER_MAX)
		return ERR_CORRUPT;
	if (accounts_find(as, row->guid) != NULL || accounts_number(as, row->number) != NULL)
		return ERR_EXIST;
	r = guid_room(as);
	if (r == OK)
		r = number_room(as, row->number);
	if (r != OK)
		return r;
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return ERR_NOMEM;
	a->number = row->number;
	memcpy(a->guid, row->guid.p, 16);
	r = take_keysets(a, row);
	if (r != OK) {
		free(a);
		return r;
	}
	as->by_number[a->number] = a;
	as->by_guid[place(as->by_guid, as->by_guid_cap, a->guid)] = a;
	as->count++;
	return OK;
}

int
accounts_load(struct accounts *as, struct control *c)
{
	struct control_account row;
	struct env_cursor cur;
	struct arena a;
	int r = env_cursor_open(c->t, CONTROL_ACCOUNT, &cur);

	if (r != OK)
		return r;
	arena_init(&a, ROW_ARENA_MAX);
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		r = record_wire_get(cur.key, cur.val, &control_account_wire, &a, &row);
		if (r == OK)
			r = accounts_add(as, &row);
		arena_clear(&a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

void
accounts_end_epoch(struct accounts *as)
{
	for (size_t i = 0; i < as->by_number_cap; i++)
		for (int k = 0; as->by_number[i] != NULL && k < ACCOUNT_CLASSES; k++) {
			crypt_wipe(as->by_number[i]->keysets[k].shared, 32);
			as->by_number[i]->keysets[k].shared_segment = 0;
		}
}

static void
epoch_is(struct accounts *as, uint32_t segment)
{
	if (as->segment != segment)
		accounts_end_epoch(as);
	as->segment = segment;
}

const uint8_t *
account_shared_known(struct accounts *as, const struct account_keyset *ks, uint32_t segment)
{
	epoch_is(as, segment);
	return ks->shared_segment == segment ? ks->shared : NULL;
}

void
account_shared_set(struct accounts *as, struct account_keyset *ks, uint32_t segment,
    const uint8_t shared[32])
{
	if (as->segment != segment || ks->shared_segment == segment)
		return;
	memcpy(ks->shared, shared, sizeof ks->shared);
	ks->shared_segment = segment;
}

int
account_shared(struct accounts *as, struct account_keyset *ks, uint32_t segment,
    const uint8_t *epoch_secret, const uint8_t **out)
{
	int r = OK;

	epoch_is(as, segment);
	if (ks->shared_segment != segment)
		r = crypt_shared(ks->public, epoch_secret, ks->shared);
	if (r == OK)
		ks->shared_segment = segment;
	*out = ks->shared;
	return r;
}
