/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/tag.h"

/* Only the first character of a value is a quote: tag_attribute must cut in the same way. */
ptrdiff_t
tag_end(struct slice s, bool quotes)
{
	enum { BETWEEN, NAME, BEHIND_NAME, BEFORE_VALUE, VALUE } at = BETWEEN;
	char quote = '\0';

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quote != '\0') {
			at = c == quote ? BETWEEN : at;
			quote = c == quote ? '\0' : quote;
		} else if (c == '>') {
			return (ptrdiff_t)i;
		} else if (quotes && at == BEFORE_VALUE && (c == '"' || c == '\'')) {
			quote = c;
		} else if (ascii_is_white(c)) {
			at = at == VALUE ? BETWEEN : at == NAME ? BEHIND_NAME : at;
		} else if (c == '=' && (at == NAME || at == BEHIND_NAME)) {
			at = BEFORE_VALUE;
		} else if (c == '/' && at < BEFORE_VALUE) {
			at = BETWEEN;
		} else {
			at = at >= BEFORE_VALUE ? VALUE : NAME;
		}
	}
	return -1;
}

bool
tag_attribute(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice s = *rest;
	size_t n = 0;

	while (s.n > 0 && (ascii_is_white(s.p[0]) || s.p[0] == '/'))
		s = slice_from(s, 1);
	if (s.n == 0)
		return false;
	while (n < s.n && !ascii_is_white(s.p[n]) && (n == 0 || s.p[n] != '=') && s.p[n] != '/')
		n++;
	*name = slice_sub(s, 0, n);
	*value = (struct slice){ NULL, 0 };
	s = slice_from(s, n);
	while (s.n > 0 && ascii_is_white(s.p[0]))
		s = slice_from(s, 1);
	if (s.n > 0 && s.p[0] == '=') {
		s = slice_from(s, 1);
		while (s.n > 0 && ascii_is_white(s.p[0]))
			s = slice_from(s, 1);
		if (s.n > 0 && (s.p[0] == '"' || s.p[0] == '\'')) {
			ptrdiff_t end = slice_chr(slice_from(s, 1), s.p[0]);

			n = end < 0 ? s.n - 1 : (size_t)end;
			*value = slice_sub(s, 1, n);
			s = slice_from(s, n + 2);
		} else {
			for (n = 0; n < s.n && !ascii_is_white(s.p[n]);)
				n++;
			*value = slice_sub(s, 0, n);
			s = slice_from(s, n);
		}
	}
	*rest = s;
	return true;
}

size_t
tag_comment_octets(struct slice s)
{
	struct slice rest = slice_from(s, 4);
	size_t at = 0;
	ptrdiff_t d;

	if (slice_starts_nocase(rest, SLICE(">")))
		return 5;
	if (slice_starts_nocase(rest, SLICE("->")))
		return 6;
	while ((d = slice_find(slice_from(rest, at), SLICE("--"))) >= 0) {
		at += (size_t)d;
		if (slice_starts_nocase(slice_from(rest, at), SLICE("-->")))
			return 4 + at + 3;
		if (slice_starts_nocase(slice_from(rest, at), SLICE("--!>")))
			return 4 + at + 4;
		at++;
	}
	return 0;
}

struct slice
tag_raw(struct slice rest, struct slice name)
{
	for (size_t i = 0; i + 2 + name.n <= rest.n; i++)
		if (rest.p[i] == '<' && rest.p[i + 1] == '/' &&
		    slice_eq_nocase(slice_sub(rest, i + 2, name.n), name))
			return slice_sub(rest, 0, i);
	return rest;
}

bool
tag_is_data_block(const struct tag *t)
{
	struct slice rest = t->attributes, name, value;

	while (tag_attribute(&rest, &name, &value))
		if (slice_is_nocase(name, "type"))	/* the first one counts */
			return slice_is_nocase(value, "application/ld+json");
	return false;
}
