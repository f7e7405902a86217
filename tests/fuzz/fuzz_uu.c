/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Files that stand encoded in text. */
#include "policy/extract/uu.h"
#include "tests/fuzz/look.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look l;

	look_init(&l, data, size);
	look_run(&l, uu_run);
	look_run(&l, uu_run_markup);
	return 0;
}
