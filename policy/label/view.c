/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/view.h"

#include "mime/charset.h"
#include "policy/label/fold.h"

/* windows-1252 from 0x80 on, where it differs from Latin-1. */
static const uint16_t cp1252[32] = {
	0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
	0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
	0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
	0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
};

/* The octet that was read as this character, or -1. */
static int
octet_of(uint32_t cp)
{
	if (cp < 0x100)
		return (int)cp;
	for (unsigned i = 0; i < ARRAY_LEN(cp1252); i++)
		if (cp1252[i] == cp)
			return 0x80 + (int)i;
	return -1;
}

/* "ậ" as each encoding writes it, small and capital. */
static const struct { enum view view; enum charset cs; const char *small, *capital; } rows[] = {
	{ VIEW_TCVN3,  CHARSET_TCVN3,	     "\xCB",	 "\xCB" },
	{ VIEW_VNI,    CHARSET_VNI,	     "\xE4",	 "\xC4" },
	{ VIEW_VISCII, CHARSET_VISCII,	     "\xA7",	 "\x87" },
	{ VIEW_VPS,    CHARSET_VPS,	     "\xC6",	 "\xC6" },
	{ VIEW_1258,   CHARSET_WINDOWS_1258, "\xE2\xF2", "\xC2\xF2" },
	{ VIEW_UTF8,   CHARSET_UTF_8,	     "\xE1\xBA", "\xCC\xA3" },
};

static bool
holds(struct slice octets, const char *what)
{
	return slice_find(octets, slice_of(what)) >= 0;
}

/* All characters as the octets they were made of; false when some come from elsewhere. */
static bool
to_octets(struct slice line, struct buf *out)
{
	buf_clear(out);
	while (line.n > 0) {
		int c = octet_of(fold_next(&line));

		if (c < 0)
			return false;
		buf_addc(out, (char)c);
	}
	return out->err == OK;
}

static unsigned
legacy(struct slice line)
{
	char mem[VIEW_LINE_MAX];
	struct slice octets = { mem, 0 };
	unsigned which = 0;

	while (line.n > 0 && octets.n < sizeof mem) {
		int c = octet_of(fold_next(&line));

		if (c < 0)
			return 0;
		mem[octets.n++] = (char)c;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (holds(octets, rows[i].small) || holds(octets, rows[i].capital))
			which |= 1u << rows[i].view;
	return which;
}

unsigned
view_which(struct slice line)
{
	bool high = false, caret = false, escape = false;
	unsigned which = 0;

	line.n = line.n < VIEW_LINE_MAX ? line.n : VIEW_LINE_MAX;
	for (size_t i = 0; i < line.n; i++) {
		high |= (line.p[i] & 0x80) != 0;
		caret |= line.p[i] == '^';
		escape |= line.p[i] == '&' || line.p[i] == '\\' || line.p[i] == '=' ||
		    line.p[i] == '%';
	}
	if (high) {
		which = legacy(line);
		if (holds(line, "\xE2\x80\xAE") || holds(line, "\xE2\x80\xAD"))
			which |= 1u << VIEW_REVERSED;
	}
	if (caret)
		which |= 1u << VIEW_VIQR;
	if (escape && (slice_find_nocase(line, SLICE("&#")) >= 0 ||
	    slice_find_nocase(line, SLICE("\\u")) >= 0 ||
	    slice_find_nocase(line, SLICE("=E1=BA")) >= 0 ||
	    slice_find_nocase(line, SLICE("=CC=A3")) >= 0 ||
	    slice_find_nocase(line, SLICE("%E1%BA")) >= 0 ||
	    slice_find_nocase(line, SLICE("%CC%A3")) >= 0))
		which |= 1u << VIEW_ESCAPED;
	return which;
}

static void
put_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_addc(out, (char)cp);
	} else if (cp < 0x800) {
		buf_addc(out, (char)(0xC0 | cp >> 6));
		buf_addc(out, (char)(0x80 | (cp & 0x3F)));
	} else if (cp < 0x10000) {
		buf_addc(out, (char)(0xE0 | cp >> 12));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
		buf_addc(out, (char)(0x80 | (cp & 0x3F)));
	} else {
		buf_addc(out, (char)(0xF0 | cp >> 18));
		buf_addc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
		buf_addc(out, (char)(0x80 | (cp & 0x3F)));
	}
}

void
view_of_octets(struct slice octets, struct buf *out)
{
	for (size_t i = 0; i < octets.n; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		put_utf8(out, c >= 0x80 && c < 0xA0 ? cp1252[c - 0x80] : c);
	}
}

/* --- VIQR (RFC 1456) --- */

static uint32_t
viqr_mark(char c)
{
	switch (c) {
	case '^':
		return 0x0302;
	case '(':
		return 0x0306;
	case '+':
		return 0x031B;
	case '\'':
		return 0x0301;
	case '`':
		return 0x0300;
	case '?':
		return 0x0309;
	case '~':
		return 0x0303;
	case '.':
		return 0x0323;
	default:
		return 0;
	}
}

static bool
is_vowel(char c)
{
	return slice_chr(SLICE("aeiouy"), ascii_lower(c)) >= 0;
}

static void
make_viqr(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (ascii_lower(in.p[i]) == 'd' && i + 1 < in.n &&
		    ascii_lower(in.p[i + 1]) == 'd') {
			put_utf8(out, in.p[i] == 'd' ? 0x111 : 0x110);
			i++;
			continue;
		}
		buf_addc(out, in.p[i]);
		if (!is_vowel(in.p[i]))
			continue;
		for (int marks = 0; marks < 2 && i + 1 < in.n && viqr_mark(in.p[i + 1]); marks++)
			put_utf8(out, viqr_mark(in.p[++i]));
	}
}

/* --- escapes --- */

/* Up to max hex (or decimal) digits at the start of *s. */
static unsigned
number(struct slice *s, unsigned base, unsigned max, uint32_t *out)
{
	unsigned n = 0;

	*out = 0;
	for (; s->n > 0 && n < max; n++) {
		int d = ascii_hex(s->p[0]);

		if (d < 0 || d >= (int)base)
			break;
		*out = *out * base + (unsigned)d;
		*s = slice_from(*s, 1);
	}
	return n;
}

/* One escape at the start of *s: its character (octets of =XX and %XX go to out as they are). */
static bool
escape(struct slice *s, struct buf *out)
{
	struct slice rest = slice_from(*s, 2);
	uint32_t cp;
	char a = s->p[0], b = s->n > 1 ? s->p[1] : '\0';

	if (a == '&' && b == '#') {
		bool hex = rest.n > 0 && ascii_lower(rest.p[0]) == 'x';

		if (hex)
			rest = slice_from(rest, 1);
		if (number(&rest, hex ? 16 : 10, 7, &cp) == 0)
			return false;
		if (rest.n > 0 && rest.p[0] == ';')
			rest = slice_from(rest, 1);
	} else if (a == '\\' && ascii_lower(b) == 'u') {
		if (rest.n > 0 && rest.p[0] == '+')	/* in drawings of AutoCAD */
			rest = slice_from(rest, 1);
		if (number(&rest, 16, 4, &cp) != 4)
			return false;
	} else if (a == '=' || a == '%') {
		rest = slice_from(*s, 1);
		if (number(&rest, 16, 2, &cp) != 2)
			return false;
		buf_addc(out, (char)cp);
		*s = rest;
		return true;
	} else {
		return false;
	}
	put_utf8(out, cp < 0x110000 ? cp : 0xFFFD);
	*s = rest;
	return true;
}

static void
make_escaped(struct slice in, struct buf *out)
{
	while (in.n > 0) {
		if (slice_chr(SLICE("&\\=%"), in.p[0]) >= 0 && escape(&in, out))
			continue;
		buf_addc(out, in.p[0]);
		in = slice_from(in, 1);
	}
}

/* --- right to left --- */

static void
make_reversed(struct slice in, struct buf *out)
{
	uint32_t cps[VIEW_LINE_MAX];
	size_t n = 0, from = 0;
	bool turned = false;

	while (in.n > 0 && n < ARRAY_LEN(cps)) {
		uint32_t cp = fold_next(&in);

		if (cp == 0x202D || cp == 0x202E || cp == 0x202C) {
			while (turned && n > from)
				put_utf8(out, cps[--n]);
			turned = cp == 0x202E;
			from = n;
		} else if (turned) {
			cps[n++] = cp;
		} else {
			put_utf8(out, cp);
		}
	}
	while (n > from)
		put_utf8(out, cps[--n]);
}

static bool
make_legacy(enum view v, struct slice line, struct buf *out)
{
	struct buf octets;
	int err = ERR_INVAL;

	buf_init(&octets, VIEW_LINE_MAX);
	if (to_octets(line, &octets))
		err = charset_to_utf8(rows[v].cs, buf_slice(&octets), out, NULL);
	buf_fini(&octets);
	return err == OK;
}

bool
view_make(enum view v, struct slice line, struct buf *out)
{
	line.n = line.n < VIEW_LINE_MAX ? line.n : VIEW_LINE_MAX;
	buf_clear(out);
	switch (v) {
	case VIEW_VIQR:
		make_viqr(line, out);
		break;
	case VIEW_ESCAPED:
		make_escaped(line, out);
		break;
	case VIEW_REVERSED:
		make_reversed(line, out);
		break;
	default:
		if ((size_t)v >= ARRAY_LEN(rows) || !make_legacy(v, line, out))
			return false;
		break;
	}
	return out->err == OK;
}
