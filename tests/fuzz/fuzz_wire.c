/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Decoding a message of every kind of field: what is accepted keeps its bounds, takes no more than
 * the arena may hold, and encodes back to the same octets.
 */
#include <stdlib.h>

#include "common/wire.h"

#define LEAF_FIELDS(F, L, T) \
	F(T, STR, name, 20) \
	F(T, U8, flag, 1)
WIRE_STRUCT(leaf, LEAF_FIELDS)
WIRE_TYPE(leaf, LEAF_FIELDS)

#define BRANCH_FIELDS(F, L, T) \
	F(T, U16, n, 0) \
	L(T, leaf, leaves, 50)
WIRE_STRUCT(branch, BRANCH_FIELDS)
WIRE_TYPE(branch, BRANCH_FIELDS)

#define TRUNK_FIELDS(F, L, T) \
	F(T, U8, u8, 0) \
	F(T, U16, u16, 1000) \
	F(T, U32, u32, 0) \
	F(T, U64, u64, 1000000) \
	F(T, STR, text, 100) \
	L(T, branch, branches, 100)
WIRE_STRUCT(trunk, TRUNK_FIELDS)
WIRE_TYPE(trunk, TRUNK_FIELDS)

enum { ARENA_MAX = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct trunk *t)
{
	if (t->u16 > 1000 || t->u64 > 1000000 || t->text.n > 100 || t->branches_n > 100)
		abort();
	for (size_t i = 0; i < t->branches_n; i++) {
		if (t->branches[i].leaves_n > 50)
			abort();
		for (size_t j = 0; j < t->branches[i].leaves_n; j++)
			if (t->branches[i].leaves[j].name.n > 20 ||
			    t->branches[i].leaves[j].flag > 1)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct arena arena;
	struct trunk t;
	struct buf again;
	int r;

	arena_init(&arena, ARENA_MAX);
	r = wire_decode(&trunk_wire, in, &arena, &t);
	if (arena.used > ARENA_MAX || r > 0)
		abort();
	if (r == OK) {
		check(&t);
		buf_init(&again, size);
		if (wire_encode(&trunk_wire, &t, &again) != OK ||
		    !slice_eq(buf_slice(&again), in))
			abort();
		buf_fini(&again);
	}
	arena_clear(&arena);
	return 0;
}
