/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/body.h"

static const struct {
	enum body_encoding enc;
	struct slice in;
	const char  *out;
	unsigned     flags;
} rows[] = {
	{ BODY_7BIT, B("a=3D \r\n"), "a=3D \r\n", 0 },
	{ BODY_UNKNOWN, B("a=3D\r\n"), "a=3D\r\n", 0 },
	{ BODY_QP, B("M=E1=BA=ACT\r\n"), "M\xe1\xba\xacT\r\n", 0 },
	{ BODY_QP, B("m=e1=ba=adt"), "m\xe1\xba\xadt", 0 },
	{ BODY_QP, B("long=\r\nline"), "longline", 0 },
	{ BODY_QP, B("long= \t\r\nline"), "longline", 0 },
	{ BODY_QP, B("long=\nline"), "longline", 0 },
	{ BODY_QP, B("M=\r\n=E1=\r\n=BA=AC=\r\nT"), "M\xe1\xba\xacT", 0 },
	{ BODY_QP, B("a \t \r\nb"), "a\r\nb", 0 },
	{ BODY_QP, B("a b\tc"), "a b\tc", 0 },
	{ BODY_QP, B("a  "), "a", 0 },
	{ BODY_QP, B("a="), "a", 0 },
	{ BODY_QP, B("a=4"), "a=4", BODY_BAD_QP },
	{ BODY_QP, B("a=4x"), "a=4x", BODY_BAD_QP },
	{ BODY_QP, B("a=zz"), "a=zz", BODY_BAD_QP },
	{ BODY_QP, B("a==41"), "a=A", BODY_BAD_QP },
	{ BODY_QP, B("a=4=41"), "a=4A", BODY_BAD_QP },
	{ BODY_QP, B("a= x"), "a= x", BODY_BAD_QP },
	{ BODY_QP, B("a=\rx"), "a=\rx", BODY_BAD_QP },
	{ BODY_QP, B("a\xe1" "b"), "a\xe1" "b", BODY_QP_8BIT },
	{ BODY_BASE64, B("TeG6\r\nrFQ=\r\n"), "M\xe1\xba\xacT", 0 },
	{ BODY_BASE64, B("Te*G6rFQ="), "M\xe1\xba\xacT", BODY_BAD_BASE64 },
	{ BODY_BASE64, B("TQ==TQ=="), "MM", BODY_BAD_BASE64 },
};

static int
collect(void *ctx, struct slice s)
{
	buf_add(ctx, s);
	return OK;
}

static void
rows_hold_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			struct body d;
			struct buf b;

			buf_init(&b, 1000);
			body_init(&d, rows[i].enc, collect, &b);
			assert_int_equal(body_feed(&d, slice_sub(rows[i].in, 0, cut)), OK);
			assert_int_equal(body_feed(&d, slice_from(rows[i].in, cut)), OK);
			assert_int_equal(body_end(&d), OK);
			check_slice(rows[i].in.p, buf_slice(&b), slice_of(rows[i].out));
			check_number(rows[i].in.p, d.flags, rows[i].flags);
			buf_fini(&b);
		}
	}
}

static int
refuse(void *ctx, struct slice s)
{
	(void)s;
	++*(int *)ctx;
	return ERR_NOSPC;
}

static void
the_callback_can_stop_it(void **state)
{
	struct body d;
	int calls = 0;

	(void)state;
	body_init(&d, BODY_7BIT, refuse, &calls);
	assert_int_equal(body_feed(&d, SLICE("a")), ERR_NOSPC);
	assert_int_equal(body_feed(&d, SLICE("b")), ERR_NOSPC);
	assert_int_equal(body_end(&d), ERR_NOSPC);
	assert_int_equal(calls, 1);
}

static void
names(void **state)
{
	(void)state;
	assert_int_equal(body_encoding_by_name(SLICE(" Base64\r\n")), BODY_BASE64);
	assert_int_equal(body_encoding_by_name(SLICE("")), BODY_7BIT);
	assert_int_equal(body_encoding_by_name(SLICE("x-uuencode")), BODY_UNKNOWN);
	assert_int_equal(body_encoding_by_name(SLICE("unknown")), BODY_UNKNOWN);
	for (enum body_encoding e = BODY_7BIT; e < BODY_UNKNOWN; e++)
		assert_int_equal(body_encoding_by_name(slice_of(body_encoding_name(e))), e);
}

static void
repeat(enum body_encoding enc, const char *item, size_t n)
{
	struct buf in, out;

	buf_init(&in, 64 << 20);
	buf_init(&out, 64 << 20);
	for (size_t i = 0; i < n; i++)
		buf_adds(&in, item);
	assert_int_equal(body_decode(enc, buf_slice(&in), &out, NULL), OK);
	assert_true(out.n <= in.n + 2);
	buf_fini(&in);
	buf_fini(&out);
}

static void
run_bad_base64(size_t n)
{
	repeat(BODY_BASE64, "=A=*", n);
}

static void
run_bad_qp(size_t n)
{
	repeat(BODY_QP, "= \r=4", n);
}

static void
run_spaces(size_t n)
{
	repeat(BODY_QP, " ", n);
}

static void
damaged_bodies_are_linear(void **state)
{
	(void)state;
	check_linear("base64", run_bad_base64, 100000);
	check_linear("quoted-printable", run_bad_qp, 100000);
	check_linear("spaces", run_spaces, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold_at_every_split),
		cmocka_unit_test(the_callback_can_stop_it),
		cmocka_unit_test(names),
		cmocka_unit_test(damaged_bodies_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
