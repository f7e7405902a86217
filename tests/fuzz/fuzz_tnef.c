/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* winmail.dat; and compressed RTF by itself. */
#include "policy/extract/lzfu.h"
#include "policy/extract/tnef.h"
#include "tests/fuzz/look.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look l;
	struct buf out;

	look_init(&l, data, size);
	look_run(&l, tnef_run);
	buf_init(&out, 4 << 20);
	(void)!lzfu_decode(l.in, &out);
	buf_fini(&out);
	return 0;
}
