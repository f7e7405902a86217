/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/guidmap.h: a compact table from guid to a number.
 *
 * Shape   open addressing under a secret hash; a pointer to a slot is valid until the next
 *         guidmap_add or guidmap_remove.
 * Bounds  max entries of 32 octets, in at most four times as many slots' room; ERR_LIMIT past it.
 */
#ifndef DIRECTORY_GUIDMAP_H
#define DIRECTORY_GUIDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { GUIDMAP_GUID_OCTETS = 16 };

struct guidmap_slot {
	uint8_t	 guid[GUIDMAP_GUID_OCTETS];
	uint64_t value;
	uint32_t mark;		/* the caller's */
	bool	 used;
};

struct guidmap {
	struct guidmap_slot *slots;
	size_t		     slots_n, n, max;
	uint8_t		     hash_key[16];
};

void guidmap_init(struct guidmap *m, size_t max);
void guidmap_fini(struct guidmap *m);	/* empty, and usable again */

/* NULL: not there. */
struct guidmap_slot *guidmap_get(const struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS]);

/* The slot of guid, a new one (value and mark 0) if there was none. NULL: full, or no memory. */
struct guidmap_slot *guidmap_add(struct guidmap *m, const uint8_t guid[GUIDMAP_GUID_OCTETS])
    MUST_USE;

/* The slot's place is then taken by another entry, or by none: look at it again when iterating. */
void guidmap_remove(struct guidmap *m, struct guidmap_slot *slot);

/* The first used slot at or behind place *at, which is moved there; NULL: none. */
struct guidmap_slot *guidmap_next(const struct guidmap *m, size_t *at);

#endif
