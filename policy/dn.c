/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/dn.h"

#include "common/utf8.h"

/*
 *   name = rdn *("," rdn);  rdn = pair *("+" pair);  pair = type "=" value
 *   value: "\" and a special or two hex digits for an octet; "," "+" ";" unescaped end it
 */

static bool
is_end(char c)
{
	return c == ',' || c == '+' || c == ';';
}

/* Names that tools write differently. */
static struct slice
usual_type(struct slice type)
{
	static const struct { const char *is, *usual; } names[] = {
		{ "emailaddress", "e" }, { "email", "e" }, { "1.2.840.113549.1.9.1", "e" },
		{ "commonname", "cn" }, { "2.5.4.3", "cn" }, { "organizationname", "o" },
		{ "organizationalunitname", "ou" }, { "countryname", "c" },
		{ "localityname", "l" }, { "stateorprovincename", "st" }, { "s", "st" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is_nocase(type, names[i].is))
			return slice_of(names[i].usual);
	return type;
}

/* Take a value off *s, unescaped, spaces at both ends gone and runs of them made one. */
static int
take_value(struct slice *s, struct buf *out)
{
	bool space = false;
	size_t begin = out->n;

	while (s->n > 0 && !is_end(s->p[0])) {
		char c = s->p[0];

		*s = slice_from(*s, 1);
		if (c == '\\') {
			if (s->n == 0)
				return ERR_SYNTAX;
			c = s->p[0];
			if (s->n >= 2 && ascii_hex(s->p[0]) >= 0 && ascii_hex(s->p[1]) >= 0) {
				c = (char)(ascii_hex(s->p[0]) * 16 + ascii_hex(s->p[1]));
				*s = slice_from(*s, 1);
			}
			*s = slice_from(*s, 1);
		}
		if ((unsigned char)c < ' ')
			return ERR_SYNTAX;
		if (c == ' ') {
			space = out->n > begin;
			continue;
		}
		if (space)
			buf_addc(out, ' ');
		space = false;
		buf_addc(out, c);
	}
	return out->err;
}

static int
take_pair(struct slice *s, struct buf *out)
{
	struct slice type, value;
	struct buf raw;
	int r;

	if (!slice_cut(s, '=', &type))
		return ERR_SYNTAX;
	type = usual_type(slice_trim(type));
	for (size_t i = 0; i < type.n; i++)
		buf_addc(out, ascii_lower(type.p[i]));
	buf_addc(out, '=');
	buf_init(&raw, DN_OCTETS_MAX);
	r = take_value(s, &raw);
	value = buf_slice(&raw);
	if (r == OK && !utf8_valid(value))
		r = ERR_SYNTAX;
	if (r == OK)
		r = utf8_casefold(value, out);
	buf_fini(&raw);
	return r;
}

/* Append the form that is compared: OK, ERR_SYNTAX, ERR_LIMIT or out->err. */
static int
normal(struct slice dn, struct buf *out)
{
	int r = OK;

	if (dn.n > DN_OCTETS_MAX)
		return ERR_LIMIT;
	while (r == OK && dn.n > 0) {
		r = take_pair(&dn, out);
		/* A control character cannot be in a value, so the separator cannot be forged. */
		buf_addc(out, dn.n > 0 && dn.p[0] == '+' ? '\2' : '\1');
		dn = slice_from(dn, 1);
	}
	return r != OK ? r : out->err;
}

/* Both in the form that is compared; false when one of them has none. */
static bool
both_normal(struct slice a, struct slice b, struct buf *x, struct buf *y)
{
	buf_init(x, 4 * DN_OCTETS_MAX);
	buf_init(y, 4 * DN_OCTETS_MAX);
	return normal(a, x) == OK && normal(b, y) == OK && x->n > 0 && y->n > 0;
}

bool
dn_same(struct slice a, struct slice b)
{
	struct buf x, y;
	bool same = both_normal(a, b, &x, &y) && slice_eq(buf_slice(&x), buf_slice(&y));

	buf_fini(&x);
	buf_fini(&y);
	return same;
}

bool
dn_is_under(struct slice dn, struct slice above)
{
	struct buf x, y;
	bool under = both_normal(dn, above, &x, &y) && x.n >= y.n;

	if (under) {
		struct slice tail = slice_from(buf_slice(&x), x.n - y.n);

		under = slice_eq(tail, buf_slice(&y)) &&
		    (tail.n == x.n || x.p[x.n - y.n - 1] == '\1');
	}
	buf_fini(&x);
	buf_fini(&y);
	return under;
}
