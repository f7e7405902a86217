/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* heifbox: items ascend, none is seen by itself, and all are once each was. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/heifbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct heifbox h;

	(void)heifbox_is(in);
	if (heifbox_open(&h, in) != OK)
		return 0;
	if (h.count > HEIFBOX_ITEMS_MAX || (h.count == 0 && !h.more) ||
	    heifbox_all_seen(&h) != (h.count == 0))
		abort();
	for (size_t i = 0; i < h.count; i++) {
		if (i > 0 && h.item[i].id <= h.item[i - 1].id)
			abort();
		heifbox_see(&h, h.item[i].id);
	}
	if (!heifbox_all_seen(&h))
		abort();
	heifbox_fini(&h);
	return 0;
}
