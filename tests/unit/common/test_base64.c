/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base64.h"

static const struct {
	const char *plain, *coded;
} rfc4648[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
};

/* coded, what a lenient decoder makes of it, its flags, whether the strict one takes it */
static const struct {
	const char *coded, *plain;
	unsigned    flags;
} lenient[] = {
	{ "Zm9v\r\nYmFy\r\n", "foobar", 0 },
	{ " Z m 9 v ", "foo", 0 },
	{ "Zm!9v", "foo", BASE64_JUNK },
	{ "Zg==Zm9v", "ffoo", BASE64_PADDING },
	{ "Zg=Zm9v", "ffoo", BASE64_PADDING | BASE64_LENGTH },
	{ "Zg", "f", BASE64_LENGTH },
	{ "Zg=", "f", BASE64_LENGTH },
	{ "Z", "", BASE64_LENGTH },
	{ "=", "", BASE64_PADDING },
	{ "Zm9v=", "foo", BASE64_PADDING },
	{ "Zm9v====", "foo", BASE64_PADDING },
	{ "Z===", "", BASE64_PADDING },
	{ "Zh==", "f", BASE64_BITS },
	{ "Zm9=", "fo", BASE64_BITS },
	{ "Zm9v\xff\x80YmFy", "foobar", BASE64_JUNK },
	{ "-_-_", "", BASE64_JUNK },
};

static void
encode_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
		struct buf b, back;

		buf_init(&b, 100);
		buf_init(&back, 100);
		base64_encode(slice_of(rfc4648[i].plain), &b);
		assert_true(slice_is(buf_slice(&b), rfc4648[i].coded));
		assert_int_equal(base64_decode_strict(buf_slice(&b), &back), OK);
		assert_true(slice_is(buf_slice(&back), rfc4648[i].plain));
		buf_fini(&b);
		buf_fini(&back);
	}
}

/* Decode in pieces cut at `cut` and `cut + 1`. */
static unsigned
decode_cut(struct slice in, size_t cut, struct buf *out)
{
	struct base64 d;
	size_t at[] = { 0, cut, cut + 1 < in.n ? cut + 1 : in.n, in.n };
	char mem[64];

	base64_init(&d);
	for (size_t i = 0; i + 1 < ARRAY_LEN(at); i++) {
		struct slice piece = slice_sub(in, at[i], at[i + 1] - at[i]);
		size_t n = base64_feed(&d, piece, mem);

		assert_true(n <= BASE64_ROOM(piece.n));
		buf_add(out, (struct slice){ mem, n });
	}
	buf_add(out, (struct slice){ mem, base64_end(&d, mem) });
	return d.flags;
}

static void
lenient_rows_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lenient); i++) {
		struct slice in = slice_of(lenient[i].coded);
		struct buf b;

		buf_init(&b, 100);
		for (size_t cut = 0; cut <= in.n; cut++) {
			buf_clear(&b);
			if (decode_cut(in, cut, &b) != lenient[i].flags ||
			    !slice_is(buf_slice(&b), lenient[i].plain))
				fail_msg("row %zu cut %zu: [%.*s]", i, cut, (int)b.n, b.p);
		}
		buf_fini(&b);
	}
}

static void
strict_refuses(void **state)
{
	static const char *const refused[] = { "Zg", "Zg=", "Zg==\r\n", "Z g==", "Zh==", "Zg==Zg==",
		"Zm9v====", "====", "Zm9!", "=Zg=", "Zg=A", "Z===" };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(base64_decode_strict(slice_of(refused[i]), &b), ERR_SYNTAX);
		assert_int_equal(b.n, 0);
	}
	buf_fini(&b);
}

static void
lines_have_their_length(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	base64_encode_lines(SLICE("foobarfoobar!"), 8, &b);
	assert_true(slice_is(buf_slice(&b), "Zm9vYmFy\r\nZm9vYmFy\r\nIQ==\r\n"));
	buf_fini(&b);
}

static void
ceiling_holds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 7);
	base64_encode(SLICE("foobar"), &b);
	assert_int_equal(b.err, ERR_LIMIT);
	buf_clear(&b);
	assert_int_equal(base64_decode(SLICE("Zm9vYmFyZm9vYmFy"), &b, NULL), ERR_LIMIT);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_rows),
		cmocka_unit_test(lenient_rows_at_every_split),
		cmocka_unit_test(strict_refuses),
		cmocka_unit_test(lines_have_their_length),
		cmocka_unit_test(ceiling_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
