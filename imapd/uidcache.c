/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/uidcache.h"

#include <stdlib.h>
#include <string.h>

static void
drop(struct uidlist *l)
{
	free(l->v);
	*l = (struct uidlist){ 0 };
}

void
uidcache_fini(struct uidcache *c)
{
	for (size_t i = 0; i < UIDCACHE_LISTS; i++)
		drop(&c->lists[i]);
}

static struct uidlist *
find(struct uidcache *c, uint32_t account, uint32_t box)
{
	for (size_t i = 0; i < UIDCACHE_LISTS; i++) {
		struct uidlist *l = &c->lists[i];

		if (l->v != NULL && l->account == account && l->box == box)
			return l;
	}
	return NULL;
}

const struct uidlist *
uidcache_find(struct uidcache *c, uint32_t account, uint32_t box)
{
	return find(c, account, box);
}

/* Drop what was not used for longest until n more UIDs may come: a free place. */
static struct uidlist *
make_room(struct uidcache *c, uint32_t n)
{
	for (;;) {
		struct uidlist *place = NULL, *oldest = NULL;
		size_t all = n;

		for (size_t i = 0; i < UIDCACHE_LISTS; i++) {
			struct uidlist *l = &c->lists[i];

			all += l->n;
			if (l->v == NULL)
				place = l;
			else if (oldest == NULL || l->used < oldest->used)
				oldest = l;
		}
		if (place != NULL && all <= UIDCACHE_UIDS)
			return place;
		if (oldest == NULL)
			return NULL;
		drop(oldest);
	}
}

/* Read behind what is in v, n of them, until all messages of st are there: is the list right? */
static bool
read_rest(uint32_t *v, uint32_t n, uint32_t from, const struct backend_state *st, uint32_t box,
    uidcache_read_fn read, void *ctx)
{
	size_t want = st->messages - n, got = 0;

	/* One more than there can be tells that something changed. */
	if (read(ctx, box, from, v + n, want + 1, &got) != OK || got != want)
		return false;
	return st->messages == 0 || v[st->messages - 1] < st->uidnext;
}

static bool
fits(const struct backend_state *st)
{
	return st->messages >= UIDCACHE_FEWEST && st->messages <= UIDCACHE_MOST;
}

/* A new list, or NULL. */
static struct uidlist *
make(struct uidcache *c, uint32_t account, uint32_t box, const struct backend_state *st,
    uidcache_read_fn read, void *ctx)
{
	struct uidlist *l = make_room(c, st->messages);
	uint32_t *v = l == NULL ? NULL : calloc((size_t)st->messages + 1, sizeof *v);

	if (v == NULL || !read_rest(v, 0, 1, st, box, read, ctx)) {
		free(v);
		return NULL;
	}
	*l = (struct uidlist){ .account = account, .box = box, .uidvalidity = st->uidvalidity,
		.uidnext = st->uidnext, .v = v, .n = st->messages };
	return l;
}

/* There may be new messages: is the list right with them? */
static bool
extend(struct uidlist *l, const struct backend_state *st, uidcache_read_fn read, void *ctx)
{
	uint32_t *v;

	if (st->uidvalidity != l->uidvalidity || st->uidnext < l->uidnext || st->messages < l->n)
		return false;
	if (st->uidnext == l->uidnext)
		return st->messages == l->n;
	v = realloc(l->v, ((size_t)st->messages + 1) * sizeof *v);
	if (v == NULL)
		return false;
	l->v = v;
	if (!read_rest(v, l->n, l->uidnext, st, l->box, read, ctx))
		return false;
	l->n = st->messages;
	l->uidnext = st->uidnext;
	return true;
}

const struct uidlist *
uidcache_get(struct uidcache *c, uint32_t account, uint32_t box, const struct backend_state *st,
    uidcache_read_fn read, void *ctx)
{
	struct uidlist *l = find(c, account, box);

	if (l != NULL && (!fits(st) || !extend(l, st, read, ctx))) {
		drop(l);
		l = NULL;
	}
	if (l == NULL && fits(st))
		l = make(c, account, box, st, read, ctx);
	if (l != NULL)
		l->used = ++c->clock;
	return l;
}

size_t
uidlist_copy(const struct uidlist *l, uint32_t first, uint32_t *out, size_t cap)
{
	size_t lo = 0, hi = l->n, n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid] < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	n = l->n - lo < cap ? l->n - lo : cap;
	if (n > 0)
		memcpy(out, l->v + lo, n * sizeof *out);
	return n;
}
