/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Files that stand encoded in text. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/uu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was handed out is there to be read. */
static int
look(void *arg, const struct extract_piece *p)
{
	volatile char *sum = arg;

	for (size_t i = 0; i < p->octets.n; i++)
		*sum = (char)(*sum ^ p->octets.p[i]);
	return OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	volatile char sum = 0;

	extract_limits_init(&limits);
	limits.out_octets_max = 4 << 20;
	limits.entries_max = 1000;
	if (uu_run(in, &limits, look, (void *)&sum) != OK ||
	    uu_run_markup(in, &limits, look, (void *)&sum) != OK)
		abort();
	return 0;
}
