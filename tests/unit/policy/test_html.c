/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "policy/extract/css.h"
#include "policy/extract/html.h"

/* 3072 octets */
#define D48	"M9 9M9 9M9 9M9 9M9 9M9 9M9 9M9 9M9 9M9 9M9 9M9 9"
#define D768	D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48 D48
#define D3K	D768 D768 D768 D768

enum { DOUBT = HTML_HAS_DOUBT, MORE = HTML_HAS_MORE | HTML_HAS_DOUBT };

static const struct { enum html_reading reading; const char *in, *out; unsigned flags; } rows[] = {
	{ HTML_SHOWN, "<p>a<b>b</b>c</p><p>d</p>", "abc\nd\n", 0 },
	{ HTML_SHOWN, "M<span>Ậ</span><wbr>T", "MẬT", 0 },
	{ HTML_SHOWN, "a \r\n\t b<br>c", "a b\nc", 0 },
	{ HTML_SHOWN, "<pre>a\nb</pre>", "a\nb\n", 0 },
	{ HTML_SHOWN, "<table><tr><td>x</td><td>MẬT</td></tr></table>", "x\nMẬT\n", 0 },
	{ HTML_SHOWN, "M&#7852;T &#x1eac; &lt;b&gt; &amp;amp; &nbsp;", "MẬT Ậ <b> &amp; \u00A0", 0 },
	{ HTML_SHOWN, "M&Euml;T &Eumlx &bogus; &#; &", "M\u00CBT \u00CBx &bogus; &#; &", 0 },
	{ HTML_SHOWN, "&Mopf;&Afr;&Tscr; &Mcy;&Mu; &ofr", "MAT \u041C\u039C &ofr", 0 },
	{ HTML_SHOWN, "<iframe srcdoc=\"&lt;p>M\">x</iframe>y", "y", HTML_HAS_EMBEDDED | HTML_HAS_MORE },
	{ HTML_ALL,   "<iframe>x</iframe>y", "xy", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<!-- x -->ẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_ALL,   "a<!-- MẬT -->b", "a\nMẬT -->b", HTML_HAS_MORE },
	{ HTML_ALL,   "<!--[if mso]>MẬT<![endif]-->", "MẬT\n", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<i style='DISPLAY : none'>x</i>ẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<i hidden>x<i>y</i>z</i>ẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_ALL,   "a<i hidden>MẬT</i>", "a\nMẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<style>p{}</style>a<script>b</script>", "a",
	  HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<script src=x></script>a", "a", HTML_HAS_MORE },
	{ HTML_SHOWN, "<p onload=\"w(77)\">a", "a", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<a x='java\tscript&#58;w(77)'>a", "a", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<i x='data:text/html,%4D'>a</i>", "a", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<i x='data:,M'>a</i>", "a", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<i x='so data: 1, 2'>a</i>", "a", 0 },
	{ HTML_SHOWN, "<style>p{src:url(data:a/b,c)}</style>", "", HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_ALL,   "<style>p{content:\"M\\1EAC T\"}</style>", "p\ncontent:\nMẬT\n\n\n",
	  HTML_HAS_MORE },
	{ HTML_XML,   "<!DOCTYPE a [<!ENTITY m \"x\">]><a>&m;</a>", "]>\n&m;\n", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<!DOCTYPE html PUBLIC \"x\"><p>a", "a", 0 },
	{ HTML_ALL,   "<style>p:before{content:\"MẬT\"}</style>",
	  "p:before\ncontent:\nMẬT\n\n\n", HTML_HAS_MORE },
	{ HTML_ALL,   "<img alt=\"M&#7852;T\">x", "MẬT\nx", HTML_HAS_MORE },
	{ HTML_SHOWN, "<img src=\"data:image/png;base64,AAAA\">x", "x", HTML_HAS_DATA },
	{ HTML_SHOWN, "<img src=' data:image/png;base64\n,AA&#65;A'>x", "x", HTML_HAS_DATA },
	{ HTML_SHOWN, "<img srcset=\"data:image/png;base64 ,AAAA 1x\">x", "x", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<p style='background:url(data:image/png;base64,AA)'>x", "x", HTML_HAS_EMBEDDED },
	{ HTML_ALL,   "<svg><text>a</text></svg>", "a", HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_ALL,   "<svg><style>a{b:url(data:c/d,e)}</style></svg>", "a{b:url(data:c/d,e)}",
	  HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_XML, "<s:svg><s:text>a</s:text></s:svg>", "a\n", HTML_HAS_EMBEDDED },
	{ HTML_XML, "<svg><path d='M0 0'/><image/></svg>", "", HTML_HAS_EMBEDDED },
	{ HTML_XML, "<svg><style>a{mask:url(b)}</style></svg>", "a{mask:url(b)}\n", HTML_HAS_EMBEDDED },
	{ HTML_XML, "<svg><style>a{fill:#fff}</style></svg>", "a{fill:#fff}\n", 0 },
	{ HTML_XML, "<svg><title>a</title><path d='M0 0'/></svg><text/>", "a\n", 0 },
	{ HTML_XML, "<text/><svg><title>a</title><g><path d='M0 0'/></g></svg>", "a\n", 0 },
	{ HTML_SHOWN, "<p>a<svg viewBox='0 0 9 9'><path d='M0 0'/></svg>b", "ab", HTML_HAS_MORE },
	/* outlines of letters take more than an icon does */
	{ HTML_ALL, "<svg><path d='" D3K "'/></svg>x<svg><path d='" D3K "'/></svg>", "x\n", HTML_HAS_MORE },
	{ HTML_ALL, "<svg><path d='" D3K "'/><svg></svg><path d='" D3K "'/></svg>x", "x",
	  HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_ALL, "<svg><style>" D3K D3K "</style><path class=a /></svg>", D3K D3K,
	  HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_ALL, "<svg><path d='M0 0'/></svg><p class='" D3K D3K "'>x", "x", HTML_HAS_MORE },
	{ HTML_XML, "<svg><path d='" D3K "'/><path d='" D3K "'/></svg>", "", 0 },
	{ HTML_XML, "<svg><path d='" D3K D3K "'/><path d='" D3K "'/></svg>", "", HTML_HAS_EMBEDDED },
	{ HTML_XML, "<svg><style>" D3K D3K D3K "</style></svg>", D3K D3K D3K "\n", HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<script type='application/ld+json'>{a}</script>b", "b", HTML_HAS_MORE },
	{ HTML_SHOWN, "<script type='a' type='application/ld+json'>{a}</script>b", "b",
	  HTML_HAS_MORE | HTML_HAS_EMBEDDED },
	{ HTML_SHOWN, "<bdo dir=rtl>TẬM</bdo>", "\u202ETẬM\u202C", 0 },
	{ HTML_SHOWN, "1 < 2 <3 > <", "1 < 2 <3 > <", 0 },
	{ HTML_SHOWN, "<a title=\"x>y\">z</a>", "z", HTML_HAS_MORE },
	{ HTML_SHOWN, "<a title=\"x>y", "y", HTML_HAS_MORE },
	{ HTML_SHOWN, "<o:p>MẬ</o:p>T", "MẬT", 0 },
	{ HTML_XML,   "<a><b>x</b><c>y</c></a>", "x\ny\n", 0 },
	{ HTML_XML,   "<table:table table:name='M&#7852;T'/>x", "MẬT\nx", HTML_HAS_MORE },
	{ HTML_OFFICE, "<w:p><w:r><w:t>M</w:t></w:r><w:r w:title='z'><w:t>\xE1\xBA\xACT</w:t></w:r></w:p><w:p/>x",
	  "M\xE1\xBA\xACT\nx", 0 },
	{ HTML_OFFICE, "<Row><Cell><ss:Data>a</ss:Data></Cell><Cell><Data>b<B>c</B></Data></Cell></Row>", "a\nbc\n", 0 },
	{ HTML_SHOWN, "a<![CDATA[x]]>b", "ab", HTML_HAS_MORE },
	{ HTML_ALL,   "a<![CDATA[x]]>b", "ax]]>b", 0 },
	/* what no browser shows */
	{ HTML_SHOWN, "M</ x>Ậ</><![if !mso]>T<![endif]><?x?>.", "MẬT.", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<!-->Ậ<!--->T<!-- - -- > --!>.<!-- x", "MẬT.\nx", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<template>x</template><title><b></title>ẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<title><!--</title>ẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "M<b title = \"x>y\">ẬT</b>", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "M&it;Ậ&NegativeVeryThinSpace;T&emsp14;&mcy;", "M\u2062Ậ\u200BT\u2005\u043C", 0 },
	{ HTML_SHOWN, "M<i style='display:/**/none'>x</i><i style='opacity:.0'>x</i>"
	  "<i style='d\\69splay&#58;none'>x</i>ẬT", "MẬT", MORE },
	{ HTML_SHOWN, "M<i style='font:0/0 a'>x</i><i style='font-size:1px'>x</i>ẬT", "MẬT",
	  MORE },
	{ HTML_SHOWN, "<i style='font-size:.9em;opacity:1;color:red'>M</i>ẬT", "MẬT", 0 },
	{ HTML_SHOWN, "M<i style='position:absolute;left:-999px'>x</i>", "M", MORE },
	{ HTML_SHOWN, "M<i style='color:#FFF'>x</i><font color=White>x</font>ẬT", "MẬT", MORE },
	{ HTML_SHOWN, "M<i style='width:0;overflow:hidden'>x</i>ẬT", "MẬT", MORE },
	{ HTML_SHOWN, "<i style='width:0'>M</i>", "M", 0 },
	{ HTML_SHOWN, "<style>/*x*/ a .q, #r{display:none} @media x{[s]{font-size:0}}</style>"
	  "M<i class='p q'>x</i><i id=r>x</i><b s>x</b>ẬT", "MẬT", MORE },
	{ HTML_SHOWN, "<style>i{visibility:hidden}</style>M<i>x<b>y</i>ẬT", "MẬT", MORE },
	{ HTML_SHOWN, "<style>p>*{opacity:0}</style><p>M<i>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style>:is(.a,#b) , i:has(u){zoom:0}</style>M<s class=a>x</s><s id=b>x</s><i>x</i>T",
	  "MT", MORE },
	{ HTML_SHOWN, "M<i style='color:#fefefe'>x</i><i style='color:#00000000'>x</i>"
	  "<i style='color:hsl(0,0%,100%)'>x</i><i style='display:var(--x)'>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<i style='color: rgb(0, 0, 0)'>M</i>ẬT", "MẬT", 0 },
	{ HTML_SHOWN, "<i style='color:rgb(255,0,0)'>M</i><i style='color:rgb(0 0 0 / 100%)'>Ậ</i>"
	  "<i style='color:hsl(120, 100%, 25%) !important'>T</i>", "MẬT", 0 },
	{ HTML_SHOWN, "M<i style='color:rgb(250, 255, 255)'>x</i><i style='color:rgba(0,0,0,0)'>x</i>"
	  "<i style='color:rgb(0 0 0 / 0%)'>x</i><i style='color:rgb(99% 100% 100%)!important'>x</i>T",
	  "MT", MORE },
	{ HTML_SHOWN, "<i style='color:#f0efff;clip-path:none'>M</i><i style='color:#000'>T</i>", "MT", 0 },
	/* what may hide or break, and what surely does */
	{ HTML_SEEN, "<style>@media print{.x{display:none}}</style><p>MẬ<b class=x>T</b></p>", "MẬT\n", MORE },
	{ HTML_SEEN, "MẬ<b style='color:#fff'>T</b>", "MẬT", MORE },
	{ HTML_SEEN, "M<font color=white>Ậ</font><b style='float:left'>T</b>", "MẬT", MORE },
	{ HTML_SEEN, "M<i style='clip-path:inset(0)'>Ậ</i><i style='transform:scale(0.9)'>T</i>", "MẬT", MORE },
	{ HTML_SEEN, "M<i style='font-size:calc(1em)'>Ậ</i><i style='filter:opacity(0.9)'>T</i>", "MẬT", MORE },
	{ HTML_SEEN, "<i style='visibility:hidden'>M<b style='visibility:visible'>T</b></i>", "MT", MORE },
	{ HTML_SEEN, "<style>.x{display:block}</style>MẬ<b class=x>T</b>", "MẬT", MORE },
	{ HTML_SEEN, "MẬ<b style='display:none;display:inline'>T</b>", "MẬT", MORE },
	{ HTML_SEEN, "<style>.x{display:inline!important}</style>MẬ<b style='display:none' class=x>T</b>",
	  "MẬT", MORE },
	{ HTML_SEEN, "<div style='display:inline-block'>MẬ</div><div style='float:left'>T</div>", "MẬT", DOUBT },
	{ HTML_SEEN, "M<i style='display:none'>x</i><i hidden>x</i><b style='color:#fff'>ẬT</b>", "MẬT", MORE },
	{ HTML_SEEN, "MẬ<!-- x --><title>x</title>T<a title=x>.", "MẬT.", HTML_HAS_MORE },
	{ HTML_SEEN, "M<dialog>x</dialog>Ậ<dialog open>T</dialog>", "MẬ\nT\n", MORE },
	{ HTML_SHOWN, "MẬ<div hidden>x</div><br hidden>T", "MẬT", HTML_HAS_MORE },
	/* names that nobody knows, and what stands within lines */
	{ HTML_SHOWN, "<p>M<x>Ậ</x><meta></div>T", "MẬT", 0 },
	{ HTML_SHOWN, "MẬ<style></style><script></script>T", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "a</p>b</br>c</div>d", "a\nb\ncd", 0 },
	{ HTML_SHOWN, "MẬ<svg width=0 height=0></svg>T", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "MẬ<svg><desc>x</desc></svg><svg/>T", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<svg><path/><p>MẬ<b>T</b></p><svg><style></svg>MẬT", "MẬT\nMẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<svg><path/></svg><font>a</font><text>b", "ab", HTML_HAS_MORE },
	{ HTML_ALL,   "<svg><noframes></svg>MẬ<b>T</b>", "MẬT", HTML_HAS_MORE },
	{ HTML_ALL,   "<noframes>MẬ<b>T</b></noframes>", "MẬT\n", HTML_HAS_MORE },
	{ HTML_SHOWN, "<div dir=rtl><bdo>TẬM</bdo></div>", "\u202ETẬM\u202C\n", 0 },
	{ HTML_SHOWN, "M<i style='font:0.0 a'>x</i>T", "MT", MORE },
	/* quotes and ends as browsers see them */
	{ HTML_SHOWN, "<a x=y=\">MẬT<!-- \"> --></a>", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<a =\">MẬT<!-- \"> -->", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<? a=\">MẬT<!-- \"> -->", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<a x/=\"y>M<b y = '>' z=\">\"/x=''>ẬT", "MẬT", 0 },
	{ HTML_SHOWN, "MẬ<a hidden>k<a>T</a>", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "MẬ<span hidden><div></span>k</div></span>T", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "MẬ<b hidden><div></b>T</div>", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<div hidden><table><td></div>x</table></div>MẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<ul><li hidden><ul><li></ul></li></li>MẬT", "MẬT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<table><tbody hidden><tr><td>x</tbody><tr><td>y</table>", "y\n", HTML_HAS_MORE },
	/* selectors */
	{ HTML_SHOWN, "<style>:root .a,a:hover .b,[x] .c,[x].d,.e/**/,.a\\:b,.\\gg{display:none}</style>M<i class=a>x"
	  "</i><i class=b>x</i><i class=c>x</i><i class=d>x</i><i class=e>x</i><i class=a:b>x</i>"
	  "<i class=gg>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style title=\":\">.x{display:none}</style>M<i class=x>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style>.x{/* } */color:red;content:'}';display:none}</style>M<i class=x>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style>@import url(it's.png);.x{display:none}</style>M<i class=x>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style>p>:nth-child(2){display:none}</style>M<i>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<style>a:hover,::selection,:root{color:#fff}</style><a>M</a>T", "MT", HTML_HAS_MORE },
	{ HTML_SHOWN, "<style>[s='a b']{display:none}</style>M<i s='a b'>x</i>T", "MT", MORE },
	{ HTML_SHOWN, "<i style='font-size:1pc' class='                                     "
	  "                                         a'>M</i>T", "MT", 0 },
	/* elements whose end is left out */
	{ HTML_SHOWN, "<p hidden>x<p>y", "y", HTML_HAS_MORE },
	{ HTML_SHOWN, "<div><span hidden>x</div>y</span>", "y", HTML_HAS_MORE },
	{ HTML_SHOWN, "<ul><li hidden>x<li>y</ul>z", "y\nz", HTML_HAS_MORE },
	{ HTML_SHOWN, "<ul><li hidden>x<p>y<li>z</ul>", "z\n", HTML_HAS_MORE },
	{ HTML_SHOWN, "<table><tr hidden><td>x<table><tr><td>y</table><td>z<tr><td>w</table>", "w\n",
	  HTML_HAS_MORE },
	{ HTML_SHOWN, "<i hidden>x</b>y</i>z", "z", HTML_HAS_MORE },
	/* lines and letters as styles place them */
	{ HTML_SHOWN, "<i style='white-space: pre-wrap'>a\nb</i>\nc", "a\nb c", 0 },
	{ HTML_SHOWN, "<style>.a{white-space:pre}</style><p class=a>a\nb", "a\nb", MORE },
	{ HTML_SHOWN, "<xmp>a\n<b></xmp>c", "a\n<b>\nc", 0 },
	{ HTML_SHOWN, "a<i style='display:block'>b</i>c<i style='float:right'>d</i>e", "a\nb\nc\nd\ne", DOUBT },
	{ HTML_SHOWN, "a<div style='display:inline-block'>b</div>", "a\nb\n", DOUBT },
	{ HTML_SHOWN, "<i dir=rtl style='unicode-bidi:isolate-override'>TẬM</i>", "\u202ETẬM\u202C", 0 },
	{ HTML_ALL,   "<style>p:after{content:attr(x)}</style><p x='MẬT'>",
	  "p:after\ncontent:attr(x)\n\nMẬT\n", HTML_HAS_MORE },
};

static void
text_of_markup(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned flags = 0;
		struct buf out;

		buf_init(&out, 16384);
		assert_int_equal(html_text(slice_of(rows[i].in), rows[i].reading, &out, &flags),
		    OK);
		if (!slice_is(buf_slice(&out), rows[i].out) || flags != rows[i].flags) {
			print_error("%zu \"%s\": \"%.*s\" %u, want \"%s\" %u\n", i, rows[i].in,
			    (int)out.n, out.p, flags, rows[i].out, rows[i].flags);
			bad++;
		}
		buf_fini(&out);
	}
	assert_int_equal(bad, 0);
}

/* Octets that make each tag, comment or reference begin and never end: still linear. */
static void
nothing_ends(void **state)
{
	static const char *const units[] = { "<!--", "<a b=\"", "<a ", "&aaaaaaaaaaaaaaaa",
	    "<i hidden>", "<a style='d   ", "<style>", "<title>", "</ ", "<![", "<!-- --!", "<p><b><li>",
	    "<style>/*{", "<svg><style>" };
	enum { N = 1 << 18 };
	unsigned flags;

	(void)state;
	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		struct buf in, out;

		buf_init(&in, N + 64);
		buf_init(&out, 2 * N);
		while (in.n < N)
			buf_adds(&in, units[u]);
		for (enum html_reading r = HTML_SHOWN; r <= HTML_OFFICE; r++) {
			int err = html_text(buf_slice(&in), r, &out, &flags);

			assert_true(err == OK || err == ERR_LIMIT);
			buf_clear(&out);
		}
		buf_fini(&in);
		buf_fini(&out);
	}
}

/* Quotes that make every search for the end of a tag run to the end of the text. */
static void
quotes_without_end_are_given_up(void **state)
{
	enum { N = 1 << 20 };
	struct buf in, out;
	unsigned flags;

	(void)state;
	buf_init(&in, N + 64);
	buf_init(&out, 2 * N);
	while (in.n < N)
		buf_adds(&in, "<a b='>'");
	buf_adds(&in, "MẬT");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), ERR_LIMIT);
	assert_true(slice_ends_nocase(buf_slice(&out), SLICE("MẬT")));
	buf_fini(&in);
	buf_fini(&out);
}

/* More rules, or deeper elements, than are kept: what they hide is not known. */
static void
rules_and_depth_are_bounded(void **state)
{
	struct buf in, out;
	unsigned flags;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_adds(&in, "<style>");
	for (unsigned i = 0; i < CSS_RULES_MAX; i++)
		buf_addf(&in, ".a%u{display:none}", i);
	buf_adds(&in, "</style>M<i class='x A2047'>x</i>T");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), OK);
	assert_true(slice_is(buf_slice(&out), "MT"));
	buf_adds(&in, "<style>.b{display:none}</style>");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), ERR_LIMIT);
	buf_clear(&in);
	for (unsigned i = 0; i < 1000; i++)
		buf_adds(&in, "<div>");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), OK);
	buf_clear(&in);
	buf_clear(&out);
	for (unsigned i = 0; i < 1024; i++)
		buf_adds(&in, "<b>");
	buf_adds(&in, "M<i>x</i>T");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), OK);
	buf_adds(&in, "<i hidden>x</i>");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), ERR_LIMIT);
	buf_fini(&in);
	buf_fini(&out);
}

/* A banner before the rules is no selector; names that share a head are too many soon. */
static void
banners_and_chains(void **state)
{
	struct buf in, out;
	unsigned flags;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_adds(&in, "<style>/*");
	while (in.n < 2000)
		buf_adds(&in, " * {banner};");
	buf_adds(&in, "*/.x{display:none}</style>M<i class=x>x</i>T");
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), OK);
	assert_true(slice_is(buf_slice(&out), "MT"));
	buf_clear(&in);
	buf_adds(&in, "<style>");
	for (unsigned i = 0; i < 32; i++) {	/* 31 * 'b' + 0xA1 is 31 * 'c' + 0x82 */
		buf_addc(&in, '.');
		for (unsigned k = 0; k < 5; k++)
			buf_adds(&in, (i >> k & 1) != 0 ? "b\xA1" : "c\x82");
		buf_adds(&in, "{display:none}");
	}
	assert_int_equal(html_text(buf_slice(&in), HTML_SHOWN, &out, &flags), ERR_LIMIT);
	buf_fini(&in);
	buf_fini(&out);
}

static void
the_ceiling_holds(void **state)
{
	unsigned flags;
	struct buf out;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(html_text(SLICE("<p>abcdefgh"), HTML_SHOWN, &out, &flags), ERR_LIMIT);
	buf_fini(&out);
}

static void
values(void **state)
{
	struct buf list;

	(void)state;
	buf_init(&list, 4096);
	assert_int_equal(html_data(SLICE("<img src=\"data:image/png;base64,AA\nAA\"><p hidden>"
	    "<a href=data:;base64,QQ==>x</a><i x='data:,y'>"), &list), OK);
	assert_true(slice_is(buf_slice(&list), "image/png;base64,AAAA\n;base64,QQ==\n"));
	buf_fini(&list);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(text_of_markup),
		cmocka_unit_test(nothing_ends),
		cmocka_unit_test(quotes_without_end_are_given_up),
		cmocka_unit_test(rules_and_depth_are_bounded),
		cmocka_unit_test(banners_and_chains),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
