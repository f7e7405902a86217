/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/foreign.h"

enum { HEAD_OCTETS = 4096 };	/* where readers look for a declaration */

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
