/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Parameters: bounded, and what is shown is UTF-8. */
#include <stdlib.h>

#include "common/utf8.h"
#include "mime/param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct param_value v;
	struct arena a;

	arena_init(&a, (1 << 20) + 16 * size);
	if (param_content_type(in, &a, &v) != OK || v.count > PARAM_MAX)
		abort();
	for (unsigned i = 0; i < v.count; i++)
		if (!utf8_valid(v.params[i].text))
			abort();
	if (param_disposition(in, &a, &v) != OK)
		abort();
	arena_clear(&a);
	return 0;
}
