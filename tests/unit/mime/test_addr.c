/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/addr.h"

/* Entries are shown as {name|route|local|domain}, groups as {name: and }. */
static const struct {
	const char *in, *out;
	unsigned    flags;
	const char *single;	/* what addr_single gives, NULL: refused */
} rows[] = {
	{ "a@b.vn", "{||a|b.vn}", 0, "a@b.vn" },
	{ " \"Tr\\\"an, B\" <b@x.vn> ", "{Tr\"an, B||b|x.vn}", 0, "b@x.vn" },
	{ "Nguyen Van A <a@b.vn>", "{Nguyen Van A||a|b.vn}", 0, "a@b.vn" },
	{ "J. R. Hacker <j@x>", "{J. R. Hacker||j|x}", 0, "j@x" },
	{ "=?utf-8?q?B=C3=A1o?= <a@b.vn>", "{=?utf-8?q?B=C3=A1o?=||a|b.vn}", 0, "a@b.vn" },
	{ "Nguy\xe1\xbb\x85n <a@b.vn>", "{Nguy\xe1\xbb\x85n||a|b.vn}", ADDR_8BIT, "a@b.vn" },
	{ "<a@b.vn>", "{||a|b.vn}", 0, "a@b.vn" },
	{ "a@b.vn (Van A)", "{Van A||a|b.vn}", ADDR_COMMENT, "a@b.vn" },
	{ "a@b.vn (c@d.vn)", "{c@d.vn||a|b.vn}", ADDR_COMMENT | ADDR_COMMENT_AT, NULL },
	{ "a@b, c@d", "{||a|b}{||c|d}", 0, NULL },
	{ "a@b,, ,c@d,", "{||a|b}{||c|d}", ADDR_OBSOLETE, NULL },
	{ "Nhom: a@b, X <c@d>;", "{Nhom:{||a|b}{X||c|d}}", ADDR_IN_GROUP, NULL },
	{ "Nhom:;", "{Nhom:}", ADDR_IN_GROUP, NULL },
	{ "undisclosed-recipients:;, a@b", "{undisclosed-recipients:}{||a|b}", ADDR_IN_GROUP,
	    NULL },
	{ "G: a@b", "{G:{||a|b}}", ADDR_IN_GROUP | ADDR_SYNTAX, NULL },
	{ "<@x,@y:a@b>", "{|@x,@y|a|b}", ADDR_ROUTE | ADDR_OBSOLETE, NULL },
	{ "\"a b\"@c", "{||a b|c}", ADDR_QUOTED_LOCAL, NULL },
	{ "a . b @ c . d", "{||a.b|c.d}", ADDR_OBSOLETE, NULL },
	{ "a@[10.0.0.1]", "{||a|[10.0.0.1]}", 0, NULL },
	{ "John Smith", "{||John Smith|}", ADDR_NO_DOMAIN | ADDR_SYNTAX, NULL },
	{ "John Smith john@x", "{||JohnSmithjohn|x}", ADDR_SYNTAX, NULL },
	{ "a@b@c", "{||a|b@c}", ADDR_SYNTAX, NULL },
	{ "a@b <c@d>", "{a@b||c|d}", ADDR_SYNTAX, NULL },
	{ "\"a@b\" <c@d>", "{a@b||c|d}", 0, "c@d" },
	{ "<a@b> <c@d>", "{||c|d}", ADDR_SYNTAX, NULL },
	{ "<a@b> x", "{||a|b}", ADDR_SYNTAX, NULL },
	{ "<a@b", "{||a|b}", ADDR_SYNTAX, NULL },
	{ "a@b>", "{||a|b}", ADDR_SYNTAX, NULL },
	{ "<>", "{|||}", ADDR_NO_DOMAIN | ADDR_SYNTAX, NULL },
	{ "@b", "{|||b}", ADDR_SYNTAX, NULL },
	{ "a@", "{||a|}", ADDR_NO_DOMAIN | ADDR_SYNTAX, NULL },
	{ "\"open <a@b>", "{||open <a@b>|}", ADDR_QUOTED_LOCAL | ADDR_NO_DOMAIN | ADDR_SYNTAX,
	    NULL },
	{ "(open a@b", "", ADDR_COMMENT | ADDR_COMMENT_AT | ADDR_SYNTAX, NULL },
	{ "", "", 0, NULL },
	{ ";", "", ADDR_SYNTAX, NULL },
	{ "a..b@c", "{||a..b|c}", 0, NULL },
	{ "=?utf-8?q?a=40b?=@c", "{||=?utf-8?q?a=40b?=|c}", 0, NULL },
	{ "X\r\n Y <a@b>", "{X Y||a|b}", 0, "a@b" },
};

static void
show(const struct addr_list *l, struct buf *b)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct addr *ad = &l->addrs[i];

		if (ad->kind == ADDR_GROUP_END) {
			buf_addc(b, '}');
			continue;
		}
		buf_addc(b, '{');
		buf_add(b, ad->name);
		if (ad->kind == ADDR_GROUP_START) {
			buf_addc(b, ':');
			continue;
		}
		buf_addc(b, '|');
		buf_add(b, ad->route);
		buf_addc(b, '|');
		buf_add(b, ad->local);
		buf_addc(b, '|');
		buf_add(b, ad->domain);
		buf_addc(b, '}');
	}
}

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice single = { NULL, 0 };
		struct addr_list l;
		struct arena a;
		struct buf b;
		int err;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		assert_int_equal(addr_parse(slice_of(rows[i].in), &a, &l), OK);
		show(&l, &b);
		check_slice(rows[i].in, buf_slice(&b), slice_of(rows[i].out));
		check_number(rows[i].in, l.flags, rows[i].flags);
		err = addr_single(slice_of(rows[i].in), &a, &single);
		check_number(rows[i].in, (uint64_t)(err == OK), rows[i].single != NULL);
		check_slice(rows[i].in, single, slice_of(rows[i].single));
		buf_fini(&b);
		arena_clear(&a);
	}
}

static const struct { const char *header; int err; } froms[] = {
	{ "From: A <a@b.vn>\r\nTo: c@d\r\n\r\n", OK },
	{ "To: c@d\r\n\r\nFrom: a@b.vn\r\n", ERR_NOENT },
	{ "From: a@b.vn\r\nfrom: c@d\r\n\r\n", ERR_EXIST },
	{ "From: a@b.vn, c@d\r\n\r\n", ERR_SYNTAX },
	{ "From: a@b.vn\r\nFrom : c@d\r\n\r\n", ERR_SYNTAX },
	{ "From: a@b.vn\r\nX: y\rFrom: c@d\r\n\r\n", ERR_SYNTAX },
	{ "From: a@b.vn\r\nnonsense\r\n\r\n", ERR_SYNTAX },
	{ " From: c@d\r\nFrom: a@b.vn\r\n\r\n", ERR_SYNTAX },
	{ "From:\r\n\r\n", ERR_SYNTAX },
};

static void
exactly_one_from(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(froms); i++) {
		struct slice spec = { NULL, 0 };
		struct arena a;

		arena_init(&a, 1 << 20);
		if (addr_single_from(slice_of(froms[i].header), &a, &spec) != froms[i].err)
			fail_msg("row %zu", i);
		check_slice(froms[i].header, spec,
		    froms[i].err == OK ? SLICE("a@b.vn") : (struct slice){ NULL, 0 });
		arena_clear(&a);
	}
}

static void
specs_are_quoted_when_needed(void **state)
{
	struct addr ad = { .local = SLICE("a \"b"), .domain = SLICE("c") };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	addr_spec(&ad, &b);
	check_slice("quoted", buf_slice(&b), SLICE("\"a \\\"b\"@c"));
	buf_fini(&b);
}

static void
flood(size_t n, const char *item, unsigned min_count)
{
	struct addr_list l;
	struct arena a;
	struct buf b;

	buf_init(&b, 64 << 20);
	arena_init(&a, 16 << 20);
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, item);
	assert_int_equal(addr_parse(buf_slice(&b), &a, &l), OK);
	assert_true(l.count >= min_count && l.count <= ADDR_MAX);
	arena_clear(&a);
	buf_fini(&b);
}

static void
half_a_million_addresses(void **state)
{
	(void)state;
	flood(500000, "a@b,", ADDR_MAX);
	flood(500000, "g:a@b;", ADDR_MAX);
}

static void
run_comments(size_t n)
{
	flood(n, "(", 0);
}

static void
run_angles(size_t n)
{
	flood(n, "<", 1);
}

static void
run_words(size_t n)
{
	flood(n, "a ", 1);
}

static void
run_routes(size_t n)
{
	flood(n, "<@a", 1);
}

static void
hostile_lists_are_linear(void **state)
{
	(void)state;
	check_linear("comments", run_comments, 50000);
	check_linear("angles", run_angles, 50000);
	check_linear("words", run_words, 50000);
	check_linear("routes", run_routes, 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(exactly_one_from),
		cmocka_unit_test(specs_are_quoted_when_needed),
		cmocka_unit_test(half_a_million_addresses),
		cmocka_unit_test(hostile_lists_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
