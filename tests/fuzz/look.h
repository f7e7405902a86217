/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/fuzz/look.h: what an extractor hands out is there to be read; and the limits to fuzz it with. */
#ifndef TESTS_FUZZ_LOOK_H
#define TESTS_FUZZ_LOOK_H

#include "policy/extract/extract.h"

/* A sink; arg is a volatile char, of which nothing is to be told. */
static int
look(void *arg, const struct extract_piece *p)
{
	volatile char *sum = arg;

	for (size_t i = 0; i < p->octets.n; i++)
		*sum = (char)(*sum ^ p->octets.p[i]);
	return OK;
}

static void
look_limits(struct extract_limits *limits)
{
	extract_limits_init(limits);
	limits->out_octets_max = 4 << 20;
	limits->entries_max = 1000;
}

#endif
