/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/sniff.h"

#include "policy/extract/emf.h"
#include "policy/extract/heifbox.h"

enum {
	ZIP_END_RECORD = 22,
	ZIP_END_OCTETS = ZIP_END_RECORD + 65535,	/* with the longest comment */
	ZIP_BEFORE_END = 64,
	BLANK_MAX = 1024,		/* white space looked over before markup begins */
	CERTIFICATE_OCTETS_MAX = 8192,
	DEBRIS_OCTETS_MAX = 64 * 1024,
};

static bool
begins(struct slice s, const char *magic, size_t n)
{
	return s.n >= n && slice_eq(slice_sub(s, 0, n), (struct slice){ magic, n });
}

#define BEGINS(s, lit)	begins((s), lit, sizeof(lit) - 1)

bool
sniff_is_known(struct slice s)
{
	static const struct slice magics[] = {
		SLICE("%PDF-"), SLICE("\x89PNG"), SLICE("\xFF\xD8\xFF"), SLICE("GIF8"),
		SLICE("II*\0"), SLICE("MM\0*"), SLICE("BM"), SLICE("RIFF"), SLICE("Rar!"),
		SLICE("7z\xBC\xAF"), SLICE("\x1F\x8B"), SLICE("BZh"), SLICE("\xFD" "7zXZ"),
		SLICE("\x28\xB5\x2F\xFD"), SLICE("MSCF"), SLICE("\xD0\xCF\x11\xE0"),
		SLICE("\x78\x9F\x3E\x22"), SLICE("\x7F" "ELF"), SLICE("MZ"), SLICE("!BDN"),
		SLICE("ITSF"), SLICE("SQLite"), SLICE("%!PS"),
	};

	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		/* Two letters alone are no proof: "BM" and "MZ" begin words too. */
		if (begins(s, magics[i].p, magics[i].n) && (magics[i].n > 2 ||
		    slice_chr(slice_sub(s, 0, 64), '\0') >= 0 ||
		    (unsigned char)s.p[1] >= 0x80))
			return true;
	return false;
}

bool
sniff_is_stream(struct slice s)
{
	return BEGINS(s, "\x1F\x8B\x08") || BEGINS(s, "BZh") || BEGINS(s, "\xFD" "7zXZ\0") ||
	    BEGINS(s, "\x28\xB5\x2F\xFD");
}

static bool
is_pack(struct slice s)
{
	if (sniff_is_stream(s) || BEGINS(s, "Rar!\x1A\x07") || BEGINS(s, "7z\xBC\xAF\x27\x1C") ||
	    BEGINS(s, "MSCF\0"))
		return true;
	return slice_eq(slice_sub(s, 257, 5), SLICE("ustar")) ||
	    slice_eq(slice_sub(s, 0x8001, 5), SLICE("CD001"));
}

struct slice
sniff_zip_end(struct slice s)
{
	size_t from = s.n > ZIP_END_OCTETS ? s.n - ZIP_END_OCTETS : 0, begin;
	ptrdiff_t at = slice_find(slice_from(s, from), SLICE("PK\5\6"));

	if (at < 0)
		return (struct slice){ NULL, 0 };
	from += (size_t)at;
	begin = from > ZIP_BEFORE_END ? from - ZIP_BEFORE_END : 0;
	return slice_sub(s, begin, from + ZIP_END_RECORD - begin);
}

bool
sniff_zip_at_end(struct slice s)
{
	return sniff_zip_end(s).n > 0;
}

enum sniff
sniff_cms(struct slice der)
{
	/* 1.2.840.113549.1.7.x, and .1.9.16.1.x for the newer kinds */
	static const struct slice pkcs7 = SLICE("\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07");
	static const struct slice smime = SLICE("\x06\x0B\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01");
	struct slice head = slice_sub(der, 0, 32);
	ptrdiff_t at;

	if (der.n < 16 || (unsigned char)der.p[0] != 0x30)
		return SNIFF_BINARY;
	at = slice_find(head, pkcs7);
	if (at >= 0 && (size_t)at + pkcs7.n < der.n) {
		switch (der.p[(size_t)at + pkcs7.n]) {
		case 2:
			return SNIFF_CMS_SIGNED;
		case 3: case 4: case 6:
			return SNIFF_CMS_ENCRYPTED;
		default:
			return SNIFF_CMS_OTHER;
		}
	}
	at = slice_find(head, smime);
	if (at >= 0 && (size_t)at + smime.n < der.n)
		return der.p[(size_t)at + smime.n] == 23 ? SNIFF_CMS_ENCRYPTED : SNIFF_CMS_OTHER;
	return SNIFF_BINARY;
}

/* Certificate = SEQUENCE { SEQUENCE { [0] { INTEGER 2 }, INTEGER serial, ... (RFC 5280 4.1) */
static bool
is_certificate(struct slice s)
{
	static const struct slice version = SLICE("\xA0\x03\x02\x01\x02\x02");

	return s.n <= CERTIFICATE_OCTETS_MAX && BEGINS(s, "\x30\x82") && s.n > 8 &&
	    ((size_t)(unsigned char)s.p[2] << 8 | (unsigned char)s.p[3]) + 4 == s.n &&
	    BEGINS(slice_from(s, 4), "\x30\x82") && slice_eq(slice_sub(s, 8, version.n), version);
}

/* UTF-16 without a mark: every other octet is nearly always NUL. */
static enum sniff
utf16(struct slice s)
{
	size_t n = s.n < 1024 ? s.n & ~(size_t)1 : 1024, even = 0, odd = 0;

	if (BEGINS(s, "\xFF\xFE"))
		return SNIFF_UTF16LE;
	if (BEGINS(s, "\xFE\xFF"))
		return SNIFF_UTF16BE;
	for (size_t i = 0; i + 1 < n; i += 2) {
		even += s.p[i] == '\0';
		odd += s.p[i + 1] == '\0';
	}
	if (n >= 4 && odd >= n / 4 && even == 0)
		return SNIFF_UTF16LE;
	if (n >= 4 && even >= n / 4 && odd == 0)
		return SNIFF_UTF16BE;
	return SNIFF_BINARY;
}

/* Control characters that no charset of ours puts letters at, and that text has no use for. */
static bool
is_odd(unsigned char c)
{
	return c == 0x03 || c == 0x07 || c == 0x08 || c == 0x0E || c == 0x0F || c == 0x18 ||
	    c == 0x1A || c == 0x1F || c == 0x7F;
}

static bool
is_text(struct slice s)
{
	size_t controls = 0, odd = 0, n = s.n < SNIFF_TEXT_OCTETS ? s.n : SNIFF_TEXT_OCTETS;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0)
			return false;
		controls += c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' &&
		    c != 0x1B;
		odd += is_odd(c);
	}
	/* Legacy Vietnamese charsets put some capitals among the controls. */
	return controls * 10 <= n && odd <= n / 64 + 2;
}

/* UTF-16 in which some units stand for nothing is something else. */
static bool
is_utf16_text(struct slice s, size_t high)
{
	size_t bad = 0, units = s.n / 2, low = 1 - high;
	bool lead = false;

	for (size_t i = 0; i + 1 < s.n; i += 2) {
		unsigned char top = (unsigned char)s.p[i + high];
		bool trail = top >= 0xDC && top <= 0xDF;

		bad += trail != lead || (top == 0 && s.p[i + low] == '\0') ||
		    (top == 0xFF && (unsigned char)s.p[i + low] >= 0xFE && i > 0);
		lead = top >= 0xD8 && top <= 0xDB;
	}
	return bad <= units / 100 + 1;
}

bool
sniff_is_text(struct slice s)
{
	enum sniff kind = sniff(s);

	if (kind == SNIFF_UTF16LE || kind == SNIFF_UTF16BE)
		return is_utf16_text(s, kind == SNIFF_UTF16LE ? 1 : 0);
	for (; s.n > 0; s = slice_from(s, SNIFF_TEXT_OCTETS))
		if (!is_text(s))
			return false;
	return true;
}

bool
sniff_is_picture(struct slice s)
{
	return BEGINS(s, "\xFF\xD8\xFF") || BEGINS(s, "\x89PNG\r\n") || BEGINS(s, "GIF8") ||
	    BEGINS(s, "\xD7\xCD\xC6\x9A") || slice_eq(slice_sub(s, 40, 4), SLICE(" EMF"));
}

static bool
is_image(struct slice s)
{
	static const struct slice magics[] = {
		SLICE("\xFF\xD8\xFF"), SLICE("\x89PNG\r\n\x1A\n"), SLICE("GIF87a"), SLICE("GIF89a"),
		SLICE("II*\0"), SLICE("MM\0*"), SLICE("\xFF\x4F\xFF\x51"),
		SLICE("\0\0\0\x0CjP  \r\n\x87\n"),
	};

	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (begins(s, magics[i].p, magics[i].n))
			return true;
	if (heifbox_is(s))
		return true;
	if (BEGINS(s, "RIFF") && slice_eq(slice_sub(s, 8, 4), SLICE("WEBP")))
		return true;
	/* Two letters are no proof: the sizes of a bitmap's headers are. */
	return BEGINS(s, "BM") && s.n >= 26 && s.p[15] == 0 && s.p[16] == 0 && s.p[17] == 0 &&
	    s.p[14] >= 12;
}

bool
sniff_is_debris(struct slice s)
{
	return s.n <= DEBRIS_OCTETS_MAX && !sniff_zip_at_end(s) &&
	    (BEGINS(s, "\0\5\x16\7\0\2\0\0") || BEGINS(s, "\0\0\0\1Bud1"));
}

static struct slice
skip_white(struct slice s)
{
	size_t n = 0;

	while (n < s.n && n < BLANK_MAX && (ascii_is_space(s.p[n]) || s.p[n] == '\r' ||
	    s.p[n] == '\n'))
		n++;
	return slice_from(s, n);
}

/* Behind white space and comments. */
static struct slice
skip_blank(struct slice s)
{
	for (;;) {
		ptrdiff_t end;

		s = skip_white(s);
		end = BEGINS(s, "<!--") ? slice_find(slice_sub(s, 4, SNIFF_TEXT_OCTETS),
		    SLICE("-->")) : -1;
		if (end < 0)
			return s;
		s = slice_from(s, 4 + (size_t)end + 3);
	}
}

/* "<svg", "<s:svg" */
static bool
begins_svg(struct slice s)
{
	size_t n = 1;

	if (!BEGINS(s, "<"))
		return false;
	while (n < s.n && (ascii_is_alnum(s.p[n]) || slice_chr(SLICE("-_.:"), s.p[n]) >= 0))
		n++;
	s = slice_sub(s, 1, n - 1);
	return slice_is_nocase(slice_from(s, (size_t)(slice_chr(s, ':') + 1)), "svg");
}

bool
sniff_is_drawing(struct slice s)
{
	if (BEGINS(s, "\xEF\xBB\xBF"))
		s = slice_from(s, 3);
	for (;;) {
		ptrdiff_t end;

		s = slice_trim(s);
		if (BEGINS(s, "<!--"))
			end = slice_find(s, SLICE("-->"));
		else if (BEGINS(s, "<?"))
			end = slice_find(s, SLICE("?>"));
		else if (slice_starts_nocase(s, SLICE("<!doctype")))
			end = slice_chr(s, '>');
		else
			return begins_svg(s);
		if (end < 0)
			return false;
		s = slice_from(s, (size_t)end);
		s = slice_from(s, (size_t)slice_chr(s, '>') + 1);
	}
}

static enum sniff
markup(struct slice s)
{
	static const char *const tags[] = {
		"<!doctype html", "<html", "<head", "<body", "<table", "<div", "<p>", "<p ",
		"<span", "<font", "<meta", "<style", "<center", "<br",
	};

	if (BEGINS(s, "\xEF\xBB\xBF"))
		s = slice_from(s, 3);
	if (BEGINS(skip_white(s), "{\\rt"))
		return SNIFF_RTF;
	s = skip_blank(s);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (slice_starts_nocase(s, slice_of(tags[i])))
			return SNIFF_HTML;
	return BEGINS(s, "<?xml") || BEGINS(s, "<svg") ||
	    slice_starts_nocase(s, SLICE("<!doctype svg")) ? SNIFF_XML : SNIFF_TEXT;
}

enum sniff
sniff(struct slice s)
{
	enum sniff r;

	if (s.n == 0)
		return SNIFF_EMPTY;
	if (BEGINS(s, "PK\3\4") || BEGINS(s, "PK\5\6") || BEGINS(s, "PK\7\10"))
		return SNIFF_ZIP;
	if (BEGINS(s, "%PDF-"))
		return SNIFF_PDF;
	if (is_pack(s))
		return SNIFF_PACK;
	if (BEGINS(s, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"))
		return SNIFF_COMPOUND;
	if (BEGINS(s, "\x78\x9F\x3E\x22"))
		return SNIFF_TNEF;
	if (emf_is(s))
		return SNIFF_METAFILE;
	if (is_image(s))
		return SNIFF_IMAGE;
	if (sniff_is_known(s))
		return SNIFF_BINARY;
	r = utf16(s);
	if (r != SNIFF_BINARY)
		return r;
	r = sniff_cms(s);
	if (r != SNIFF_BINARY)
		return r;
	if (is_certificate(s))
		return SNIFF_CERTIFICATE;
	return is_text(s) ? markup(s) : SNIFF_BINARY;
}
