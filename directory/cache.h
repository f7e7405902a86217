/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/cache.h: answers that may be used again for a short time.
 *
 * Shape   key and value are octets, copied; an entry lives life_ms and no longer. Only positive
 *         answers are put in by the caller, so what was added to the directory is seen at once.
 * Bounds  max_octets of keys and values in all, and CACHE_ENTRIES_MAX; the oldest leaves first.
 */
#ifndef DIRECTORY_CACHE_H
#define DIRECTORY_CACHE_H

#include "common/slice.h"

enum { CACHE_ENTRIES_MAX = 65536 };

struct cache;

/* life_ms 0: nothing is kept. */
int cache_new(uint64_t life_ms, size_t max_octets, struct cache **out) MUST_USE;
void cache_free(struct cache **c);
void cache_clear(struct cache *c);

/* False: not there, or too old. The value is valid until the next put. */
bool cache_get(struct cache *c, struct slice key, uint64_t now_ms, struct slice *value_out);

/* Without memory nothing is kept. */
void cache_put(struct cache *c, struct slice key, struct slice value, uint64_t now_ms);

#endif
