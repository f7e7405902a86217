/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/structure.h"

#define V	"MIME-Version: 1.0\r\n"

static const struct { const char *header, *envelope; } envelopes[] = {
	{ "\r\n", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nSubject: Hi \"x\\y\"\r\nFrom: A B <a@b>\r\n"
	  "To: c@d, \"E\" <e@f>\r\nMessage-ID: <1@b>\r\nIn-Reply-To: <0@b>\r\n\r\n",
	  "(\"Sun, 22 Nov 2026 08:00:00 +0700\" \"Hi \\\"x\\\\y\\\"\" ((\"A B\" NIL \"a\" \"b\")) "
	  "((\"A B\" NIL \"a\" \"b\")) ((\"A B\" NIL \"a\" \"b\")) "
	  "((NIL NIL \"c\" \"d\")(\"E\" NIL \"e\" \"f\")) NIL NIL \"<0@b>\" \"<1@b>\")" },
	{ "From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\n\r\n",
	  "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"e\" \"f\")) "
	  "NIL NIL NIL NIL NIL)" },
	{ "Subject:\r\nTo: G: a@b;, <@r:c@d>\r\nCc:\r\n\r\n",
	  "(NIL \"\" NIL NIL NIL ((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)"
	  "(NIL \"@r\" \"c\" \"d\")) NIL NIL NIL NIL)" },
	{ "Subject: fold\r\n ed\r\n\r\n", "(NIL \"fold ed\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: b\xc3\xa1o\r\n\r\n", "(NIL {4}\r\nb\xc3\xa1o NIL NIL NIL NIL NIL NIL NIL NIL"
	    ")" },
	{ "Subject: a\r\nSubject: b\r\n\r\n", "(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "To: nobody\r\n\r\n", "(NIL NIL NIL NIL NIL ((NIL NIL \"nobody\" \"\")) NIL NIL NIL NIL"
	    ")" },
};

static const struct { const char *name, *in, *body, *extended; } bodies[] = {
	{ "plain", "Subject: x\r\n\r\na\r\nb\r\n",
	  "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2)",
	  "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2 NIL NIL NIL NIL)" },
	{ "all fields", V "Content-Type: TEXT/html; charset=\"utf-8\"; format=flowed\r\n"
	  "Content-ID: <i@d>\r\nContent-Description: de \"s\"\r\nContent-Transfer-Encoding: QUOTED"
	      "-PRINTABLE\r\n"
	  "Content-MD5: Q2hlY2s=\r\nContent-Disposition: attachment; filename=\"a b\"\r\n"
	  "Content-Language: vi, en\r\nContent-Location: http://x/\r\n\r\nabc",
	  "(\"TEXT\" \"html\" (\"charset\" \"utf-8\" \"format\" \"flowed\") \"<i@d>\" \"de \\\"s\\"
	      "\"\" "
	  "\"QUOTED-PRINTABLE\" 3 0)",
	  "(\"TEXT\" \"html\" (\"charset\" \"utf-8\" \"format\" \"flowed\") \"<i@d>\" \"de \\\"s\\"
	      "\"\" "
	  "\"QUOTED-PRINTABLE\" 3 0 \"Q2hlY2s=\" (\"attachment\" (\"filename\" \"a b\")) (\"vi\" "
	      "\"en\") "
	  "\"http://x/\")" },
	{ "image", V "Content-Type: image/png\r\nContent-Disposition: inline\r\n\r\nabc",
	  "(\"image\" \"png\" NIL NIL NIL \"7bit\" 3)",
	  "(\"image\" \"png\" NIL NIL NIL \"7bit\" 3 NIL (\"inline\" NIL) NIL NIL)" },
	{ "continuations are joined", V "Content-Type: a/b; n*0*=utf-8''%C3; n*1*=%A1; m*0=x; m*1="
	    "y\r\n\r\n",
	  "(\"a\" \"b\" (\"n*\" \"utf-8''%C3%A1\" \"m\" \"xy\") NIL NIL \"7bit\" 0)",
	  "(\"a\" \"b\" (\"n*\" \"utf-8''%C3%A1\" \"m\" \"xy\") NIL NIL \"7bit\" 0 NIL NIL NIL NIL"
	      ")" },
	{ "8-bit parameter name", V "Content-Type: a/b; n\xe1*=utf-8''x\r\n\r\n",
	  "(\"a\" \"b\" ({3}\r\nn\xe1* \"utf-8''x\") NIL NIL \"7bit\" 0)",
	  "(\"a\" \"b\" ({3}\r\nn\xe1* \"utf-8''x\") NIL NIL \"7bit\" 0 NIL NIL NIL NIL)" },
	{ "multipart", V "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n"
	  "Content-Type: a/b\r\n\r\nyy\r\n--b--\r\n",
	  "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)"
	  "(\"a\" \"b\" NIL NIL NIL \"7bit\" 2) \"mixed\")",
	  "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)"
	  "(\"a\" \"b\" NIL NIL NIL \"7bit\" 2 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL"
	      " NIL NIL)" },
	{ "message", V "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n",
	  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL"
	      " NIL) "
	  "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1) 3)",
	  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL"
	      " NIL) "
	  "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL) 3 "
	      "NIL NIL "
	  "NIL NIL)" },
	{ "multipart without parts", V "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
	  "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) \"mixed\")",
	  "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL) "
	      "\"mixed\" "
	  "(\"boundary\" \"b\") NIL NIL NIL)" },
};

static void
envelope_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		struct arena a;
		struct buf b;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		assert_int_equal(structure_envelope(slice_of(envelopes[i].header), &a, &b), OK);
		check_slice(envelopes[i].header, buf_slice(&b), slice_of(envelopes[i].envelope));
		buf_fini(&b);
		arena_clear(&a);
	}
}

static void
body_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct arena a;
		struct tree t;
		struct buf b;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		assert_int_equal(tree_parse(slice_of(bodies[i].in), &a, &t), OK);
		assert_int_equal(structure_body(&t, 0, false, &a, &b), OK);
		check_slice(bodies[i].name, buf_slice(&b), slice_of(bodies[i].body));
		buf_clear(&b);
		assert_int_equal(structure_body(&t, 0, true, &a, &b), OK);
		check_slice(bodies[i].name, buf_slice(&b), slice_of(bodies[i].extended));
		buf_fini(&b);
		arena_clear(&a);
	}
}

static void
no_octet_breaks_a_string(void **state)
{
	struct slice header = { "Subject: a\0b\rc\r\n\r\n", 18 };
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 1 << 20);
	buf_init(&b, 1000);
	assert_int_equal(structure_envelope(header, &a, &b), OK);
	check_slice("clean", buf_slice(&b),
	    SLICE("(NIL \"a b c\" NIL NIL NIL NIL NIL NIL NIL NIL)"));
	buf_fini(&b);
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelope_rows),
		cmocka_unit_test(body_rows),
		cmocka_unit_test(no_octet_breaks_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
