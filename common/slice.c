/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/slice.h"

#include <string.h>

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

char
ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

bool
ascii_is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

bool
ascii_is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool
ascii_is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int
ascii_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct slice
slice_of(const char *cstr)
{
	return cstr == NULL ? (struct slice){ NULL, 0 } : (struct slice){ cstr, strlen(cstr) };
}

bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
slice_is(struct slice a, const char *cstr)
{
	return slice_eq(a, slice_of(cstr));
}

bool
slice_is_nocase(struct slice a, const char *cstr)
{
	return slice_eq_nocase(a, slice_of(cstr));
}

bool
slice_starts_nocase(struct slice a, struct slice b)
{
	return a.n >= b.n && slice_eq_nocase(slice_sub(a, 0, b.n), b);
}

bool
slice_ends_nocase(struct slice a, struct slice b)
{
	return a.n >= b.n && slice_eq_nocase(slice_from(a, a.n - b.n), b);
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (r != 0)
		return r;
	return a.n < b.n ? -1 : a.n > b.n;
}

struct slice
slice_from(struct slice a, size_t from)
{
	if (from >= a.n)
		from = a.n;
	return from == 0 ? a : (struct slice){ a.p + from, a.n - from };
}

struct slice
slice_sub(struct slice a, size_t from, size_t n)
{
	a = slice_from(a, from);
	if (n < a.n)
		a.n = n;
	return a;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice
slice_trim(struct slice a)
{
	while (a.n > 0 && is_blank(a.p[0]))
		a = slice_from(a, 1);
	while (a.n > 0 && is_blank(a.p[a.n - 1]))
		a.n--;
	return a;
}

ptrdiff_t
slice_chr(struct slice a, char c)
{
	const char *at = a.n == 0 ? NULL : memchr(a.p, c, a.n);

	return at == NULL ? -1 : at - a.p;
}

ptrdiff_t
slice_find(struct slice a, struct slice b)
{
	const char *at;

	if (b.n == 0)
		return 0;
	at = a.n == 0 ? NULL : memmem(a.p, a.n, b.p, b.n);
	return at == NULL ? -1 : at - a.p;
}

ptrdiff_t
slice_find_nocase(struct slice a, struct slice b)
{
	if (b.n == 0)
		return 0;
	for (size_t i = 0; i + b.n <= a.n; i++)
		if (ascii_lower(a.p[i]) == ascii_lower(b.p[0]) &&
		    slice_eq_nocase((struct slice){ a.p + i, b.n }, b))
			return (ptrdiff_t)i;
	return -1;
}

bool
slice_cut(struct slice *a, char c, struct slice *head_out)
{
	ptrdiff_t at = slice_chr(*a, c);

	if (at < 0) {
		*head_out = *a;
		*a = (struct slice){ a->p, 0 };
		return false;
	}
	*head_out = slice_sub(*a, 0, (size_t)at);
	*a = slice_from(*a, (size_t)at + 1);
	return true;
}

int
slice_u64(struct slice a, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (a.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < a.n; i++) {
		uint64_t d = (uint64_t)(unsigned char)a.p[i] - '0';

		if (!ascii_is_digit(a.p[i]))
			return ERR_SYNTAX;
		if (v > (max - d) / 10 || d > max)
			return ERR_LIMIT;
		v = v * 10 + d;
	}
	*out = v;
	return OK;
}

int
slice_hex(struct slice a, void *out, size_t n)
{
	unsigned char *octets = out;

	if (a.n != 2 * n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		int high = ascii_hex(a.p[2 * i]), low = ascii_hex(a.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		octets[i] = (unsigned char)(high << 4 | low);
	}
	return OK;
}
