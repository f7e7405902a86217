/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/quota.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

enum { JOIN_AT_ONCE = 256 };

/* ---- what the directory says ---- */

static struct slice
group_slice(const struct account_group *g)
{
	return g == NULL ? (struct slice){ NULL, 0 } :
	    (struct slice){ (const char *)g->id, sizeof g->id };
}

static void
move_pending(struct account *a, struct account_group *to)
{
	if (a->group != NULL) {
		a->group->pending.octets -= a->pending.octets;
		a->group->pending.messages -= a->pending.messages;
	}
	if (to != NULL) {
		to->pending.octets += a->pending.octets;
		to->pending.messages += a->pending.messages;
	}
	a->group = to;
}

int
quota_learn(struct engine *e, struct account *a, const struct st_quota *q)
{
	struct account_group *g = NULL;

	if (q->group.n == QUOTA_GROUP_OCTETS) {
		g = a->group != NULL && slice_eq(group_slice(a->group), q->group) ? a->group :
		    accounts_group(e->accounts, q->group);
		if (g == NULL)
			return ERR_NOMEM;
	}
	if (g != a->group) {
		move_pending(a, g);
		a->joined = false;
	}
	a->limit = *q;
	a->limit.group = group_slice(g);
	a->known = true;
	return OK;
}

struct box_quota *
quota_scope(const struct engine *e, uint32_t account, bool check, struct box_quota *out)
{
	const struct account *a = accounts_number(e->accounts, account);

	if (a == NULL || !a->known)
		return NULL;
	*out = (struct box_quota){ .limit = a->limit, .pending = a->pending, .check = check,
		.percents = e->conf.warn_percents, .percents_n = e->conf.warn_percents_n };
	if (a->group != NULL)
		out->group_pending = a->group->pending;
	return out;
}

/* ---- joining ---- */

static int
row_says_so(struct engine *e, struct account *a)
{
	static const uint8_t none[QUOTA_GROUP_OCTETS];
	struct record_account row;
	int r = index_account_get(e->ix, a->number, &row);

	/* Without a row nothing can be filed: it will be set aside. */
	if (r == ERR_NOENT)
		a->joined = true, r = OK;
	else if (r == OK)
		a->joined = memcmp(row.group, a->group == NULL ? none : a->group->id,
		    sizeof row.group) == 0;
	return r;
}

static int
join_some(struct engine *e, struct account *const *list, size_t n)
{
	int r = index_begin_write(e->ix);

	if (r != OK)
		return r;
	for (size_t i = 0; i < n && r == OK; i++) {
		struct box_quota q;
		struct box_scope sc = { .account = list[i]->number, .now_s = clock_real_s(),
			.quota = quota_scope(e, list[i]->number, false, &q) };

		r = box_join(e->ix, &sc);
	}
	if (r == OK) {
		r = engine_committed(e, index_commit(e->ix));
		e->stats.syncs += 2;
	}
	index_abort(e->ix);
	for (size_t i = 0; i < n && r == OK; i++)
		list[i]->joined = true;
	return r;
}

/* Collects those whose rows must be changed first, so that what is already there counts. */
struct joining {
	struct account *list[JOIN_AT_ONCE];
	size_t		n;
};

static int
join_add(struct engine *e, struct joining *j, struct account *a)
{
	int r = OK;

	if (a->joined)
		return OK;
	if (j->n == JOIN_AT_ONCE) {
		r = join_some(e, j->list, j->n);
		j->n = 0;
	}
	if (r == OK)
		r = index_begin_read(e->ix);
	if (r != OK)
		return r;
	r = row_says_so(e, a);
	index_abort(e->ix);
	if (r == OK && !a->joined)
		j->list[j->n++] = a;
	return r;
}

static int
join_all(struct engine *e, const struct st_local *local, size_t n)
{
	struct joining j = { .n = 0 };
	int r = OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		struct account *a = accounts_find(e->accounts, local[i].guid);

		if (a == NULL)
			continue;
		r = quota_learn(e, a, &local[i].quota);
		if (r == OK)
			r = join_add(e, &j, a);
	}
	return r == OK && j.n > 0 ? join_some(e, j.list, j.n) : r;
}

/* ---- reserving ---- */

static void
take(struct account *a, uint64_t octets)
{
	a->pending.octets += octets;
	a->pending.messages++;
	if (a->group != NULL) {
		a->group->pending.octets += octets;
		a->group->pending.messages++;
	}
}

static void
give_back(struct account *a, uint64_t octets)
{
	a->pending.octets -= octets;
	a->pending.messages--;
	if (a->group != NULL) {
		a->group->pending.octets -= octets;
		a->group->pending.messages--;
	}
}

void
quota_add(struct engine *e, uint32_t account, uint64_t octets)
{
	struct account *a = accounts_number(e->accounts, account);

	if (a != NULL)
		take(a, octets);
}

void
quota_release(struct engine *e, uint32_t account, uint64_t octets)
{
	struct account *a = accounts_number(e->accounts, account);

	if (a != NULL)
		give_back(a, octets);
}

static bool
unlimited(const struct account *a)
{
	return a->limit.octets == 0 && a->limit.messages == 0 && (a->group == NULL ||
	    (a->limit.group_octets == 0 && a->limit.group_messages == 0));
}

/* A transaction is open. */
static int
look_at(struct engine *e, const struct account *a, uint64_t octets)
{
	struct box_quota q;
	struct box_scope sc = { .account = a->number,
		.quota = quota_scope(e, a->number, true, &q) };
	struct box_owner owner;
	int r;

	if (unlimited(a))
		return OK;
	r = box_owner_get(e->ix, &sc, &owner);
	return r == OK ? box_owner_room(&owner, sc.quota, octets, 1) : r == ERR_NOENT ? OK : r;
}

static int
reserve_all(struct engine *e, const struct st_local *local, size_t n, uint64_t octets)
{
	size_t done = 0;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	for (; done < n && r == OK; done++) {
		struct account *a = accounts_find(e->accounts, local[done].guid);

		if (a == NULL)
			continue;
		r = look_at(e, a, octets);
		if (r == OK)
			take(a, octets);
	}
	index_abort(e->ix);
	for (size_t i = 0; r != OK && i + 1 < done; i++) {
		struct account *a = accounts_find(e->accounts, local[i].guid);

		if (a != NULL)
			give_back(a, octets);
	}
	return r;
}

int
quota_reserve(struct engine *e, const struct st_local *local, size_t n, uint64_t octets)
{
	int r = n > 0 ? join_all(e, local, n) : OK;

	return r == OK && n > 0 ? reserve_all(e, local, n, octets) : r;
}

int
quota_look(struct engine *e, struct account *a, const struct st_quota *q, uint64_t octets)
{
	int r = quota_learn(e, a, q);

	if (r != OK || unlimited(a))
		return r;
	r = index_begin_read(e->ix);
	if (r != OK)
		return r;
	r = look_at(e, a, octets);
	index_abort(e->ix);
	return r;
}

int
quota_reserve_one(struct engine *e, struct account *a, const struct st_quota *q, uint64_t octets)
{
	struct st_local one = { .guid = { (const char *)a->guid, sizeof a->guid }, .quota = *q };

	return quota_reserve(e, &one, 1, octets);
}

/* ---- warnings ---- */

void
quota_note(struct engine *e, uint32_t account, const struct box_quota *q)
{
	struct account *a = accounts_number(e->accounts, account);

	if (a == NULL || q == NULL)
		return;
	if (q->crossed > a->crossed)
		a->crossed = q->crossed;
	if (q->group_crossed > a->group_crossed)
		a->group_crossed = q->group_crossed;
}

/* As the directory writes entryUUID: an administrator finds the entry by it. */
static void
guid_text(const uint8_t guid[16], char out[37])
{
	size_t at = 0;

	for (size_t i = 0; i < 16; i++)
		at += (size_t)snprintf(out + at, 37 - at,
		    i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", guid[i]);
}

void
quota_tell(struct engine *e, uint32_t account)
{
	struct account *a = accounts_number(e->accounts, account);
	char who[37];

	if (a == NULL)
		return;
	if (a->crossed != 0) {
		guid_text(a->guid, who);
		log_event(EV_QUOTA_WARNING, F_CSTR("of", "account"), F_CSTR("guid", who),
		    F_U64("percent", a->crossed));
	}
	if (a->group_crossed != 0 && a->group != NULL) {
		guid_text(a->group->id, who);
		log_event(EV_QUOTA_WARNING, F_CSTR("of", "agency"), F_CSTR("guid", who),
		    F_U64("percent", a->group_crossed));
	}
	a->crossed = a->group_crossed = 0;
}
