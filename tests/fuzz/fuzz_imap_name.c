/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Mailbox names: a wire name that is taken has one inner form, which is written and taken back to
 * itself; on the internet none is in the classified tree. Patterns end in time.
 */
#include <stdlib.h>

#include "imapd/name.h"
#include "common/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
round_trip(struct slice wire)
{
	struct arena a;
	struct slice inner, again;
	struct buf out, back;

	arena_init(&a, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&back, 1 << 20);
	if (name_parse(wire, ZONE_INTERNAL, &a, &inner) == OK) {
		if (utf7_encode(inner, &out) != OK || utf7_decode(buf_slice(&out), &back) != OK ||
		    !slice_eq(inner, buf_slice(&back)) ||
		    name_parse(buf_slice(&out), ZONE_INTERNAL, &a, &again) != OK ||
		    !slice_eq(inner, again))
			abort();
	}
	if (name_parse(wire, ZONE_INTERNET, &a, &inner) == OK && name_is_mat(inner))
		abort();
	buf_fini(&out);
	buf_fini(&back);
	arena_clear(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice all = { (const char *)data, n > 2000 ? 2000 : n }, pattern;

	round_trip(all);
	if (slice_cut(&all, '\n', &pattern) && pattern.n < 60 && all.n < 200 &&
	    name_match(pattern, all) && pattern.n == 0 && all.n > 0)
		abort();
	return 0;
}
