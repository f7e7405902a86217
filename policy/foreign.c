/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/foreign.h"

#include "common/utf8.h"
#include "mime/charset.h"
#include "mime/word.h"
#include "policy/extract/entity.h"

enum {
	HEAD_OCTETS = 4096,	/* where readers look for a declaration */
	REFERENCE_OCTETS = 32,
	WORD_OCTETS = 1024	/* of an encoded word; longer ones hold more than ASCII */
};

/* A Vietnamese letter that few others write, or a mark that makes one. */
static bool
is_ours(uint32_t cp)
{
	return (cp >= 0x1EA0 && cp <= 0x1EFF) || (cp >= 0x0300 && cp <= 0x036F) || cp == 0xC2 ||
	    cp == 0xE2 || cp == 0x0102 || cp == 0x0103;
}

static bool
has_ours(struct slice utf8)
{
	uint32_t cp;

	while (utf8_next(&utf8, &cp) > 0)
		if (is_ours(cp))
			return true;
	return false;
}

bool
foreign_charset(struct slice label)
{
	/* Not among them: GB 18030 and its older names, in which any letter can be written. */
	static const char *const harmless[] = {
		"iso-8859", "iso8859", "iso_8859", "windows-12", "windows12", "cp12", "cp-12",
		"x-cp12", "latin", "mac", "x-mac", "koi8", "koi-8", "tis-620", "windows-874",
		"dos-874", "shift", "sjis", "x-sjis", "ms_kanji", "windows-31j", "euc-", "x-euc-",
		"big5", "cn-big5", "x-x-big5", "ks_c", "ksc", "korean", "windows-949", "armscii",
		"x-user-defined", "unknown", "x-unknown", "default", "none", "8bit", "ansi",
	};

	label = slice_trim(label);
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (slice_starts_nocase(label, slice_of(harmless[i])))
			return false;
	return label.n > 0;
}

bool
foreign_is_mixed(struct slice label, struct slice octets)
{
	struct buf one;
	bool found = false;
	ptrdiff_t at;

	if (slice_trim(label).n == 0 || charset_by_label(label) != CHARSET_UNKNOWN ||
	    utf8_is_ascii(octets))
		return false;
	buf_init(&one, REFERENCE_OCTETS);
	while (!found && (at = slice_chr(octets, '&')) >= 0) {
		octets = slice_from(octets, (size_t)at);
		buf_clear(&one);
		found = entity_decode(slice_sub(octets, 0, REFERENCE_OCTETS), &one) > 0 &&
		    has_ours(buf_slice(&one));
		octets = slice_from(octets, 1);
	}
	buf_fini(&one);
	return found;
}

/* Does the word, "=?" label "?" and so on, hold more than ASCII? */
static bool
is_high(struct slice word)
{
	struct buf text;
	ptrdiff_t end = -1;
	bool high;

	for (size_t i = 0, marks = 0; i + 1 < word.n && end < 0; i++)
		if (word.p[i] == '?' && ++marks >= 4 && word.p[i + 1] == '=')
			end = (ptrdiff_t)i + 2;
	if (end < 0)
		return true;
	buf_init(&text, 4 * word.n + 64);
	high = word_decode(slice_sub(word, 0, (size_t)end), &text, NULL) != OK ||
	    !utf8_is_ascii(buf_slice(&text));
	buf_fini(&text);
	return high;
}

/* Could it be the name of a charset? "=?=" ends base64 with padding. */
static bool
is_name(struct slice charset)
{
	for (size_t i = 0; i < charset.n; i++)
		if (charset.p[i] == '=' || (unsigned char)charset.p[i] <= ' ')
			return false;
	return charset.n > 0;
}

bool
foreign_words(struct slice raw, struct slice text)
{
	bool some = false;
	ptrdiff_t at;

	while ((at = slice_find(raw, SLICE("=?"))) >= 0) {
		struct slice rest = slice_from(raw, (size_t)at + 2), label, charset;

		if (!slice_cut(&rest, '?', &label))
			break;
		slice_cut(&label, '*', &charset);	/* RFC 2231 5: a language behind it */
		if (is_name(charset) && charset_by_label(charset) == CHARSET_UNKNOWN) {
			if (foreign_charset(charset))
				return true;
			some = some || is_high(slice_sub(raw, (size_t)at, WORD_OCTETS));
		}
		raw = slice_from(raw, (size_t)at + 2);
	}
	return some && has_ours(text);
}

static bool
is_token(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == ':' || c == '.';
}

/* The value behind a name and "=", with or without quotes. */
static struct slice
value_after(struct slice s, struct slice name)
{
	ptrdiff_t at = slice_find_nocase(s, name);
	size_t n = 0;

	if (at < 0)
		return (struct slice){ NULL, 0 };
	s = slice_from(s, (size_t)at + name.n);
	while (s.n > 0 && (ascii_is_space(s.p[0]) || s.p[0] == '=' || s.p[0] == '"' ||
	    s.p[0] == '\''))
		s = slice_from(s, 1);
	while (n < s.n && is_token(s.p[n]))
		n++;
	return slice_sub(s, 0, n);
}

struct slice
foreign_declared(struct slice octets)
{
	struct slice head = slice_sub(octets, 0, HEAD_OCTETS), value, line;

	if (slice_starts_nocase(head, SLICE("<?xml"))) {
		slice_cut(&head, '>', &line);
		value = value_after(line, SLICE("encoding"));
		if (value.n > 0)
			return value;
	}
	return slice_find_nocase(head, SLICE("<meta")) < 0 ? (struct slice){ NULL, 0 } :
	    value_after(head, SLICE("charset"));
}
