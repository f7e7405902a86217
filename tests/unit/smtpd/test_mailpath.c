/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "smtpd/mailpath.h"

#define L64 "1234567890123456789012345678901234567890123456789012345678901234"
#define D63 "a23456789012345678901234567890123456789012345678901234567890123"

/* out: "spec|local|domain|rest" */
static const struct {
	const char *in;
	int	    err;
	const char *out;
} paths[] = {
	{ "<a@b.example>",		OK, "a@b.example|a|b.example|" },
	{ "<a.b-c+d@b.example> SIZE=1",	OK, "a.b-c+d@b.example|a.b-c+d|b.example| SIZE=1" },
	{ "<>",				OK, "|||" },
	{ "<> BODY=7BIT",		OK, "||| BODY=7BIT" },
	{ "<\"a b\"@b.example>",	OK, "\"a b\"@b.example|\"a b\"|b.example|" },
	{ "<\"a>b\"@b.example>x",	OK, "\"a>b\"@b.example|\"a>b\"|b.example|x" },
	{ "<\"a\\\"b\"@b.example>",	OK, "\"a\\\"b\"@b.example|\"a\\\"b\"|b.example|" },
	{ "<a@[192.0.2.1]>",		OK, "a@[192.0.2.1]|a|[192.0.2.1]|" },
	{ "<a@[IPv6:2001:db8::1]>",	OK, "a@[IPv6:2001:db8::1]|a|[IPv6:2001:db8::1]|" },
	{ "<Postmaster>",		OK, "Postmaster|Postmaster||" },
	{ "<\xc3\xb4ng@b\xe1\xbb\x99.vn>", OK,
	    "\xc3\xb4ng@b\xe1\xbb\x99.vn|\xc3\xb4ng|b\xe1\xbb\x99.vn|" },
	{ "<" L64 "@b.example>",	OK, L64 "@b.example|" L64 "|b.example|" },
	{ "<x" L64 "@b.example>",	ERR_LIMIT, "" },
	{ "<a@" D63 ">",		OK, "a@" D63 "|a|" D63 "|" },
	{ "<a@" D63 "x>",		ERR_SYNTAX, "" },
	{ "<a@" D63 "." D63 "." D63 "." D63 "." D63 ">", ERR_LIMIT, "" },
	{ "<@x.example:a@b.example>",	OK, "a@b.example|a|b.example|" },
	{ "<@x.example,@y.example:a@b.example> X", OK, "a@b.example|a|b.example| X" },
	{ "<@x.example:\"a>b\"@b.example>", OK, "\"a>b\"@b.example|\"a>b\"|b.example|" },
	{ "<@x.example:postmaster>",	OK, "postmaster|postmaster||" },
	{ "<@x.example:>",		ERR_SYNTAX, "" },
	{ "<@x.example,a@b.example>",	ERR_SYNTAX, "" },
	{ "<@x.example,:a@b.example>",	ERR_SYNTAX, "" },
	{ "<@:a@b.example>",		ERR_SYNTAX, "" },
	{ "<@x..example:a@b.example>",	ERR_SYNTAX, "" },
	{ "<@x.example: a@b.example>",	ERR_SYNTAX, "" },
	{ "<@x.example:@y.example:a@b.example>", ERR_SYNTAX, "" },
	{ "<@" D63 "." D63 "." D63 ":" "a@" D63 ">", ERR_LIMIT, "" },
	{ "",				ERR_SYNTAX, "" },
	{ "<",				ERR_SYNTAX, "" },
	{ "a@b.example",		ERR_SYNTAX, "" },
	{ " <a@b.example>",		ERR_SYNTAX, "" },
	{ "<a@b.example",		ERR_SYNTAX, "" },
	{ "<a>",			ERR_SYNTAX, "" },
	{ "<a@>",			ERR_SYNTAX, "" },
	{ "<@>",			ERR_SYNTAX, "" },
	{ "<a@b@c>",			ERR_SYNTAX, "" },
	{ "<.a@b.example>",		ERR_SYNTAX, "" },
	{ "<a.@b.example>",		ERR_SYNTAX, "" },
	{ "<a..b@b.example>",		ERR_SYNTAX, "" },
	{ "<a b@b.example>",		ERR_SYNTAX, "" },
	{ "<a@b..example>",		ERR_SYNTAX, "" },
	{ "<a@.example>",		ERR_SYNTAX, "" },
	{ "<a@b.example.>",		ERR_SYNTAX, "" },
	{ "<a@-b.example>",		ERR_SYNTAX, "" },
	{ "<a@b-.example>",		ERR_SYNTAX, "" },
	{ "<a@b_c.example>",		ERR_SYNTAX, "" },
	{ "<a@[]>",			ERR_SYNTAX, "" },
	{ "<a@[1]2]>",			ERR_SYNTAX, "" },
	{ "<a@[192.0.2.1>",		ERR_SYNTAX, "" },
	{ "<\"a@b.example>",		ERR_SYNTAX, "" },
	{ "<\"a\\\"@b.example>",	ERR_SYNTAX, "" },
	{ "<\"a\"b@b.example>",		ERR_SYNTAX, "" },
	{ "<\"a\tb\"@b.example>",	ERR_SYNTAX, "" },
	{ "<a\x01@b.example>",		ERR_SYNTAX, "" },
	{ "<a<b@b.example>",		ERR_SYNTAX, "" },
	{ "<\xff@b.example>",		ERR_SYNTAX, "" },
	{ "<\xc0\xaf@b.example>",	ERR_SYNTAX, "" },
};

static void
paths_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct slice in = slice_of(paths[i].in);
		struct mailpath p;
		char got[800] = "";
		int err = mailpath_parse(&in, &p);

		if (err == OK)
			snprintf(got, sizeof got, "%.*s|%.*s|%.*s|%.*s", (int)p.spec.n,
			    p.spec.n > 0 ? p.spec.p : "", (int)p.local.n, p.local.n > 0 ?
			    p.local.p : "",
			    (int)p.domain.n, p.domain.n > 0 ? p.domain.p : "", (int)in.n,
			    in.n > 0 ? in.p : "");
		if (err != paths[i].err || strcmp(got, paths[i].out) != 0)
			fail_msg("%s: %d \"%s\"", paths[i].in, err, got);
	}
}

static const struct {
	const char *in, *out;
} plain[] = {
	{ "<>", "" }, { "<Postmaster>", "Postmaster" }, { "<a@b.example>", "a@b.example" },
	{ "<\"a\"@b.example>", "a@b.example" }, { "<\"a.b\"@b.example>", "a.b@b.example" },
	{ "<\"\\a\"@b.example>", "a@b.example" }, { "<\"\\a b\"@b.example>", "\"a b\"@b.example" },
	{ "<\"a..b\"@b.example>", "\"a..b\"@b.example" }, { "<\"\"@b.example>", "\"\"@b.example" },
	{ "<\"a\\\"\\\\b\"@b.example>", "\"a\\\"\\\\b\"@b.example" },
	{ "<\"a@b\"@b.example>", "\"a@b\"@b.example" },
	{ "<@x.example:\"a\"@b.example>", "a@b.example" },
};

static void
the_same_address_is_written_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		struct slice in = slice_of(plain[i].in);
		struct mailpath p;
		struct buf b;

		buf_init(&b, 600);
		assert_int_equal(mailpath_parse(&in, &p), OK);
		mailpath_plain(&p, &b);
		assert_string_equal(buf_cstr(&b), plain[i].out);
		buf_fini(&b);
	}
}

/* out: "NAME=VALUE;NAME;" or with "!" where a syntax error ends it */
static const struct {
	const char *in, *out;
} params[] = {
	{ "", "" }, { " ", "" }, { "  ", "" },
	{ " SIZE=10", "SIZE=10;" }, { " SMTPUTF8", "SMTPUTF8;" },
	{ " SIZE=10 BODY=8BITMIME X", "SIZE=10;BODY=8BITMIME;X;" },
	{ " A=b ", "A=b;" }, { " AUTH=<>", "AUTH=<>;" }, { " X-1=\xc3\xa0", "X-1=\xc3\xa0;" },
	{ "SIZE=10", "!" }, { "  SIZE=10", "!" }, { " =10", "!" }, { " SIZE=", "!" },
	{ " SIZE=1=2", "!" }, { " -A", "!" }, { " A\t", "!" }, { " A=b\x7f", "!" },
	{ " A=\xff", "!" }, { " A,B", "!" }, { " A=b\tc", "!" }, { " OK A=", "OK;!" },
};

static void
parameters_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		struct slice in = slice_of(params[i].in);
		struct mailpath_param p;
		char got[200] = "";
		int r;

		while ((r = mailpath_param(&in, &p)) == 1)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s%s%.*s;",
			    (int)p.name.n,
			    p.name.p, p.has_value ? "=" : "", (int)p.value.n, p.value.n > 0 ?
			    p.value.p : "");
		if (r < 0)
			snprintf(got + strlen(got), sizeof got - strlen(got), "!");
		if (strcmp(got, params[i].out) != 0)
			fail_msg("\"%s\": \"%s\"", params[i].in, got);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(paths_are_exact),
		cmocka_unit_test(the_same_address_is_written_the_same),
		cmocka_unit_test(parameters_are_exact),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
