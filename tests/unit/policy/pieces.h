/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/pieces.h: what an extractor handed out, as text. */
#ifndef TESTS_POLICY_PIECES_H
#define TESTS_POLICY_PIECES_H

#include "policy/extract/extract.h"

#include "common/buf.h"

static struct buf got;

/* "N2:name F2:octets T3:text P4:text O2:opaque-type", one after the other. */
static int
note(void *arg, const struct extract_piece *p)
{
	static const char kinds[] = "TPFNSO";

	(void)arg;
	buf_addf(&got, "%c%u:", kinds[p->type], p->index);
	if (p->type == EXTRACT_OPAQUE)
		buf_adds(&got, extract_why_detector(p->why));
	else
		buf_add(&got, p->octets);
	buf_addc(&got, ' ');
	return got.err;
}

/* What fn hands out of octets within the usual limits, behind a blank; it ends without an error. */
static inline const char *
pieces_of(int (*fn)(struct slice, const struct extract_limits *, extract_sink_fn *, void *),
    struct slice octets)
{
	struct extract_limits usual;

	extract_limits_init(&usual);
	buf_clear(&got);
	buf_addc(&got, ' ');
	assert_int_equal(fn(octets, &usual, note, NULL), OK);
	return buf_cstr(&got);
}

/* cmocka group fixtures. */
static inline int
pieces_setup(void **state)
{
	(void)state;
	buf_init(&got, 1 << 20);
	return 0;
}

static inline int
pieces_teardown(void **state)
{
	(void)state;
	buf_fini(&got);
	return 0;
}

#endif
