/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/lzfu.h"
#include "policy/extract/tnef.h"
#include "tests/unit/policy/pieces.h"

static struct extract_limits usual;

static int
setup(void **state)
{
	extract_limits_init(&usual);
	return pieces_setup(state);
}

static void
attribute(struct buf *b, unsigned level, uint32_t id, struct slice data)
{
	unsigned sum = 0;

	for (size_t i = 0; i < data.n; i++)
		sum += (unsigned char)data.p[i];
	buf_add_u8(b, (uint8_t)level);
	buf_add_u32(b, id);
	buf_add_u32(b, (uint32_t)data.n);
	buf_add(b, data);
	buf_add_u16(b, (uint16_t)sum);
}

#define ATT(b, level, id, s)	attribute(b, level, id, SLICE(s))

static void
begin(struct buf *b)
{
	buf_clear(b);
	buf_add(b, SLICE("\x78\x9F\x3E\x22\x01\x00"));
	ATT(b, 1, 0x89006, "\0\0\1\0");
	ATT(b, 1, 0x69007, "\xEA\x04\0\0\0\0\0\0");	/* 1258 */
	ATT(b, 1, 0x78008, "IPM.Microsoft Mail.Note\0");
}

static const char *
read_all(struct slice s)
{
	buf_clear(&got);
	assert_int_equal(tnef_run(s, &usual, note, NULL), OK);
	return buf_cstr(&got);
}

static void
messages(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	begin(&b);
	ATT(&b, 1, 0x18004, "Bao cao\0");
	ATT(&b, 1, 0x2800C, "M\xC2\xF2T\0");
	/* Two properties: a subject; a named one of text, twice. */
	ATT(&b, 1, 0x69003, "\x02\0\0\0" "\x1F\0\x37\0\1\0\0\0\6\0\0\0M\0A\0T\0\0\0"
	    "\x1E\x10\0\x80" "0123456789abcdef" "\1\0\0\0\x06\0\0\0D\0M\0\0\0\0\0"
	    "\2\0\0\0\3\0\0\0Mat\0\1\0\0\0x\0\0\0");
	assert_string_equal(read_all(buf_slice(&b)), "P0:Bao cao T0:M\xE1\xBA\xACT P0:MAT "
	    "T0:Mat T0:DM: Mat T0:x T0:DM: x ");
	begin(&b);
	/* An attachment: names by both ways, contents, a picture of its icon; then another that is
	 * a message, in a property. */
	ATT(&b, 2, 0x69002, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0");
	ATT(&b, 2, 0x18010, "a.txt\0");
	ATT(&b, 2, 0x6800F, "octets");
	ATT(&b, 2, 0x68011, "icon");
	ATT(&b, 2, 0x69005, "\1\0\0\0\x1F\0\7\x37\1\0\0\0\4\0\0\0l\0.\0");
	ATT(&b, 2, 0x69002, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0");
	ATT(&b, 2, 0x69005, "\1\0\0\0\x0D\0\1\x37\1\0\0\0\x14\0\0\0" "0123456789abcdef" "tnef");
	assert_string_equal(read_all(buf_slice(&b)),
	    "N1:a.txt F1:octets F2:icon N1:l. F3:tnef ");
	begin(&b);
	/* Bodies: compressed RTF that is not compressed, HTML; a key that nobody looks at, and one
	 * that is a document. */
	ATT(&b, 1, 0x69003, "\4\0\0\0" "\2\1\x09\x10\1\0\0\0\x15\0\0\0"
	    "\x15\0\0\0\5\0\0\0MELA\0\0\0\0{\\rtf\0\0\0"
	    "\2\1\x13\x10\1\0\0\0\4\0\0\0<b>x" "\2\1\x0B\x30\1\0\0\0\4\0\0\0key!"
	    "\2\1\x0B\x30\1\0\0\0\x08\0\0\0%PDF-1.4");
	assert_string_equal(read_all(buf_slice(&b)),
	    "N1:body.rtf F1:{\\rtf N2:body.html F2:<b>x F3:%PDF-1.4 ");
	begin(&b);
	/* The header that a message came with. */
	ATT(&b, 1, 0x69003, "\1\0\0\0" "\x1E\0\x7D\0\1\0\0\0\x40\0\0\0"
	    "Subject: a\r\n b\r\nContent-Type: x;\r\n y\r\nMime-Version: 1\r\nX: 2\r\n\r\n\0");
	assert_string_equal(read_all(buf_slice(&b)),
	    "N1:headers.eml F1:Subject: a\r\n b\r\nX: 2\r\n\n ");
	buf_fini(&b);
}

/* What a sender could leave out of sight by breaking the format says that it is broken. */
static void
broken(void **state)
{
	struct buf b;
	size_t whole;

	(void)state;
	buf_init(&b, 1 << 16);
	begin(&b);
	ATT(&b, 1, 0x69003, "\1\0\0\0" "\x77\0\x37\0\1\0\0\0\2\0\0\0M\0\0\0");	/* of no type */
	assert_string_equal(read_all(buf_slice(&b)), "O0:opaque-broken ");
	begin(&b);
	ATT(&b, 3, 0x18004, "x");	/* of no level */
	assert_string_equal(read_all(buf_slice(&b)), "O0:opaque-broken ");
	begin(&b);
	ATT(&b, 1, 0x69003, "\x09\0\0\0" "\3\0\x37\0\2\0\0\0");	/* fewer than it says */
	assert_string_equal(read_all(buf_slice(&b)), "O0:opaque-broken ");
	begin(&b);
	ATT(&b, 1, 0x69003, "\1\0\0\0" "\2\1\x09\x10\1\0\0\0\x14\0\0\0" "0123456789abcdefghij");
	assert_string_equal(read_all(buf_slice(&b)), "O0:opaque-broken N1:body.rtf ");
	begin(&b);
	ATT(&b, 1, 0x69004, "\1\0\0\0\1\0\0\0\x1F\0\1\x30\1\0\0\0\2\0\0\0x\0\0\0");
	whole = b.n;
	assert_string_equal(read_all(buf_slice(&b)), "T0:x ");
	for (size_t n = 0; n < whole; n++) {	/* cut off anywhere but between attributes */
		bool between = n >= 4 && (n <= 6 || n == 21 || n == 40 || n == 75);

		if ((strstr(read_all(slice_sub(buf_slice(&b), 0, n)), "broken") == NULL) != between)
			fail_msg("cut at %zu: %s", n, buf_cstr(&got));
	}
	for (size_t i = 0; i < whole; i++)	/* any octet another */
		for (int k = 0; k < 3; k++) {
			char was = b.p[i];

			b.p[i] = k == 0 ? '\xFF' : k == 1 ? '\0' : (char)(was + 1);
			(void)read_all(buf_slice(&b));
			b.p[i] = was;
		}
	buf_fini(&b);
}

static void
too_much(void **state)
{
	struct extract_limits few = usual;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	begin(&b);
	for (int i = 0; i < 4; i++)
		ATT(&b, 2, 0x69002, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0");
	few.entries_max = 3;
	buf_clear(&got);
	assert_int_equal(tnef_run(buf_slice(&b), &few, note, NULL), OK);
	assert_string_equal(buf_cstr(&got), "O0:opaque-limit ");
	few = usual;
	few.out_octets_max = 5;
	begin(&b);
	ATT(&b, 2, 0x6800F, "octets");
	buf_clear(&got);
	assert_int_equal(tnef_run(buf_slice(&b), &few, note, NULL), OK);
	assert_string_equal(buf_cstr(&got), "O0:opaque-limit ");
	buf_fini(&b);
}

/* The example of [MS-OXRTFCP] 3.2.1, one that repeats itself (3.2.2), and broken ones. */
static void
compressed(void **state)
{
	static const struct { struct slice in; const char *out; int err; } rows[] = {
		{ SLICE("\x2d\x00\x00\x00\x2b\x00\x00\x00LZFu\xf1\xc5\xc7\xa7\x03\x00\x0a\x00"
		    "rcpg125\x42\x32\x0a\xf3 hel\x09\x00\x20\x62\x77\x05\xb0ld}\x0a\x80\x0f\xa0"),
		  "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n", OK },
		{ SLICE("\x1a\x00\x00\x00\x1c\x00\x00\x00LZFu\xe2\xd4\x4b\x51\x41\x00\x04\x20"
		    "WXYZ\x0d\x6e\x7d\x01\x0e\xb0"), "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", OK },
		{ SLICE("\x1a\x00\x00\x00\x1c\x00\x00\x00LZFu\xe2\xd4\x4b\x51\x41\x00\x04\x20"
		    "WXYZ\x0d\x6e\x7d"), "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", ERR_CORRUPT },
		{ SLICE("\0\0\0\0\0\0\0\0LZFv\0\0\0\0a"), "", ERR_CORRUPT },
		{ SLICE("\0\0\0\0\0\0\0\0MELA\0\0\0\0abc"), "abc", OK },
		{ SLICE("LZFu"), "", ERR_CORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out;

		buf_init(&out, 1 << 16);
		if (lzfu_decode(rows[i].in, &out) != rows[i].err ||
		    !slice_is(buf_slice(&out), rows[i].out))
			fail_msg("%zu: \"%.*s\"", i, (int)out.n, out.p);
		buf_fini(&out);
		buf_init(&out, 2);
		assert_int_equal(lzfu_decode(rows[i].in, &out),
		    rows[i].out[0] == '\0' ? ERR_CORRUPT : ERR_LIMIT);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(broken),
		cmocka_unit_test(too_much),
		cmocka_unit_test(compressed),
	};

	return cmocka_run_group_tests(t, setup, pieces_teardown);
}
