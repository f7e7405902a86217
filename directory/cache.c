/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

enum { BUCKETS = 16384, ITEM_SHARE = 4 };

struct item {
	struct item *next;		/* in its bucket */
	struct item *older, *newer;	/* by age: all live equally long */
	uint64_t     dies_ms;
	uint64_t     hash;
	size_t	     key_n, value_n;
	char	     octets[];
};

struct cache {
	uint8_t	     hash_key[crypto_shorthash_KEYBYTES];
	struct item *buckets[BUCKETS];
	struct item *oldest, *newest;
	uint64_t     life_ms;
	size_t	     max_octets, octets, n;
};

int
cache_new(uint64_t life_ms, size_t max_octets, struct cache **out)
{
	struct cache *c = calloc(1, sizeof *c);

	if (c == NULL)
		return ERR_NOMEM;
	randombytes_buf(c->hash_key, sizeof c->hash_key);
	c->life_ms = life_ms;
	c->max_octets = max_octets;
	*out = c;
	return OK;
}

static size_t
size_of(const struct item *i)
{
	return sizeof *i + i->key_n + i->value_n;
}

static void
drop(struct cache *c, struct item *i)
{
	struct item **at = &c->buckets[i->hash % BUCKETS];

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	*(i->older != NULL ? &i->older->newer : &c->oldest) = i->newer;
	*(i->newer != NULL ? &i->newer->older : &c->newest) = i->older;
	c->octets -= size_of(i);
	c->n--;
	free(i);
}

void
cache_clear(struct cache *c)
{
	while (c->oldest != NULL)
		drop(c, c->oldest);
}

void
cache_free(struct cache **cache)
{
	struct cache *c = *cache;

	if (c == NULL)
		return;
	cache_clear(c);
	free(c);
	*cache = NULL;
}

static struct item *
find(const struct cache *c, struct slice key, uint64_t *hash_out)
{
	struct item *i;

	crypto_shorthash((uint8_t *)hash_out, (const uint8_t *)key.p, key.n, c->hash_key);
	for (i = c->buckets[*hash_out % BUCKETS]; i != NULL; i = i->next)
		if (i->hash == *hash_out && slice_eq(key, (struct slice){ i->octets, i->key_n }))
			break;
	return i;
}

bool
cache_get(struct cache *c, struct slice key, uint64_t now_ms, struct slice *value_out)
{
	uint64_t hash;
	const struct item *i = find(c, key, &hash);

	if (i == NULL || now_ms >= i->dies_ms)
		return false;
	*value_out = (struct slice){ i->octets + i->key_n, i->value_n };
	return true;
}

void
cache_put(struct cache *c, struct slice key, struct slice value, uint64_t now_ms)
{
	uint64_t hash;
	struct item *i = find(c, key, &hash);

	if (i != NULL)
		drop(c, i);
	/* One answer may not push out all others. */
	if (c->life_ms == 0 || key.n + value.n > c->max_octets / ITEM_SHARE)
		return;
	i = malloc(sizeof *i + key.n + value.n);
	if (i == NULL)
		return;
	*i = (struct item){ .hash = hash, .dies_ms = now_ms + c->life_ms, .key_n = key.n,
		.value_n = value.n, .older = c->newest, .next = c->buckets[hash % BUCKETS] };
	memcpy(i->octets, key.p, key.n);
	memcpy(i->octets + key.n, value.p, value.n);
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = i;
	c->newest = i;
	c->buckets[hash % BUCKETS] = i;
	c->octets += size_of(i);
	c->n++;
	while (c->oldest != NULL && (c->octets > c->max_octets || c->n > CACHE_ENTRIES_MAX ||
	    now_ms >= c->oldest->dies_ms))
		drop(c, c->oldest);
}
