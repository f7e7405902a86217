/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/addr.h"
#include "mime/compose.h"
#include "mime/header.h"
#include "mime/param.h"
#include "mime/word.h"

/* Each line is at most 78 (text) or 998 octets, ends in CRLF, and only folds stand inside. */
static void
check_field(struct slice f)
{
	size_t start = 0;

	assert_true(f.n > 2 && f.p[f.n - 1] == '\n' && f.p[f.n - 2] == '\r');
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] != '\n')
			continue;
		assert_true(i > start && f.p[i - 1] == '\r' && i - start <= 998);
		assert_true(i + 1 == f.n || f.p[i + 1] == ' ');
		start = i + 1;
	}
}

#define MAT3	"m\xe1\xba\xadt m\xe1\xba\xadt m\xe1\xba\xadt m\xe1\xba\xadt "

static const char *const texts[] = {
	"", "plain", "B\xc3\xa1o c\xc3\xa1o tu\xe1\xba\xa7n", "two  spaces", " lead", "trail ",
	    "=?utf-8?q?a?=",
	"a long subject that goes on and on until it has to be folded somewhere, at a space",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	(MAT3 MAT3 MAT3 "plain " MAT3 "end"),
};

static void
texts_go_round(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b, back;
		struct header_field f;

		buf_init(&b, 10000);
		buf_init(&back, 10000);
		assert_int_equal(compose_text(&b, "Subject", slice_of(texts[i])), OK);
		check_field(buf_slice(&b));
		assert_int_equal(header_find(buf_slice(&b), SLICE("Subject"), &f), 1);
		assert_int_equal(f.flags & (unsigned)(HEADER_MALFORMED | HEADER_8BIT), 0);
		assert_int_equal(word_decode(f.value, &back, NULL), OK);
		check_slice(texts[i], buf_slice(&back), slice_of(texts[i]));
		buf_fini(&b);
		buf_fini(&back);
	}
}

static void
nothing_breaks_out(void **state)
{
	static const struct slice evil[] = { B("a\r\nBcc: x@y"), B("a\nb"), B("a\rb"), B("a\0b"),
		B("a\x1b"), B("a\x7f"), B("\xff") };
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		assert_int_equal(compose_text(&b, "X", evil[i]), ERR_INVAL);
		assert_int_equal(compose_raw(&b, "X", evil[i]), ERR_INVAL);
		assert_int_equal(compose_addr(&b, "X", evil[i], SLICE("a@b")), ERR_INVAL);
		assert_int_equal(compose_addr(&b, "X", SLICE("a"), evil[i]), ERR_INVAL);
		assert_int_equal(compose_param(&b, "x", evil[i]), ERR_INVAL);
	}
	assert_int_equal(compose_addr(&b, "X", SLICE("a"), SLICE("a@b>, <c@d")), ERR_INVAL);
	assert_int_equal(compose_text(&b, "X: y", SLICE("a")), ERR_INVAL);
	assert_int_equal(compose_text(&b, "", SLICE("a")), ERR_INVAL);
	assert_int_equal(compose_text(&b, "X\r\nY", SLICE("a")), ERR_INVAL);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void
addresses_go_round(void **state)
{
	static const char *const names[] = { "", "Van A", "Tran, \"B\" \\",
		"Nguy\xe1\xbb\x85n V\xc4\x83n A", "a@b", "x <y@z>", "(c)" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct header_field f;
		struct addr_list l;
		struct arena a;
		struct buf b, name;

		arena_init(&a, 1 << 20);
		buf_init(&b, 1000);
		buf_init(&name, 1000);
		assert_int_equal(compose_addr(&b, "From", slice_of(names[i]), SLICE("a.b@tinh.vn")),
		    OK);
		check_field(buf_slice(&b));
		assert_int_equal(header_find(buf_slice(&b), SLICE("From"), &f), 1);
		assert_int_equal(addr_parse(f.value, &a, &l), OK);
		assert_int_equal(l.count, 1);
		assert_int_equal(l.flags, 0);
		check_slice("local", l.addrs[0].local, SLICE("a.b"));
		assert_int_equal(word_decode(l.addrs[0].name, &name, NULL), OK);
		check_slice("name", buf_slice(&name), slice_of(names[i]));
		buf_fini(&b);
		buf_fini(&name);
		arena_clear(&a);
	}
}

static void
parameters_go_round(void **state)
{
	static const char *const values[] = { "x.pdf", "a \"b\" \\.pdf",
	    "b\xc3\xa1o c\xc3\xa1o.pdf", "=?utf-8?q?a?=",
		("C\xe1\xbb\x99ng h\xc3\xb2" "a x\xc3\xa3 h\xe1\xbb\x99i ch\xe1\xbb\xa7 ngh\xc4\xa9" "a "
		"Vi\xe1\xbb\x87t Nam \xc4\x90\xe1\xbb\x99" "c l\xe1\xba\xadp T\xe1\xbb\xb1 do.doc"
		    "x"), "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct header_field f;
		struct param_value v;
		struct arena a;
		struct buf b, field;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		buf_init(&field, 10000);
		buf_adds(&b, "attachment");
		assert_int_equal(compose_param(&b, "filename", slice_of(values[i])), OK);
		assert_int_equal(compose_raw(&field, "Content-Disposition", buf_slice(&b)), OK);
		check_field(buf_slice(&field));
		assert_int_equal(header_find(buf_slice(&field), SLICE("Content-Disposition"), &f),
		    1);
		assert_int_equal(param_disposition(f.value, &a, &v), OK);
		assert_int_equal(v.flags, 0);
		check_slice("value", param_get(&v, "filename")->text, slice_of(values[i]));
		buf_fini(&b);
		buf_fini(&field);
		arena_clear(&a);
	}
}

static void
dates_and_limits(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 40);
	assert_int_equal(compose_date(&b, "Date", 1795309200, 420), OK);
	check_slice("date", buf_slice(&b), SLICE("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"));
	assert_int_equal(compose_text(&b, "Subject", SLICE("too much")), ERR_LIMIT);
	check_slice("undone", buf_slice(&b), SLICE("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_go_round),
		cmocka_unit_test(nothing_breaks_out),
		cmocka_unit_test(addresses_go_round),
		cmocka_unit_test(parameters_go_round),
		cmocka_unit_test(dates_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
