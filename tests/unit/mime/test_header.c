/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/header.h"

/* Fields are shown as name=value|, the body's offset and the flags follow. */
static const struct {
	const char  *name;
	struct slice in;
	const char  *fields;
	size_t	     body;
	unsigned     flags;
} rows[] = {
	{ "two fields", B("A: b\r\nC: d\r\n\r\nbody"), "A= b|C= d|", 14, 0 },
	{ "folded", B("A: b\r\n\tc\r\n d\r\n\r\n"), "A= b\r\n\tc\r\n d|", 16, 0 },
	{ "empty value", B("A:\r\n\r\n"), "A=|", 6, 0 },
	{ "no body", B("A: b\r\n"), "A= b|", 6, HEADER_NO_END },
	{ "no line end", B("A: b"), "A= b|", 4, HEADER_NO_END },
	{ "empty", B(""), "", 0, HEADER_NO_END },
	{ "body only", B("\r\nx"), "", 2, 0 },
	{ "lf only", B("A: b\n c\nD: e\n\nx"), "A= b\n c|D= e|", 14, HEADER_BARE_LF },
	{ "no colon", B("A: b\r\nnonsense\r\nC: d\r\n\r\n"), "A= b|=nonsense|C= d|", 24,
	    HEADER_NO_COLON },
	{ "space before colon", B("From : x\r\n\r\n"), "From= x|", 12, HEADER_SPACE_BEFORE_COLON },
	{ "empty name", B(": x\r\n\r\n"), "= x|", 7, HEADER_BAD_NAME },
	{ "space in name", B("Fr om: x\r\n\r\n"), "Fr om= x|", 12, HEADER_BAD_NAME },
	{ "8-bit name", B("Fr\xc3\xb2m: x\r\n\r\n"), "Fr\xc3\xb2m= x|", 12,
	    HEADER_BAD_NAME | HEADER_8BIT },
	{ "bare cr", B("A: b\rFrom: x\r\n\r\n"), "A= b\rFrom: x|", 16, HEADER_BARE_CR },
	{ "cr cr lf", B("A: b\r\r\n\r\n"), "A= b\r|", 9, HEADER_BARE_CR },
	{ "first folded", B(" x: y\r\nA: b\r\n\r\n"), "= x: y|A= b|", 15,
	    HEADER_FIRST_FOLDED | HEADER_NO_COLON },
	{ "blank fold", B("A: b\r\n \r\nC: d\r\n\r\n"), "A= b\r\n |C= d|", 17, HEADER_BLANK_FOLD },
	{ "8-bit", B("A: \xe1\xba\xac\r\n\r\n"), "A= \xe1\xba\xac|", 10, HEADER_8BIT },
};

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct header_iter it;
		struct header_field f;
		struct buf b;

		buf_init(&b, 1000);
		header_init(&it, rows[i].in);
		while (header_next(&it, &f) == 1) {
			buf_add(&b, f.name);
			buf_addc(&b, '=');
			buf_add(&b, f.value);
			buf_addc(&b, '|');
		}
		check_slice(rows[i].name, buf_slice(&b), slice_of(rows[i].fields));
		check_number(rows[i].name, it.body, rows[i].body);
		check_number(rows[i].name, it.flags, rows[i].flags);
		assert_int_equal(header_next(&it, &f), 0);
		buf_fini(&b);
	}
}

static void
nul_is_seen(void **state)
{
	struct header_iter it;
	struct header_field f;

	(void)state;
	header_init(&it, (struct slice){ "A: b\0c\r\n\r\n", 10 });
	assert_int_equal(header_next(&it, &f), 1);
	assert_true((f.flags & HEADER_NUL) != 0);
}

static void
wholes_cover_the_header(void **state)
{
	struct slice in = SLICE("A: b\r\n c\r\nD : e\r\njunk\r\n\r\nbody");
	struct header_iter it;
	struct header_field f;
	size_t at = 0;

	(void)state;
	header_init(&it, in);
	while (header_next(&it, &f) == 1) {
		assert_ptr_equal(f.whole.p, in.p + at);
		at += f.whole.n;
	}
	assert_int_equal(at, it.fields_end);
	assert_int_equal(it.body, at + 2);
}

static const struct { struct slice in; const char *out; } folds[] = {
	{ B(" a\r\n b\r\n\tc "), "a b\tc" },
	{ B("a\n b"), "a b" },
	{ B("a\r\n  b"), "a  b" },
	{ B("a\rb\nc"), "a b c" },
	{ B("a\0b"), "a b" },
	{ B("\r\n  "), "" },
};

static void
unfold_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
		struct buf b;

		buf_init(&b, 100);
		header_unfold(folds[i].in, &b);
		check_slice(folds[i].out, buf_slice(&b), slice_of(folds[i].out));
		buf_fini(&b);
	}
}

static void
find_and_count(void **state)
{
	struct slice in = SLICE("From: a\r\nfrom: b\r\nTo: c\r\n\r\nFrom: d\r\n");
	struct header_field f;

	(void)state;
	assert_int_equal(header_find(in, SLICE("FROM"), &f), 1);
	check_slice("first", f.value, SLICE(" a"));
	assert_int_equal(header_find(in, SLICE("Cc"), &f), 0);
	assert_int_equal(header_count(in, SLICE("From")), 2);
}

static void
fill(struct buf *b, const char *line, size_t count)
{
	buf_init(b, 64 << 20);
	for (size_t i = 0; i < count; i++)
		buf_adds(b, line);
}

static void
limits_are_flagged_and_the_body_found(void **state)
{
	static const struct { const char *line; size_t count; unsigned fields; } floods[] = {
		{ "A: b\r\n", 5000, HEADER_FIELDS_MAX },
		{ "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		    "bbbbbb"
		  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		      "\r\n",
		  900, HEADER_OCTETS_MAX / 166 },
		{ " fold\r\n", 50000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct header_iter it;
		struct header_field f;
		struct buf b;
		unsigned n = 0;

		fill(&b, floods[i].line, floods[i].count);
		buf_adds(&b, "\r\nbody");
		header_init(&it, buf_slice(&b));
		while (header_next(&it, &f) == 1)
			n++;
		assert_true((it.flags & HEADER_OVERFLOW) != 0);
		assert_true(n <= HEADER_FIELDS_MAX);
		check_number("fields", n, floods[i].fields);
		check_slice("body", slice_from(buf_slice(&b), it.body), SLICE("body"));
		buf_fini(&b);
	}
}

static void
run_fields(size_t n)
{
	struct header_iter it;
	struct header_field f;
	struct buf b;

	fill(&b, "A:\r\n", n);
	header_init(&it, buf_slice(&b));
	while (header_next(&it, &f) == 1)
		;
	buf_fini(&b);
}

static void
time_is_linear(void **state)
{
	(void)state;
	check_linear("fields", run_fields, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(nul_is_seen),
		cmocka_unit_test(wholes_cover_the_header),
		cmocka_unit_test(unfold_rows),
		cmocka_unit_test(find_and_count),
		cmocka_unit_test(limits_are_flagged_and_the_body_found),
		cmocka_unit_test(time_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
