/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base64.h"
#include "policy/extract/uu.h"
#include "tests/unit/policy/pieces.h"

#define MAT64	"TeG6rFQ="		/* MẬT */
#define LINE64	"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"	/* 42 letters A */

static const char *
run(struct slice text)
{
	(void)pieces_of(uu_run, text);
	if (got.n > 1)
		assert_true(uu_has(text));
	return buf_cstr(&got);
}

static void
blocks(void **state)
{
	static const struct { struct slice text; const char *want; } rows[] = {
		{ SLICE("x\nbegin 644 a.txt\n%2V%T('0\n`\nend\nbegin\n"), " N1:a.txt F1:Kat t " },
		{ SLICE("begin 0644 a b.txt\r\n#0V%T\r\n`\r\nend\r\n"), " N1:a b.txt F1:Cat " },
		{ SLICE(" begin 644 a\n#0V%T\nend"), " N1:a F1:Cat " },
		{ SLICE("begin 644 a\n#0V%T\nxyz\nend\n"), " N1:a F1:Cat O1:opaque-encoded " },
		{ SLICE("begin 644 a\n#0V%T\n"), " N1:a F1:Cat O1:opaque-encoded " },
		{ SLICE("begin 644 a\n#0V%\nend\n"), " N1:a F1:Ca@ " },	/* blanks are gone */
		{ SLICE("begin 12 ngay\n"), " " },
		{ SLICE("begin 100%\nbegin 9999 x\n"), " " },
		{ SLICE("begin-base64 644 m.txt\n" MAT64 "\n====\n"),
		    " N1:m.txt F1:M\xE1\xBA\xACT " },
		{ SLICE("begin-base64 644 m.txt\n" MAT64 "\n"),
		    " N1:m.txt F1:M\xE1\xBA\xACT O1:opaque-encoded " },
		{ SLICE("=ybegin line=128 size=4 name=a b.bin \r\n\x6b=\x7d\x9a\r\n\x6b\r\n=yend size=4\r\n"),
		  " N1:a b.bin F1:A\x13pA " },
		{ SLICE("=ybegin line=128 size=9 name=a\n\x6b\n=yend size=9\n"),
		    " N1:a F1:A O1:opaque-encoded " },
		{ SLICE("=ybegin part=1 line=128 size=1 name=a\n=ypart begin=1 end=1\n\x6b\n=yend size=1\n"),
		  " N1:a F1:A " },
		{ SLICE("=ybegin line=128 size=1\n\x6b\n"), " F1:A O1:opaque-encoded " },
		{ SLICE("-----BEGIN PGP MESSAGE-----\n"), " O0:opaque-encoded " },
		{ SLICE("(This file must be converted with BinHex 4.0)\n"), " O0:opaque-encoded " },
		/* base64: text and known files when it is short */
		{ SLICE("<a>xin chao</a> RG8gbWF0OiBNYXQgbmhl. het"), " F1:Do mat: Mat nhe " },
		{ SLICE("\"d\":\"JVBERi0xLjQKJcOkw7zD\""), " F1:%PDF-1.4\n%\xC3\xA4\xC3\xBC\xC3 " },
		{ SLICE("/home/tailieu/congvan/nam2026/thang11/baocao"), " " },
		{ SLICE("KetLuanKiemTra2026ThangMuoiMot VanBanDienTuCoKySo"), " " },
		{ SLICE("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\\r\\nQUFBQ\\/8="), " " },
		{ SLICE(LINE64 "\n" LINE64 "\r\nQkI=\nhet"),
		    " F1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABB " },
		{ SLICE(LINE64 "\\r\\n" LINE64 "\\nQkI="),
		    " F1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABB " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(run(rows[i].text), rows[i].want) != 0)
			fail_msg("%zu: \"%s\", want \"%s\"", i, buf_cstr(&got), rows[i].want);
}

/* Words behind base64 are no more of it; lines of any width are, when they are many. */
static void
where_it_ends(void **state)
{
	static const char a42[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct extract_limits usual;
	struct buf text, want;

	(void)state;
	extract_limits_init(&usual);
	buf_init(&text, 1 << 16);
	buf_init(&want, 1 << 16);
	buf_addf(&want, " F1:%s ", a42);
	assert_string_equal(run(SLICE(LINE64 "\nM\xE1\xBB\x99t")), buf_cstr(&want));
	assert_string_equal(run(SLICE(LINE64 "\nToTrinh so 1")), buf_cstr(&want));
	buf_clear(&got);
	buf_addc(&got, ' ');
	assert_int_equal(uu_run_markup(SLICE(LINE64 "\nTepA"), &usual, note, NULL), OK);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_clear(&got);
	assert_int_equal(uu_run_markup(SLICE(LINE64 " " LINE64), &usual, note, NULL), OK);
	assert_int_equal(got.n, strlen("F1:") + 84 + 1);
	for (size_t i = 0; i < 10; i++)
		buf_addf(&text, "%s%.*s\n", LINE64, (int)(i % 3 * 4), "QUFBQUFBQUFB");
	(void)run(buf_slice(&text));
	assert_true(got.n > 10 * 42);
	buf_fini(&text);
	buf_fini(&want);
}

/* Long base64 is a file, whatever comes out. */
static void
long_runs(void **state)
{
	static char octets[600];
	struct buf text, want;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)(i * i % 251);
	buf_init(&text, 1 << 16);
	buf_init(&want, 1 << 16);
	buf_adds(&want, " F1:");
	buf_add(&want, (struct slice){ octets, sizeof octets });
	buf_addc(&want, ' ');
	for (size_t line = 0; line <= 76; line += 76) {
		buf_clear(&text);
		buf_adds(&text, "<Content>");
		base64_encode_lines((struct slice){ octets, sizeof octets }, line, &text);
		buf_adds(&text, "</Content>");
		(void)run(buf_slice(&text));
		assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
	}
	buf_clear(&text);
	base64_encode((struct slice){ octets, 300 }, &text);
	assert_string_equal(run(buf_slice(&text)), " ");	/* a key, say */
	buf_fini(&text);
	buf_fini(&want);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(long_runs),
		cmocka_unit_test(where_it_ends),
	};

	return cmocka_run_group_tests(t, pieces_setup, pieces_teardown);
}
