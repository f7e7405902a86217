/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Addresses: bounded, groups balanced; a strict address reads back as itself. */
#include <stdlib.h>

#include "common/utf8.h"
#include "mime/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, spec, again;
	struct addr_list l;
	struct arena a;
	bool in_group = false;

	arena_init(&a, (8 << 20) + 16 * size);
	if (addr_parse(in, &a, &l) != OK || l.count > ADDR_MAX)
		abort();
	for (unsigned i = 0; i < l.count; i++) {
		if (l.addrs[i].kind == ADDR_GROUP_START ? in_group :
		    l.addrs[i].kind == ADDR_GROUP_END && !in_group)
			abort();
		if (l.addrs[i].kind != ADDR_MAILBOX)
			in_group = l.addrs[i].kind == ADDR_GROUP_START;
	}
	if (in_group && (l.flags & ADDR_OVERFLOW) == 0)
		abort();
	if (addr_single(in, &a, &spec) == OK) {
		if (!utf8_is_safe(spec) || addr_single(spec, &a, &again) != OK || !slice_eq(spec,
		    again))
			abort();
	}
	if (addr_single_from(in, &a, &spec) == OK && spec.n == 0)
		abort();
	arena_clear(&a);
	return 0;
}
