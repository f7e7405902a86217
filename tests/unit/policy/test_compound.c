/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/excel.h"
#include "policy/extract/oleps.h"
#include "policy/extract/word.h"
#include "tests/unit/policy/cfbmake.h"

static struct buf text, titles;

static int
setup(void **state)
{
	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&titles, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&text);
	buf_fini(&titles);
	return 0;
}

static void
streams(void **state)
{
	static char big[9000], small[70];
	struct cfb_file files[] = { { "Big", { big, sizeof big }, false, 0 },
		{ "small", { small, sizeof small }, false, 3 }, { "Storage", { NULL, 0 }, true, 0 } };
	struct buf file, out;
	struct cfb c;

	(void)state;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7 / 3);
	memset(small, 's', sizeof small);
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	buf_init(&out, 1 << 20);
	cfb_make(&file, files, 3);
	assert_int_equal(cfb_open(&c, buf_slice(&file)), OK);
	assert_int_equal(cfb_stream(&c, cfb_find(&c, 0, "BIG"), &out), OK);
	assert_true(slice_eq(buf_slice(&out), files[0].octets));
	assert_int_equal(cfb_stream(&c, cfb_find(&c, 3, "Small"), &out), OK);
	assert_true(slice_eq(buf_slice(&out), files[1].octets));
	assert_int_equal(cfb_stream(&c, cfb_find(&c, 0, "storage"), &out), ERR_CORRUPT);
	assert_int_equal(cfb_find(&c, 0, "none"), CFB_NONE);
	assert_int_equal(cfb_find(&c, 0, "small"), CFB_NONE);
	assert_false(c.loose);
	cfb_close(&c);
	/* A chain that bites its tail ends too. */
	cfb_put(file.p + CFB_SECTOR + 4 * c.entries_n, 0, 0);
	cfb_put(file.p + CFB_SECTOR + 4 * 6, 5, 4);
	assert_int_equal(cfb_open(&c, buf_slice(&file)), OK);
	assert_int_equal(cfb_stream(&c, 1, &out), OK);	/* as long as it says, no longer */
	cfb_close(&c);
	buf_fini(&file);
	buf_fini(&out);
}

/* A document of the pieces "narrow" (an octet a character) and "wide". */
static void
word_make(struct buf *out, unsigned flags, unsigned nfib, struct slice narrow, struct slice wide)
{
	static char doc[CFB_CUTOFF + 100], table[200];
	static char props[200];
	struct cfb_file files[] = { { "WordDocument", { doc, sizeof doc }, false, 0 },
		{ "1Table", { table, 64 }, false, 0 },
		{ "\005SummaryInformation", { props, 100 }, false, 0 } };

	memset(doc, 0, sizeof doc);
	memset(table, 0, sizeof table);
	memset(props, 0, sizeof props);
	cfb_put(doc, 0xA5EC, 2);
	cfb_put(doc + 2, nfib, 2);
	cfb_put(doc + 10, 1 << 9 | flags, 2);
	cfb_put(doc + 32, 14, 2);
	cfb_put(doc + 62, 22, 2);
	cfb_put(doc + 152, 93, 2);
	cfb_put(doc + 154 + 8 * 33, 7, 4);	/* the Clx */
	cfb_put(doc + 154 + 8 * 33 + 4, 45, 4);
	memcpy(doc + 2000, narrow.p, narrow.n);
	memcpy(doc + 3000, wide.p, wide.n);
	table[7] = 1;				/* a property list first */
	cfb_put(table + 8, 4, 2);
	table[14] = 2;
	cfb_put(table + 15, 28, 4);
	cfb_put(table + 19 + 4, (uint32_t)narrow.n, 4);
	cfb_put(table + 19 + 8, (uint32_t)(narrow.n + wide.n / 2), 4);
	cfb_put(table + 31 + 2, 2000 * 2 | 1 << 30, 4);
	cfb_put(table + 39 + 2, 3000, 4);
	cfb_put(props + 24, 1, 4);
	cfb_put(props + 44, 48, 4);
	cfb_put(props + 48, 50, 4);
	cfb_put(props + 52, 1, 4);
	cfb_put(props + 56, 2, 4);
	cfb_put(props + 60, 16, 4);
	cfb_put(props + 64, 30, 4);
	cfb_put(props + 68, 4, 4);
	memcpy(props + 72, "Ten", 4);
	cfb_make(out, files, 3);
}

#define WIDE(s)	{ s, sizeof(s) - 1 }

static void
words(void **state)
{
	static const struct slice wide = WIDE("M\0\xAC\x1E" "T\0\r\0");
	static const struct { unsigned flags, nfib; const char *narrow, *want; int err; } rows[] = {
		{ 0, 0xC1, "Bao cao\rDo mat:\x07Mat\x07\x07x\x1E" "y\x93z\r",
		    "Bao cao\nDo mat:\nMat\nDo mat:\tMat\nx-y\xE2\x80\x9Cz\nM\xE1\xBA\xACT\n", OK },
		{ 0, 0x101, "a\x01" "b\r", "ab\nM\xE1\xBA\xACT\n", OK },
		{ 1 << 8, 0xC1, "a\r", "", ERR_ACCESS },
		{ 1 << 15, 0xC1, "a\r", "", ERR_ACCESS },
		{ 0, 0x65, "a\r", "", ERR_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf file;
		struct cfb c;

		buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
		buf_clear(&text);
		buf_clear(&titles);
		word_make(&file, rows[i].flags, rows[i].nfib, slice_of(rows[i].narrow), wide);
		assert_int_equal(cfb_open(&c, buf_slice(&file)), OK);
		assert_int_equal(word_text(&c, 0, &text), rows[i].err);
		if (!slice_is(buf_slice(&text), rows[i].want))
			fail_msg("%zu: %.*s", i, (int)text.n, text.p);
		assert_int_equal(oleps_text(&c, 0, &titles), OK);
		assert_true(slice_is(buf_slice(&titles), "Ten\n"));
		cfb_close(&c);
		buf_fini(&file);
	}
}

/* A set of properties: numbers and what they are, octets of which the first is at 8 + 8 * count. */
static void
properties_make(struct buf *out, const struct slice *values, const uint32_t *ids, uint32_t count)
{
	static char stream[4096];
	struct cfb_file file = { "\005DocumentSummaryInformation", { stream, sizeof stream }, false, 0 };
	size_t at = 8 + 8 * (size_t)count;

	memset(stream, 0, sizeof stream);
	cfb_put(stream + 24, 1, 4);
	cfb_put(stream + 44, 48, 4);
	cfb_put(stream + 52, count, 4);
	for (uint32_t i = 0; i < count; i++) {
		cfb_put(stream + 48 + 8 + 8 * i, ids[i], 4);
		cfb_put(stream + 48 + 12 + 8 * i, (uint32_t)at, 4);
		memcpy(stream + 48 + at, values[i].p, values[i].n);
		at += values[i].n;
	}
	cfb_make(out, &file, 1);
}

static void
properties(void **state)
{
	static const uint32_t ids[] = { 0, 1, 2, 3, 4, 5 };
	static const struct slice values[] = {
		WIDE("\2\0\0\0" "\3\0\0\0\3\0\0\0DM\0" "\5\0\0\0\2\0\0\0N\0"),
		WIDE("\2\0\0\0\xEA\4\0\0"),				/* 1258 */
		WIDE("\x1E\0\0\0\4\0\0\0M\xC2\xF2T"),
		WIDE("\x1F\0\0\0\4\0\0\0M\0\xE2\0t\0\0\0"),
		WIDE("\3\0\0\0\7\0\0\0"),
		WIDE("\x0C\x10\0\0\3\0\0\0\x1E\0\0\0\2\0\0\0a\0\3\0\0\0\1\0\0\0\x1E\0\0\0\2\0\0\0b\0"),
	};
	struct buf file;
	struct cfb c;

	(void)state;
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	properties_make(&file, values, ids, 6);
	assert_int_equal(cfb_open(&c, buf_slice(&file)), OK);
	buf_clear(&titles);
	assert_int_equal(oleps_text(&c, 0, &titles), OK);
	if (!slice_is(buf_slice(&titles), "M\xE1\xBA\xACT\nM\xC3\xA2t\nDM: M\xC3\xA2t\na\nN: a\nb\nN: b\n"))
		fail_msg("%.*s", (int)titles.n, titles.p);
	cfb_close(&c);
	buf_fini(&file);
}

/* ---- workbooks ---- */

static void
record(struct buf *b, unsigned type, struct slice octets)
{
	char head[4];

	cfb_put(head, type, 2);
	cfb_put(head + 2, (uint32_t)octets.n, 2);
	buf_add(b, (struct slice){ head, 4 });
	buf_add(b, octets);
}

#define REC(b, type, s)	record(b, type, (struct slice){ s, sizeof(s) - 1 })

static int
workbook(struct buf *stream, struct buf *art, bool *more)
{
	struct cfb_file files[] = { { "Workbook", { NULL, 0 }, false, 0 } };
	struct buf file;
	struct cfb c;
	int r;

	while (stream->n < CFB_CUTOFF)
		buf_addc(stream, '\0');
	files[0].octets = buf_slice(stream);
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	cfb_make(&file, files, 1);
	assert_int_equal(cfb_open(&c, buf_slice(&file)), OK);
	buf_clear(&text);
	buf_clear(art);
	r = excel_text(&c, 0, &text, art, more);
	cfb_close(&c);
	buf_fini(&file);
	return r;
}

static void
workbooks(void **state)
{
	struct buf s, art;
	bool more = true;

	(void)state;
	buf_init(&s, 1 << 16);
	buf_init(&art, 1 << 16);
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x0085, "\0\0\0\0\0\0\x05\0To 1!");
	/* Two shared texts; the first goes on in the next record, in wide characters there. */
	REC(&s, 0x00FC, "\x02\0\0\0\x02\0\0\0\x05\0\x00" "Do");
	REC(&s, 0x003C, "\x01:\0\xAC\x1E.\0" "\x03\0\x08\x01\0Mat\0\0\0\0");
	REC(&s, 0x00FD, "\x01\0\0\0\0\0\0\0\0\0");
	REC(&s, 0x00FD, "\x01\0\x01\0\0\0\x01\0\0\0");
	REC(&s, 0x0204, "\x02\0\0\0\0\0\x02\0\0xy");
	REC(&s, 0x0006, "\x02\0\x01\0");
	REC(&s, 0x0207, "\x02\0\0kq");
	REC(&s, 0x0014, "\x0c\0\0&C&14MAT&Rtr");
	REC(&s, 0x01B6, "\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0");
	REC(&s, 0x003C, "\0chu ");
	REC(&s, 0x003C, "\0\0");
	assert_int_equal(workbook(&s, &art, &more), OK);
	assert_false(more);
	if (!slice_is(buf_slice(&text), "To 1!\nDo:\xE1\xBA\xAC.\nMat\nDo:\xE1\xBA\xAC.\nMat\n"
	    "Do:\xE1\xBA\xAC.\tMat\nxy\nkq\n\nMAT\ntr\nchu\nxy\tkq\n"))
		fail_msg("%.*s", (int)text.n, text.p);
	buf_clear(&s);		/* formats of numbers, prompts at cells, headers of other pages */
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x041E, "\xA4\0\x08\0\0\"MAT\" 0;");
	REC(&s, 0x01BE, "\0\0\0\0\1\0\0t\1\0\0e\2\0\0p1\1\0\0\0");
	REC(&s, 0x089C, "\x9C\x08\0\0\0\0\0\0\0\0\0\0" "0123456789ABCDEF" "\0\0" "\0\0\0\0\4\0\0\0"
	    "\4\0\0&Cdb");
	assert_int_equal(workbook(&s, &art, &more), OK);
	if (!slice_is(buf_slice(&text), "MAT\n0;\nt\ne\np1\n\ndb\n"))
		fail_msg("%.*s", (int)text.n, text.p);
	buf_clear(&s);		/* drawings, put together; a picture of another kind */
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x00EB, "dra");
	REC(&s, 0x003C, "wing");
	REC(&s, 0x00EC, "s");
	assert_int_equal(workbook(&s, &art, &more), OK);
	assert_false(more);
	assert_true(slice_is(buf_slice(&art), "drawings"));
	buf_clear(&s);
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x00E9, "x");
	assert_int_equal(workbook(&s, &art, &more), OK);
	assert_true(more);
	buf_clear(&s);
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x002F, "\x01\0");
	assert_int_equal(workbook(&s, &art, &more), ERR_ACCESS);
	buf_clear(&s);
	REC(&s, 0x0809, "\x00\x05\x05\x00");
	assert_int_equal(workbook(&s, &art, &more), ERR_UNSUPPORTED);
	buf_clear(&s);		/* a cell names a text that there is not */
	REC(&s, 0x0809, "\x00\x06\x05\x00");
	REC(&s, 0x00FD, "\x01\0\0\0\0\0\x07\0\0\0");
	assert_int_equal(workbook(&s, &art, &more), ERR_CORRUPT);
	buf_fini(&s);
	buf_fini(&art);
}

/* Any octet may be another: an error or some text, never more. */
static void
damage(void **state)
{
	static const struct slice wide = WIDE("M\0\xAC\x1E" "T\0\r\0");
	struct buf file;

	(void)state;
	buf_init(&file, CFB_FILE_MAX + CFB_SECTOR);
	word_make(&file, 0, 0xC1, SLICE("Bao cao\r"), wide);
	for (size_t i = 0; i < 3 * CFB_SECTOR; i++) {
		struct cfb c;
		char was = file.p[i];

		for (int k = 0; k < 3; k++) {
			file.p[i] = k == 0 ? (char)0xFF : k == 1 ? '\0' : (char)(was + 1);
			buf_clear(&text);
			buf_clear(&titles);
			if (cfb_open(&c, buf_slice(&file)) == OK)
				(void)!word_text(&c, 0, &text);
			cfb_close(&c);
			assert_true(text.n <= 4 * file.n);
		}
		file.p[i] = was;
	}
	buf_fini(&file);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(words),
		cmocka_unit_test(properties),
		cmocka_unit_test(workbooks),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(t, setup, teardown);
}
