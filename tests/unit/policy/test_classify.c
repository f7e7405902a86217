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

#include "common/base64.h"
#include "policy/classify.h"
#include "policy/wording.h"
#include "tests/unit/policy/pdfmake.h"
#include "tests/unit/policy/zipmake.h"

#define H	"From: A <a@x.example>\r\nMIME-Version: 1.0\r\n"
#define MIX	H "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define PART(type, body) "--b\r\nContent-Type: " type "\r\n\r\n" body "\r\n"
#define END	"--b--\r\n"
#define TEXT	H "Content-Type: text/plain; charset=utf-8\r\n\r\n"
#define B64	"Content-Transfer-Encoding: base64\r\n"
#define PGP(lines) "-----BEGIN PGP SIGNATURE-----\r\n" lines "-----END PGP SIGNATURE-----"
#define MAT	"M\xE1\xBA\xACT"

/* "level [opaque] [internal] [ambiguous] detector@part ...", evidence of one place once. */
static void
render(const struct facts *f, struct buf *out)
{
	buf_adds(out, level_name(f->level));
	if (f->opaque)
		buf_adds(out, " opaque");
	if (f->internal_only)
		buf_adds(out, " internal");
	if (f->ambiguous)
		buf_adds(out, " ambiguous");
	if (f->partly_inspected)
		buf_adds(out, " partly");
	for (unsigned i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];
		char one[128];

		(void)snprintf(one, sizeof one, " %s@%.*s", e->detector, (int)e->part.n,
		    e->part.p == NULL ? "" : e->part.p);
		if (slice_find(buf_slice(out), slice_of(one)) < 0)
			buf_adds(out, one);
	}
}

static void
classify(struct slice message, const struct classify_options *o, struct buf *out)
{
	struct facts f = { .level = 0 };
	struct arena a;

	arena_init(&a, 16 << 20);
	assert_int_equal(classify_message(message, o, &a, &f), OK);
	for (unsigned i = 0; i < f.evidence_count; i++)	/* a refusal has words for it */
		if (wording_detector(f.evidence[i].detector, WORDING_EN) == NULL)
			fail_msg("no words for %s in detector.def", f.evidence[i].detector);
	assert_int_equal(f.size_octets, message.n);
	render(&f, out);
	arena_clear(&a);
}

static void
check(struct slice message, const struct classify_options *o, const char *want, size_t i)
{
	struct buf got;

	buf_init(&got, 1 << 16);
	classify(message, o, &got);
	if (!slice_is(buf_slice(&got), want))
		fail_msg("%zu: \"%.*s\", want \"%s\"", i, (int)got.n, got.p, want);
	buf_fini(&got);
}

static const struct { const char *message, *want; } rows[] = {
	{ TEXT "abc", "thuong" },
	{ TEXT MAT "\r\n", "mat line-mark@1" },
	{ H "X-Do-Mat: toi-mat\r\n\r\n" MAT, "toi-mat header-label@1 line-mark@1" },
	/* a lower label lowers nothing */
	{ H "X-Do-Mat: thuong\r\n\r\n" MAT, "mat line-mark@1" },
	{ H "Subject: =?utf-8?B?W03huqxUXSBh?=\r\n\r\nx", "mat subject-mark@1" },
	{ H "Content-Type: text/plain; charset=utf-8\r\n" B64 "\r\nTeG6rFQ=\r\n",
	  "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	  "quoted-printable\r\n\r\nM=E1=BA=\r\n=ACT\r\n", "mat line-mark@1" },
	{ H "Content-Type: text/html\r\n\r\n<p>M<b>&#7852;</b>T", "mat line-mark@1" },
	{ H "Content-Type: text/html\r\n\r\n<style>@media print{.x{display:none}}</style>"
	  "<p>M<b class=x>&#7852;T</b>", "mat line-mark@1" },
	{ H "Content-Type: text/html\r\n\r\n<p>Bao <b style='color:rgb(0, 0, 0)'>m&#7853;t</b>", "thuong" },
	{ H "Content-Type: text/html\r\n\r\n<img src=\"data:image/png;base64,AA\">",
	  "thuong opaque opaque-type@1/1" },
	{ H "Content-Type: text/html\r\n\r\n<a href='data:text/html;base64,PHA+TTxiPuG6rDwvYj5U'>x",
	  "mat line-mark@1/1" },
	{ H "Content-Type: text/csv\r\n\r\nID;PWXL;N;E\r\nC;K\"x\"\r\n", "thuong opaque opaque-type@1" },
	{ H "Content-Type: text/html\r\n\r\n<img src='data:image/svg+xml;base64,PHN2Zy8+'>",
	  "thuong" },
	{ H "Content-Type: text/html\r\n\r\n<img src='data:image/svg+xml;base64,TeG6rFQ='>",
	  "mat opaque opaque-type@1/1 line-mark@1/1" },
	/* a page may be drawn as shapes; in a text that shows as it stands nothing is drawn */
	{ H "Content-Type: image/svg+xml\r\n\r\n<svg><path d='M0 0'/></svg>",
	  "thuong opaque opaque-type@1" },
	{ MIX PART("text/plain; name=\"a.txt\"",
	  "<?xml?><!-- - --><!DOCTYPE s:svg><s:svg><s:path/></s:svg>") END,
	  "thuong opaque opaque-type@1" },
	{ MIX PART("application/octet-stream; name=\"a.svg\"", "<a/>") END,
	  "thuong opaque opaque-type@1" },
	{ TEXT "<svg><path d='M0 0'/></svg>", "thuong" },
	{ H "Content-Type: text/html\r\n\r\n<svg><path d='M0 0'/></svg>", "thuong" },
	{ H "Content-Type: image/svg+xml\r\n\r\n<?xml?><svg><xmp/><text>M</text><text>A</text></svg>",
	  "thuong opaque opaque-embedded@1 opaque-type@1" },
	{ H "Content-Type: image/svg+xml\r\n\r\n<svg><xmp/><text>M</text><text>A</text></svg>",
	  "thuong opaque opaque-embedded@1 opaque-type@1" },
	{ H "Content-Type: image/svg+xml\r\n\r\n<svg><title>" MAT "</title></svg>",
	  "mat opaque line-mark@1 subject-mark@1 opaque-type@1" },
	{ H "Content-Type: image/svg+xml\r\n\r\n<svg><image href='data:text/plain;base64,TeG6rFQ='/></svg>",
	  "mat opaque opaque-embedded@1 line-mark@1/1 opaque-type@1" },
	{ H "Content-Type: image/svg+xml\r\n\r\n<html><svg/></html>",
	  "thuong opaque opaque-type@1" },
	{ H "Content-Type: text/html\r\n\r\n<img src='data:image/png;base64,TeG6*rFQ='>",
	  "mat opaque opaque-broken@1/1 line-mark@1/1" },
	/* charsets, right and wrong labels */
	{ H "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nM\xCBT", "mat line-mark@1" },
	{ H "Content-Type: text/plain\r\n\r\nMA\xC4T", "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=viscii\r\n\r\nM\x87T", "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=windows-1258\r\n\r\nM\xC2\xF2T", "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" MAT, "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=utf-7\r\n\r\nM+Hqw-T", "mat line-mark@1" },
	{ H "Content-Type: text/plain; charset=ebcdic-us\r\n\r\nabc",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/plain; charset=gb18030\r\n\r\nabc",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/plain; charset=csIBM037\r\n\r\nabc",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/plain; charset=koi8-r\r\n\r\nabc", "thuong" },
	{ H "Content-Type: text/plain; charset=utf-16\r\n" B64 "\r\nhB6gHgoATQCsHlQACgCEHqAe\r\n",
	  "mat line-mark@1" },	/* little end first, and nothing says so */
	/* markup that neither label nor beginning tells of */
	{ MIX PART("application/msword; name=\"a.doc\"", "x<!--x--><p>M<!--x-->\xE1\xBA\xAC<!--x-->T")
	  END, "mat line-mark@1" },
	{ MIX PART("application/msword; name=\"a.doc\"", "x<script>w(77)</script>") END,
	  "thuong opaque opaque-embedded@1" },
	{ MIX PART("application/msword; name=\"a.doc\"", "x\r\n" MAT "\r\n<y>") END, "mat line-mark@1" },
	{ MIX PART("text/x-html", "x<p>M<!--x-->\xE1\xBA\xAC<script>x</script>T") END, "mat line-mark@1" },
	{ MIX PART("text/plain; name=\"a.html .\"", "x<p>M<!--x-->\xE1\xBA\xACT") END, "mat line-mark@1" },
	{ TEXT "x<p>M<!--x-->\xE1\xBA\xACT", "thuong" },
	/* beginnings of markup in what is shown as it stands */
	{ TEXT "<svg\r\n" MAT "\r\n>", "mat line-mark@1" },
	{ TEXT "<!-- x --><p \r\n" MAT "\r\n>", "mat line-mark@1" },
	{ MIX PART("application/octet-stream; name=\"a.txt\"", "<div\r\n" MAT "\r\n>") END,
	  "mat line-mark@1" },
	{ MIX PART("text/csv", "<div\r\n" MAT "\r\n>") END, "mat line-mark@1" },
	{ TEXT "<?xml\r\n" MAT "\r\n?>", "mat line-mark@1" },
	{ TEXT "<!-- x -->{\\rtf1 \\'4d}\r\n" MAT "\r\n", "mat line-mark@1" },
	{ MIX PART("application/octet-stream", "<?xml?><p>M<b hidden>xyz</b>\xE1\xBA\xACT") END,
	  "mat line-mark@1" },
	{ MIX PART("application/xml", "<?xml?><p>M<b hidden>xyz</b>\xE1\xBA\xACT") END, "thuong" },
	{ H "Content-Type: text/enriched\r\n\r\nM<param>x</param>", "thuong opaque opaque-type@1" },
	/* Word 2003 in UTF-16 */
	{ MIX PART("application/msword; name=\"a.doc\"\r\nContent-Transfer-Encoding: base64",
	  "//48AD8AeABtAGwAIAB2AGUAcgBzAGkAbwBuAD0AIgAxAC4AMAAiACAAZQBuAGMAbwBkAGkAbgBn\r\n"
	  "AD0AIgB1AHQAZgAtADEANgAiAD8APgA8AHcAOgBkACAAeABtAGwAbgBzADoAdwA9ACIAaAB0AHQA\r\n"
	  "cAA6AC8ALwBzAGMAaABlAG0AYQBzAC4AbQBpAGMAcgBvAHMAbwBmAHQALgBjAG8AbQAvAG8AZgBm\r\n"
	  "AGkAYwBlAC8AdwBvAHIAZAAvADIAMAAwADMALwB3AG8AcgBkAG0AbAAiAD4APAB3ADoAcAA+ADwA\r\n"
	  "dwA6AHQAPgB4ADwALwB3ADoAdAA+ADwALwB3ADoAcAA+ADwAdwA6AHAAPgA8AHcAOgB0AD4AVADQ\r\n"
	  "HjwALwB3ADoAdAA+ADwAdwA6AHQAPgBJACAATQA8AC8AdwA6AHQAPgA8AHcAOgB0AD4ArB5UADwA\r\n"
	  "LwB3ADoAdAA+ADwALwB3ADoAcAA+ADwALwB3ADoAZAA+AA==\r\n") END,
	  "toi-mat line-mark@1" },
	/* lines that the reader joins */
	{ H "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n"
	  "> thu nay ghi \xC4\x91\xE1\xBB\x99 m \r\n> \xE1\xBA\xADt: t\xE1\xBB\x91i m \r\n> \xE1\xBA\xADt\r\n",
	  "toi-mat field@1" },
	{ H "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\nv\xC4\x83n b\xE1\xBA\xA3n n\xC3\xA0y "
	  "thu\xE1\xBB\x99" "c \xC4\x91\xE1\xBB\x99 \r\nM\xE1\xBA\xADt c\xE1\xBB\xA7" "a c\xC6\xA1 quan\r\n",
	  "mat sentence@1" },
	{ TEXT "v\xC4\x83n b\xE1\xBA\xA3n n\xC3\xA0y thu\xE1\xBB\x99" "c \xC4\x91\xE1\xBB\x99 \r\n"
	  "M\xE1\xBA\xADt c\xE1\xBB\xA7" "a c\xC6\xA1 quan\r\n", "thuong" },
	{ H "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n-- \r\nM\xE1\xBA\xADt\r\n"
	  "> a \r\n>> b\r\n", "thuong line-mark@1" },	/* a name below a signature's rule */
	/* letters of two charsets side by side */
	{ "Subject: =?utf-8?B?YuG6o24gbA==?= =?utf-8?B?4buLY2g=?=\r\n\r\nabc", "thuong" },
	{ H "Content-Type: text/html; charset=koi8-r\r\n\r\n<p>\xED&#7852;\xF4",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/html; charset=shift_jis\r\n\r\n<p>\x82\x6C" "A&#x323;&#x302;\x82\x73",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/html\r\n\r\n<meta charset=windows-1251><p>\xCC&#7852;\xD2",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/html; charset=koi8-r\r\n\r\n<p>\xED &nbsp;&#1084;&eacute;", "thuong" },
	{ H "Subject: =?koi8-r?Q?[=ED?= =?utf-8?Q?=E1=BA=AC?= =?koi8-r?Q?=F4]?= a\r\n\r\nx",
	  "thuong opaque opaque-charset@1" },
	{ H "Subject: =?koi8-r?Q?=ED=F4?= =?koi8-r*ru?Q?a?=\r\n\r\nx", "thuong" },
	{ H "Subject: =?us-ascii?Q?a?= =?koi8-r?Q?b?= =?utf-8?Q?=E1=BA=AC?=\r\n\r\nx", "thuong" },
	{ H "Subject: =?gb18030*vi?B?W02BNfQ3VF0=?= a\r\n\r\nx", "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/html\r\n\r\n<meta charset=\"GBK\"><p>abc",
	  "thuong opaque opaque-charset@1" },
	{ H "Content-Type: text/html\r\n\r\n<meta charset=\"viscii\"><p>M\x87T", "mat line-mark@1" },
	{ MIX PART("text/xml", "<?xml version='1.0' encoding='cp500'?><p>abc</p>") END,
	  "thuong opaque opaque-charset@1" },
	/* names */
	{ MIX PART("text/plain; name=\"BC_1_MAT.txt\"", "x") END, "mat filename-mark@1" },
	{ MIX "--b\r\nContent-Disposition: attachment; filename*0=\"KH TOI\"; filename*1=\" MAT.txt\""
	  "\r\n\r\nx\r\n" END, "toi-mat filename-mark@1" },
	/* what cannot be inspected, by what it is and by what it says */
	{ MIX PART("image/png", "\x89PNG\r\n") END, "thuong opaque opaque-type@1" },
	{ MIX PART("text/plain", "%PDF-1.4") END, "thuong opaque opaque-broken@1" },
	{ MIX PART("application/pdf", "abc") END, "thuong opaque opaque-type@1" },
	{ MIX PART("text/plain", "begin 644 a.bin\r\n#~V%T\r\nend") END,
	  "thuong opaque opaque-encoded@1/1" },
	/* files in text, in words and in packages of other programs */
	{ MIX PART("text/plain", "begin 644 a.txt\r\n%3>&ZK%0`\r\n`\r\nend\r\n") END, "mat line-mark@1/1" },
	{ MIX PART("text/plain", "begin 644 do-mat_MAT.txt\r\n!80\r\n`\r\nend\r\n") END, "mat field@1 filename-mark@1/1" },
	{ MIX PART("text/plain", "{\"noi_dung\":\"xJDhu5kgbeG6rXQ6IE3huq10\"}") END, "mat field@1/1" },
	{ MIX PART("application/xml", "<?xml version='1.0'?><e:edXML><e:Secret>M\xE1\xBA\xADt</e:Secret></e:edXML>") END,
	  "mat line-mark@1 field@1" },
	{ MIX PART("application/xml", "<?xml version='1.0'?><e:Subject a='b'><![CDATA[[M\xE1\xBA\xACT] v/v]]></e:Subject>") END,
	  "mat aside@1 subject-mark@1" },
	{ MIX PART("application/xml", "<?xml version='1.0'?><AttachmentName>BC (M&#7852;T).pdf</AttachmentName>") END,
	  "mat aside@1 filename-mark@1/1" },
	{ MIX PART("application/xml", "<?xml version='1.0'?><Secret>Th\xC6\xB0\xE1\xBB\x9Dng</Secret><Name>A</Name>") END,
	  "thuong" },
	{ MIX PART("application/msword", "<?xml version='1.0'?><?mso-application progid='Word.Document'?><w:wordDocument "
	  "xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:p><w:r><w:t>M</w:t></w:r><w:r><w:t>"
	  "\xE1\xBA\xACT</w:t></w:r></w:p></w:wordDocument>") END, "mat line-mark@1" },
	{ MIX PART("application/xml", "<?xml version='1.0'?><Attachment><Content>xJDhu5kgbeG6rXQ6IE3huq10\r\n"
	  "</Content></Attachment>") END, "mat field@1/1" },
	{ MIX PART("text/plain", "http://www.vidu.gov.vn/vanban/chitietvanban/2026/ChiThi2026") END, "thuong" },
	{ H "Content-Type: text/plain\r\n" B64 "\r\nAAAA=AAAA=!", "thuong opaque opaque-encoding@1 opaque-type@1" },
	{ MIX PART("message/partial; id=a; number=1", "x") END,
	  "thuong opaque ambiguous opaque-partial@1" },
	{ MIX PART("application/pkcs7-mime\r\n" B64, "\r\nMIAGCSqGSIb3DQEHA6CAMIACAQAxggFA") END,
	  "thuong opaque opaque-encrypted@1" },
	/* signatures, and what only looks like one */
	{ H "Content-Type: multipart/signed; boundary=b\r\n\r\n" PART("text/plain", "x")
	  PART("application/pgp-signature", PGP("Version: 1\r\n\r\nwsB5BAAB\r\n=abcd\r\n")) END,
	  "thuong" },
	{ H "Content-Type: multipart/signed; boundary=b\r\n\r\n" PART("text/plain", "x")
	  PART("application/pgp-signature", PGP(MAT "\r\n")) END, "mat line-mark@2" },
	{ H "Content-Type: multipart/signed; boundary=b\r\n\r\n" PART("text/plain", "x")
	  PART("application/pgp-signature", PGP("Comment: a\r\n " MAT "\r\n\r\nwsB5BAAB\r\n")) END,
	  "mat line-mark@2" },
	{ MIX PART("application/pgp-signature", PGP("\r\n" MAT "\r\n")) END, "mat line-mark@1" },
	/* what a file manager left, with the name of a file in it */
	{ MIX PART("application/octet-stream\r\n" B64, "\r\nAAAAAUJ1ZDEAAABNHqwAVAAA") END, "mat line-mark@1" },
	{ MIX PART("application/octet-stream\r\n" B64, "\r\nAAUWBwACAABNYWMgT1MgWA==") END, "thuong" },
	/* calendars and cards */
	{ MIX PART("text/calendar", "BEGIN:VCALENDAR\r\nDESCRIPTION:x\\nM\r\n \xE1\xBA\xACT\\ny\r\n") END,
	  "mat line-mark@1" },
	{ MIX PART("text/calendar", "BEGIN:VCALENDAR\r\nSUMMARY;LANGUAGE=\"a:b\":[" MAT "]\\, x\r\n") END,
	  "mat aside@1 subject-mark@1" },
	{ MIX PART("text/x-vcard", "BEGIN:VCARD\r\nNOTE;QUOTED-PRINTABLE:M=E1=BA=\r\n=ACT\r\n") END,
	  "mat line-mark@1" },
	{ MIX PART("text/x", "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:\r\n TWF0\r\n") END,
	  "thuong" },
	{ MIX PART("text/calendar", "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:TeG6\r\n rFQ=\r\n") END,
	  "mat line-mark@1/1" },
	{ MIX PART("text/x-vcard", "BEGIN:VCARD\r\nPHOTO;ENCODING=b;TYPE=JPEG:TVoAAAAA\r\n") END,
	  "thuong opaque opaque-type@1/1" },
	{ MIX PART("text/x-vcard", "BEGIN:VCARD\r\nLOGO:data:text/plain;base64,TeG6rFQ=\r\nURL:data:,M\r\n") END,
	  "mat opaque opaque-embedded@1 line-mark@1/1" },
	{ MIX PART("text/calendar", "BEGIN:VCALENDAR\r\nX-ALT-DESC;FMTTYPE=text/html:"
	  "<p>M<b>\xE1\xBA\xAC</b>T\r\n") END, "mat line-mark@1" },
	{ MIX PART("text/calendar", "BEGIN:VCALENDAR\r\nSUMMARY:H\xE1\xBB\x8Dp\r\nEND:VCALENDAR\r\n") END,
	  "thuong" },
	/* text at first */
	{ MIX PART("application/octet-stream\r\n" B64, "\r\n//5NAOwe1AA=") END, "thuong" },
	{ MIX PART("application/octet-stream\r\n" B64,
	  "\r\n//5NAATcBdwG3AfcCNwJ3ArcC9wM3A3cDtwP3A==") END, "thuong opaque opaque-type@1" },
	{ MIX PART("application/octet-stream", "a\x03\x07\x08\x0E" "bcdefghijklmnopqrstuvwxyzabcdefgh")
	  END, "thuong opaque opaque-type@1" },
	{ MIX PART("application/octet-stream", "Foo: x\r\nContent-Type: text/plain\r\n"
	  "Content-Transfer-Encoding: quoted-printable\r\n\r\nM=E1=BA=ACT\r\n") END,
	  "mat line-mark@1 line-mark@1/1" },
	/* messages in messages */
	{ MIX PART("message/rfc822", H "\r\n" MAT) END, "mat line-mark@1.1" },
	{ MIX PART("message/rfc822", H "Subject: [" MAT "] a\r\n\r\nx") END,
	  "mat subject-mark@1.1" },
	{ MIX PART("application/octet-stream; name=a.eml", "Subject: [" MAT "] a\r\n\r\nx") END,
	  "mat aside@1 subject-mark@1 subject-mark@1/1" },
	/* around the parts */
	{ MIX MAT "\r\n" PART("text/plain", "x") END, "mat line-mark@" },
	{ MIX PART("text/plain", "x") END MAT "\r\n", "mat ambiguous line-mark@ line-mark@1" },
	{ MIX PART("text/plain", "LƯU HÀNH NỘI BỘ") END,
	    "thuong internal internal-only@1" },
};

static void
messages(void **state)
{
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(slice_of(rows[i].message), &o, rows[i].want, i);
}

/* Messages that clients take apart differently: each reading is inspected. */
static void
ambiguous_messages(void **state)
{
	static const char *const marked[] = {
		H "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; "
		  "boundary=c\r\n\r\n--c\r\n" B64 "\r\nTeG6rFQ=\r\n--c--\r\n",
		H "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--c\r\n" B64
		  "\r\nTeG6rFQ=\r\n--c--\r\n",
		H "Content-Type: multipart/mixed\r\n\r\n--c\r\n" B64 "\r\nTeG6rFQ=\r\n--c--\r\n",
		H "Content-Type : multipart/mixed; boundary=c\r\n\r\n--c\r\n" B64
		  "\r\nTeG6rFQ=\r\n--c--\r\n",
		H "Content-Transfer-Encoding: 7bit\r\n" B64 "\r\nTeG6rFQ=\r\n",
		H "Content-Transfer-Encoding: x-foo\r\n\r\nTeG6rFQ=\r\n",
		H "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
		  "--b\r\n" B64 "\r\nTeG6rFQ=\r\n",
		H "Content-Type: multipart/mixed; boundary=b\r\n" B64 "\r\nLS1iDQoNCk3huqxUDQotLWItLQ0K",
	};
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(marked); i++) {
		struct buf got;

		buf_init(&got, 1 << 16);
		classify(slice_of(marked[i]), &o, &got);
		if (!slice_starts_nocase(buf_slice(&got), SLICE("mat")) ||
		    slice_find(buf_slice(&got), SLICE("ambiguous")) < 0)
			fail_msg("%zu: %.*s", i, (int)got.n, got.p);
		buf_fini(&got);
	}
}

/* A zip in a zip, as an attachment with a wrong type. */
static void
attach(struct buf *out, struct slice octets, const char *type)
{
	buf_adds(out, MIX "--b\r\nContent-Type: ");
	buf_adds(out, type);
	buf_adds(out, "\r\n" B64 "\r\n");
	base64_encode_lines(octets, 76, out);
	buf_adds(out, "\r\n" END);
}

static void
nest(struct buf *z, unsigned depth, enum zip_fault fault)
{
	const struct zip_file text = ZIP_FILE("a.txt", MAT);

	zip_make(z, &text, 1, depth == 0 ? fault : ZIP_GOOD);
	for (unsigned i = 0; i < depth; i++) {
		struct zip_file file = { "a.zip", { NULL, 0 } };
		struct buf outer;

		buf_init(&outer, 1 << 16);
		file.octets = buf_slice(z);
		zip_make(&outer, &file, 1, i + 1 == depth ? fault : ZIP_GOOD);
		buf_fini(z);
		*z = outer;
	}
}

static void
tar_make(struct buf *out, struct slice octets)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char mem[32768];
	size_t used = 0;

	assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, mem, sizeof mem, &used), ARCHIVE_OK);
	archive_entry_set_pathname(e, "a.zip");
	archive_entry_set_size(e, (la_int64_t)octets.n);
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, octets.p, octets.n), octets.n);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
	buf_add(out, (struct slice){ mem, used });
}

static void
containers(void **state)
{
	static const struct { unsigned depth; enum zip_fault fault; const char *type, *want; } cases[] = {
		{ 0, ZIP_GOOD, "application/zip", "mat line-mark@1/1" },
		{ 0, ZIP_GOOD, "text/plain", "mat line-mark@1/1" },
		{ 2, ZIP_GOOD, "application/x-foo", "mat line-mark@1/1/1/1" },
		{ 4, ZIP_GOOD, "application/zip", "mat line-mark@1/1/1/1/1/1" },
		{ 5, ZIP_GOOD, "application/zip", "thuong opaque opaque-limit@1/1/1/1/1/1" },
		{ 0, ZIP_ENCRYPTED, "application/zip", "thuong opaque opaque-encrypted@1/1" },
		{ 1, ZIP_OVERLAP, "application/zip", "mat line-mark@1/1/1" },
		{ 0, ZIP_SUFFIX, "application/zip", "thuong opaque opaque-broken@1" },
		{ 0, ZIP_PREFIX, "text/plain", "thuong opaque opaque-broken@1 opaque-type@1" },
	};
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf z, m;

		buf_init(&z, 1 << 16);
		buf_init(&m, 1 << 16);
		nest(&z, cases[i].depth, cases[i].fault);
		attach(&m, buf_slice(&z), cases[i].type);
		check(buf_slice(&m), &o, cases[i].want, i);
		buf_fini(&z);
		buf_fini(&m);
	}
}

static void
a_document(void **state)
{
	static const struct zip_file files[] = {
		ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>" MAT "</w:t></w:r></w:p>"),
		ZIP_FILE("word/media/image1.png", "\x89PNG\r\n\x1A\n"),
		ZIP_FILE("docProps/core.xml", "<c><title>[T\xE1\xBB\x90I " MAT "] x</title></c>"),
	};
	struct classify_options o;
	struct buf z, m;

	(void)state;
	classify_options_init(&o);
	buf_init(&z, 1 << 16);
	buf_init(&m, 1 << 16);
	zip_make(&z, files, ARRAY_LEN(files), ZIP_GOOD);
	attach(&m, buf_slice(&z), "application/octet-stream");
	check(buf_slice(&m), &o, "toi-mat opaque line-mark@1/2 opaque-type@1/3 aside@1/4 subject-mark@1/4", 0);
	buf_fini(&z);
	buf_fini(&m);
}

/* What is stored in an archive may end it with a zip: it is one of its files, or it is hidden behind it. */
static void
zips_in_archives(void **state)
{
	static const struct zip_file files[] = { ZIP_FILE("a.txt", "a") };
	static const char *const wants[] = { "thuong", "thuong opaque opaque-broken@1" };
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		struct buf z, t, m;

		buf_init(&z, 1 << 16);
		buf_init(&t, 1 << 16);
		buf_init(&m, 1 << 17);
		zip_make(&z, files, 1, ZIP_GOOD);
		tar_make(&t, i == 0 ? buf_slice(&z) : SLICE("x"));
		if (i == 1)
			buf_add(&t, buf_slice(&z));
		attach(&m, buf_slice(&t), "application/x-tar");
		check(buf_slice(&m), &o, wants[i], i);
		buf_fini(&z);
		buf_fini(&t);
		buf_fini(&m);
	}
}

/* A PDF with a file that is not compressed in it, and one with a zip that no list has. */
static void
pdf_make(struct buf *out, struct slice file, bool listed)
{
	struct pdfmake p;

	pdf_begin(&p, out);
	pdf_page(&p, listed ? "/Names<</EmbeddedFiles<</Names[(a) 7 0 R]>>>>" : "", "", "");
	pdf_stream(&p, "", "x");
	pdf_object(&p, "<</Type/Filespec/F(a.zip)/EF<</F 8 0 R>>>>");
	p.at[p.n++] = out->n;
	buf_addf(out, "8 0 obj\n<</Length %zu>>\nstream\n", file.n);
	buf_add(out, file);
	buf_adds(out, "\nendstream\nendobj\n");
	pdf_end(&p, "");
}

static void
zips_in_pdf(void **state)
{
	static const struct zip_file files[] = { ZIP_FILE("a.txt", "a") };
	static const char *const wants[] = { "thuong opaque opaque-broken@1", "thuong" };
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		struct buf z, p, m;

		buf_init(&z, 1 << 16);
		buf_init(&p, 1 << 16);
		buf_init(&m, 1 << 17);
		zip_make(&z, files, 1, ZIP_GOOD);
		pdf_make(&p, buf_slice(&z), i == 1);
		attach(&m, buf_slice(&p), "application/pdf");
		check(buf_slice(&m), &o, wants[i], i);
		buf_fini(&z);
		buf_fini(&p);
		buf_fini(&m);
	}
}

/* A package of files, and what is found in a mail with it. */
struct package { const struct zip_file *files; size_t n; const char *want; };

static void
check_packages(const struct package *cases, size_t n)
{
	struct classify_options o;

	classify_options_init(&o);
	for (size_t i = 0; i < n; i++) {
		struct buf z, m;

		buf_init(&z, 1 << 16);
		buf_init(&m, 1 << 17);
		zip_make(&z, cases[i].files, cases[i].n, ZIP_GOOD);
		attach(&m, buf_slice(&z), "application/zip");
		check(buf_slice(&m), &o, cases[i].want, i);
		buf_fini(&z);
		buf_fini(&m);
	}
}

/* The small picture of page one is passed over, once and only if it is one. */
static void
thumbnails(void **state)
{
	static const struct zip_file files[] = {
		ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>a</w:t></w:r></w:p>"),
		ZIP_FILE("docProps/thumbnail.jpeg", "\xFF\xD8\xFF\xE0"),
		ZIP_FILE("docProps/thumbnail.png", "\x89PNG\r\n\x1A\n"),
	};
	static const struct zip_file pdf[] = {
		ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>a</w:t></w:r></w:p>"),
		ZIP_FILE("docProps/thumbnail.jpeg", "%PDF-1.4"),
	};
	static const struct zip_file shown[] = {
		ZIP_DOCX_TYPES,
		ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>a</w:t></w:r></w:p>"),
		ZIP_FILE("docProps/thumbnail.jpeg", "\xFF\xD8\xFF\xE0"),
		ZIP_FILE("word/_rels/document.xml.rels", "<r><Relationship Target='http://a/%20' "
		    "TargetMode='External'/><Relationship Target='../docProps/&#x54;humbnail.jpeg'/></r>"),
	}, odf[] = {
		ZIP_FILE("mimetype", "application/vnd.oasis.opendocument.text"),
		ZIP_FILE("content.xml", "<p>a<image href='Pictures/1.png'/></p>"),
		ZIP_FILE("Thumbnails/thumbnail.png", "\xFF\xD8\xFF\xE0"),
	}, odf_shown[] = {
		ZIP_FILE("mimetype", "application/vnd.oasis.opendocument.text"),
		ZIP_FILE("content.xml", "<p>a<image href='Thumbnails/thumbnail.png'/></p>"),
		ZIP_FILE("Thumbnails/thumbnail.png", "\xFF\xD8\xFF\xE0"),
	};
	static const struct package cases[] = {
		{ files, 3, "thuong" },
		{ files, 4, "thuong opaque opaque-type@1/4" },
		{ pdf, 3, "thuong opaque opaque-broken@1/3" },
		{ shown, 4, "thuong opaque opaque-type@1/4" },
		{ odf, 3, "thuong" },
		{ odf_shown, 3, "thuong opaque opaque-type@1/2" },
	};

	(void)state;
	check_packages(cases, ARRAY_LEN(cases));
}

/* Drawings in a document stand beside a picture of the same: those of shapes alone pass. */
static void
drawings(void **state)
{
#define DOCX	ZIP_DOCX_TYPES, ZIP_FILE("word/document.xml", "<w:p><w:r><w:t>a</w:t></w:r></w:p>")
	static const struct zip_file plain[] = { ZIP_FILE("a.svg", "<svg><path d='M0 0'/></svg>") },
	    nameless[] = { ZIP_FILE("a", "<?xml?><svg><path d='M0 0'/></svg>") },
	    docx[] = { DOCX, ZIP_FILE("word/media/image1.svg", "<svg><path d='M0 0'/></svg>") },
	    letters[] = { DOCX, ZIP_FILE("word/media/image1.svg", "<svg><text>a</text></svg>") },
	    font[] = { DOCX, ZIP_FILE("word/media/image1.svg", "<svg><use href='#b'/></svg>") },
	    other[] = { DOCX, ZIP_FILE("word/media/image1.svg", "M") },
	    odf[] = { ZIP_FILE("mimetype", "application/vnd.oasis.opendocument.text"),
		ZIP_FILE("Pictures/1.svg", "<svg><path d='M0 0'/></svg>"),
		ZIP_FILE("content.xml", "<p>a</p>"), ZIP_FILE("META-INF/manifest.xml", "<m/>") };
	static const struct package cases[] = {
		{ plain, 1, "thuong opaque opaque-type@1/1" },
		{ nameless, 1, "thuong opaque opaque-type@1/1" },
		{ docx, 3, "thuong" },
		{ letters, 3, "thuong opaque opaque-embedded@1/3" },
		{ font, 3, "thuong opaque opaque-embedded@1/3" },
		{ other, 3, "thuong opaque opaque-type@1/3" },
		{ odf, 4, "thuong" },
	};

	(void)state;
	check_packages(cases, ARRAY_LEN(cases));
}

static int
no_extractor(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg)
{
	(void)octets, (void)type, (void)limits, (void)sink, (void)arg;
	return ERR_FRAME;
}

/* A box that fails, for whatever reason, is no clean part. */
static void
a_dead_extractor_makes_opaque(void **state)
{
	struct classify_options o;
	struct buf z, m;

	(void)state;
	classify_options_init(&o);
	o.extract = no_extractor;
	buf_init(&z, 1 << 16);
	buf_init(&m, 1 << 16);
	nest(&z, 0, ZIP_GOOD);
	attach(&m, buf_slice(&z), "application/zip");
	check(buf_slice(&m), &o, "thuong opaque opaque-extractor@1", 0);
	buf_fini(&z);
	buf_fini(&m);
}

static uint64_t
tick(void *arg)
{
	uint64_t *now = arg;

	return (*now)++;
}

static void
the_deadline_is_kept(void **state)
{
	struct classify_options o;
	uint64_t now = 0;

	(void)state;
	classify_options_init(&o);
	o.now_ms = tick;
	o.now_arg = &now;
	o.deadline_ms = 5;
	check(SLICE(MIX PART("text/plain", "a") PART("text/plain", "b") PART("text/plain", "c")
	    PART("text/plain", MAT) END), &o, "thuong opaque partly opaque-deadline@3", 0);
}

static int
open_signed(void *arg, struct slice der, struct arena *a, struct slice *content_out)
{
	(void)der, (void)a;
	*content_out = slice_of(arg);
	return OK;
}

static void
signed_content_is_inspected(void **state)
{
	static const char message[] = H "Content-Type: application/pkcs7-mime\r\n" B64 "\r\n"
	    "MIAGCSqGSIb3DQEHAqCAMIACAQAxggFA\r\n";
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	check(slice_of(message), &o, "thuong opaque opaque-type@1", 0);
	o.open_signed = open_signed;
	o.open_signed_arg = (void *)(uintptr_t)("Subject: [" MAT "]\r\n\r\nx");
	check(slice_of(message), &o, "mat subject-mark@1/1", 1);
}

static void
the_sender(void **state)
{
	static const struct { const char *message, *from; } froms[] = {
		{ TEXT "x", "a@x.example" },
		{ "From: a@x.example\r\nFrom: b@x.example\r\n\r\nx", "" },
		{ "Subject: x\r\n\r\nx", "" },
	};
	struct classify_options o;

	(void)state;
	classify_options_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(froms); i++) {
		struct facts f = { .level = 0 };
		struct arena a;

		arena_init(&a, 1 << 20);
		assert_int_equal(classify_message(slice_of(froms[i].message), &o, &a, &f), OK);
		assert_true(slice_is(f.from, froms[i].from));
		arena_clear(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(ambiguous_messages),
		cmocka_unit_test(containers),
		cmocka_unit_test(a_document),
		cmocka_unit_test(zips_in_pdf),
		cmocka_unit_test(thumbnails),
		cmocka_unit_test(drawings),
		cmocka_unit_test(zips_in_archives),
		cmocka_unit_test(a_dead_extractor_makes_opaque),
		cmocka_unit_test(the_deadline_is_kept),
		cmocka_unit_test(signed_content_is_inspected),
		cmocka_unit_test(the_sender),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
