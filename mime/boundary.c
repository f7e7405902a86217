/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/boundary.h"

enum { BOUNDARY_MAX = 70 };

bool
boundary_is_legal(struct slice b)
{
	static const struct slice others = SLICE("'()+_,-./:=? ");

	for (size_t i = 0; i < b.n; i++)
		if (!ascii_is_alnum(b.p[i]) && slice_chr(others, b.p[i]) < 0)
			return false;
	return b.n > 0 && b.n <= BOUNDARY_MAX && b.p[b.n - 1] != ' ';
}

bool
boundary_is_plain(struct slice raw, const struct param_value *v, const struct param *b)
{
	static const struct slice name = SLICE("boundary=");
	ptrdiff_t at = slice_find_nocase(raw, name);

	return at >= 0 && slice_find_nocase(slice_from(raw, (size_t)at + name.n), name) < 0 &&
	    (v->flags & PARAM_COMMENT) == 0 && b->value.n > 0 && b->value.p[0] != '\'' &&
	    b->value.p >= raw.p && b->value.p < raw.p + raw.n;
}
