/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What elements of XML are for. */
#include "policy/extract/edxml.h"
#include "tests/fuzz/look.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look l;

	look_init(&l, data, size);
	look_run(&l, edxml_run);
	return 0;
}
