/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/extract/box.h"
#include "policy/extract/pdfform.h"
#include "tests/unit/policy/pdfmake.h"
#include "tests/unit/policy/pieces.h"
#include "tests/unit/policy/sandboxed.h"

#define S(lit)	{ "" lit, sizeof(lit) - 1 }
#define TEXT(x, y, s)	"BT /F1 12 Tf " #x " " #y " Td (" s ") Tj ET\n"

static void
read_pdf(struct slice pdf)
{
	struct extract_limits l;

	extract_limits_init(&l);
	buf_clear(&got);
	assert_int_equal(box_extract(pdf, EXTRACT_PDF, &l, note, NULL), OK);
}

static bool
has(const char *what)
{
	return slice_find(buf_slice(&got), slice_of(what)) >= 0;
}

static void
expect(const char *what, bool there)
{
	if (has(what) != there)
		fail_msg("%.*s: %s %s", (int)got.n, got.p, there ? "lacks" : "has", what);
}

static const char picture[] = "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray"
    "/BitsPerComponent 8";

static void
pages(void **state)
{
	static const struct { const char *catalog, *page, *content, *want, *want_too; bool opaque; } rows[] = {
		{ "", "", TEXT(72, 700, "MAT") TEXT(72, 650, "Bao cao"), "T1:", "MAT\nBao cao\n", false },
		{ "", "", "", "", "", false },				/* blank */
		{ "", "", "0 0 0 rg 100 100 200 200 re f\n", "", "", false },	/* looked at */
		{ "", "", "q 200 0 0 200 100 100 cm /I Do Q\n", "", "", false },
		{ "", "", TEXT(72, 700, "chu") "q 20 0 0 20 100 100 cm /I Do Q\n", "T1:", "", false },
		{ "", "/Annots[<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(ghi chu)>>]", TEXT(72, 700, "chu"),
		    "ghi chu", "T1:", false },
		{ "", "/Annots[<</Type/Annot/Subtype/Stamp/Rect[0 0 90 90]/Contents(dau)>>]", TEXT(72, 700, "chu"),
		    "dau", "T1:", false },
		{ "/AcroForm<</Fields[7 0 R]>>", "/Annots[7 0 R]", TEXT(72, 700, "chu"), "Do mat: Mat", "T1:", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pdfmake p;
		struct buf b;

		buf_init(&b, 1 << 20);
		pdf_begin(&p, &b);
		pdf_page(&p, rows[i].catalog, rows[i].page, rows[i].content);
		pdf_stream(&p, picture, "x");
		pdf_object(&p, "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(Do mat: Mat)/Rect[0 0 90 20]>>");
		pdf_end(&p, "");
		read_pdf(buf_slice(&b));
		expect(rows[i].want, true);
		expect(rows[i].want_too, true);
		expect("opaque", rows[i].opaque);
		buf_fini(&b);
	}
}

/* A last word that did not fit into the line is part of it; one that stands alone is not. */
static void
broken_lines(void **state)
{
	static const char prose[] = "han bao ve hai muoi nam doi voi do tuyet mat, muoi nam voi do rat, nam voi do";
	char content[1000];
	struct pdfmake p;
	struct buf b;

	(void)state;
	for (int apart = 0; apart < 2; apart++) {
		snprintf(content, sizeof content, "BT /F1 12 Tf 72 700 Td (%s) Tj 0 -%d Td (Mat) Tj ET\n",
		    prose, apart ? 60 : 14);
		buf_init(&b, 1 << 20);
		pdf_begin(&p, &b);
		pdf_page(&p, "", "", content);
		pdf_stream(&p, picture, "x");
		pdf_end(&p, "");
		read_pdf(buf_slice(&b));
		expect("do Mat\n", !apart);
		expect("\nMat\n", apart);
		buf_fini(&b);
	}
}

static void
the_document(void **state)
{
	struct pdfmake p;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	pdf_begin(&p, &b);
	pdf_page(&p, "/Names<</EmbeddedFiles<</Names[(a) 7 0 R]>>>>", "", TEXT(72, 700, "chu"));
	pdf_stream(&p, picture, "x");
	pdf_object(&p, "<</Type/Filespec/F(ke.txt)/EF<</F 8 0 R>>/Desc(mo ta)>>");
	pdf_stream(&p, "/Type/EmbeddedFile", "octets");
	pdf_object(&p, "<</Title(Ten)/Subject <FEFF0110 1ED9 0020 006D 1EAD 0074> /Keywords(khoa)>>");
	pdf_end(&p, "/Info 9 0 R");
	read_pdf(buf_slice(&b));
	expect("P0:Ten\nĐộ mật\nkhoa\n", true);
	expect("N1:ke.txt ", true);
	expect("P1:mo ta ", true);
	expect("F1:octets ", true);
	expect("opaque", false);
	buf_fini(&b);
}

/* One page that draws the form 6, with the objects 7 and 8. */
static void
one_form(struct buf *b, const char *catalog, const char *keys, const char *content, const char *seven,
    const char *eight)
{
	char text[512];
	struct pdfmake p;

	buf_clear(b);
	pdf_begin(&p, b);
	pdf_page(&p, catalog, "", TEXT(72, 700, "chu") "/I Do\n");
	snprintf(text, sizeof text, "/Type/XObject/Subtype/Form/BBox[0 0 595 842] %s", keys);
	pdf_stream(&p, text, content);
	pdf_object(&p, seven);
	pdf_stream(&p, eight, "800 0 d0 0 0 100 700 re f");
	pdf_end(&p, "");
}

/* What is seen only after a click, and files that no list has. */
static void
beside_the_pages(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	one_form(&b, "/Outlines<</First 7 0 R/Last 7 0 R/Count 1>>", "", "",
	    "<</Title(de muc)/Dest[3 0 R/Fit]/First 7 0 R>>", "");
	read_pdf(buf_slice(&b));
	expect("T0:de muc\n", true);
	expect("opaque", false);
	one_form(&b, "/OCProperties<</OCGs[7 0 R]/D<</OFF[7 0 R]>>>>",
	    "/OC 7 0 R/Resources<</Font<</F1 4 0 R>>>>", TEXT(72, 600, "lop an"), "<</Type/OCG/Name(x)>>", "");
	read_pdf(buf_slice(&b));
	expect("lop an", true);
	expect("opaque", false);
	one_form(&b, "/AF[7 0 R]", "", "", "<</Type/Filespec/F(a)/EF<</F 8 0 R>>>>", "/Type/EmbeddedFile");
	read_pdf(buf_slice(&b));
	expect("O0:opaque-type", true);
	buf_fini(&b);
}

/* A page whose letters are drawings is looked at as a picture. */
static void
drawn_letters(void **state)
{
	static const char font[] = "<</Type/Font/Subtype/Type3/FontBBox[0 0 800 800]/FontMatrix[.001 0 0 .001 0 0]"
	    "/CharProcs<</a 8 0 R>>/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[800]"
	    "/Resources<<>>>>";
	struct extract_limits l;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	extract_limits_init(&l);
	l.ocr = false;
	for (int drawn = 0; drawn < 2; drawn++) {
		one_form(&b, "", drawn ? "/Resources<</Font<</F1 7 0 R>>>>" :
		    "/Resources<</Font<</F1 4 0 R>>>>", TEXT(72, 600, "a"), font, "");
		buf_clear(&got);
		assert_int_equal(box_extract(buf_slice(&b), EXTRACT_PDF, &l, note, NULL), OK);
		expect("O1:opaque-type", drawn == 1);
	}
	buf_fini(&b);
}

static void
what_is_none(void **state)
{
	struct pdfmake p;
	struct buf b;

	(void)state;
	read_pdf(SLICE("%PDF-1.4\nnothing of it"));
	expect("O0:opaque-broken ", true);
	buf_init(&b, 1 << 20);
	pdf_begin(&p, &b);
	pdf_page(&p, "", "", TEXT(72, 700, "chu"));
	pdf_stream(&p, picture, "x");
	pdf_object(&p, "<</Filter/Standard/V 1/R 2/P -4/O(01234567890123456789012345678901)"
	    "/U(01234567890123456789012345678901)>>");
	pdf_end(&p, "/Encrypt 7 0 R /ID[<00><00>]");
	read_pdf(buf_slice(&b));
	expect("O0:opaque-encrypted ", true);
	buf_fini(&b);
}

/* policyd opens boxes from inside its own sandbox, where no converter can be loaded any more. */
static void
the_document_is_read(void)
{
	the_document(NULL);
}

static void
inside_the_sandbox_of_policyd(void **state)
{
	(void)state;
	sandboxed(SANDBOX_POLICYD, the_document_is_read);
}

/* Stamps, typed notes and fields are drawings of their own, which lie upon the page. */
static void
laid_upon_the_page(void **state)
{
#define NOTE(kind) "/Annots[<</Type/Annot/Subtype/" kind "/Rect[0 0 90 90]/AP<</N 7 0 R>>>>]"
	static const struct { const char *page, *keys, *content, *want; bool opaque; } rows[] = {
		{ NOTE("Stamp"), "", "BT /F1 9 Tf 0 0 Td (TUYET) Tj 40 0 Td (MAT) Tj ET", "TUYET MAT\n", false },
		{ NOTE("FreeText"), "", "BT (a\\(b\\)) Tj 0 -9 Td [(M\\313) 20 <74> -300 (x)] TJ T* (c) Tj ET",
		  "T0:a(b)\nM\xC3\x8Bt x\nc\n ", false },
		{ NOTE("FreeText"), "", "BT <004D1EAC0054> Tj ET", "\nM\xE1\xBA\xACT\n", false },
		{ NOTE("Widget"), "", "BT 1 0 0 1 9 9 Tm (A) Tj 1 0 0 1 20 9 Tm (B) Tj 1 0 0 1 9 0 Tm (C) Tj ET",
		  "T0:A B\nC\n ", false },
		{ NOTE("Stamp"), "/Filter[/AHx/ASCII85Decode]",
		  "36 75 6b 62 45 71 3b 45 35 64 3c 28 5b 59 7a 3b 25 29 7e 3e >", "T1:", false },
		{ NOTE("Stamp"), "/Filter/LZWDecode", "x", "T1:", true },
		{ NOTE("Link"), "/Filter/LZWDecode", "x", "T1:", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char keys[256];
		struct pdfmake p;
		struct buf b;

		buf_init(&b, 1 << 20);
		pdf_begin(&p, &b);
		pdf_page(&p, "", rows[i].page, TEXT(72, 700, "chu"));
		pdf_stream(&p, picture, "x");
		snprintf(keys, sizeof keys, "/Type/XObject/Subtype/Form/BBox[0 0 90 90]%s", rows[i].keys);
		pdf_stream(&p, keys, rows[i].content);
		pdf_end(&p, "");
		read_pdf(buf_slice(&b));
		expect(rows[i].want, true);
		expect("O0:opaque-type", rows[i].opaque);
		buf_fini(&b);
	}
}

static void
packed_drawings(void **state)
{
	static const struct slice rows[] = {
		S("8 0 obj <</Subtype/Form>>\nstream\r\nBT (TUYET MAT) Tj ET\nendstream"),
		S("8 0 obj <</Subtype/Form/Filter/FlateDecode>>stream\n"
		    "\170\332\163\012\121\320\010\011\215\164\015\121\360\165\014\321\124\010\311\122\160\015"
		    "\001\000\066\236\005\074"
		    "\nendstream"),
		S("8 0 obj <</Filter /FlateDecode /Length 38 /Type /XObject /Subtype /Form>>stream\n"
		    "\170\332\163\012\121\320\010\011\215\164\015\121\360\165\014\321\124\010\311\122\160\015"
		    "\001\000\066\236\005\074"
		    "\nendstream"),
		S("8 0 obj <</Filter[]/Length 20/Subtype/Form>>stream\nBT (TUYET MAT) Tj ET\nendstream"),
		S("8 0 obj <</Subtype/F#6frm/BBox[0 0 1 1]/Filter [ /A85 /AHx /Fl ]>>stream\n"
		    "2`P>V2`!-r2)/Vq0K:aH3+Os)0P!$qAhZ/$0"
		    "OnWJ2)I!H@lZD%2_Zpr0JP781H%7)0JtXr4o"
		    "~>endstream"),
	};
	static const struct slice others[] = {
		S("obj<</Form/Filter/x>>stream x"), S("obj<</Form/Filter 9 0 R>>stream x"),
		S("obj<</Form/Filter[/AHx 9 0 R]>>stream x"),
		S("obj<</Form/Filter/Fl/DecodeParms<</Predictor 12>>>>stream x"),
	};
	struct buf text;
	bool unread;

	(void)state;
	buf_init(&text, 1000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&text);
		assert_int_equal(pdfform_text(rows[i], &text, &unread), OK);
		assert_true(slice_is(buf_slice(&text), "TUYET MAT\n") && !unread);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_int_equal(pdfform_text(others[i], &text, &unread), OK);
		assert_true(unread);
	}
	buf_fini(&text);
}

/* A drawing larger than any is, such as a map: what comes behind it is read. */
static void
large_drawings(void **state)
{
	enum { LARGE = PDFFORM_OCTETS_MAX };
	struct buf pdf, text;
	bool unread;

	(void)state;
	buf_init(&pdf, 64 << 20);
	buf_init(&text, 1000);
	for (unsigned i = 1; i <= 12; i += 11) {
		buf_clear(&pdf);
		buf_clear(&text);
		for (unsigned k = 0; k < i; k++) {
			buf_adds(&pdf, "8 0 obj<</Subtype/Form/Filter/AHx>>stream\n");
			for (size_t n = 0; n <= LARGE; n += 16)
				buf_adds(&pdf, "20202020202020202020202020202020");
			buf_adds(&pdf, "endstream");
		}
		buf_adds(&pdf, "9 0 obj<</Subtype/Form>>stream\nBT (TUYET MAT) Tj ET\nendstream");
		assert_int_equal(pdfform_text(buf_slice(&pdf), &text, &unread), OK);
		assert_true(unread);
		assert_true(slice_is(buf_slice(&text), i == 1 ? "TUYET MAT\n" : ""));
	}
	buf_fini(&pdf);
	buf_fini(&text);
}

/* Whatever a PDF is cut or changed to, there is an answer: text, or that it was not inspected. */
static void
damage(void **state)
{
	struct pdfmake p;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	pdf_begin(&p, &b);
	pdf_page(&p, "", "", TEXT(72, 700, "chu"));
	pdf_stream(&p, picture, "x");
	pdf_end(&p, "");
	for (size_t i = 9; i < b.n; i += 37) {
		struct extract_limits l;
		int err;

		b.p[i] ^= 0x5;
		extract_limits_init(&l);
		buf_clear(&got);
		err = box_extract(buf_slice(&b), EXTRACT_PDF, &l, note, NULL);
		assert_true(err == OK || err == ERR_FRAME || err == ERR_TIMEOUT || err == ERR_NOMEM);
		assert_true(err != OK || has("chu") || has("opaque") || has("T1:") || got.n == 0);
		b.p[i] ^= 0x5;
	}
	buf_fini(&b);
}

static int
begin(void **state)
{
	extract_start();
	return pieces_setup(state);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(broken_lines),
		cmocka_unit_test(the_document),
		cmocka_unit_test(inside_the_sandbox_of_policyd),
		cmocka_unit_test(beside_the_pages),
		cmocka_unit_test(drawn_letters),
		cmocka_unit_test(laid_upon_the_page),
		cmocka_unit_test(packed_drawings),
		cmocka_unit_test(large_drawings),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(t, begin, pieces_teardown);
}
