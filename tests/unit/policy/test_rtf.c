/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/rtf.h"
#include "tests/unit/policy/pieces.h"

#define HEAD	"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset163 Arial;}}"

static struct extract_limits usual;

static void
documents(void **state)
{
	static const struct { const char *rtf, *text, *titles, *files; int err; } rows[] = {
		{ HEAD "MAT\\par Bao cao}", "MAT\nBao cao\n", "", "", OK },
		{ HEAD "M\\u7852?T\\par}", "M\xE1\xBA\xACT\n", "", "", OK },
		{ HEAD "\\uc2 M\\u7852\\'e2\\'cCT}", "M\xE1\xBA\xACT\n", "", "", OK },
		{ HEAD "{\\uc0 M\\u7852 T}}", "M\xE1\xBA\xACT\n", "", "", OK },
		{ HEAD "\\f1 M\\'c2\\'f2T}", "M\xE1\xBA\xACT\n", "", "", OK },	/* windows-1258 */
		{ HEAD "t\\u-10179?\\u-8704?x}", "t\xF0\x9F\x98\x80x\n", "", "", OK },
		{ HEAD "a\\b0 b\\i c{\\b d}\\-e\\_f\\~g\\{h\\}}", "abcde-f g{h}\n", "", "", OK },
		{ HEAD "thay{\\v an}het\\par{\\deleted bo}xong}", "thayanhet\nthayhet\nboxong\nxong\n", "", "", OK },
		{ HEAD "{\\colortbl;\\red255\\green255\\blue255;\\red255\\green0\\blue0;}M{\\cf1 x}{\\cf2 \\u7852?}"
		    "{\\fs2 y}{\\fs5 T};}", "Mx\xE1\xBA\xACyT;\nM\xE1\xBA\xACT;\n", "", "", OK },
		{ "{\\rtf1\\ansicpg1251{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset161 A;}{\\f2\\fcharset163 A;}}"
		    "\\f0\\'cc\\u7852?\\'d2 \\f1\\'cc\\'d4 \\f2 M\\'c2\\'f2T}",
		    "\u041C\xE1\xBA\xAC\u0422 \u039C\u03A4 M\xE1\xBA\xACT\n", "", "", OK },
		{ "{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset204 A;}{\\f1\\fcharset161 A;}}"
		    "\\f0\\'d2\\u7888?\\'b2 \\'a8\\'bc\\'bd\\'80\\'a0\\'98.\\f1\\'a2\\'b8\\'bf\\'fe\\'81.}",
		    "\u0422\u1ED0\u0406 \u0401\u0458\u0405\u0402\u00A0 .\u0386\u0388\u038F\u03CE .\n", "", "", OK },
		{ HEAD "x{\\header\\pard MAT\\par}y{\\footnote z}}", "MAT\nz\nxy\n", "", "", OK },
		{ HEAD "\\trowd Do mat:\\cell Mat\\cell\\row het}", "Do mat:\nMat\nDo mat:\tMat\nhet\n", "", "", OK },
		{ HEAD "{\\*\\unknown MAT}x{\\*\\shpinst{\\sp{\\sn gtextUNICODE}{\\sv DAU}}{\\shptxt hop\\par}}}",
		    "DAU\nhop\nx\n", "", "", OK },
		{ HEAD "{\\info{\\title Ten}{\\author Binh}}{\\*\\userprops{\\propname Do mat}{\\staticval Mat}}x}",
		    "x\n", "Ten\nBinh\nDo mat: Mat\nMat\n", "", OK },
		{ HEAD "{\\field{\\*\\fldinst QUOTE a}{\\fldrslt b}}}", "QUOTE a\nb\n", "", "", OK },
		{ HEAD "a{\\pict\\pngblip 89504e}b}", "ab\n", "", "F1:\x89PN ", OK },
		{ HEAD "a{\\*\\shppict{\\pict\\bin3 }{x{\\sv b}}}c}", "b\nac\n", "", "F1:}{x ", OK },
		{ HEAD "{\\object{\\*\\objclass Word}{\\*\\objdata 01}{\\result r}}}", "r\n", "", "O0:opaque-broken ", OK },
		{ HEAD "{\\object{\\*\\objdata 01050000 02000000\n02000000 4100 00000000 00000000 03000000 6d6174 ff}}x}",
		    "x\n", "", "F1:mat ", OK },
		{ HEAD "{\\*\\shppict{\\pict{\\*\\picprop{\\sp{\\sn wzDescription}{\\sv Mat}}}{\\*\\blipuid 00ff}\\jpegblip ff d8\nf}}x}",
		    "Mat\nx\n", "", "F1:\xFF\xD8 ", OK },
		{ HEAD "{\\stylesheet{\\s1 MAT;}}{\\colortbl;\\red0;}x}", "x\n", "", "", OK },
		{ HEAD "MAT\\par half", "MAT\nhalf\n", "", "", ERR_SYNTAX },
		{ HEAD "MAT}}} behind", "MAT\n", "", "", OK },
		{ "}", "", "", "", ERR_SYNTAX },
		{ "", "", "", "", ERR_SYNTAX },
		{ HEAD "\\", "", "", "", ERR_SYNTAX },
		{ HEAD "\\'", "", "", "", ERR_SYNTAX },
		{ HEAD "\\bin99999999999 ab}", "", "", "", ERR_SYNTAX },
	};

	(void)state;
	extract_limits_init(&usual);
	buf_init(&got, 1 << 16);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct hand h;
		struct buf text, titles;
		int err;

		buf_init(&text, 1 << 16);
		buf_init(&titles, 1 << 16);
		buf_clear(&got);
		hand_init(&h, &usual, note, NULL);
		err = rtf_text(slice_of(rows[i].rtf), &h, &text, &titles);
		if (err != rows[i].err || !slice_is(buf_slice(&got), rows[i].files) ||
		    !slice_is(buf_slice(&text), rows[i].text) ||
		    !slice_is(buf_slice(&titles), rows[i].titles))
			fail_msg("%zu: %d \"%s\" \"%.*s\" \"%.*s\"", i, err, buf_cstr(&got), (int)text.n,
			    text.p, (int)titles.n, titles.p);
		buf_fini(&text);
		buf_fini(&titles);
	}
	buf_fini(&got);
}

static void
groups_are_bounded(void **state)
{
	struct buf deep, text, titles;
	struct hand h;

	(void)state;
	extract_limits_init(&usual);
	hand_init(&h, &usual, note, NULL);
	buf_init(&deep, 1 << 20);
	buf_init(&text, 1 << 16);
	buf_init(&titles, 1 << 16);
	for (unsigned i = 0; i < 2 * RTF_DEPTH_MAX; i++)
		buf_adds(&deep, "{");
	assert_int_equal(rtf_text(buf_slice(&deep), &h, &text, &titles), ERR_LIMIT);
	buf_fini(&deep);
	buf_fini(&text);
	buf_fini(&titles);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(groups_are_bounded),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
