/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "common/words.h"

int
envelope_new(uint64_t seed, struct envelope **out)
{
	struct envelope *env = calloc(1, sizeof *env);

	if (env == NULL)
		return ERR_NOMEM;
	arena_init(&env->mem, ENVELOPE_OCTETS);
	env->seed = seed;
	*out = env;
	return OK;
}

void
envelope_free(struct envelope **env)
{
	if (*env == NULL)
		return;
	arena_clear(&(*env)->mem);
	free(*env);
	*env = NULL;
}

struct slice
envelope_domain(struct slice address)
{
	for (size_t i = address.n; i > 0; i--)
		if (address.p[i - 1] == '@')
			return slice_from(address, i);
	return (struct slice){ NULL, 0 };
}

bool
envelope_same_address(struct slice a, struct slice b)
{
	struct slice da = envelope_domain(a), db = envelope_domain(b);

	return a.n == b.n && da.n == db.n && slice_eq_nocase(da, db) &&
	    slice_eq(slice_sub(a, 0, a.n - da.n), slice_sub(b, 0, b.n - db.n));
}

/* ---- sets ---- */

/* FNV-1a over the folded octets, begun at a secret. */
static uint64_t
hash(uint64_t seed, struct slice s)
{
	uint64_t h = seed ^ 0xcbf29ce484222325U;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)ascii_lower(s.p[i])) * 0x100000001b3U;
	return h ^ h >> 29;
}

static struct slice
key_rcpt(const struct envelope *env, size_t i)
{
	return env->rcpts[i];
}

static struct slice
key_local(const struct envelope *env, size_t i)
{
	return (struct slice){ (const char *)env->locals[i].guid, ENVELOPE_GUID };
}

static struct slice
key_remote(const struct envelope *env, size_t i)
{
	return env->remotes[i].address;
}

typedef struct slice (*key_fn)(const struct envelope *env, size_t i);

/* The slot of an equal item, or the free one where it would go. */
static uint32_t *
place(const struct envelope *env, const struct envelope_set *set, struct slice key, key_fn key_of,
    bool octets)
{
	size_t at = hash(env->seed, key) & (set->cap - 1);

	while (set->slots[at] != 0) {
		struct slice had = key_of(env, set->slots[at] - 1);

		if (octets ? slice_eq(had, key) : envelope_same_address(had, key))
			break;
		at = (at + 1) & (set->cap - 1);
	}
	return &set->slots[at];
}

/* Keep the set at most half full for n + 1 items. */
static int
set_room(struct envelope *env, struct envelope_set *set, size_t n, key_fn key_of, bool octets)
{
	struct envelope_set bigger = { NULL, set->cap == 0 ? 16 : set->cap * 2 };

	if (set->cap >= 2 * (n + 1))
		return OK;
	bigger.slots = arena_array(&env->mem, bigger.cap, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return env->mem.err;
	for (size_t i = 0; i < n; i++)
		*place(env, &bigger, key_of(env, i), key_of, octets) = (uint32_t)(i + 1);
	*set = bigger;
	return OK;
}

/* Room for one more in an array of n items of size octets: where it is now, or NULL. */
static void *
array_room(struct arena *mem, void *items, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 4 : *cap * 2;
	void *p;

	if (n < *cap)
		return items;
	p = n < ENVELOPE_COPIES ? arena_array(mem, more, size) : NULL;
	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, items, n * size);
	*cap = more;
	return p;
}

static int
full(const struct envelope *env)
{
	return env->mem.err != OK ? env->mem.err : ERR_LIMIT;
}

/* ---- recipients and copies ---- */

int
envelope_rcpt(struct envelope *env, struct slice address)
{
	struct envelope_wish *wishes;
	struct slice *p;
	uint32_t *slot;
	int err = set_room(env, &env->rcpt_set, env->rcpts_n, key_rcpt, false);

	if (err != OK)
		return err;
	slot = place(env, &env->rcpt_set, address, key_rcpt, false);
	if (*slot != 0) {
		env->named = *slot - 1;
		return ERR_EXIST;
	}
	p = array_room(&env->mem, env->rcpts, env->rcpts_n, &env->rcpts_cap, sizeof *p);
	if (p == NULL)
		return full(env);
	env->rcpts = p;
	wishes = array_room(&env->mem, env->wishes, env->rcpts_n, &env->wishes_cap,
	    sizeof *wishes);
	if (wishes == NULL)
		return full(env);
	env->wishes = wishes;
	wishes[env->rcpts_n] = (struct envelope_wish){ .notify = 0 };
	env->named = env->rcpts_n;
	env->rcpts[env->rcpts_n++] = arena_copy(&env->mem, address);
	*slot = (uint32_t)env->rcpts_n;
	return env->mem.err;
}

void
envelope_wish(struct envelope *env, const struct envelope_wish *wish)
{
	env->wishes[env->rcpts_n - 1] = *wish;
}

static void
refill(const struct envelope *env, struct envelope_set *set, size_t n, key_fn key_of, bool octets)
{
	if (set->cap > 0)
		memset(set->slots, 0, set->cap * sizeof *set->slots);
	for (size_t i = 0; i < n; i++)
		*place(env, set, key_of(env, i), key_of, octets) = (uint32_t)(i + 1);
}

void
envelope_restore(struct envelope *env, const struct envelope *before)
{
	env->rcpts_n = before->rcpts_n;
	env->locals_n = before->locals_n;
	env->remotes_n = before->remotes_n;
	env->views_n = before->views_n;
	env->told_n = before->told_n;
	env->links_n = before->links_n;
	/* Removed items would leave holes in the chains, so the sets are filled anew. */
	refill(env, &env->rcpt_set, env->rcpts_n, key_rcpt, false);
	refill(env, &env->local_set, env->locals_n, key_local, true);
	refill(env, &env->remote_set, env->remotes_n, key_remote, false);
}

static int
add_view(struct envelope *env, unsigned zone, unsigned clearance)
{
	size_t rcpt = env->rcpts_n - 1;
	struct envelope_view *p;

	for (size_t i = env->views_n; i > 0 && env->views[i - 1].rcpt == rcpt; i--)
		if (env->views[i - 1].exit_zone == zone && env->views[i - 1].clearance == clearance)
			return OK;
	p = array_room(&env->mem, env->views, env->views_n, &env->views_cap, sizeof *p);
	if (p == NULL)
		return full(env);
	env->views = p;
	env->views[env->views_n++] = (struct envelope_view){ rcpt, zone, clearance };
	return OK;
}

static int
add_link(struct envelope *env, size_t copy, bool remote)
{
	struct envelope_link *p;

	if (!env->apart)
		return OK;
	p = array_room(&env->mem, env->links, env->links_n, &env->links_cap, sizeof *p);
	if (p == NULL)
		return full(env);
	env->links = p;
	env->links[env->links_n++] = (struct envelope_link){ env->rcpts_n - 1, copy, remote };
	return OK;
}

int
envelope_tell(struct envelope *env)
{
	struct envelope_told *p = array_room(&env->mem, env->told, env->told_n, &env->told_cap,
	    sizeof *p);

	if (p == NULL)
		return full(env);
	env->told = p;
	env->told[env->told_n++] = (struct envelope_told){ .rcpt = env->named };
	return OK;
}

int
envelope_add_local(struct envelope *env, const struct envelope_local *to)
{
	struct slice key = { (const char *)to->guid, ENVELOPE_GUID };
	struct envelope_local *copy, *p;
	uint32_t *slot;
	int err = add_view(env, ZONE_LOCAL, to->clearance);

	if (err == OK)
		err = set_room(env, &env->local_set, env->locals_n, key_local, true);
	if (err != OK)
		return err;
	slot = place(env, &env->local_set, key, key_local, true);
	if (*slot != 0)
		return add_link(env, *slot - 1, false);
	p = array_room(&env->mem, env->locals, env->locals_n, &env->locals_cap, sizeof *p);
	if (p == NULL)
		return full(env);
	env->locals = p;
	copy = &env->locals[env->locals_n++];
	*copy = *to;
	copy->uid = arena_copy(&env->mem, to->uid);
	copy->address = arena_copy(&env->mem, to->address);
	copy->quota.group = arena_copy(&env->mem, to->quota.group);
	*slot = (uint32_t)env->locals_n;
	return env->mem.err != OK ? env->mem.err : add_link(env, env->locals_n - 1, false);
}

int
envelope_add_remote(struct envelope *env, const struct envelope_remote *to)
{
	struct envelope_remote *copy, *p;
	uint32_t *slot;
	int err = add_view(env, to->zone, LEVEL_THUONG);

	if (err == OK)
		err = set_room(env, &env->remote_set, env->remotes_n, key_remote, false);
	if (err != OK)
		return err;
	slot = place(env, &env->remote_set, to->address, key_remote, false);
	if (*slot != 0)
		return add_link(env, *slot - 1, true);
	p = array_room(&env->mem, env->remotes, env->remotes_n, &env->remotes_cap, sizeof *p);
	if (p == NULL)
		return full(env);
	env->remotes = p;
	copy = &env->remotes[env->remotes_n++];
	copy->address = arena_copy(&env->mem, to->address);
	copy->route = arena_copy(&env->mem, to->route);
	copy->zone = to->zone;
	copy->notify = to->notify;
	copy->orcpt = arena_copy(&env->mem, to->orcpt);
	*slot = (uint32_t)env->remotes_n;
	return env->mem.err != OK ? env->mem.err : add_link(env, env->remotes_n - 1, true);
}
