/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Compound files and what lies in them; streams of workbooks, slides, macros and objects by themselves. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/compound.h"
#include "policy/extract/officeart.h"
#include "policy/extract/ole.h"
#include "policy/extract/vba.h"
#include "tests/fuzz/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	volatile char sum = 0;
	struct buf text;
	struct hand h;

	look_limits(&limits);
	if (compound_run(in, &limits, look, (void *)&sum) != OK)
		abort();
	buf_init(&text, 4 << 20);
	hand_init(&h, &limits, look, (void *)&sum);
	(void)!officeart_search(in, &h, &text);
	(void)!vba_source(in, &text);
	ole_native(in, &h);
	ole_picture(in, &h);
	ole_object(in, &h);
	buf_fini(&text);
	return 0;
}
