/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/throttle.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/control.h"

enum { ROWS = 16384, WAYS = 4, NAME_OCTETS_MAX = 320 };

enum kind { CLIENT, ACCOUNT, PAIR };

static const struct {
	uint64_t max, leak_ms;
} limits[] = {
	[CLIENT] = { THROTTLE_CLIENT_MAX, THROTTLE_CLIENT_LEAK_MS },
	[ACCOUNT] = { THROTTLE_ACCOUNT_MAX, THROTTLE_ACCOUNT_LEAK_MS },
	[PAIR] = { THROTTLE_PAIR_MAX, THROTTLE_PAIR_LEAK_MS },
};

/* level_ms is the time that the bucket needs to be empty, as of at_ms. */
struct bucket {
	uint64_t hash;		/* 0: free */
	uint64_t level_ms, at_ms;
	uint64_t good_until_ms;
};

struct throttle {
	uint8_t	      key[crypto_shorthash_KEYBYTES];
	struct bucket v[ROWS][WAYS];
};

int
throttle_new(struct throttle **out)
{
	struct throttle *t = calloc(1, sizeof *t);

	if (t == NULL)
		return ERR_NOMEM;
	randombytes_buf(t->key, sizeof t->key);
	*out = t;
	return OK;
}

void
throttle_free(struct throttle **t)
{
	free(*t);
	*t = NULL;
}

/* IPv6: the first 8 octets, since a host can take any address of its /64. */
static size_t
client_key(struct slice client, uint8_t out[INET6_ADDRSTRLEN])
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bin[16];
	size_t n = client.n < sizeof text ? client.n : sizeof text - 1;

	memcpy(text, client.p == NULL ? "" : client.p, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, bin) == 1) {
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
		bool is_v4 = memcmp(bin, mapped, sizeof mapped) == 0;

		memcpy(out, is_v4 ? bin + 12 : bin, is_v4 ? 4 : 8);
		return is_v4 ? 4 : 8;
	}
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	memcpy(out, text, n);
	return n;
}

static uint64_t
hash_of(const struct throttle *t, enum kind kind, struct slice client, struct slice name)
{
	uint8_t mem[2 + INET6_ADDRSTRLEN + NAME_OCTETS_MAX] = { (uint8_t)kind };
	size_t n = 2;
	uint64_t h;

	if (kind != ACCOUNT) {
		mem[1] = (uint8_t)client_key(client, mem + n);
		n += mem[1];
	}
	for (size_t i = 0; kind != CLIENT && i < name.n && i < NAME_OCTETS_MAX; i++)
		mem[n++] = (uint8_t)ascii_lower(name.p[i]);
	crypto_shorthash((uint8_t *)&h, mem, n, t->key);
	return h == 0 ? 1 : h;
}

static struct bucket *
find(struct throttle *t, uint64_t h)
{
	for (size_t i = 0; i < WAYS; i++)
		if (t->v[h % ROWS][i].hash == h)
			return &t->v[h % ROWS][i];
	return NULL;
}

static uint64_t
level(const struct bucket *b, uint64_t now_ms)
{
	uint64_t gone = now_ms - b->at_ms;

	return b->level_ms > gone ? b->level_ms - gone : 0;
}

/* The bucket of h, or a free one, or in place of the emptiest in its row. */
static struct bucket *
find_or_take(struct throttle *t, uint64_t h, uint64_t now_ms)
{
	struct bucket *b = find(t, h);

	if (b != NULL)
		return b;
	b = &t->v[h % ROWS][0];
	for (size_t i = 1; i < WAYS && b->hash != 0; i++) {
		struct bucket *other = &t->v[h % ROWS][i];

		/* Who was right has an empty bucket: a free one is taken before it. */
		if (other->hash == 0 || level(other, now_ms) < level(b, now_ms))
			b = other;
	}
	*b = (struct bucket){ .hash = h, .at_ms = now_ms };
	return b;
}

static bool
is_full(struct throttle *t, enum kind kind, struct slice client, struct slice name, uint64_t now_ms)
{
	const struct bucket *b = find(t, hash_of(t, kind, client, name));

	return b != NULL && !control_off("throttle") &&
	    level(b, now_ms) > (limits[kind].max - 1) * limits[kind].leak_ms;
}

bool
throttle_client_ok(struct throttle *t, struct slice client, uint64_t now_ms)
{
	return !is_full(t, CLIENT, client, (struct slice){ NULL, 0 }, now_ms);
}

bool
throttle_account_ok(struct throttle *t, struct slice client, struct slice name, uint64_t now_ms)
{
	const struct bucket *pair = find(t, hash_of(t, PAIR, client, name));

	if (is_full(t, PAIR, client, name, now_ms))
		return false;
	if (pair != NULL && pair->good_until_ms > now_ms)
		return true;
	return !is_full(t, ACCOUNT, client, name, now_ms);
}

void
throttle_note(struct throttle *t, struct slice client, struct slice name, bool good,
    uint64_t now_ms)
{
	for (enum kind k = CLIENT; k <= PAIR; k++) {
		struct bucket *b;

		if (good && k != PAIR)
			continue;
		b = find_or_take(t, hash_of(t, k, client, name), now_ms);
		b->level_ms = good ? 0 : level(b, now_ms) + limits[k].leak_ms;
		if (b->level_ms > limits[k].max * limits[k].leak_ms)
			b->level_ms = limits[k].max * limits[k].leak_ms;
		b->at_ms = now_ms;
		if (good)
			b->good_until_ms = now_ms + THROTTLE_GOOD_MS;
	}
}
