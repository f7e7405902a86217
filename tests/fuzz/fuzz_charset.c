/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The first octet picks the charset, the second the split: same UTF-8 whole and in pieces. */
#include <stdlib.h>

#include "common/utf8.h"
#include "mime/charset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct charset_decoder d;
	struct buf whole, pieces;
	unsigned flags = 0;
	enum charset cs;
	struct slice in;
	size_t step;

	if (size < 2)
		return 0;
	cs = (enum charset)(1 + data[0] % (CHARSET_COUNT - 1));
	step = 1 + data[1] % 16;
	in = (struct slice){ (const char *)data + 2, size - 2 };
	buf_init(&whole, 4 * size + 16);
	buf_init(&pieces, 4 * size + 16);
	if (charset_to_utf8(cs, in, &whole, &flags) != OK || !utf8_valid(buf_slice(&whole)))
		abort();
	charset_init(&d, cs);
	for (; in.n > 0; in = slice_from(in, step))
		charset_feed(&d, slice_sub(in, 0, step), &pieces);
	charset_end(&d, &pieces);
	if (d.flags != flags || !slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		abort();
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
