/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/rtf.h"

#define HEAD	"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset163 Arial;}}"

static void
documents(void **state)
{
	static const struct { const char *rtf, *text, *titles; unsigned flags; int err; } rows[] = {
		{ HEAD "MAT\\par Bao cao}", "MAT\nBao cao\n", "", 0, OK },
		{ HEAD "M\\u7852?T\\par}", "M\xE1\xBA\xACT\n", "", 0, OK },
		{ HEAD "\\uc2 M\\u7852\\'e2\\'cCT}", "M\xE1\xBA\xACT\n", "", 0, OK },
		{ HEAD "{\\uc0 M\\u7852 T}}", "M\xE1\xBA\xACT\n", "", 0, OK },
		{ HEAD "\\f1 M\\'c2\\'f2T}", "M\xE1\xBA\xACT\n", "", 0, OK },	/* windows-1258 */
		{ HEAD "t\\u-10179?\\u-8704?x}", "t\xF0\x9F\x98\x80x\n", "", 0, OK },
		{ HEAD "a\\b0 b\\i c{\\b d}\\-e\\_f\\~g\\{h\\}}", "abcde-f g{h}\n", "", 0, OK },
		{ HEAD "thay{\\v an}het\\par{\\deleted bo}xong}", "thayanhet\nthayhet\nboxong\nxong\n", "", 0, OK },
		{ HEAD "x{\\header\\pard MAT\\par}y{\\footnote z}}", "MAT\nz\nxy\n", "", 0, OK },
		{ HEAD "\\trowd Do mat:\\cell Mat\\cell\\row het}", "Do mat:\nMat\nDo mat:\tMat\nhet\n", "", 0, OK },
		{ HEAD "{\\*\\unknown MAT}x{\\*\\shpinst{\\sp{\\sn gtextUNICODE}{\\sv DAU}}{\\shptxt hop\\par}}}",
		    "DAU\nhop\nx\n", "", 0, OK },
		{ HEAD "{\\info{\\title Ten}{\\author Binh}}{\\*\\userprops{\\propname Do mat}{\\staticval Mat}}x}",
		    "x\n", "Ten\nBinh\nDo mat: Mat\nMat\n", 0, OK },
		{ HEAD "{\\field{\\*\\fldinst QUOTE a}{\\fldrslt b}}}", "QUOTE a\nb\n", "", 0, OK },
		{ HEAD "a{\\pict\\pngblip 89504e}b}", "ab\n", "", RTF_HAS_PICTURE, OK },
		{ HEAD "a{\\*\\shppict{\\pict\\bin3 }}{b}}c}", "ac\n", "", RTF_HAS_PICTURE, OK },
		{ HEAD "{\\object{\\*\\objclass Word}{\\*\\objdata 01}{\\result r}}}", "r\n", "", RTF_HAS_OBJECT, OK },
		{ HEAD "{\\stylesheet{\\s1 MAT;}}{\\colortbl;\\red0;}x}", "x\n", "", 0, OK },
		{ HEAD "MAT\\par half", "MAT\nhalf\n", "", 0, ERR_SYNTAX },
		{ HEAD "MAT}}} behind", "MAT\n", "", 0, OK },
		{ "}", "", "", 0, ERR_SYNTAX },
		{ "", "", "", 0, ERR_SYNTAX },
		{ HEAD "\\", "", "", 0, ERR_SYNTAX },
		{ HEAD "\\'", "", "", 0, ERR_SYNTAX },
		{ HEAD "\\bin99999999999 ab}", "", "", 0, ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text, titles;
		unsigned flags = 99;
		int err;

		buf_init(&text, 1 << 16);
		buf_init(&titles, 1 << 16);
		err = rtf_text(slice_of(rows[i].rtf), &text, &titles, &flags);
		if (err != rows[i].err || flags != rows[i].flags ||
		    !slice_is(buf_slice(&text), rows[i].text) ||
		    !slice_is(buf_slice(&titles), rows[i].titles))
			fail_msg("%zu: %d %u \"%.*s\" \"%.*s\"", i, err, flags, (int)text.n, text.p,
			    (int)titles.n, titles.p);
		buf_fini(&text);
		buf_fini(&titles);
	}
}

static void
groups_are_bounded(void **state)
{
	struct buf deep, text, titles;
	unsigned flags;

	(void)state;
	buf_init(&deep, 1 << 20);
	buf_init(&text, 1 << 16);
	buf_init(&titles, 1 << 16);
	for (unsigned i = 0; i < 2 * RTF_DEPTH_MAX; i++)
		buf_adds(&deep, "{");
	assert_int_equal(rtf_text(buf_slice(&deep), &text, &titles, &flags), ERR_LIMIT);
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
