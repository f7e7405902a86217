/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Compound files and what lies in them; streams of workbooks, slides, macros and objects by
 * themselves.
 */
#include "policy/extract/compound.h"
#include "policy/extract/officeart.h"
#include "policy/extract/ole.h"
#include "policy/extract/vba.h"
#include "tests/fuzz/look.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look l;
	struct buf text;
	struct hand h;

	look_init(&l, data, size);
	look_run(&l, compound_run);
	buf_init(&text, 4 << 20);
	hand_init(&h, &l.limits, look, &l);
	(void)!officeart_search(l.in, &h, &text);
	(void)!vba_source(l.in, &text);
	ole_native(l.in, &h);
	ole_picture(l.in, &h);
	ole_object(l.in, &h);
	buf_fini(&text);
	return 0;
}
