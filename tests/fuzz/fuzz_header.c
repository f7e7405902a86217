/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Header fields cover the header without gaps; unfolding never leaves a line end. */
#include <stdlib.h>
#include <string.h>

#include "mime/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct header_iter it;
	struct header_field f;
	size_t at = 0;
	struct buf b;

	buf_init(&b, size + 1);
	header_init(&it, in);
	while (header_next(&it, &f) == 1) {
		if (f.whole.p != in.p + at || f.whole.n == 0 ||
		    f.value.p + f.value.n > f.whole.p + f.whole.n)
			abort();
		at += f.whole.n;
		buf_clear(&b);
		header_unfold(f.value, &b);
		if (b.err != OK || (b.n > 0 && (memchr(b.p, '\n', b.n) != NULL ||
		    memchr(b.p, '\r', b.n) != NULL || memchr(b.p, '\0', b.n) != NULL)))
			abort();
	}
	if (it.fields_end < at || it.body < it.fields_end || it.body > size)
		abort();
	buf_fini(&b);
	return 0;
}
