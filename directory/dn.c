/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/dn.h"

#include <string.h>

#include "common/utf8.h"

/* One RDN being read: its parts, canonical, in text. */
struct rdn {
	struct buf text;
	size_t	   at[DN_AVA_MAX + 1];
	size_t	   n;
};

static void
skip_spaces(struct slice *s)
{
	while (s->n > 0 && *s->p == ' ')
		*s = slice_from(*s, 1);
}

/* type = descr / numericoid, written in lower case with its "=". */
static int
read_type(struct slice *s, struct buf *out)
{
	size_t n = 0;

	skip_spaces(s);
	while (n < s->n && (ascii_is_alnum(s->p[n]) || s->p[n] == '-' || s->p[n] == '.'))
		buf_addc(out, ascii_lower(s->p[n++]));
	*s = slice_from(*s, n);
	skip_spaces(s);
	if (n == 0 || s->n == 0 || *s->p != '=')
		return ERR_SYNTAX;
	*s = slice_from(*s, 1);
	skip_spaces(s);
	buf_addc(out, '=');
	return out->err;
}

/* One octet behind a backslash: two hexadecimal digits, or a special character itself. */
static int
read_escape(struct slice *s, struct buf *out)
{
	if (s->n >= 2 && ascii_hex(s->p[0]) >= 0 && ascii_hex(s->p[1]) >= 0) {
		buf_addc(out, (char)(ascii_hex(s->p[0]) * 16 + ascii_hex(s->p[1])));
		*s = slice_from(*s, 2);
		return out->err;
	}
	if (s->n == 0 || strchr(" \"#+,;<=>\\", *s->p) == NULL || *s->p == '\0')
		return ERR_SYNTAX;
	buf_addc(out, *s->p);
	*s = slice_from(*s, 1);
	return out->err;
}

/* Take the value off *s, unescaped; spaces at its end do not count unless escaped. */
static int
read_value(struct slice *s, struct buf *out)
{
	bool quoted = s->n > 0 && *s->p == '"';
	size_t keep = 0;

	if (quoted)
		*s = slice_from(*s, 1);
	while (s->n > 0) {
		char c = *s->p;

		if (quoted ? c == '"' : c == ',' || c == '+' || c == ';')
			break;
		*s = slice_from(*s, 1);
		if (c == '\0' || (!quoted && (c == '"' || c == '<' || c == '>')))
			return ERR_SYNTAX;
		if (c == '\\') {
			if (read_escape(s, out) != OK)
				return ERR_SYNTAX;
		} else {
			buf_addc(out, c);
		}
		if (c != ' ' || quoted)
			keep = out->n;
	}
	if (out->err == OK)
		out->n = keep;
	if (!quoted)
		return out->err;
	if (s->n == 0)
		return ERR_SYNTAX;
	*s = slice_from(*s, 1);
	skip_spaces(s);
	return out->err;
}

static void
add_squeezed(struct buf *out, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	bool space = false;

	s = slice_trim(s);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == ' ' && space)
			continue;
		space = c == ' ';
		if (c < 0x20 || strchr(",+=\\;\"<>", c) != NULL) {
			buf_addc(out, '\\');
			buf_addc(out, hex[c >> 4]);
			buf_addc(out, hex[c & 15]);
		} else {
			buf_addc(out, (char)c);
		}
	}
}

static int
read_ava(struct slice *s, struct buf *out)
{
	struct buf raw, folded;
	int r = read_type(s, out);

	buf_init(&raw, DN_OCTETS_MAX);
	buf_init(&folded, 4 * DN_OCTETS_MAX);
	if (r == OK)
		r = read_value(s, &raw);
	if (r == OK && !utf8_valid(buf_slice(&raw)))
		r = ERR_SYNTAX;
	if (r == OK)
		r = utf8_casefold(buf_slice(&raw), &folded);
	if (r == OK)
		add_squeezed(out, buf_slice(&folded));
	buf_fini(&raw);
	buf_fini(&folded);
	return r == OK ? out->err : r;
}

static struct slice
part(const struct rdn *d, size_t i)
{
	return (struct slice){ d->text.p + d->at[i], d->at[i + 1] - d->at[i] };
}

static void
add_sorted(const struct rdn *d, struct buf *out)
{
	struct slice v[DN_AVA_MAX];

	for (size_t i = 0; i < d->n; i++) {
		size_t at = i;

		for (; at > 0 && slice_cmp(part(d, i), v[at - 1]) < 0; at--)
			v[at] = v[at - 1];
		v[at] = part(d, i);
	}
	for (size_t i = 0; i < d->n; i++) {
		if (i > 0)
			buf_addc(out, '+');
		buf_add(out, v[i]);
	}
}

static int
read_rdn(struct slice *s, struct rdn *d, struct buf *out)
{
	buf_clear(&d->text);
	d->n = 0;
	d->at[0] = 0;
	for (;;) {
		int r = d->n == DN_AVA_MAX ? ERR_LIMIT : read_ava(s, &d->text);

		if (r != OK)
			return r;
		d->at[++d->n] = d->text.n;
		if (s->n == 0 || *s->p != '+')
			break;
		*s = slice_from(*s, 1);
	}
	add_sorted(d, out);
	return out->err;
}

int
dn_canon(struct slice dn, struct buf *out)
{
	struct rdn d;
	int r = dn.n == 0 ? ERR_SYNTAX : dn.n > DN_OCTETS_MAX ? ERR_LIMIT : OK;

	buf_init(&d.text, 8 * DN_OCTETS_MAX);
	while (r == OK) {
		r = read_rdn(&dn, &d, out);
		if (r != OK || dn.n == 0)
			break;
		if (*dn.p != ',' && *dn.p != ';')
			r = ERR_SYNTAX;
		dn = slice_from(dn, 1);
		buf_addc(out, ',');
	}
	buf_fini(&d.text);
	return r == OK ? out->err : r;
}

bool
dn_equal(struct slice a, struct slice b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, 16 * DN_OCTETS_MAX);
	buf_init(&y, 16 * DN_OCTETS_MAX);
	same = dn_canon(a, &x) == OK && dn_canon(b, &y) == OK &&
	    slice_eq(buf_slice(&x), buf_slice(&y));
	buf_fini(&x);
	buf_fini(&y);
	return same;
}
