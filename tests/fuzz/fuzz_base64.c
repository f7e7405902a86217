/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* base64 and quoted-printable: same whole and in pieces; what is strict is also lenient. */
#include <stdlib.h>

#include "mime/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
collect(void *ctx, struct slice s)
{
	struct buf *b = ctx;

	buf_add(b, s);
	return b->err;
}

static void
check_split(enum body_encoding enc, struct slice in, size_t step)
{
	struct buf whole, pieces;
	unsigned flags;
	struct body d;

	buf_init(&whole, in.n + 8);
	buf_init(&pieces, in.n + 8);
	if (body_decode(enc, in, &whole, &flags) != OK)
		abort();
	body_init(&d, enc, collect, &pieces);
	for (; in.n > 0; in = slice_from(in, step))
		if (body_feed(&d, slice_sub(in, 0, step)) != OK)
			abort();
	if (body_end(&d) != OK || d.flags != flags ||
	    !slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		abort();
	buf_fini(&whole);
	buf_fini(&pieces);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf strict, back;

	if (size == 0)
		return 0;
	check_split(BODY_BASE64, slice_from(in, 1), 1 + data[0] % 16);
	check_split(BODY_QP, slice_from(in, 1), 1 + data[0] % 16);
	buf_init(&strict, size + 8);
	buf_init(&back, 2 * size + 8);
	if (base64_decode_strict(in, &strict) == OK) {
		base64_encode(buf_slice(&strict), &back);
		if (!slice_eq(buf_slice(&back), in))
			abort();
	}
	buf_fini(&strict);
	buf_fini(&back);
	return 0;
}
