/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/fuzz/look.h: run extractors; what they hand out is there to be read. */
#ifndef TESTS_FUZZ_LOOK_H
#define TESTS_FUZZ_LOOK_H

#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct look {
	struct slice	      in;
	struct extract_limits limits;
	volatile char	      sum;	/* of no meaning; it makes the reading happen */
};

static void
look_init(struct look *l, const uint8_t *data, size_t size)
{
	*l = (struct look){ .in = { (const char *)data, size } };
	extract_limits_init(&l->limits);
	l->limits.out_octets_max = 4 << 20;
	l->limits.entries_max = 1000;
}

/* A sink; arg is a struct look. */
static int
look(void *arg, const struct extract_piece *p)
{
	struct look *l = arg;

	for (size_t i = 0; i < p->octets.n; i++)
		l->sum = (char)(l->sum ^ p->octets.p[i]);
	return OK;
}

/* Whatever the octets are, fn ends with OK. */
static void
look_run(struct look *l,
    int (*fn)(struct slice, const struct extract_limits *, extract_sink_fn *, void *))
{
	if (fn(l->in, &l->limits, look, l) != OK)
		abort();
}

#endif
