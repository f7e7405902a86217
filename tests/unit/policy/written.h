/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/written.h: a statement as officers sign it. */
#ifndef TESTS_POLICY_WRITTEN_H
#define TESTS_POLICY_WRITTEN_H

#include "policy/release.h"

/* The text, in the arena. */
static struct slice
written(const struct release_statement *s, struct arena *a)
{
	struct slice out;
	struct buf b;

	buf_init(&b, RELEASE_OCTETS_MAX);
	assert_int_equal(release_format(s, &b), OK);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

#endif
