/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "policy/extract/extract.h"
#include "tests/unit/policy/zipmake.h"

static struct buf got;

/* "N2:name F2:octets T3:text P4:text O2:opaque-type", one after the other. */
static int
note(void *arg, const struct extract_piece *p)
{
	static const char kinds[] = "TPFNO";

	(void)arg;
	buf_addf(&got, "%c%u:", kinds[p->type], p->index);
	if (p->type == EXTRACT_OPAQUE)
		buf_adds(&got, extract_why_detector(p->why));
	else
		buf_add(&got, p->octets);
	buf_addc(&got, ' ');
	return got.err;
}

static int
extract(struct slice zip, const struct extract_limits *limits)
{
	struct extract_limits usual;

	extract_limits_init(&usual);
	buf_clear(&got);
	return extract_run(zip, EXTRACT_ZIP, limits == NULL ? &usual : limits, note, NULL);
}

static int
setup(void **state)
{
	(void)state;
	buf_init(&got, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&got);
	return 0;
}

static void
good_and_bad_zips(void **state)
{
	static const struct zip_file files[] = {
		ZIP_FILE("a.txt", "alpha"), ZIP_FILE("b/", ""), ZIP_FILE("b/c.txt", "gamma"),
	};
	static const struct { enum zip_fault fault; const char *want; } rows[] = {
		{ ZIP_GOOD, "N1:a.txt N2:b/ N3:b/c.txt F1:alpha F3:gamma " },
		{ ZIP_OVERLAP, "O0:opaque-broken " },
		{ ZIP_GAP, "O0:opaque-broken " },
		{ ZIP_PREFIX, "O0:opaque-broken " },
		{ ZIP_SUFFIX, "O0:opaque-broken " },
		{ ZIP_NAME_DIFFERS, "O0:opaque-broken " },
		{ ZIP_SIZE_DIFFERS, "O0:opaque-broken " },
		{ ZIP_METHOD, "O0:opaque-broken " },
		{ ZIP_HIDDEN, "O0:opaque-broken " },
		{ ZIP_CUT, "O0:opaque-broken " },
		{ ZIP_CRC_WRONG, "N1:a.txt N2:b/ N3:b/c.txt F1:alpha O3:opaque-broken " },
		{ ZIP_ENCRYPTED, "N1:a.txt N2:b/ N3:b/c.txt F1:alpha O3:opaque-encrypted " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf z;

		buf_init(&z, 4096);
		zip_make(&z, files, ARRAY_LEN(files), rows[i].fault);
		assert_int_equal(extract(buf_slice(&z), NULL), OK);
		if (!slice_is(buf_slice(&got), rows[i].want))
			fail_msg("fault %d: %.*s, want %s", rows[i].fault, (int)got.n, got.p,
			    rows[i].want);
		buf_fini(&z);
	}
}

static void
duplicate_names_are_ambiguous(void **state)
{
	static const struct zip_file files[] = { ZIP_FILE("a", "1"), ZIP_FILE("a", "2") };
	struct buf z;

	(void)state;
	buf_init(&z, 4096);
	zip_make(&z, files, ARRAY_LEN(files), ZIP_GOOD);
	assert_int_equal(extract(buf_slice(&z), NULL), OK);
	assert_true(slice_is(buf_slice(&got), "O0:opaque-broken "));
	buf_fini(&z);
}

static void
limits_are_kept(void **state)
{
	static const struct zip_file files[] = { ZIP_FILE("a", "12345"), ZIP_FILE("b", "67890") };
	struct extract_limits l;
	struct buf z;

	(void)state;
	buf_init(&z, 4096);
	zip_make(&z, files, ARRAY_LEN(files), ZIP_GOOD);
	extract_limits_init(&l);
	l.out_octets_max = 9;
	assert_int_equal(extract(buf_slice(&z), &l), OK);
	assert_true(slice_is(buf_slice(&got), "O0:opaque-limit "));
	extract_limits_init(&l);
	l.entries_max = 1;
	assert_int_equal(extract(buf_slice(&z), &l), OK);
	assert_true(slice_is(buf_slice(&got), "O0:opaque-limit "));
	buf_fini(&z);
}

/* A zip as a real program writes it, with deflate, data descriptors and folders. */
static size_t
real_zip(char *mem, size_t room, size_t octets, const char *options)
{
	struct archive *w = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *zeros = calloc(1, octets);
	size_t used = 0;

	assert_non_null(zeros);
	assert_int_equal(archive_write_set_format_zip(w), ARCHIVE_OK);
	if (options != NULL) {
		assert_int_equal(archive_write_set_options(w, options), ARCHIVE_OK);
		assert_int_equal(archive_write_set_passphrase(w, "x"), ARCHIVE_OK);
	}
	assert_int_equal(archive_write_open_memory(w, mem, room, &used), ARCHIVE_OK);
	archive_entry_set_pathname(e, "zeros.bin");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)octets);
	assert_int_equal(archive_write_header(w, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(w, zeros, octets), (la_ssize_t)octets);
	assert_int_equal(archive_write_close(w), ARCHIVE_OK);
	archive_write_free(w);
	archive_entry_free(e);
	free(zeros);
	return used;
}

static void
bombs_and_passwords(void **state)
{
	enum { ROOM = 1 << 16, BOMB = 8 << 20 };
	char *mem = malloc(ROOM);
	struct slice z = { mem, 0 };

	(void)state;
	assert_non_null(mem);
	z.n = real_zip(mem, ROOM, 100, NULL);
	assert_int_equal(extract(z, NULL), OK);
	assert_true(slice_starts_nocase(buf_slice(&got), SLICE("N1:zeros.bin F1:")));
	assert_int_equal(got.n, sizeof "N1:zeros.bin F1: " - 1 + 100);

	z.n = real_zip(mem, ROOM, BOMB, NULL);
	assert_int_equal(extract(z, NULL), OK);
	assert_true(slice_is(buf_slice(&got), "O0:opaque-limit "));

	z.n = real_zip(mem, ROOM, 100, "zip:encryption=traditional");
	assert_int_equal(extract(z, NULL), OK);
	assert_true(slice_find(buf_slice(&got), SLICE("opaque-")) >= 0);
	assert_true(slice_find(buf_slice(&got), SLICE("F1:")) < 0);
	free(mem);
}

#define DOCX(document) { ZIP_DOCX_TYPES, ZIP_FILE("word/document.xml", document) }

static void
documents(void **state)
{
	static const struct { struct zip_file files[2]; const char *want; } rows[] = {
		{ DOCX("<w:p><w:r><w:t>M</w:t></w:r><w:r><w:t>\xE1\xBA\xACT</w:t></w:r></w:p>"),
		  "T2:M\xE1\xBA\xACT\n " },
		{ DOCX("<d><w:p><w:r><w:t>a</w:t><w:pict><w:p><w:t>box</w:t></w:p></w:pict>"
		  "<w:t>b</w:t></w:r></w:p></d>"), "T2:box\nab\n " },
		{ DOCX("<w:p><w:t>M</w:t><w:del><w:delText>x</w:delText></w:del><w:t>T</w:t></w:p>"),
		  "T2:x\nMxT\nMT\nMT\n " },
		{ DOCX("<w:p><w:r><w:t>M</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t>"
		  "</w:r><w:r><w:t>T</w:t></w:r></w:p>"), "T2:x\nMxT\nMT\nMT\n " },
		{ DOCX("<w:p><m:AlternateContent><m:Choice><w:t>x</w:t></m:Choice><m:Fallback>"
		  "<w:t>y</w:t></m:Fallback></m:AlternateContent></w:p>"), "T2:xy\nx\ny\n " },
		{ DOCX("<w:p><w:r><w:sym w:font=\"Wingdings\" w:char=\"F0FE\"/><w:t> a</w:t></w:r>"
		  "</w:p>"), "T2:\xEF\x83\xBE a\n " },
		{ DOCX("<d><v:textpath string=\"stamp\"/><wp:docPr descr=\"alt\"/></d>"),
		  "T2:stamp\nalt\n " },
		{ DOCX("<p><property name=\"N\"><lpwstr>v</lpwstr></property></p>"),
		  "T2:N: v\nv\n " },
		{ DOCX("<!DOCTYPE a><w:p><w:t>x</w:t></w:p>"), "O2:opaque-broken T2: " },
		{ DOCX("<w:p><w:t>half"), "O2:opaque-broken T2:half\n " },
		{ DOCX(""), "O2:opaque-broken T2: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const char names[] = "N1:[Content_Types].xml N2:word/document.xml ";
		struct slice have;
		struct buf z;
		ptrdiff_t at;

		buf_init(&z, 8192);
		zip_make(&z, rows[i].files, 2, ZIP_GOOD);
		assert_int_equal(extract(buf_slice(&z), NULL), OK);
		have = buf_slice(&got);
		assert_true(slice_starts_nocase(have, slice_of(names)));
		at = slice_find(have, SLICE("T1:"));	/* of the types: no text in them */
		assert_true(at >= 0);
		have = slice_from(have, (size_t)at + sizeof "T1: " - 1);
		if (!slice_is(have, rows[i].want))
			fail_msg("%zu: \"%.*s\", want \"%s\"", i, (int)have.n, have.p,
			    rows[i].want);
		buf_fini(&z);
	}
}

static void
other_documents_are_not_read(void **state)
{
	static const struct zip_file sheet[] = {
		ZIP_FILE("[Content_Types].xml", "<Types>spreadsheetml.sheet.main+xml</Types>"),
		ZIP_FILE("xl/workbook.xml", "<a/>"),
	}, odf[] = {
		ZIP_FILE("mimetype", "application/vnd.oasis.opendocument.text"),
		ZIP_FILE("content.xml", "<a/>"),
	};
	struct buf z;

	(void)state;
	buf_init(&z, 4096);
	zip_make(&z, sheet, 2, ZIP_GOOD);
	assert_int_equal(extract(buf_slice(&z), NULL), OK);
	assert_true(slice_ends_nocase(buf_slice(&got), SLICE(" O0:opaque-type ")));
	buf_clear(&z);
	zip_make(&z, odf, 2, ZIP_GOOD);
	assert_int_equal(extract(buf_slice(&z), NULL), OK);
	assert_true(slice_ends_nocase(buf_slice(&got), SLICE(" O0:opaque-type ")));
	buf_fini(&z);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(good_and_bad_zips),
		cmocka_unit_test(duplicate_names_are_ambiguous),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(bombs_and_passwords),
		cmocka_unit_test(documents),
		cmocka_unit_test(other_documents_are_not_read),
	};

	return cmocka_run_group_tests(t, setup, teardown);
}
