/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/sorter.h: put many small items in order with bounded memory.
 *
 * Shape   sorter_add any number of items, sorter_sort, then sorter_next in ascending order (by a,
 *         then b, then c; equal ones stay). sorter_sort may be called again: it starts from the
 *         first item anew.
 * Bounds  at most memory_octets are held; what is more goes to an unlinked file in dir as sorted
 *         runs, which are merged. One pass reads RUNS_MAX runs at once, so the limit is
 *         memory_octets * RUNS_MAX octets of items (ERR_LIMIT): with 32 MiB, 1,400 million items.
 */
#ifndef MAILSTORE_SORTER_H
#define MAILSTORE_SORTER_H

#include "common/slice.h"

struct sorter;

struct sorter_item {
	uint64_t a, b, c;
};

/* dir: where the file goes when it is needed; must outlive the sorter. */
int sorter_new(const char *dir, size_t memory_octets, struct sorter **out) MUST_USE;
void sorter_free(struct sorter **s);

int sorter_add(struct sorter *s, uint64_t a, uint64_t b, uint64_t c) MUST_USE;
uint64_t sorter_count(const struct sorter *s);

/* Nothing may be added after it. */
int sorter_sort(struct sorter *s) MUST_USE;
/* 1 and *out, 0 at the end, or an error. */
int sorter_next(struct sorter *s, struct sorter_item *out) MUST_USE;

#endif
