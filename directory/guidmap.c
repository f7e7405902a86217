/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/guidmap.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

enum { SLOTS_MIN = 64 };

void
guidmap_init(struct guidmap *m, size_t max)
{
	*m = (struct guidmap){ .max = max };
	randombytes_buf(m->hash_key, sizeof m->hash_key);
}

void
guidmap_fini(struct guidmap *m)
{
	free(m->slots);
	m->slots = NULL;
	m->slots_n = m->n = 0;
}

static size_t
home_of(const struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS])
{
	uint64_t hash;

	_Static_assert(crypto_shorthash_BYTES == sizeof hash &&
	    crypto_shorthash_KEYBYTES == sizeof m->hash_key, "sizes of libsodium");
	crypto_shorthash((uint8_t *)&hash, guid, GUIDMAP_GUID_OCTETS, m->hash_key);
	return (size_t)hash & (m->slots_n - 1);
}

/* The slot of guid, or the free one where it would be. */
static struct guidmap_slot *
place_of(const struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS])
{
	size_t i = home_of(m, guid);

	while (m->slots[i].used && memcmp(m->slots[i].guid, guid, GUIDMAP_GUID_OCTETS) != 0)
		i = (i + 1) & (m->slots_n - 1);
	return &m->slots[i];
}

struct guidmap_slot *
guidmap_get(const struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS])
{
	struct guidmap_slot *slot = m->slots_n == 0 ? NULL : place_of(m, guid);

	return slot != NULL && slot->used ? slot : NULL;
}

/* At most half of the slots are used. */
static bool
grow(struct guidmap *m)
{
	struct guidmap bigger = *m;

	bigger.slots_n = m->slots_n == 0 ? SLOTS_MIN : 2 * m->slots_n;
	bigger.slots = calloc(bigger.slots_n, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < m->slots_n; i++)
		if (m->slots[i].used)
			*place_of(&bigger, m->slots[i].guid) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

struct guidmap_slot *
guidmap_add(struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS])
{
	struct guidmap_slot *slot = guidmap_get(m, guid);

	if (slot != NULL)
		return slot;
	if (m->n >= m->max || (2 * (m->n + 1) > m->slots_n && !grow(m)))
		return NULL;
	slot = place_of(m, guid);
	*slot = (struct guidmap_slot){ .used = true };
	memcpy(slot->guid, guid, GUIDMAP_GUID_OCTETS);
	m->n++;
	return slot;
}

/* Those behind it move up, unless that were before their home. */
void
guidmap_remove(struct guidmap *m, struct guidmap_slot *slot)
{
	size_t mask = m->slots_n - 1, hole = (size_t)(slot - m->slots), i = hole;

	m->slots[hole].used = false;
	m->n--;
	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (!m->slots[i].used)
			return;
		home = home_of(m, m->slots[i].guid);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		m->slots[i].used = false;
		hole = i;
	}
}

struct guidmap_slot *
guidmap_next(const struct guidmap *m, size_t *at)
{
	for (; *at < m->slots_n; (*at)++)
		if (m->slots[*at].used)
			return &m->slots[*at];
	return NULL;
}
