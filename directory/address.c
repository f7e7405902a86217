/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/address.h"

#include <string.h>

#include "common/utf8.h"

static bool
is_atext(char c)
{
	return ascii_is_alnum(c) || (unsigned char)c >= 0x80 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_dot_atom(struct slice s)
{
	bool dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? dot : !is_atext(s.p[i]))
			return false;
		dot = s.p[i] == '.';
	}
	return !dot;
}

int
address_canon(struct slice in, struct arena *arena, struct slice *out)
{
	struct slice local, domain = in;
	struct buf folded;
	int r;

	if (in.n > ADDRESS_OCTETS_MAX)
		return ERR_LIMIT;
	if (!slice_cut(&domain, '@', &local) || !is_dot_atom(local) || !is_dot_atom(domain) ||
	    !utf8_is_safe(in))
		return ERR_SYNTAX;
	buf_init(&folded, ADDRESS_OCTETS_MAX);
	r = utf8_casefold(in, &folded);
	if (r == OK) {
		*out = arena_copy(arena, buf_slice(&folded));
		r = arena->err;
	}
	buf_fini(&folded);
	return r;
}

struct slice
address_domain(struct slice address)
{
	ptrdiff_t at = slice_chr(address, '@');

	return at < 0 ? (struct slice){ NULL, 0 } : slice_from(address, (size_t)at + 1);
}

bool
address_base(struct slice address, struct arena *arena, struct slice *out)
{
	ptrdiff_t plus = slice_chr(address, '+'), at = slice_chr(address, '@');
	char *mem;

	if (plus <= 0 || plus > at)
		return false;
	mem = arena_alloc(arena, address.n);
	if (mem == NULL)
		return false;
	memcpy(mem, address.p, (size_t)plus);
	memcpy(mem + plus, address.p + at, address.n - (size_t)at);
	*out = (struct slice){ mem, (size_t)plus + address.n - (size_t)at };
	return true;
}
