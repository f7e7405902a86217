/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/arena.h: memory that lives and dies together (a command, a message, a reply).
 *
 * Bounds  an arena never holds more than `max` octets: past it, and when memory is out, arena_alloc
 *         gives NULL and arena_err tells ERR_LIMIT or ERR_NOMEM. Sizes that a peer chooses go
 *         through here, so a peer can never make a daemon abort.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "common/slice.h"

struct arena_block;

struct arena {
	struct arena_block *top;
	size_t		    used;	/* octets of all blocks */
	size_t		    max;
	int		    err;
};

void arena_init(struct arena *a, size_t max);

/* Free everything; the arena is empty and usable again. */
void arena_clear(struct arena *a);

/* n zeroed octets aligned for any type, or NULL with a->err set (and sticky). n = 0 gives a
 * valid pointer. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;

/* Room for count items of size octets each; overflow counts as over the limit. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_USE;

/* A copy of s (with a NUL behind it, not counted); an empty slice when a->err gets set. */
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_cstr(struct arena *a, struct slice s) MUST_USE;

#endif
