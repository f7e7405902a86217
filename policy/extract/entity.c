/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/entity.h"

#include <string.h>

enum { NAME_MAX_OCTETS = 16 };

/* In octet order. HTML names that can stand in Vietnamese text, in legacy fonts read as Latin-1,
 * or hide it: also letters of other scripts that look like those of a level. */
static const struct { const char *name; uint16_t cp; } named[] = {
	{ "AElig", 0xC6 }, { "Aacute", 0xC1 }, { "Abreve", 0x102 }, { "Acirc", 0xC2 },
	{ "Acy", 0x410 }, { "Agrave", 0xC0 }, { "Alpha", 0x391 }, { "Aring", 0xC5 },
	{ "Atilde", 0xC3 }, { "Auml", 0xC4 }, { "Ccedil", 0xC7 }, { "Dagger", 0x2021 },
	{ "Dstrok", 0x110 }, { "ETH", 0xD0 }, { "Eacute", 0xC9 }, { "Ecirc", 0xCA },
	{ "Egrave", 0xC8 }, { "Epsilon", 0x395 }, { "Euml", 0xCB }, { "IEcy", 0x415 },
	{ "Iacute", 0xCD }, { "Icirc", 0xCE }, { "Igrave", 0xCC }, { "Iota", 0x399 },
	{ "Itilde", 0x128 }, { "Iukcy", 0x406 }, { "Iuml", 0xCF }, { "Mcy", 0x41C },
	{ "Mu", 0x39C }, { "NewLine", 0xA }, { "NoBreak", 0x2060 }, { "Ntilde", 0xD1 },
	{ "OElig", 0x152 }, { "Oacute", 0xD3 }, { "Ocirc", 0xD4 }, { "Ocy", 0x41E },
	{ "Ograve", 0xD2 }, { "Omicron", 0x39F }, { "Oslash", 0xD8 }, { "Otilde", 0xD5 },
	{ "Ouml", 0xD6 }, { "Scaron", 0x160 }, { "THORN", 0xDE }, { "Tab", 0x9 }, { "Tau", 0x3A4 },
	{ "Tcy", 0x422 }, { "Uacute", 0xDA }, { "Ucirc", 0xDB }, { "Ugrave", 0xD9 },
	{ "Upsilon", 0x3A5 }, { "Utilde", 0x168 }, { "Uuml", 0xDC }, { "Yacute", 0xDD },
	{ "Yuml", 0x178 }, { "ZeroWidthSpace", 0x200B }, { "aacute", 0xE1 }, { "abreve", 0x103 },
	{ "acirc", 0xE2 }, { "acute", 0xB4 }, { "aelig", 0xE6 }, { "agrave", 0xE0 },
	{ "amp", 0x26 }, { "apos", 0x27 }, { "aring", 0xE5 }, { "atilde", 0xE3 }, { "auml", 0xE4 },
	{ "bdquo", 0x201E }, { "brvbar", 0xA6 }, { "bull", 0x2022 }, { "ccedil", 0xE7 },
	{ "cedil", 0xB8 }, { "cent", 0xA2 }, { "check", 0x2713 }, { "circ", 0x2C6 },
	{ "colon", 0x3A }, { "comma", 0x2C }, { "copy", 0xA9 }, { "cross", 0x2717 },
	{ "curren", 0xA4 }, { "dagger", 0x2020 }, { "deg", 0xB0 }, { "divide", 0xF7 },
	{ "dstrok", 0x111 }, { "eacute", 0xE9 }, { "ecirc", 0xEA }, { "egrave", 0xE8 },
	{ "emsp", 0x2003 }, { "ensp", 0x2002 }, { "equals", 0x3D }, { "eth", 0xF0 },
	{ "euml", 0xEB }, { "euro", 0x20AC }, { "excl", 0x21 }, { "fnof", 0x192 },
	{ "frac12", 0xBD }, { "frac14", 0xBC }, { "frac34", 0xBE }, { "gt", 0x3E },
	{ "hairsp", 0x200A }, { "hellip", 0x2026 }, { "hyphen", 0x2010 }, { "iacute", 0xED },
	{ "icirc", 0xEE }, { "iexcl", 0xA1 }, { "igrave", 0xEC }, { "iquest", 0xBF },
	{ "itilde", 0x129 }, { "iuml", 0xEF }, { "laquo", 0xAB }, { "larr", 0x2190 },
	{ "lbrack", 0x5B }, { "ldquo", 0x201C }, { "lowbar", 0x5F }, { "lpar", 0x28 },
	{ "lrm", 0x200E }, { "lsaquo", 0x2039 }, { "lsqb", 0x5B }, { "lsquo", 0x2018 },
	{ "lt", 0x3C }, { "macr", 0xAF }, { "mdash", 0x2014 }, { "micro", 0xB5 },
	{ "middot", 0xB7 }, { "nbsp", 0xA0 }, { "ndash", 0x2013 }, { "not", 0xAC },
	{ "ntilde", 0xF1 }, { "num", 0x23 }, { "numsp", 0x2007 }, { "oacute", 0xF3 },
	{ "ocirc", 0xF4 }, { "oelig", 0x153 }, { "ograve", 0xF2 }, { "ordf", 0xAA },
	{ "ordm", 0xBA }, { "oslash", 0xF8 }, { "otilde", 0xF5 }, { "ouml", 0xF6 },
	{ "para", 0xB6 }, { "period", 0x2E }, { "permil", 0x2030 }, { "plusmn", 0xB1 },
	{ "pound", 0xA3 }, { "quot", 0x22 }, { "raquo", 0xBB }, { "rarr", 0x2192 },
	{ "rbrack", 0x5D }, { "rdquo", 0x201D }, { "reg", 0xAE }, { "rlm", 0x200F },
	{ "rpar", 0x29 }, { "rsaquo", 0x203A }, { "rsqb", 0x5D }, { "rsquo", 0x2019 },
	{ "sbquo", 0x201A }, { "scaron", 0x161 }, { "sect", 0xA7 }, { "shy", 0xAD },
	{ "sol", 0x2F }, { "sup1", 0xB9 }, { "sup2", 0xB2 }, { "sup3", 0xB3 }, { "szlig", 0xDF },
	{ "thinsp", 0x2009 }, { "thorn", 0xFE }, { "tilde", 0x2DC }, { "times", 0xD7 },
	{ "trade", 0x2122 }, { "uacute", 0xFA }, { "ucirc", 0xFB }, { "ugrave", 0xF9 },
	{ "uml", 0xA8 }, { "utilde", 0x169 }, { "uuml", 0xFC }, { "vert", 0x7C },
	{ "yacute", 0xFD }, { "yen", 0xA5 }, { "yuml", 0xFF }, { "zwj", 0x200D },
	{ "zwnj", 0x200C },
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
