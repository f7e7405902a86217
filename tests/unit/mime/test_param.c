/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/param.h"

/* Parameters are shown as name[*]=value/text| */
static const struct {
	const char  *in;
	const char  *type;	/* type/subtype */
	const char  *params;
	unsigned     flags;
} rows[] = {
	{ " text/plain; charset=utf-8", "text/plain", "charset=utf-8/utf-8|", 0 },
	{ "TEXT / Plain ;\r\n\tcharset = \"UTF-8\" ", "TEXT/Plain", "charset=UTF-8/UTF-8|", 0 },
	{ "text/plain", "text/plain", "", 0 },
	{ "text/plain;", "text/plain", "", 0 },
	{ "text", "text/", "", PARAM_SYNTAX },
	{ "", "/", "", PARAM_SYNTAX },
	{ "text/plain; charset=us-ascii (Plain text)", "text/plain", "charset=us-ascii/us-ascii|",
	    PARAM_COMMENT },
	{ "(a) text (b (c)) / plain (\\)) ; x=y", "text/plain", "x=y/y|", PARAM_COMMENT },
	{ "a/b; x=\"a\\\"b;c\"; y=z", "a/b", "x=a\"b;c/a\"b;c|y=z/z|", 0 },
	{ "a/b; x=\"a\r\n b\"", "a/b", "x=a b/a b|", 0 },
	{ "a/b; name=foo bar.pdf; y=z", "a/b", "name=foo bar.pdf/foo bar.pdf|y=z/z|",
	    PARAM_SYNTAX },
	{ "a/b; x=\"open", "a/b", "x=open/open|", PARAM_SYNTAX },
	{ "a/b; x=1; X=2", "a/b", "x=1/1|X=2/2|", PARAM_DUPLICATE | PARAM_CONFLICT },
	{ "a/b junk; x=1", "a/b", "x=1/1|", PARAM_SYNTAX },
	{ "a/b; x; y=1", "a/b", "y=1/1|", PARAM_SYNTAX },
	{ "a/b; filename*=UTF-8''b%C3%A1o", "a/b", "filename*=UTF-8''b%C3%A1o/b\xc3\xa1o|", 0 },
	{ "a/b; f*=iso-8859-1'en'%E1", "a/b", "f*=iso-8859-1'en'%E1/\xc3\xa1|", 0 },
	{ "a/b; f*0=\"long \"; f*1=\"name\"", "a/b", "f=long name/long name|", 0 },
	{ "a/b; f*0*=utf-8''a%20; f*1=\"b c\"; f*2*=%C3%A1", "a/b",
	    "f*=utf-8''a%20b%20c%C3%A1/a b c\xc3\xa1|", 0 },
	{ "a/b; f*1=b; f*0=a", "a/b", "f=ab/ab|", PARAM_GAP },
	{ "a/b; f*0=a; f*2=c", "a/b", "f=ac/ac|", PARAM_GAP },
	{ "a/b; f*0=a; f*0=b", "a/b", "f=ab/ab|", PARAM_DUPLICATE },
	{ "a/b; f=x; f*=utf-8''y", "a/b", "f=x/x|f*=utf-8''y/y|", PARAM_CONFLICT },
	{ "a/b; f=x; f*=utf-8''x", "a/b", "f=x/x|f*=utf-8''x/x|", 0 },
	{ "a/b; f*=nocharset", "a/b", "f*=nocharset/nocharset|", PARAM_PERCENT },
	{ "a/b; f*=utf-8''%G1", "a/b", "f*=utf-8''%G1/%G1|", PARAM_PERCENT },
	{ "a/b; f*=klingon''%E1", "a/b", "f*=klingon''%E1/\xc3\xa1|", PARAM_CHARSET },
	{ "a/b; n=\"=?utf-8?q?b=C3=A1o?=\"", "a/b", "n==?utf-8?q?b=C3=A1o?=/b\xc3\xa1o|",
	    PARAM_ENCODED_WORD },
	{ "a/b; n=\"b\xc3\xa1o\"", "a/b", "n=b\xc3\xa1o/b\xc3\xa1o|", PARAM_8BIT },
	{ "a/b; n=\"b\xe1o\"", "a/b", "n=b\xe1o/b\xc3\xa1o|", PARAM_8BIT | PARAM_CHARSET },
	{ "a/b; n=\"a\x01" "b\"", "a/b", "n=a\x01" "b/a b|", PARAM_CONTROL },
	{ "a/b; f*00=a", "a/b", "f*00=a/a|", PARAM_SYNTAX },
};

static void
show(const struct param_value *v, struct buf *b)
{
	for (unsigned i = 0; i < v->count; i++) {
		buf_add(b, v->params[i].name);
		buf_adds(b, v->params[i].extended ? "*=" : "=");
		buf_add(b, v->params[i].value);
		buf_addc(b, '/');
		buf_add(b, v->params[i].text);
		buf_addc(b, '|');
	}
}

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct param_value v;
		struct arena a;
		struct buf b;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		assert_int_equal(param_content_type(slice_of(rows[i].in), &a, &v), OK);
		buf_add(&b, v.type);
		buf_addc(&b, '/');
		buf_add(&b, v.subtype);
		check_slice(rows[i].in, buf_slice(&b), slice_of(rows[i].type));
		buf_clear(&b);
		show(&v, &b);
		check_slice(rows[i].in, buf_slice(&b), slice_of(rows[i].params));
		check_number(rows[i].in, v.flags, rows[i].flags);
		buf_fini(&b);
		arena_clear(&a);
	}
}

static void
dispositions(void **state)
{
	struct param_value v;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(param_disposition(SLICE(" attachment; filename=x.pdf; size=3"), &a, &v),
	    OK);
	check_slice("type", v.type, SLICE("attachment"));
	check_slice("name", param_get(&v, "FILENAME")->text, SLICE("x.pdf"));
	assert_int_equal(param_count(&v, "size"), 1);
	assert_null(param_get(&v, "none"));
	arena_clear(&a);
}

static void
flood(size_t n, const char *form)
{
	struct param_value v;
	struct arena a;
	struct buf b;

	buf_init(&b, 64 << 20);
	arena_init(&a, 1 << 20);
	buf_adds(&b, "a/b");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, form, n - i);
	assert_int_equal(param_content_type(buf_slice(&b), &a, &v), OK);
	assert_true(v.count <= PARAM_MAX);
	assert_true((v.flags & PARAM_OVERFLOW) != 0);
	arena_clear(&a);
	buf_fini(&b);
}

static void
run_continuations(size_t n)
{
	flood(n, "; f*%zu*=%%41");
}

static void
run_names(size_t n)
{
	flood(n, "; f%zu=x");
}

static void
floods_are_cut_and_linear(void **state)
{
	(void)state;
	check_linear("continuations", run_continuations, 20000);
	check_linear("names", run_names, 20000);
}

static void
arena_ceiling_is_an_error(void **state)
{
	struct param_value v;
	struct arena a;

	(void)state;
	arena_init(&a, 64);
	assert_int_equal(param_content_type(SLICE("a/b; x=1; y=2"), &a, &v), ERR_LIMIT);
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(dispositions),
		cmocka_unit_test(floods_are_cut_and_linear),
		cmocka_unit_test(arena_ceiling_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
