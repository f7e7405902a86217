/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/keep.h"

void *
keep_message(const struct wire_type *type, const void *msg, struct arena *mem)
{
	struct buf b;
	struct slice octets;
	void *copy = NULL;

	buf_init(&b, mem->max);
	if (wire_encode(type, msg, &b) == OK) {
		octets = arena_copy(mem, buf_slice(&b));
		copy = arena_alloc(mem, type->size);
		if (copy != NULL && wire_decode(type, octets, mem, copy) != OK)
			copy = NULL;
	}
	buf_fini(&b);
	return copy;
}
