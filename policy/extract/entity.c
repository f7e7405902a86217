/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/entity.h"

#include <string.h>

enum { NAME_MAX_OCTETS = 24 };

/* In octet order. HTML names that can stand in Vietnamese text, in legacy fonts read as Latin-1,
 * or hide it: also letters of other scripts that look like those of a level. */
static const struct { const char *name; uint16_t cp; } named[] = {
	{ "AElig", 0xC6 }, { "Aacute", 0xC1 }, { "Abreve", 0x102 }, { "Acirc", 0xC2 },
	{ "Acy", 0x410 }, { "Agrave", 0xC0 }, { "Alpha", 0x391 }, { "ApplyFunction", 0x2061 },
	{ "Aring", 0xC5 }, { "Atilde", 0xC3 }, { "Auml", 0xC4 },
	{ "CapitalDifferentialD", 0x2145 }, { "Ccedil", 0xC7 }, { "DD", 0x2145 },
	{ "Dagger", 0x2021 }, { "DifferentialD", 0x2146 }, { "DownBreve", 0x311 },
	{ "Dstrok", 0x110 }, { "ETH", 0xD0 }, { "Eacute", 0xC9 }, { "Ecirc", 0xCA },
	{ "Egrave", 0xC8 }, { "Epsilon", 0x395 }, { "Euml", 0xCB }, { "ExponentialE", 0x2147 },
	{ "IEcy", 0x415 }, { "IOcy", 0x401 }, { "Iacute", 0xCD }, { "Icirc", 0xCE },
	{ "Idot", 0x130 }, { "Igrave", 0xCC }, { "Im", 0x2111 }, { "InvisibleComma", 0x2063 },
	{ "InvisibleTimes", 0x2062 }, { "Iota", 0x399 }, { "Itilde", 0x128 }, { "Iukcy", 0x406 },
	{ "Iuml", 0xCF }, { "Mcy", 0x41C }, { "MediumSpace", 0x205F }, { "Mellintrf", 0x2133 },
	{ "Mu", 0x39C }, { "NegativeMediumSpace", 0x200B }, { "NegativeThickSpace", 0x200B },
	{ "NegativeThinSpace", 0x200B }, { "NegativeVeryThinSpace", 0x200B }, { "NewLine", 0xA },
	{ "NoBreak", 0x2060 }, { "NonBreakingSpace", 0xA0 }, { "Ntilde", 0xD1 },
	{ "OElig", 0x152 }, { "Oacute", 0xD3 }, { "Ocirc", 0xD4 }, { "Ocy", 0x41E },
	{ "Ograve", 0xD2 }, { "Omicron", 0x39F }, { "Oslash", 0xD8 }, { "Otilde", 0xD5 },
	{ "Ouml", 0xD6 }, { "Scaron", 0x160 }, { "THORN", 0xDE }, { "Tab", 0x9 },
	{ "Tau", 0x3A4 }, { "Tcy", 0x422 }, { "ThickSpace", 0x205F }, { "ThinSpace", 0x2009 },
	{ "Tstrok", 0x166 }, { "Uacute", 0xDA }, { "Ubrcy", 0x40E }, { "Ucirc", 0xDB },
	{ "Ucy", 0x423 }, { "Ugrave", 0xD9 }, { "Upsi", 0x3D2 }, { "Upsilon", 0x3A5 },
	{ "Utilde", 0x168 }, { "Uuml", 0xDC }, { "VeryThinSpace", 0x200A }, { "YIcy", 0x407 },
	{ "Yacute", 0xDD }, { "Yuml", 0x178 }, { "ZeroWidthSpace", 0x200B }, { "aacute", 0xE1 },
	{ "abreve", 0x103 }, { "acirc", 0xE2 }, { "acute", 0xB4 }, { "acy", 0x430 },
	{ "aelig", 0xE6 }, { "af", 0x2061 }, { "agrave", 0xE0 }, { "alpha", 0x3B1 },
	{ "amp", 0x26 }, { "apos", 0x27 }, { "aring", 0xE5 }, { "atilde", 0xE3 },
	{ "auml", 0xE4 }, { "bdquo", 0x201E }, { "brvbar", 0xA6 }, { "bull", 0x2022 },
	{ "ccedil", 0xE7 }, { "cedil", 0xB8 }, { "cent", 0xA2 }, { "check", 0x2713 },
	{ "circ", 0x2C6 }, { "colon", 0x3A }, { "comma", 0x2C }, { "copy", 0xA9 },
	{ "cross", 0x2717 }, { "curren", 0xA4 }, { "dagger", 0x2020 }, { "dd", 0x2146 },
	{ "deg", 0xB0 }, { "divide", 0xF7 }, { "dstrok", 0x111 }, { "eacute", 0xE9 },
	{ "ecirc", 0xEA }, { "ee", 0x2147 }, { "egrave", 0xE8 }, { "emsp", 0x2003 },
	{ "emsp13", 0x2004 }, { "emsp14", 0x2005 }, { "ensp", 0x2002 }, { "epsi", 0x3B5 },
	{ "epsilon", 0x3B5 }, { "equals", 0x3D }, { "eth", 0xF0 }, { "euml", 0xEB },
	{ "euro", 0x20AC }, { "excl", 0x21 }, { "exponentiale", 0x2147 }, { "fnof", 0x192 },
	{ "frac12", 0xBD }, { "frac14", 0xBC }, { "frac34", 0xBE }, { "gt", 0x3E },
	{ "hairsp", 0x200A }, { "hellip", 0x2026 }, { "hyphen", 0x2010 }, { "iacute", 0xED },
	{ "ic", 0x2063 }, { "icirc", 0xEE }, { "iecy", 0x435 }, { "iexcl", 0xA1 },
	{ "igrave", 0xEC }, { "ii", 0x2148 }, { "imagline", 0x2110 }, { "imath", 0x131 },
	{ "inodot", 0x131 }, { "iocy", 0x451 }, { "iota", 0x3B9 }, { "iquest", 0xBF },
	{ "it", 0x2062 }, { "itilde", 0x129 }, { "iukcy", 0x456 }, { "iuml", 0xEF },
	{ "laquo", 0xAB }, { "larr", 0x2190 }, { "lbrack", 0x5B }, { "ldquo", 0x201C },
	{ "lowbar", 0x5F }, { "lpar", 0x28 }, { "lrm", 0x200E }, { "lsaquo", 0x2039 },
	{ "lsqb", 0x5B }, { "lsquo", 0x2018 }, { "lt", 0x3C }, { "macr", 0xAF }, { "mcy", 0x43C },
	{ "mdash", 0x2014 }, { "micro", 0xB5 }, { "middot", 0xB7 }, { "mu", 0x3BC },
	{ "nbsp", 0xA0 }, { "ndash", 0x2013 }, { "not", 0xAC }, { "ntilde", 0xF1 },
	{ "num", 0x23 }, { "numsp", 0x2007 }, { "oacute", 0xF3 }, { "ocirc", 0xF4 },
	{ "ocy", 0x43E }, { "oelig", 0x153 }, { "ograve", 0xF2 }, { "omicron", 0x3BF },
	{ "order", 0x2134 }, { "orderof", 0x2134 }, { "ordf", 0xAA }, { "ordm", 0xBA },
	{ "oslash", 0xF8 }, { "otilde", 0xF5 }, { "ouml", 0xF6 }, { "para", 0xB6 },
	{ "period", 0x2E }, { "permil", 0x2030 }, { "phmmat", 0x2133 }, { "plusmn", 0xB1 },
	{ "pound", 0xA3 }, { "puncsp", 0x2008 }, { "quot", 0x22 }, { "raquo", 0xBB },
	{ "rarr", 0x2192 }, { "rbrack", 0x5D }, { "rdquo", 0x201D }, { "reg", 0xAE },
	{ "rlm", 0x200F }, { "rpar", 0x29 }, { "rsaquo", 0x203A }, { "rsqb", 0x5D },
	{ "rsquo", 0x2019 }, { "sbquo", 0x201A }, { "scaron", 0x161 }, { "sect", 0xA7 },
	{ "shy", 0xAD }, { "sol", 0x2F }, { "sup1", 0xB9 }, { "sup2", 0xB2 }, { "sup3", 0xB3 },
	{ "szlig", 0xDF }, { "tau", 0x3C4 }, { "tcy", 0x442 }, { "thinsp", 0x2009 },
	{ "thorn", 0xFE }, { "tilde", 0x2DC }, { "times", 0xD7 }, { "trade", 0x2122 },
	{ "tstrok", 0x167 }, { "uacute", 0xFA }, { "ubrcy", 0x45E }, { "ucirc", 0xFB },
	{ "ucy", 0x443 }, { "ugrave", 0xF9 }, { "uml", 0xA8 }, { "upsi", 0x3C5 },
	{ "upsilon", 0x3C5 }, { "utilde", 0x169 }, { "uuml", 0xFC }, { "vert", 0x7C },
	{ "yacute", 0xFD }, { "yen", 0xA5 }, { "yicy", 0x457 }, { "yuml", 0xFF },
	{ "zwj", 0x200D }, { "zwnj", 0x200C },
};

void
entity_put(struct buf *out, uint32_t cp)
{
	if (cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
		cp = 0xFFFD;
	if (cp < 0x80) {
		buf_addc(out, (char)cp);
		return;
	}
	if (cp < 0x800) {
		buf_addc(out, (char)(0xC0 | cp >> 6));
	} else {
		if (cp < 0x10000) {
			buf_addc(out, (char)(0xE0 | cp >> 12));
		} else {
			buf_addc(out, (char)(0xF0 | cp >> 18));
			buf_addc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
		}
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
	}
	buf_addc(out, (char)(0x80 | (cp & 0x3F)));
}

static size_t
numeric(struct slice s, struct buf *out)
{
	bool hex = s.n > 2 && ascii_lower(s.p[2]) == 'x';
	size_t first = hex ? 3 : 2, i;
	uint32_t cp = 0;

	for (i = first; i < s.n; i++) {
		int d = ascii_hex(s.p[i]);

		if (d < 0 || (!hex && d > 9))
			break;
		if (cp <= 0x10FFFF)
			cp = cp * (hex ? 16 : 10) + (uint32_t)d;
	}
	if (i == first)
		return 0;
	entity_put(out, cp);
	return i < s.n && s.p[i] == ';' ? i + 1 : i;
}

static const uint16_t *
by_name(struct slice name)
{
	size_t lo = 0, hi = ARRAY_LEN(named);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = slice_cmp(name, slice_of(named[mid].name));

		if (c == 0)
			return &named[mid].cp;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* "&Mopf;", "&Afr;": the letter in another face. */
static bool
is_faced(struct slice name)
{
	static const char *const faces[] = { "opf", "scr", "fr" };

	for (size_t i = 0; i < ARRAY_LEN(faces); i++)
		if (name.n > 1 && ascii_is_alpha(name.p[0]) &&
		    slice_eq(slice_from(name, 1), slice_of(faces[i])))
			return true;
	return false;
}

size_t
entity_decode(struct slice s, struct buf *out)
{
	const uint16_t *cp;
	size_t n = 1;

	if (s.n < 3)
		return 0;
	if (s.p[1] == '#')
		return numeric(s, out);
	while (n < s.n && n <= NAME_MAX_OCTETS && ascii_is_alnum(s.p[n]))
		n++;
	if (n < s.n && s.p[n] == ';') {
		cp = by_name(slice_sub(s, 1, n - 1));
		if (cp != NULL) {
			entity_put(out, *cp);
			return n + 1;
		}
		if (is_faced(slice_sub(s, 1, n - 1))) {
			buf_addc(out, s.p[1]);
			return n + 1;
		}
	}
	for (; n > 2; n--) {	/* "&Acircu" is Â and u */
		cp = by_name(slice_sub(s, 1, n - 1));
		if (cp != NULL && *cp < 0x100) {
			entity_put(out, *cp);
			return n;
		}
	}
	return 0;
}

size_t
entity_style(struct slice s, struct buf *out)
{
	uint32_t cp = 0;
	size_t n = 1;

	while (n < s.n && n <= 6 && ascii_hex(s.p[n]) >= 0)
		cp = cp * 16 + (uint32_t)ascii_hex(s.p[n++]);
	if (n == 1)
		return 0;
	entity_put(out, cp);
	return n < s.n && ascii_is_white(s.p[n]) ? n + 1 : n;
}

bool
entity_utf16(uint32_t *lead, uint32_t unit, uint32_t *cp_out)
{
	if (unit >= 0xD800 && unit < 0xDC00) {
		*lead = unit;
		return false;
	}
	if (unit >= 0xDC00 && unit < 0xE000 && *lead != 0)
		unit = 0x10000 + ((*lead - 0xD800) << 10) + (unit - 0xDC00);
	*lead = 0;
	*cp_out = unit;
	return true;
}

void
entity_text(struct slice in, struct buf *out)
{
	while (in.n > 0) {
		size_t n = in.p[0] == '&' ? entity_decode(in, out) : 0;

		if (n == 0) {
			buf_addc(out, in.p[0]);
			n = 1;
		}
		in = slice_from(in, n);
	}
}
