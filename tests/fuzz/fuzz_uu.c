/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Files that stand encoded in text. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/uu.h"
#include "tests/fuzz/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	volatile char sum = 0;

	look_limits(&limits);
	if (uu_run(in, &limits, look, (void *)&sum) != OK ||
	    uu_run_markup(in, &limits, look, (void *)&sum) != OK)
		abort();
	return 0;
}
