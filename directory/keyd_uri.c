/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd_uri.h"

#include <string.h>

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c == '\0' ? NULL : strchr(digits, c);
	return at == NULL ? -1 : (int)(at - digits);
}

/* The octet behind a "%" at s.p[at], or a negative number. */
static int
escaped(struct slice s, size_t at)
{
	int high = at + 2 < s.n ? hex_value(s.p[at + 1]) : -1;
	int low = at + 2 < s.n ? hex_value(s.p[at + 2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static int
decode(struct slice s, struct keyd_uri_value *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = s.p[i] == '%' ? escaped(s, i) : (unsigned char)s.p[i];

		/* "?" begins a query, in which other names could stand. */
		if (c < 0 || s.p[i] == '?' || out->n == KEYD_URI_VALUE_MAX)
			return ERR_SYNTAX;
		if (s.p[i] == '%')
			i += 2;
		out->text[out->n++] = (char)c;
	}
	out->given = true;
	return out->n > 0 ? OK : ERR_SYNTAX;
}

static int
take(struct slice name, struct slice value, struct keyd_uri *out)
{
	const struct { const char *name; struct keyd_uri_value *to; } known[] = {
		{ "token", &out->token }, { "serial", &out->serial },
		{ "object", &out->object }, { "id", &out->id },
	};

	if (slice_is(name, "type"))
		return slice_is(value, "private") ? OK : ERR_SYNTAX;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_is(name, known[i].name))
			return known[i].to->given ? ERR_SYNTAX : decode(value, known[i].to);
	return ERR_SYNTAX;
}

int
keyd_uri_parse(struct slice text, struct keyd_uri *out)
{
	struct slice piece, name, rest = slice_from(text, sizeof("pkcs11:") - 1);
	bool more = true;
	int err = OK;

	*out = (struct keyd_uri){ 0 };
	if (!slice_starts_nocase(text, SLICE("pkcs11:")))
		return ERR_SYNTAX;
	while (err == OK && more) {
		more = slice_cut(&rest, ';', &piece);
		err = slice_cut(&piece, '=', &name) ? take(name, piece, out) : ERR_SYNTAX;
	}
	if (err == OK && ((!out->token.given && !out->serial.given) ||
	    (!out->object.given && !out->id.given)))
		err = ERR_SYNTAX;
	return err;
}

bool
keyd_uri_fits(const struct keyd_uri_value *want, struct slice have)
{
	return !want->given || slice_eq((struct slice){ want->text, want->n }, have);
}
