/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What lies in compound files: slides, objects, pictures, macros, one in the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/cfb.h"
#include "policy/extract/compound.h"
#include "policy/extract/officeart.h"
#include "policy/extract/ole.h"
#include "policy/extract/vba.h"
#include "tests/unit/policy/cfbmake.h"
#include "tests/unit/policy/pieces.h"

#define S(lit)	{ "" lit, sizeof(lit) - 1 }

static const char *
run_octets(struct slice octets)
{
	return pieces_of(compound_run, octets);
}

static const char *
run(const struct cfb_file *files, size_t n)
{
	struct buf file;

	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	cfb_make(&file, files, n);
	(void)run_octets(buf_slice(&file));
	buf_fini(&file);
	return buf_cstr(&got);
}

/* A record of slides and drawings. */
static void
record(struct buf *b, unsigned version, unsigned instance, unsigned type, struct slice octets)
{
	buf_add_u16(b, (uint16_t)(version | instance << 4));
	buf_add_u16(b, (uint16_t)type);
	buf_add_u32(b, (uint32_t)octets.n);
	buf_add(b, octets);
}

#define REC(b, version, instance, type, lit)	record(b, version, instance, type, SLICE(lit))

static const char *
slides(struct buf *stream, struct slice user)
{
	struct cfb_file files[] = { { "PowerPoint Document", buf_slice(stream), false, 0 },
		{ "Current User", user, false, 0 } };

	return run(files, 2);
}

static void
presentations(void **state)
{
	struct buf b, inner;

	(void)state;
	buf_init(&b, 1 << 16);
	buf_init(&inner, 1 << 16);
	REC(&inner, 0, 0, 4000, "M\0\xAC\x1ET\0\r\0a\0\x0B\0b\0\x3D\xD8\0\xDE");
	REC(&inner, 0, 0, 3999, "zzzz");
	REC(&inner, 0, 0, 4008, "Bao cao\rx");
	record(&b, 15, 0, 1006, buf_slice(&inner));
	REC(&b, 0, 0, 4026, "n\0");
	buf_clear(&inner);		/* a comment, in a tag of newer programs */
	REC(&inner, 0, 1, 4026, "y\0");
	record(&b, 0, 0, 5003, buf_slice(&inner));
	REC(&b, 0, 0, 4113, "object");
	REC(&b, 0, 1, 4113, "\6\0\0\0\x78\x9c" "deflated" "adle");
	REC(&b, 0, 0, 4085, "0123456789012345678901234567");
	assert_string_equal(slides(&b, SLICE("x")),
	    " F1:object F2:\x1F\x8B\x08");	/* then a NUL */
	assert_true(slice_find(buf_slice(&got), SLICE("deflated")) > 0);
	assert_true(slice_find(buf_slice(&got), SLICE("adle")) < 0);
	assert_true(slice_find(buf_slice(&got), SLICE("T0:M\xE1\xBA\xACT\na\nb\xF0\x9F\x98\x80\n"
	    "Bao cao\nx\nn\ny ")) > 0);
	/* encrypted, in each way that says so */
	assert_non_null(strstr(slides(&b,
	    SLICE("\0\0\xF6\x0F\x14\0\0\0\x14\0\0\0\xDF\xC4\xD1\xF3")),
	    "O0:opaque-encrypted"));
	REC(&b, 0, 0, 4085, "01234567890123456789012345670001");
	(void)slides(&b, SLICE("x"));
	assert_true(slice_find(buf_slice(&got), SLICE("O0:opaque-encrypted")) > 0);
	buf_clear(&b);
	REC(&b, 15, 0, 12052, "");
	assert_string_equal(slides(&b, SLICE("x")), " O0:opaque-encrypted ");
	/* a record that goes beyond the end */
	buf_clear(&b);
	REC(&b, 0, 0, 4008, "a");
	buf_add(&b, SLICE("\0\0\xA8\x0F\x20\0\0\0" "bcd"));
	assert_string_equal(slides(&b, SLICE("x")), " O0:opaque-broken T0:a ");
	buf_fini(&b);
	buf_fini(&inner);
}

static void
pictures(void **state)
{
	struct cfb_file files[] = { { "WordDocument", S("short"), false, 0 },
	    { "Data", S(""), false, 0 } };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	buf_adds(&b, "head of some sort");
	REC(&b, 0, 0x6E0, 0xF01E, "0123456789abcdef" "t" "\x89PNG");
	REC(&b, 0, 0x46B, 0xF01D, "0123456789abcdef0123456789abcdef" "t" "\xFF\xD8\xFF");
	REC(&b, 0, 0x46C, 0xF01D, "0123456789abcdef0123456789abcdef" "t" "none");
	REC(&b, 0, 0x216, 0xF01B, "0123456789abcdef" "01234567890123456789012345678901\xFE\xFE"
	    "metafile");
	/* WordArt and a description; a number between them */
	REC(&b, 3, 3, 0xF00B, "\xC0\xC0\4\0\0\0" "\x7F\1\1\0\0\0" "\x81\xC3\4\0\0\0" "M\0T\0"
	    "m\0\r\0");
	files[1].octets = buf_slice(&b);
	assert_string_equal(run(files, 2),
	    " O0:opaque-broken F1:\x89PNG F2:\xFF\xD8\xFF F3:metafile"
	    " T0:MT\nm ");
	buf_clear(&b);		/* without the head of a file: one is put before it */
	REC(&b, 0, 0x7A8, 0xF01F, "0123456789abcdef" "t" "\x28\0\0\0" "\2\0\0\0" "\2\0\0\0"
	    "\1\0\1\0"
	    "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "rgb0rgb0" "octets");
	files[1].octets = buf_slice(&b);
	(void)run(files, 2);
	assert_true(slice_find(buf_slice(&got),
	    SLICE("F1:BM\x44\0\0\0\0\0\0\0\x3E\0\0\0\x28")) > 0);
	buf_fini(&b);
}

static void
objects(void **state)
{
	static const struct { struct slice in; const char *want; } natives[] = {
		{ S("\0\0\0\0\2\0ten.txt\0C:\\a\\b.txt\0\0\0\3\0\4\0\0\0tmp\0\5\0\0\0octetbehind"),
		  " N1:ten.txt N1:b.txt F1:octet " },
		{ S("\0\0\0\0\2\0ten\0C:\\b\0\0\0\3\0\4\0\0\0tmp\0\x40\0\0\0oct"), NULL },
		{ S("\0\0\0\0BMsome"), " F1:BMsome " },
		{ S("\0\0"), " " },
	}, shown[] = {
		{ S("\0\0\0\0x"), " " },
		{ S("\xFF\xFF\xFF\xFF\3\0\0\0\4\0\0\0\1\0\0\0\xFF\xFF\xFF\xFF\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4\0\0\0wmf!"),
		  " F1:wmf! " },
		{ S("\4\0\0\0abc\0\6\0\0\0xx\1\0\0\0\xFF\xFF\xFF\xFF\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4\0\0\0wmf!"),
		  " F1:wmf! " },
	}, old[] = {
		{ S("\1\5\0\0\2\0\0\0\4\0\0\0Doc\0\0\0\0\0\0\0\0\0\3\0\0\0abcrest"), " F1:abc " },
		{ S("\1\5\0\0\2\0\0\0\4\0\0\0Doc\0\0\0\0\0\0\0\0\0\x30\0\0\0abc"),
		    " O0:opaque-broken " },
		{ S("\1\5\0\0\1\0\0\0\4\0\0\0Doc\0"), " " },
		{ S("\1\5\0\0\7\0\0\0\4\0\0\0Doc\0"), " O0:opaque-broken " },
	};
	struct extract_limits usual;
	struct hand h;

	(void)state;
	extract_limits_init(&usual);
	for (size_t i = 0; i < 11; i++) {
		size_t k = i < 4 ? i : i < 7 ? i - 4 : i - 7;
		const char *want = i < 4 ? natives[k].want : i < 7 ? shown[k].want : old[k].want;

		hand_init(&h, &usual, note, NULL);
		buf_clear(&got);
		buf_addc(&got, ' ');
		if (i < 4)
			ole_native(natives[k].in, &h);
		else if (i < 7)
			ole_picture(shown[k].in, &h);
		else
			ole_object(old[k].in, &h);
		if (want != NULL && strcmp(buf_cstr(&got), want) != 0)
			fail_msg("%zu: \"%s\", want \"%s\"", i, buf_cstr(&got), want);
		if (want == NULL)	/* not what it seems: then all of it is a file */
			assert_true(slice_find(buf_slice(&got), SLICE(" F1:\2")) == 0);
	}
}

/* Folders in folders, and streams that nobody knows. */
static void
folders(void **state)
{
	struct cfb_file files[] = {
		{ "WordDocument", S("short"), false, 0 },
		{ "ObjectPool", { NULL, 0 }, true, 0 }, { "_123", { NULL, 0 }, true, 2 },
		{ "PowerPoint Document", S("\0\0\xA8\x0F\3\0\0\0MAT"), false, 3 },
		{ "\001CompObj", S("quiet"), false, 3 }, { "Package", S("PK.."), false, 3 },
		{ "CONTENTS", S("%PDF-"), false, 2 }, { "\001Ole10Native", S("\0\0\0\0GIF8"), false,
		    0 },
		{ "Strange", S("who?"), false, 0 },
	}, thumbs[] = {
		{ "256_1", S("\1\0\0\0\xFF\xD8\xFF\xE0"), false, 0 }, { "1", S("other"), false, 0 },
		{ "Catalog", S("m\0"), false, 0 },
	};
	struct buf file;

	(void)state;
	assert_string_equal(run(files, ARRAY_LEN(files)),
	    " O0:opaque-broken T2:MAT F3:PK.. F4:%PDF-"
	    " F5:GIF8 F6:who? ");
	/* A stream that hangs on no folder. */
	assert_string_equal(run(thumbs, 3), " F1:\xFF\xD8\xFF\xE0 F2:other T0:m ");
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	cfb_make(&file, files + 8, 1);
	assert_string_equal(run_octets(buf_slice(&file)), " F1:who? ");
	cfb_put(file.p + 2 * CFB_SECTOR + 76, 0xFFFFFFFF, 4);
	assert_string_equal(run_octets(buf_slice(&file)), " O0:opaque-broken F1:who? ");
	cfb_put(file.p + 2 * CFB_SECTOR + 76, 1, 4);	/* a tree that bites its tail */
	cfb_put(file.p + 2 * CFB_SECTOR + 128 + 68, 1, 4);
	assert_string_equal(run_octets(buf_slice(&file)), " O0:opaque-broken ");
	files[8].name = "EncryptedPackage";
	buf_clear(&file);
	cfb_make(&file, files + 8, 1);
	assert_string_equal(run_octets(buf_slice(&file)), " O0:opaque-encrypted ");
	assert_string_equal(run_octets(SLICE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")),
	    " O0:opaque-broken ");
	buf_fini(&file);
}

/* Streams that share their octets are read so often and no more. */
static void
shared_streams(void **state)
{
	static char big[9000], names[40][8];
	struct cfb_file files[40];
	struct buf file;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(names[i], sizeof names[i], "s%u", i);
		files[i] = (struct cfb_file){ names[i], { big, i == 0 ? sizeof big : 0 }, false,
		    0 };
	}
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	cfb_make(&file, files, 40);
	for (size_t i = 2; i <= 40; i++)
		memcpy(file.p + 2 * CFB_SECTOR + 128 * i + 116, file.p + 2 * CFB_SECTOR + 128 + 116,
		    8);
	(void)run_octets(buf_slice(&file));
	assert_true(got.n < (CFB_READ_FACTOR + 1) * file.n);
	assert_true(slice_find(buf_slice(&got), SLICE("O0:opaque-limit")) > 0);
	buf_fini(&file);
}

/* Source in a chunk of its own: letters as they are, eight behind each octet of flags; then one
 * token that repeats what stands sixteen octets before. */
static void
module(struct buf *b, const char *source, bool token)
{
	struct slice s = slice_of(source);
	struct buf chunk;

	buf_init(&chunk, 4096);
	for (size_t i = 0; i < s.n; i++) {
		if (i % 8 == 0)
			buf_addc(&chunk, '\0');
		buf_addc(&chunk, s.p[i]);
	}
	if (token)
		buf_add(&chunk, SLICE("\1\5\xF0"));
	buf_clear(b);
	buf_adds(b, "cache\1");
	buf_add_u16(b, (uint16_t)(0xB000 | (chunk.n - 1)));
	buf_add(b, buf_slice(&chunk));
	buf_fini(&chunk);
}

static void
macros(void **state)
{
	struct cfb_file files[] = {
		{ "VBA", { NULL, 0 }, true, 0 }, { "Module1", S(""), false, 1 },
		{ "dir", S("x"), false, 1 }, { "_VBA_PROJECT", S("x"), false, 1 },
		{ "Module2", S("compiled only"), false, 1 }, { "PROJECT", S("x"), false, 0 },
		{ "Module3", S("behind no folder of macros"), false, 0 },
	};
	struct buf b, text;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&text, 4096);
	module(&b, "Attribute VB_Name\nx = \"M\xCBT\" & \"b\n", false);
	files[1].octets = buf_slice(&b);
	assert_string_equal(run(files, ARRAY_LEN(files)),
	    " T2:Attribute VB_Name\nx = \"M\xC3\x8BT\" & \"b"
	    "\n\n\n\nM\xC3\x8BT\n\nb F3:compiled only F4:behind no folder of macros ");
	module(&b, "Attribute VB_Nam", true);
	assert_int_equal(vba_source(buf_slice(&b), &text), OK);
	assert_true(slice_is(slice_trim(buf_slice(&text)), "Attribute VB_NamAttribut"));
	b.p[7] = 0;		/* no chunk, it seems */
	assert_int_equal(vba_source(buf_slice(&b), &text), ERR_CORRUPT);
	module(&b, "Attribute", false);
	assert_int_equal(vba_source(slice_sub(buf_slice(&b), 0, b.n - 1), &text), ERR_CORRUPT);
	assert_int_equal(vba_source(SLICE("\0Attribute"), &text), ERR_CORRUPT);
	assert_int_equal(vba_source(SLICE(""), &text), ERR_CORRUPT);
	buf_fini(&b);
	buf_fini(&text);
}

/* A message of Outlook: subject, body, a named property; an attachment; in it another message. */
static void
messages(void **state)
{
	struct cfb_file files[] = {
		{ "__properties_version1.0", S("0123456789012345678901234567890\0"
		    "\3\0\xFD\x3F\6\0\0\0\xEA\4\0\0\0\0\0\0"), false, 0 },
		{ "__substg1.0_0037001F", S("M\0\xAC\x1E" "T\0"), false, 0 },
		{ "__substg1.0_1000001E", S("M\xC2\xF2T"), false, 0 },
		{ "__substg1.0_8000001E", S("Mat"), false, 0 },
		{ "__nameid_version1.0", { NULL, 0 }, true, 0 },
		{ "__substg1.0_00030102", S("\0\0\0\0\7\0\0\0"), false, 5 },
		{ "__substg1.0_00040102", S("\4\0\0\0D\0M\0"), false, 5 },
		{ "__attach_version1.0_#00000000", { NULL, 0 }, true, 0 },
		{ "__properties_version1.0", S("01234567"), false, 8 },
		{ "__substg1.0_37010102", S("octets"), false, 8 },
		{ "__substg1.0_3707001F", S("a\0.\0b\0"), false, 8 },
		{ "__attach_version1.0_#00000001", { NULL, 0 }, true, 0 },
		{ "__properties_version1.0", S("01234567"), false, 12 },
		{ "__substg1.0_3701000D", { NULL, 0 }, true, 12 },
		{ "__properties_version1.0", S("012345678901234567890123"), false, 14 },
		{ "__substg1.0_0037001E", S("trong"), false, 14 },
		{ "__substg1.0_8001101F", S("\4\0\0\0"), false, 14 },
		{ "__substg1.0_8001101F-00000000", S("x\0"), false, 14 },
	};

	(void)state;
	assert_string_equal(run(files, ARRAY_LEN(files)),
	    " P0:M\xE1\xBA\xACT T0:M\xE1\xBA\xACT T0:Mat"
	    " T0:DM: Mat N3:a.b F3:octets P0:trong T0:x ");
	files[1].name = "__substg1.0_0037";	/* of no type */
	(void)run(files, ARRAY_LEN(files));
	assert_non_null(strstr(buf_cstr(&got), "O0:opaque-broken"));
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(presentations),
		cmocka_unit_test(pictures),
		cmocka_unit_test(objects),
		cmocka_unit_test(folders),
		cmocka_unit_test(shared_streams),
		cmocka_unit_test(macros),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(t, pieces_setup, pieces_teardown);
}
