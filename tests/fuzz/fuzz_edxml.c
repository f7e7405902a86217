/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What elements of XML are for. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/edxml.h"
#include "tests/fuzz/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	volatile char sum = 0;

	look_limits(&limits);
	if (edxml_run(in, &limits, look, (void *)&sum) != OK)
		abort();
	return 0;
}
