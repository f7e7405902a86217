/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_OCTETS = 4096 };

struct arena_block {
	struct arena_block *below;
	size_t		    used;
	size_t		    cap;
	alignas(max_align_t) char mem[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_clear(struct arena *a)
{
	while (a->top != NULL) {
		struct arena_block *below = a->top->below;

		free(a->top);
		a->top = below;
	}
	a->used = 0;
	a->err = OK;
}

static struct arena_block *
push_block(struct arena *a, size_t need)
{
	size_t cap = need > BLOCK_OCTETS ? need : BLOCK_OCTETS;
	struct arena_block *b;

	/* Near the ceiling a small request must not be refused for want of a whole block. */
	if (cap > a->max - a->used)
		cap = need;
	if (cap > a->max - a->used) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	b = malloc(sizeof *b + cap);
	if (b == NULL) {
		a->err = ERR_NOMEM;
		return NULL;
	}
	b->below = a->top;
	b->used = 0;
	b->cap = cap;
	a->top = b;
	a->used += cap;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	size_t align = alignof(max_align_t);
	struct arena_block *b = a->top;
	void *p;

	if (a->err != OK)
		return NULL;
	/* The second bound keeps the rounding below and the block's head from wrapping. */
	if (n > a->max || n > PTRDIFF_MAX - 2 * BLOCK_OCTETS) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	n = (n + align - 1) / align * align;
	if (b == NULL || n > b->cap - b->used)
		b = push_block(a, n);
	if (b == NULL)
		return NULL;
	p = b->mem + b->used;
	b->used += n;
	memset(p, 0, n);
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n)) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	return arena_alloc(a, n);
}

char *
arena_cstr(struct arena *a, struct slice s)
{
	char *p = s.n == SIZE_MAX ? NULL : arena_alloc(a, s.n + 1);

	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_cstr(a, s);

	return p == NULL ? (struct slice){ NULL, 0 } : (struct slice){ p, s.n };
}
