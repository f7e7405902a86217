/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/buf.h"

static void
appends_come_out_in_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_string_equal(buf_cstr(&b), "");
	buf_add(&b, SLICE("one "));
	buf_adds(&b, "two");
	buf_addc(&b, ' ');
	buf_addf(&b, "%d %s", 3, "four");
	buf_add(&b, (struct slice){ NULL, 0 });
	buf_adds(&b, NULL);
	assert_int_equal(b.err, OK);
	assert_true(slice_is(buf_slice(&b), "one two 3 four"));
	assert_string_equal(buf_cstr(&b), "one two 3 four");
	buf_consume(&b, 4);
	assert_string_equal(buf_cstr(&b), "two 3 four");
	buf_consume(&b, b.n);
	assert_int_equal(b.n, 0);
	buf_adds(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
	buf_fini(&b);
	assert_int_equal(b.n, 0);
	buf_adds(&b, "still usable");
	assert_int_equal(b.n, 12);
	buf_fini(&b);
}

/* At every ceiling: what fits goes in, the first that does not sets the error for good. */
static void
the_ceiling_is_exact_and_the_error_sticks(void **state)
{
	(void)state;
	for (size_t max = 0; max < 200; max++)
		for (int how = 0; how < 3; how++) {
			struct buf b;

			buf_init(&b, max);
			for (size_t i = 0; i < 40; i++) {
				if (how == 0)
					buf_adds(&b, "abcde");
				else if (how == 1)
					buf_addf(&b, "%s", "abcde");
				else
					for (int k = 0; k < 5; k++)
						buf_addc(&b, "abcde"[k]);
				assert_true(b.n <= max);
			}
			assert_int_equal(b.err, ERR_LIMIT);
			assert_int_equal(b.n, how == 2 ? max : max / 5 * 5);
			assert_null(buf_cstr(&b));
			buf_addc(&b, 'x');
			assert_int_equal(b.n, how == 2 ? max : max / 5 * 5);
			buf_clear(&b);
			assert_int_equal(b.err, OK);
			buf_fini(&b);
		}
}

static void
exactly_full_is_no_error(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max <= 130; max++) {
		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_addc(&b, 'x');
		assert_int_equal(b.err, OK);
		assert_non_null(buf_cstr(&b));
		assert_int_equal(strlen(buf_cstr(&b)), max);
		buf_addf(&b, "%s", "");
		assert_int_equal(b.err, OK);
		buf_fini(&b);
	}
}

static void
room_can_be_reserved_and_filled(void **state)
{
	struct buf b;
	char *to;

	(void)state;
	buf_init(&b, 100);
	buf_adds(&b, "ab");
	to = buf_reserve(&b, 98);
	assert_non_null(to);
	memset(to, 'x', 98);
	buf_added(&b, 3);
	assert_string_equal(buf_cstr(&b), "abxxx");
	assert_null(buf_reserve(&b, 96));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_fini(&b);
}

static void
integers_are_read_as_written(void **state)
{
	struct buf b;
	struct rd r;

	(void)state;
	buf_init(&b, 100);
	buf_add_u8(&b, 0xfe);
	buf_add_u16(&b, 0x1234);
	buf_add_u32(&b, 0xdeadbeef);
	buf_add_u64(&b, 0x0123456789abcdef);
	buf_add(&b, SLICE("tail"));
	assert_int_equal(b.n, 19);
	assert_memory_equal(b.p, "\xfe\x34\x12\xef\xbe\xad\xde", 7);	/* little endian */
	for (size_t cut = 0; cut <= b.n; cut++) {
		bool whole = cut == b.n;

		rd_init(&r, slice_sub(buf_slice(&b), 0, cut));
		assert_int_equal(rd_u8(&r), cut >= 1 ? 0xfe : 0);
		assert_int_equal(rd_u16(&r), cut >= 3 ? 0x1234 : 0);
		assert_int_equal(rd_u32(&r), cut >= 7 ? 0xdeadbeef : 0);
		assert_int_equal(rd_u64(&r), cut >= 15 ? 0x0123456789abcdef : 0);
		assert_true(slice_is(rd_bytes(&r, 4), whole ? "tail" : ""));
		assert_int_equal(r.err, whole ? OK : ERR_FRAME);
		assert_int_equal(rd_u8(&r), 0);
		assert_int_equal(r.err, ERR_FRAME);
	}
	buf_fini(&b);
}

static void
an_error_of_the_reader_sticks(void **state)
{
	struct rd r;

	(void)state;
	rd_init(&r, SLICE("abc"));
	assert_int_equal(rd_u32(&r), 0);
	assert_int_equal(r.err, ERR_FRAME);
	assert_int_equal(rd_u8(&r), 0);		/* though an octet would be there */
	assert_int_equal(rd_bytes(&r, 1).n, 0);
	rd_init(&r, SLICE("abc"));
	assert_int_equal(rd_bytes(&r, SIZE_MAX).n, 0);
	assert_int_equal(r.err, ERR_FRAME);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(appends_come_out_in_order),
		cmocka_unit_test(the_ceiling_is_exact_and_the_error_sticks),
		cmocka_unit_test(exactly_full_is_no_error),
		cmocka_unit_test(room_can_be_reserved_and_filled),
		cmocka_unit_test(integers_are_read_as_written),
		cmocka_unit_test(an_error_of_the_reader_sticks),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
