/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/mailpath.h"

#include <string.h>

#include "common/utf8.h"

static bool
is_high(char c)
{
	return (unsigned char)c >= 0x80;
}

static bool
is_atext(char c)
{
	return ascii_is_alnum(c) || is_high(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_dot_string(struct slice s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? after_dot : !is_atext(s.p[i]))
			return false;
		after_dot = s.p[i] == '.';
	}
	return !after_dot;
}

/* Octets of the quoted string at the start of s, or 0. */
static size_t
quoted_octets(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\' && ++i == s.n)
			return 0;
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127)
			return 0;
	}
	return 0;
}

/* Octets of the local part at the start of s, or 0. */
static size_t
local_octets(struct slice s)
{
	size_t n = 0;

	if (s.n > 0 && s.p[0] == '"')
		return quoted_octets(s);
	while (n < s.n && (is_atext(s.p[n]) || s.p[n] == '.'))
		n++;
	return is_dot_string(slice_sub(s, 0, n)) ? n : 0;
}

static bool
is_label(struct slice l)
{
	if (l.n == 0 || l.n > 63 || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	for (size_t i = 0; i < l.n; i++)
		if (!ascii_is_alnum(l.p[i]) && l.p[i] != '-' && !is_high(l.p[i]))
			return false;
	return true;
}

bool
mailpath_is_domain(struct slice s)
{
	struct slice label;
	bool more = s.n > 0 && s.n <= MAILPATH_DOMAIN_MAX;

	if (!more)
		return false;
	while (more) {
		more = slice_cut(&s, '.', &label);
		if (!is_label(label))
			return false;
	}
	return true;
}

bool
mailpath_is_literal(struct slice s)
{
	if (s.n < 3 || s.n > MAILPATH_DOMAIN_MAX || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < s.n; i++)
		if (s.p[i] < 33 || s.p[i] > 126 || strchr("[\\]", s.p[i]) != NULL)
			return false;
	return true;
}

/* What stands between "<" and ">". */
static int
parse_mailbox(struct slice s, struct mailpath *out)
{
	size_t n = local_octets(s);

	if (s.n == 0)
		return OK;
	if (n == 0 || !utf8_valid(s))
		return ERR_SYNTAX;
	out->spec = s;
	out->local = slice_sub(s, 0, n);
	out->utf8 = !utf8_is_ascii(s);
	if (n > MAILPATH_LOCAL_MAX)
		return ERR_LIMIT;
	if (n == s.n)	/* RFC 5321 4.1.1.3: the one address without a domain */
		return slice_is_nocase(s, "postmaster") ? OK : ERR_SYNTAX;
	out->domain = slice_from(s, n + 1);
	if (s.p[n] != '@')
		return ERR_SYNTAX;
	return mailpath_is_domain(out->domain) || mailpath_is_literal(out->domain) ? OK :
	    ERR_SYNTAX;
}

/* Octets of the source route at the start of s, with its colon; 0: there is none, or a bad one. */
static size_t
route_octets(struct slice s)
{
	size_t n = 0, from;

	while (n < s.n && s.p[n] == '@') {
		from = ++n;
		while (n < s.n && s.p[n] != ',' && s.p[n] != ':' && s.p[n] != '>')
			n++;
		if (n == s.n || s.p[n] == '>' || !mailpath_is_domain(slice_sub(s, from, n - from)))
			return 0;
		if (s.p[n++] == ':')
			return n;
	}
	return 0;
}

int
mailpath_parse(struct slice *in, struct mailpath *out)
{
	size_t from, end;

	*out = (struct mailpath){ .spec = { NULL, 0 } };
	if (in->n < 2 || in->p[0] != '<')
		return ERR_SYNTAX;
	from = end = 1 + route_octets(slice_from(*in, 1));
	if (from < in->n && in->p[from] == '"')
		end += quoted_octets(slice_from(*in, from));
	while (end < in->n && in->p[end] != '>')
		end++;
	if (end == in->n || (from > 1 && end == from))
		return ERR_SYNTAX;
	if (end + 1 > MAILPATH_MAX)
		return ERR_LIMIT;
	struct slice inner = slice_sub(*in, from, end - from);
	*in = slice_from(*in, end + 1);
	return parse_mailbox(inner, out);
}

/* Append what the quoted string s means. */
static void
unquote(struct slice s, struct buf *out)
{
	for (size_t i = 1; i + 1 < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		buf_addc(out, s.p[i]);
	}
}

void
mailpath_plain(const struct mailpath *path, struct buf *out)
{
	struct buf local;
	bool quoted = path->local.n > 0 && path->local.p[0] == '"';

	buf_init(&local, MAILPATH_MAX);
	if (quoted)
		unquote(path->local, &local);
	else
		buf_add(&local, path->local);
	quoted = quoted && !is_dot_string(buf_slice(&local));
	if (quoted)
		buf_addc(out, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (quoted && (local.p[i] == '"' || local.p[i] == '\\'))
			buf_addc(out, '\\');
		buf_addc(out, local.p[i]);
	}
	if (quoted)
		buf_addc(out, '"');
	if (path->domain.n > 0) {
		buf_addc(out, '@');
		buf_add(out, path->domain);
	}
	buf_fini(&local);
}

static size_t
keyword_octets(struct slice s)
{
	size_t n = 0;

	while (n < s.n && (ascii_is_alnum(s.p[n]) || (n > 0 && s.p[n] == '-')))
		n++;
	return n;
}

static size_t
value_octets(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != ' ' && s.p[n] != '=' && s.p[n] != 127 &&
	    (s.p[n] > 32 || is_high(s.p[n])))
		n++;
	return n;
}

int
mailpath_param(struct slice *in, struct mailpath_param *out)
{
	size_t n;

	*out = (struct mailpath_param){ .has_value = false };
	if (slice_trim(*in).n == 0)
		return 0;
	if (in->p[0] != ' ')
		return ERR_SYNTAX;
	*in = slice_from(*in, 1);
	n = keyword_octets(*in);
	out->name = slice_sub(*in, 0, n);
	*in = slice_from(*in, n);
	if (n == 0)
		return ERR_SYNTAX;
	if (in->n > 0 && in->p[0] == '=') {
		*in = slice_from(*in, 1);
		n = value_octets(*in);
		out->has_value = true;
		out->value = slice_sub(*in, 0, n);
		*in = slice_from(*in, n);
		if (n == 0 || !utf8_valid(out->value))
			return ERR_SYNTAX;
	}
	return in->n == 0 || in->p[0] == ' ' ? 1 : ERR_SYNTAX;
}
