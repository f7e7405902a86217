/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* winmail.dat; and compressed RTF by itself. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/lzfu.h"
#include "policy/extract/tnef.h"
#include "tests/fuzz/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	volatile char sum = 0;
	struct buf out;

	look_limits(&limits);
	if (tnef_run(in, &limits, look, (void *)&sum) != OK)
		abort();
	buf_init(&out, 4 << 20);
	(void)!lzfu_decode(in, &out);
	buf_fini(&out);
	return 0;
}
