/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/nameset.h"

#include <sodium.h>

enum { SLOTS_MIN = 64 };

void
nameset_init(struct nameset *s, struct arena *arena, size_t max)
{
	*s = (struct nameset){ .arena = arena, .max = max };
}

static struct slice *
place(const struct nameset *s, struct slice name)
{
	static uint8_t key[crypto_shorthash_KEYBYTES];
	static bool keyed;
	uint64_t h;
	size_t at;

	if (!keyed) {
		randombytes_buf(key, sizeof key);
		keyed = true;
	}
	crypto_shorthash((uint8_t *)&h, (const uint8_t *)name.p, name.n, key);
	for (at = h & (s->cap - 1); s->slots[at].p != NULL; at = (at + 1) & (s->cap - 1))
		if (slice_eq(s->slots[at], name))
			break;
	return &s->slots[at];
}

static int
grow(struct nameset *s)
{
	struct nameset bigger = *s;

	bigger.cap = s->cap == 0 ? SLOTS_MIN : 2 * s->cap;
	bigger.slots = arena_array(s->arena, bigger.cap, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return s->arena->err;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].p != NULL)
			*place(&bigger, s->slots[i]) = s->slots[i];
	*s = bigger;
	return OK;
}

int
nameset_add(struct nameset *s, struct slice name)
{
	struct slice *at;

	if (2 * s->n >= s->cap) {
		int r = grow(s);

		if (r != OK)
			return r;
	}
	at = place(s, name);
	if (at->p != NULL)
		return 0;
	if (s->n == s->max)
		return ERR_LIMIT;
	*at = arena_copy(s->arena, name);
	if (s->arena->err != OK)
		return s->arena->err;
	s->n++;
	return 1;
}
