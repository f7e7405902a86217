/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/account.h"

#include <stdlib.h>
#include <string.h>

#include "common/control.h"
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
	struct crypt_vault *vault;	/* of wrapping keys */
	struct account_keyset *gone;	/* lists that accounts had; work under way may point there */
};

int
accounts_new(struct accounts **out)
{
	int r;

	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return ERR_NOMEM;
	r = crypt_vault_new(&(*out)->vault);
	if (r != OK)
		accounts_free(out);
	return r;
}

void
accounts_free(struct accounts **as)
{
	if (*as == NULL)
		return;
	for (size_t i = 0; i < (*as)->by_number_cap; i++)
		if ((*as)->by_number[i] != NULL) {
			free((*as)->by_number[i]->more);
			free((*as)->by_number[i]);
		}
	for (size_t i = 0; i < (*as)->groups_cap; i++)
		free((*as)->groups[i]);
	free((*as)->groups);
	crypt_vault_free(&(*as)->vault);
	while ((*as)->gone != NULL) {
		struct account_keyset *next = (*as)->gone->next;

		free((*as)->gone);
		(*as)->gone = next;
	}
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

uint32_t
accounts_last(const struct accounts *as)
{
	return as->by_number_cap == 0 ? 0 : (uint32_t)as->by_number_cap - 1;
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


static void
drop_keysets(struct accounts *as, struct account *a)
{
	for (int k = 0; k < ACCOUNT_CLASSES; k++)
		crypt_vault_give(as->vault, a->keysets[k].shared);
	for (size_t k = 0; k < a->more_n; k++) {
		crypt_vault_give(as->vault, a->more[k].shared);
		a->more[k] = (struct account_keyset){ .next = k == 0 ? as->gone : NULL };
	}
	if (a->more_n > 0)
		as->gone = a->more;
	else
		free(a->more);
	a->more = NULL;
	a->more_n = 0;
	memset(a->keysets, 0, sizeof a->keysets);
}

static int
take_keysets(struct account *a, const struct control_account *row)
{
	a->more = calloc(row->keysets_n + 1, sizeof *a->more);
	if (a->more == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < row->keysets_n; i++) {
		const struct st_keyset *ks = &row->keysets[i];
		bool whole = ks->successor == 0 && ks->class != KEYSET_SHARED;
		struct account_keyset *to = !whole ? &a->more[a->more_n] :
		    &a->keysets[ks->class == KEYSET_MAT ? ACCOUNT_MAT : ACCOUNT_OPEN];

		if (ks->class > KEYSET_SHARED || ks->public_key.n != 32 || to->id != 0)
			return ERR_CORRUPT;
		*to = (struct account_keyset){ .id = ks->id, .mailbox = ks->mailbox,
			.successor = ks->successor, .class = ks->class };
		memcpy(to->public, ks->public_key.p, 32);
		a->more_n += !whole;
	}
	return a->keysets[ACCOUNT_OPEN].id != 0 && a->keysets[ACCOUNT_MAT].id != 0 ?
	    OK : ERR_CORRUPT;
}

int
accounts_renew(struct accounts *as, const struct control_account *row)
{
	struct account *a = accounts_find(as, row->guid);
	struct account fresh = { 0 };
	int r = a == NULL ? ERR_NOENT : take_keysets(&fresh, row);

	if (r != OK) {
		free(fresh.more);
		return r;
	}
	drop_keysets(as, a);
	memcpy(a->keysets, fresh.keysets, sizeof a->keysets);
	a->more = fresh.more;
	a->more_n = fresh.more_n;
	return OK;
}

struct account_keyset *
account_keyset_for(struct account *a, uint32_t mailbox, uint8_t class)
{
	for (size_t i = 0; class != KEYSET_MAT && i < a->more_n; i++)
		if (a->more[i].class == KEYSET_SHARED && a->more[i].mailbox == mailbox &&
		    a->more[i].successor == 0)
			return &a->more[i];
	return &a->keysets[class == KEYSET_MAT ? ACCOUNT_MAT : ACCOUNT_OPEN];
}

struct account_keyset *
account_keyset_find(struct account *a, uint32_t id)
{
	for (int k = 0; k < ACCOUNT_CLASSES; k++)
		if (a->keysets[k].id == id)
			return &a->keysets[k];
	for (size_t k = 0; k < a->more_n; k++)
		if (a->more[k].id == id)
			return &a->more[k];
	return NULL;
}

bool
account_class_fits(uint8_t keyset, uint8_t mailbox)
{
	return (keyset == KEYSET_MAT) == (mailbox == KEYSET_MAT) || control_off("keyset-class");
}

int
accounts_add(struct accounts *as, const struct control_account *row)
{
	struct account *a;
	int r;

	if (row->guid.n != 16 || row->number == 0 || row->number > ACCOUNT_NUMBER_MAX)
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
		free(a->more);
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
		r = control_account_get(cur.key, cur.val, &a, &row);
		if (r == OK)
			r = accounts_add(as, &row);
		arena_clear(&a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

static void
end_epoch(struct accounts *as, struct account_keyset *ks)
{
	crypt_vault_give(as->vault, ks->shared);
	ks->shared = NULL;
	ks->shared_segment = 0;
}

void
accounts_end_epoch(struct accounts *as)
{
	for (size_t i = 0; i < as->by_number_cap; i++) {
		struct account *a = as->by_number[i];

		for (int k = 0; a != NULL && k < ACCOUNT_CLASSES; k++)
			end_epoch(as, &a->keysets[k]);
		for (size_t k = 0; a != NULL && k < a->more_n; k++)
			end_epoch(as, &a->more[k]);
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
account_shared_set(struct accounts *as, struct account_keyset *ks, uint32_t keyset,
    uint32_t segment, const uint8_t shared[32])
{
	if (as->segment != segment || ks->shared_segment == segment || ks->id != keyset)
		return;
	if (ks->shared == NULL)
		ks->shared = crypt_vault_take(as->vault);
	if (ks->shared == NULL)
		return;
	memcpy(ks->shared, shared, CRYPT_KEY_OCTETS);
	ks->shared_segment = segment;
}

int
account_shared(struct accounts *as, struct account_keyset *ks, uint32_t segment,
    const uint8_t *epoch_secret, const uint8_t **out)
{
	int r = OK;

	epoch_is(as, segment);
	if (ks->shared == NULL)
		ks->shared = crypt_vault_take(as->vault);
	if (ks->shared == NULL)
		return ERR_NOMEM;
	if (ks->shared_segment != segment)
		r = crypt_shared(ks->public, epoch_secret, ks->shared);
	if (r == OK)
		ks->shared_segment = segment;
	*out = ks->shared;
	return r;
}
