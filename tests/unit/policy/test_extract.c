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
#include "policy/extract/sniff.h"
#include "tests/unit/policy/pieces.h"
#include "tests/unit/policy/zipmake.h"

static int
extract(struct slice zip, const struct extract_limits *limits)
{
	struct extract_limits usual;

	extract_limits_init(&usual);
	buf_clear(&got);
	return extract_run(zip, EXTRACT_ZIP, limits == NULL ? &usual : limits, note, NULL);
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
		{ DOCX("<w:p><w:r><w:t>M</w:t></w:r><w:r><w:rPr><w:color w:val=\"ffffff\"/></w:rPr>"
		  "<w:t>x</w:t></w:r><w:r><w:rPr><w:sz w:val=\"2\"/><w:vanish w:val=\"0\"/></w:rPr>"
		  "<w:t>y</w:t></w:r><w:r><w:rPr><w:sz w:val=\"28\"/><w:color w:val=\"auto\"/></w:rPr>"
		  "<w:t>T</w:t></w:r></w:p>"), "T2:MxyT\nMT\nMT\n " },
		/* the head of a table, white on blue */
		{ DOCX("<w:p><w:r><w:rPr><w:color w:val=\"FFFFFF\"/></w:rPr><w:t>bao </w:t></w:r>"
		  "<w:r><w:rPr><w:color w:val=\"FFFFFF\"/></w:rPr><w:t>mat</w:t></w:r></w:p>"),
		  "T2:bao mat\n " },
		/* ends of paragraphs that are hidden or deleted, in a text of its own between them */
		{ DOCX("<d><w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:t>M</w:t></w:p><w:p><w:pPr><w:rPr>"
		  "<w:del/></w:rPr></w:pPr><w:t>A</w:t></w:p><w:p><w:t>T</w:t></w:p><w:p><w:t>x</w:t></w:p></d>"),
		  "T2:M\nA\nMAT\nT\nx\n " },
		{ DOCX("<d><w:p><w:t>a</w:t><w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:t>M</w:t></w:p></w:p>"
		  "<w:p><w:t>T</w:t></w:p></d>"), "T2:M\na\nT\n " },
		{ DOCX("<d><w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:t>M</w:t></w:p><w:p><w:pPr><w:rPr>"
		  "<w:vanish/></w:rPr></w:pPr><w:t>T</w:t></w:p></d>"), "T2:M\nT\nMT\n " },
		{ DOCX("<w:p><w:pPr><w:rPr><w:moveFrom/></w:rPr></w:pPr><w:t>M</w:t><w:moveFrom><w:r><w:t>x</w:t>"
		  "</w:r></w:moveFrom><w:t>T</w:t></w:p>"), "T2:x\nMxT\nMT\nMT\n " },
		{ DOCX("<w:p><m:AlternateContent><m:Choice><w:t>x</w:t></m:Choice><m:Fallback>"
		  "<w:t>y</w:t></m:Fallback></m:AlternateContent></w:p>"), "T2:xy\nx\ny\n " },
		{ DOCX("<w:p><w:r><w:sym w:font=\"Wingdings\" w:char=\"F0FE\"/><w:t> a</w:t></w:r>"
		  "</w:p>"), "T2:\xEF\x83\xBE a\n " },
		{ DOCX("<d><v:textpath string=\"stamp\"/><wp:docPr descr=\"alt\"/></d>"),
		  "T2:stamp\nalt\n " },
		{ DOCX("<p><property name=\"N\"><lpwstr>v</lpwstr></property></p>"),
		  "T2:N: v\nv\n " },
		{ DOCX("<w:p><w:t>a</w:t><w:ddList><w:result w:val=\"1\"/><w:listEntry w:val=\"b\"/>"
		  "<w:listEntry w:val=\"c\"/></w:ddList></w:p>"), "T2:ac\n " },
		{ DOCX("<w:p><w:ddList><w:listEntry w:val=\"b\"/><w:listEntry w:val=\"c\"/>"
		  "</w:ddList></w:p>"), "T2:b\n " },
		{ DOCX("<w:p><w:checkBox><w:default w:val=\"0\"/><w:checked/></w:checkBox><w:t>a</w:t>"
		  "<w:checkBox><w:default w:val=\"0\"/></w:checkBox></w:p>"),
		  "T2:\xE2\x98\x92" "a\xE2\x98\x90\n " },
		{ DOCX("<w:p><w:instrText> MACROBUTTON  X a b</w:instrText></w:p>"),
		  "T2:a b\nMACROBUTTON  X a b\n " },
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
expect(const struct zip_file *files, size_t n, const char *want)
{
	struct buf z;

	buf_init(&z, 1 << 16);
	zip_make(&z, files, n, ZIP_GOOD);
	assert_int_equal(extract(buf_slice(&z), NULL), OK);
	if (slice_find(buf_slice(&got), slice_of(want)) < 0)
		fail_msg("%.*s lacks %s", (int)got.n, got.p, want);
	buf_fini(&z);
}

/* ---- styles ---- */

/* A paragraph of a style with runs "M", one of another style, "T". */
#define STYLED(paragraph, run, direct)	"<w:p><w:pPr><w:pStyle w:val='" paragraph "'/><w:rPr><w:vanish/>" \
	"</w:rPr></w:pPr><w:r><w:t>M</w:t></w:r><w:r><w:rPr><w:rStyle w:val='" run "'/>" direct \
	"</w:rPr><w:t>x</w:t></w:r><w:r><w:t>T</w:t></w:r></w:p>"
#define STYLE(type, id, base, says)	"<w:style w:type='" type "' w:styleId='" id "'><w:basedOn w:val='" \
	base "'/><w:rPr>" says "</w:rPr></w:style>"
#define PARTS(styles, document) { ZIP_DOCX_TYPES, ZIP_FILE("word/document.xml", document), \
	ZIP_FILE("word/styles.xml", "<w:styles>" styles "</w:styles>") }

/* What is hidden, tiny or white by a style is so as if the run said it. */
static void
hidden_by_styles(void **state)
{
	static const struct { struct zip_file files[3]; const char *want; } rows[] = {
		{ PARTS(STYLE("character", "H", "", "<w:vanish/>"), STYLED("P", "H", "")),
		  " T2:x\nMxT\nMT\nMT\n " },
		{ PARTS(STYLE("character", "C", "B", "<w:b/>") STYLE("character", "B", "A", "")
		  STYLE("character", "A", "", "<w:color w:val='FEFEFE'/>"), STYLED("P", "C", "")),
		  " T2:MxT\nMT\nMT\n " },
		{ PARTS(STYLE("character", "C", "A", "<w:color w:val='000000'/>")
		  STYLE("character", "A", "", "<w:color w:val='FFFFFF'/>"), STYLED("P", "C", "")),
		  " T2:MxT\n " },
		{ PARTS(STYLE("character", "C", "C", "<w:sz w:val='2'/>"), STYLED("P", "C", "")),
		  " T2:MxT\nMT\nMT\n " },
		{ PARTS(STYLE("character", "H", "", "<w:vanish/>"), STYLED("P", "H",
		  "<w:vanish w:val='0'/>")), " T2:MxT\n " },
		{ PARTS(STYLE("character", "C", "", "<w:color w:themeColor='background1' w:val='000000'/>"),
		  STYLED("P", "C", "")), " T2:MxT\nMT\nMT\n " },
		{ PARTS(STYLE("paragraph", "H", "", "<w:vanish/>"), STYLED("P", "H", "")),	/* no such run */
		  " T2:MxT\n " },
		/* a paragraph's style hides, some runs say that they are seen */
		{ PARTS(STYLE("paragraph", "P", "Q", "") STYLE("paragraph", "Q", "", "<w:sz w:val='1'/>"),
		  STYLED("P", "C", "<w:sz w:val='28'/>")), " T2:MxT\nx\nx\n " },
		/* hidden twice is seen in Word, in other programs it is not */
		{ PARTS(STYLE("paragraph", "P", "", "<w:vanish/>") STYLE("character", "H", "",
		  "<w:vanish/>"), STYLED("P", "H", "")), " T2:M\nx\nT\nMxT\nx\n " },
		/* without a name: the usual style, and the defaults of the document */
		{ PARTS("<w:docDefaults><w:rPrDefault><w:rPr><w:color w:val='FFFFFF'/></w:rPr></w:rPrDefault>"
		  "</w:docDefaults>" STYLE("character", "C", "", "<w:color w:val='auto'/>"),
		  STYLED("P", "C", "")), " T2:MxT\nx\nx\n " },
		{ PARTS("<w:style w:default='1' w:styleId='N'><w:rPr><w:sz w:val='2'/></w:rPr></w:style>",
		  STYLED("P", "C", "<w:sz w:val='20'/>")), " T2:MxT\nx\nx\n " },
		{ PARTS(STYLE("table", "G", "", "<w:color w:val='FFFFFF'/>"), "<w:tbl><w:tblStyle w:val='G'/>"
		  STYLED("P", "C", "<w:color w:val='FF0000'/>") "</w:tbl>"), " T2:MxT\nx\nx\n " },
		/* what was before a change does not count */
		{ PARTS(STYLE("character", "H", "", "<w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange>"),
		  STYLED("P", "H", "<w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange>")),
		  " T2:MxT\n " },
		{ PARTS("", STYLED("P", "H", "<w:rPrChange><w:rPr><w:rPrChange/><w:vanish/></w:rPr>"
		  "</w:rPrChange>")), " T1: T2:MxT\n " },
		/* beside what is hidden: on a dark ground, or not for the web */
		{ PARTS("", "<w:p><w:r><w:t>M</w:t></w:r><w:r><w:rPr>"
		  "<w:vanish/></w:rPr><w:t>x</w:t></w:r><w:r><w:rPr><w:color w:val='FFFFFF'/></w:rPr>"
		  "<w:t>T</w:t></w:r></w:p>"), " T1: T2:x\nMxT\nM\nM\nMT\n " },
		{ PARTS("", "<w:p><w:r><w:t>M</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t>"
		  "</w:r><w:r><w:rPr><w:webHidden/></w:rPr><w:t>T</w:t></w:r></w:p>"),
		  " T1: T2:x\nMxT\nM\nM\nMT\n " },
		/* at odds with itself, or in a ring; without anything hidden that is all the same */
		{ PARTS(STYLE("character", "C", "D", "<w:sz w:val='2'/>") STYLE("character", "D", "C", ""),
		  STYLED("P", "D", "")), " O0:opaque-broken T1:" },
		{ PARTS(STYLE("character", "C", "D", "<w:sz w:val='20'/>") STYLE("character", "D", "C", ""),
		  STYLED("P", "D", "")), " T1: T2:MxT\n " },
		{ PARTS(STYLE("character", "H", "", "<w:vanish/>") STYLE("character", "H", "", ""),
		  STYLED("P", "H", "")), " O0:opaque-broken T1:" },
		{ PARTS(STYLE("character", "C", "", "<w:sz w:val='20'/>") STYLE("character", "C", "", "")
		  "<w:style w:default='1' w:styleId='N'/><w:style w:default='1' w:styleId='N'><w:rPr>"
		  "<w:color w:val='000000'/></w:rPr></w:style>", STYLED("P", "C", "")), " T1: T2:MxT\n " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("styles %zu\n", i);
		expect(rows[i].files, 3, rows[i].want);
	}
}

/* Which of several parts with styles counts is not asked: the text is read with each. */
static void
several_parts_with_styles(void **state)
{
#define HIDES(id) "<w:styles>" STYLE("character", id, "", "<w:vanish/>") "</w:styles>"
	static const struct zip_file files[] = {
		ZIP_FILE("a", HIDES("Y")), ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>M</w:t></w:r><w:r><w:rPr><w:rStyle w:val='H'/>"
		    "</w:rPr><w:t>x</w:t></w:r><w:r><w:rPr><w:rStyle w:val='Y'/></w:rPr><w:t>T</w:t></w:r></w:p>"),
		ZIP_FILE("b", HIDES("H")), ZIP_FILE("c", HIDES("1")), ZIP_FILE("d", HIDES("2")),
		ZIP_FILE("e", HIDES("3")),
	}, wide[] = {
		ZIP_DOCX_TYPES, ZIP_FILE("word/document.xml", STYLED("P", "H", "")),
		ZIP_FILE("s", "\xFF\xFE<\0s\0 \0a\0=\0'\0'\0>\0<\0s\0t\0y\0l\0e\0 \0t\0y\0p\0e\0=\0'\0"
		    "c\0h\0a\0r\0a\0c\0t\0e\0r\0'\0 \0s\0t\0y\0l\0e\0I\0d\0=\0'\0H\0'\0>\0<\0"
		    "v\0a\0n\0i\0s\0h\0/\0>\0<\0/\0s\0t\0y\0l\0e\0>\0<\0/\0s\0>\0"),
	};

	(void)state;
	expect(files, 4, " T3:T\nMxT\nMx\nMx\nx\nMxT\nMT\nMT\n ");
	expect(files, 7, " O0:opaque-broken T1:");
	expect(wide, 3, " T2:x\nMxT\nMT\nMT\n ");
}

/* A part that is broken: what stands before it is read. */
static void
broken_part_of_a_document(void **state)
{
	static const struct zip_file files[] = { ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:t>MAT</w:t></w:p>"),
		ZIP_FILE("mimetype.xml", "<w:styles>1</w:styles>") };
	uint32_t crc = zip_crc(files[2].octets);
	const char bad[] = { (char)(crc & 0xFF), (char)(crc >> 8 & 0xFF), (char)(crc >> 16 & 0xFF),
		(char)(crc >> 24) };
	ptrdiff_t at;
	struct buf z;

	(void)state;
	buf_init(&z, 1 << 20);
	zip_make(&z, files, ARRAY_LEN(files), ZIP_GOOD);
	while ((at = slice_find(buf_slice(&z), (struct slice){ bad, sizeof bad })) >= 0)
		z.p[at] ^= 1;
	assert_int_equal(extract(buf_slice(&z), NULL), OK);
	if (slice_find(buf_slice(&got), SLICE("T2:MAT\n")) < 0 ||
	    slice_find(buf_slice(&got), SLICE("O3:opaque-broken")) < 0)
		fail_msg("%.*s", (int)got.n, got.p);
	buf_fini(&z);
}

static void
text_above_text(void **state)
{
	static const struct zip_file files[] = {
		ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:ruby><w:rt><w:r><w:t>a</w:t></w:r></w:rt><w:rubyBase><w:r>"
		    "<w:t>M</w:t></w:r></w:rubyBase></w:ruby><w:ruby><w:rt><w:r><w:t>b</w:t></w:r></w:rt>"
		    "<w:rubyBase><w:r><w:t>T</w:t></w:r></w:rubyBase></w:ruby></w:p>"),
	}, odf[] = {
		ZIP_FILE("mimetype", "application/vnd.oasis.opendocument.text"),
		ZIP_FILE("content.xml", "<o><p><ruby><ruby-base>M</ruby-base><ruby-text>a</ruby-text></ruby><ruby>"
		    "<ruby-base>T</ruby-base><ruby-text>b</ruby-text></ruby></p></o>"),
	};

	(void)state;
	expect(files, 2, " T2:aMbT\nab\nMT\nMT\n ");
	expect(odf, 2, " T2:MaTb\nMT\nab\n ");
}

/* ---- other documents ---- */

#define TYPES(t)	ZIP_FILE("[Content_Types].xml", "<Types>" t "</Types>")
#define ODF(sort)	ZIP_FILE("mimetype", "application/vnd.oasis.opendocument." sort)

static void
slides(void **state)
{
	static const struct zip_file files[] = {
		TYPES("presentationml.presentation.main+xml"),
		ZIP_FILE("ppt/slides/slide1.xml", "<p:sld xmlns:p='p' xmlns:a='a'><a:p><a:r><a:t>MA</a:t>"
		    "</a:r><a:r><a:t>T</a:t></a:r></a:p></p:sld>"),
	};

	(void)state;
	expect(files, 2, "T2:MAT\n ");
}

static void
spreadsheets(void **state)
{
	static const struct zip_file files[] = {
		TYPES("spreadsheetml.sheet.main+xml"),
		ZIP_FILE("xl/workbook.xml", "<workbook><sheets><sheet name='To mot'/></sheets></workbook>"),
		ZIP_FILE("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row><c t='s'><v>1</v></c>"
		    "<c t='s'><v>0</v></c></row><row><c t='inlineStr'><is><t>M</t></is></c><c><v>7</v></c>"
		    "<c t='str'><f>A1</f><v>kq</v></c></row></sheetData><headerFooter><oddHeader>"
		    "&amp;L&amp;&quot;Arial,Bold&quot;&amp;14MAT&amp;Rtrang &amp;P</oddHeader>"
		    "</headerFooter></worksheet>"),
		ZIP_FILE("xl/comments1.xml", "<comments><authors><author>Binh</author></authors>"
		    "<comment><text><r><t>M</t></r><r><t>AT</t></r></text></comment></comments>"),
		ZIP_FILE("xl/sharedStrings.xml", "<sst><si><t>Mat</t></si><si><r><t>Do </t></r><r><t>mat:"
		    "</t></r></si></sst>"),
		ZIP_FILE("xl/printerSettings/printerSettings1.bin", "\x01\x00\x02\x00\x80 M"),
		ZIP_FILE("xl/drawings/drawing1.xml", "<d><p><r><t>hinh</t></r></p></d>"),
	}, dangling[] = {
		TYPES("spreadsheetml.sheet.main+xml"),
		ZIP_FILE("xl/worksheets/sheet1.xml", "<row><c t='s'><v>3</v></c></row>"),
	}, hidden[] = {
		TYPES("spreadsheetml.sheet.main+xml"),
		ZIP_FILE("xl/printerSettings/printerSettings1.bin", "%PDF-1.4 M"),
	}, renamed[] = {	/* parts, whatever their names */
		TYPES("spreadsheetml.sheet.main+xml"),
		ZIP_FILE("xl/printerSettings/printerSettings1.bin", " <si><r><t>M</t></r><r><t>AT</t></r>"
		    "</si>"),
		ZIP_FILE("xl/a.bin", "\xFF\xFE<\0s\0i\0>\0<\0t\0>\0M\0<\0/\0t\0>\0<\0t\0>\0T\0<\0"
		    "/\0t\0>\0<\0/\0s\0i\0>\0"),
		ZIP_FILE("xl/b.htm", "<p>other markup"),
		ZIP_FILE("xl/printerSettings/printerSettings2.bin", "plain text"),
	};

	(void)state;
	expect(files, ARRAY_LEN(files), " T2:To mot\n ");
	expect(renamed, ARRAY_LEN(renamed), " T2:MAT\n F2: <si>");
	expect(renamed, ARRAY_LEN(renamed), " T3:MT\n F3:");
	expect(renamed, ARRAY_LEN(renamed), " F4:<p>other markup F5:plain text ");
	expect(files, ARRAY_LEN(files), "Do mat:\nMat\nDo mat:\tMat\n");
	expect(files, ARRAY_LEN(files), "M\n7\nA1\nkq\nM\t7\tkq\n");
	expect(files, ARRAY_LEN(files), "MAT\ntrang");
	expect(files, ARRAY_LEN(files), " T4:Binh\nMAT\n ");
	expect(files, ARRAY_LEN(files), " T5:Mat\nDo mat:\n T7:hinh\n ");
	expect(dangling, 2, "O2:opaque-broken");
	expect(hidden, 2, "F2:%PDF-1.4 M");
}

static void
open_documents(void **state)
{
	static const struct zip_file files[] = {
		ODF("text"),
		ZIP_FILE("content.xml", "<o:document xmlns:o='o' xmlns:text='t' xmlns:table='b'><text:h>Ve viec"
		    "</text:h><text:p>MA<text:span>T</text:span><text:s text:c='2'/>x<text:tab/>y\nz</text:p>"
		    "<table:table table:name='Bang'><table:table-row><table:table-cell><text:p>Do mat:</text:p>"
		    "</table:table-cell><table:table-cell><text:p>Mat</text:p></table:table-cell>"
		    "</table:table-row></table:table><text:hidden-text text:string-value='an'/>"
		    "<text:p>than<text:note><text:p>ghi chu</text:p></text:note> bai</text:p></o:document>"),
		ZIP_FILE("meta.xml", "<m><title>Ten</title><user-defined name='Do mat'>Mat</user-defined></m>"),
		ZIP_FILE("layout-cache", "\x00\x01\x80\xff"),
		ZIP_FILE("META-INF/manifest.xml", "<manifest/>"),
	}, locked[] = {
		ODF("text"), ZIP_FILE("content.xml", "\x80\x81"),
		ZIP_FILE("META-INF/manifest.xml", "<manifest><encryption-data/></manifest>"),
	}, book[] = {
		ZIP_FILE("mimetype", "application/epub+zip"), ZIP_FILE("content.xml", "<a/>"),
	}, broken[] = {
		ODF("text"), ZIP_FILE("content.xml", "<p>half"),
	};

	(void)state;
	expect(files, ARRAY_LEN(files), " T2:Ve viec\nMAT  x\ty z\nBang\nDo mat:\nMat\nDo mat: \tMat\nan\n"
	    "ghi chu\nthan bai\n ");
	expect(files, ARRAY_LEN(files), " P3:Ten\nDo mat: Mat\nMat\n T5:");
	expect(locked, 3, " O0:opaque-encrypted ");
	expect(book, 2, " O0:opaque-type ");
	expect(broken, 2, "O2:opaque-broken T2:half\n ");
}

#define NAMED(name, family, parent, says) "<style name='" name "' family='" family "' parent-style-name='" \
	parent "'><text-properties " says "/></style>"
#define AUTOMATIC(styles) "<automatic-styles>" styles "</automatic-styles>"
#define SPANS "<p style-name='P'>M<span style-name='T'>x<s/></span><span>T<a style-name='U'>y</a></span></p>"

/* Styles of the part, of the document, and what they are based on. */
static void
hidden_in_open_documents(void **state)
{
	static const struct { const char *styles, *content, *want; } rows[] = {
		{ "", AUTOMATIC(NAMED("T", "text", "", "display='none'")) SPANS, " T2:x\nMx Ty\nMTy\n " },
		{ "", AUTOMATIC(NAMED("T", "text", "", "color='#ffffff'") NAMED("U", "text", "T", "")) SPANS,
		  " T2:Mx Ty\nMT\n " },
		{ NAMED("B", "text", "A", "") NAMED("A", "text", "", "font-size='1pt'"),
		  AUTOMATIC(NAMED("T", "text", "B", "") NAMED("U", "text", "B", "font-size='14pt'")) SPANS,
		  " T2:Mx Ty\nMTy\n " },
		{ NAMED("U", "text", "", "color='#fff' opacity='100%'"), SPANS, " T2:Mx Ty\nMx T\n " },
		{ NAMED("P", "paragraph", "", "color='#FEFEFE'"), AUTOMATIC(NAMED("T", "text", "",
		  "use-window-font-color='true'")) SPANS, " T2:Mx Ty\nx\n " },
		{ "<default-style family='paragraph'><text-properties font-size='0pt'/></default-style>",
		  AUTOMATIC(NAMED("T", "text", "", "font-size='12pt'")) SPANS, " T2:Mx Ty\nx\n " },
		{ NAMED("U", "text", "", "color='#000' opacity='0%'"), SPANS, " T2:Mx Ty\nMx T\n " },
		/* automatic ones of another part */
		{ AUTOMATIC(NAMED("T", "text", "", "display='none'")), SPANS, " T2:Mx Ty\n " },
		{ "", AUTOMATIC(NAMED("T", "text", "", "display='none'") NAMED("T", "text", "", "")) SPANS,
		  "O2:opaque-broken" },
		{ "", AUTOMATIC(NAMED("T", "text", "", "color='#000'") NAMED("T", "text", "", "")) SPANS,
		  " T2:Mx Ty\n " },
		{ NAMED("P", "paragraph", "", "color='#fff'"), AUTOMATIC(NAMED("T", "text", "", "color='#000'")
		  NAMED("T", "text", "", "")) SPANS, "O2:opaque-broken" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf content, styles;
		struct zip_file files[] = { ODF("text"), { "content.xml", { NULL, 0 } },
			{ "styles.xml", { NULL, 0 } } };

		buf_init(&content, 4096);
		buf_init(&styles, 4096);
		buf_addf(&content, "<o>%s</o>", rows[i].content);
		buf_addf(&styles, "<o>%s</o>", rows[i].styles);
		files[1].octets = buf_slice(&content);
		files[2].octets = buf_slice(&styles);
		print_message("open document %zu\n", i);
		expect(files, 3, rows[i].want);
		buf_fini(&content);
		buf_fini(&styles);
	}
}

/* ---- other archives ---- */

static void
packed(struct buf *out, int (*format)(struct archive *), int (*filter)(struct archive *),
    const char *name, const char *link, struct slice octets)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *mem = malloc(1 << 20);
	size_t used = 0;

	assert_true(mem != NULL && format(a) == ARCHIVE_OK && (filter == NULL || filter(a) == ARCHIVE_OK));
	assert_int_equal(archive_write_open_memory(a, mem, 1 << 20, &used), ARCHIVE_OK);
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)octets.n);
	archive_entry_set_filetype(e, link == NULL ? AE_IFREG : AE_IFLNK);
	if (link != NULL)
		archive_entry_set_symlink(e, link);
	archive_entry_set_perm(e, 0644);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, octets.p, octets.n), octets.n);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
	buf_add(out, (struct slice){ mem, used });
	free(mem);
}

static void
other_archives(void **state)
{
	static char zeros[600 * 1024];
	static const struct {
		int (*format)(struct archive *), (*filter)(struct archive *);
		const char *name, *link, *want;
	} rows[] = {
		{ archive_write_set_format_7zip, NULL, "a.txt", NULL, "N1:a.txt F1:octets " },
		{ archive_write_set_format_ustar, NULL, "a.txt", NULL, "N1:a.txt F1:octets " },
		{ archive_write_set_format_iso9660, NULL, "A.TXT", NULL, "N1:. N2:A.TXT F2:octets " },
		{ archive_write_set_format_raw, archive_write_add_filter_gzip, "a", NULL, "F1:octets " },
		{ archive_write_set_format_raw, archive_write_add_filter_bzip2, "a", NULL, "F1:octets " },
		{ archive_write_set_format_raw, archive_write_add_filter_xz, "a", NULL, "F1:octets " },
		{ archive_write_set_format_raw, archive_write_add_filter_zstd, "a", NULL, "F1:octets " },
		{ archive_write_set_format_ustar, NULL, "../a.txt", NULL, "N1:../a.txt O1:opaque-type " },
		{ archive_write_set_format_ustar, NULL, "/etc/a", NULL, "N1:/etc/a O1:opaque-type " },
		{ archive_write_set_format_ustar, NULL, "l", "/etc/passwd", "N1:l O1:opaque-type " },
	};
	struct extract_limits l;
	struct buf z;

	(void)state;
	extract_limits_init(&l);
	buf_init(&z, 2 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&z);
		buf_clear(&got);
		packed(&z, rows[i].format, rows[i].filter, rows[i].name, rows[i].link,
		    rows[i].link == NULL ? SLICE("octets") : SLICE(""));
		assert_int_equal(sniff(buf_slice(&z)), SNIFF_PACK);
		assert_int_equal(extract_run(buf_slice(&z), EXTRACT_PACK, &l, note, NULL), OK);
		if (!slice_is(buf_slice(&got), rows[i].want))
			fail_msg("%zu: %.*s, want %s", i, (int)got.n, got.p, rows[i].want);
		buf_clear(&got);		/* cut short */
		assert_int_equal(extract_run(slice_sub(buf_slice(&z), 0, z.n / 2), EXTRACT_PACK, &l,
		    note, NULL), OK);
		/* The others have a long end, which may be cut. */
		assert_true(slice_find(buf_slice(&got), SLICE("opaque-")) >= 0 ||
		    (rows[i].filter == NULL && rows[i].format != archive_write_set_format_7zip));
	}
	buf_clear(&z);		/* two tars, one behind the other */
	buf_clear(&got);
	packed(&z, archive_write_set_format_ustar, NULL, "a", NULL, SLICE("1"));
	packed(&z, archive_write_set_format_ustar, NULL, "b", NULL, SLICE("2"));
	assert_int_equal(extract_run(buf_slice(&z), EXTRACT_PACK, &l, note, NULL), OK);
	assert_true(slice_is(buf_slice(&got), "N1:a F1:1 N2:b F2:2 "));
	buf_clear(&z);		/* a bomb */
	buf_clear(&got);
	packed(&z, archive_write_set_format_raw, archive_write_add_filter_gzip, "z", NULL,
	    (struct slice){ zeros, sizeof zeros });
	l.ratio_floor_octets = 1000;
	assert_int_equal(extract_run(buf_slice(&z), EXTRACT_PACK, &l, note, NULL), OK);
	assert_true(slice_is(buf_slice(&got), "O0:opaque-limit "));
	buf_clear(&got);
	assert_int_equal(extract_run(SLICE("Rar!\x1A\x07\x01 nothing"), EXTRACT_PACK, &l, note, NULL), OK);
	assert_true(slice_find(buf_slice(&got), SLICE("opaque-")) >= 0);
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
		cmocka_unit_test(slides),
		cmocka_unit_test(spreadsheets),
		cmocka_unit_test(open_documents),
		cmocka_unit_test(hidden_by_styles), cmocka_unit_test(several_parts_with_styles),
		cmocka_unit_test(broken_part_of_a_document), cmocka_unit_test(text_above_text), cmocka_unit_test(hidden_in_open_documents),
		cmocka_unit_test(other_archives),
	};

	return cmocka_run_group_tests(t, pieces_setup, pieces_teardown);
}
