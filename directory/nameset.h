/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/nameset.h: a bounded set of short octet strings: what was met already.
 *
 * Shape   open addressing in arena memory; the strings are copied. Hash keyed by process, so a
 *         directory cannot choose names that collide.
 */
#ifndef DIRECTORY_NAMESET_H
#define DIRECTORY_NAMESET_H

#include "common/arena.h"

struct nameset {
	struct arena *arena;
	struct slice *slots;
	size_t	      cap, n, max;
};

/* An empty set of at most max strings. */
void nameset_init(struct nameset *s, struct arena *arena, size_t max);

/* 1: it is new and now held. 0: it was there. ERR_LIMIT, ERR_NOMEM. */
int nameset_add(struct nameset *s, struct slice name) MUST_USE;

#endif
