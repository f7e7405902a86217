/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/xtext.h"

/* One character of xtext off *s: its octet, or -1. */
static int
next(struct slice *s)
{
	unsigned char c = (unsigned char)s->p[0];
	int hi, lo;

	if (c < '!' || c > '~' || c == '=')
		return -1;
	if (c != '+') {
		*s = slice_from(*s, 1);
		return c;
	}
	if (s->n < 3)
		return -1;
	hi = ascii_hex(s->p[1]);
	lo = ascii_hex(s->p[2]);
	*s = slice_from(*s, 3);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static bool
is_shown(int octet)
{
	return octet >= ' ' && octet <= '~';
}

bool
xtext_is_plain(struct slice s)
{
	while (s.n > 0) {
		int octet = next(&s);

		if (!is_shown(octet) && octet != '\t')
			return false;
	}
	return true;
}

int
xtext_decode(struct slice s, struct buf *out)
{
	while (s.n > 0) {
		int octet = next(&s);

		if (octet < 0)
			return ERR_SYNTAX;
		buf_addc(out, is_shown(octet) ? (char)octet : '?');
	}
	return out->err;
}

int
xtext_ret(struct slice value, unsigned *ret_out)
{
	*ret_out = slice_is_nocase(value, "FULL") ? XTEXT_RET_FULL :
	    slice_is_nocase(value, "HDRS") ? XTEXT_RET_HDRS : XTEXT_RET_NONE;
	return *ret_out == XTEXT_RET_NONE ? ERR_SYNTAX : OK;
}

int
xtext_envid(struct slice value)
{
	if (value.n > XTEXT_ENVID_MAX)
		return ERR_LIMIT;
	return value.n > 0 && xtext_is_plain(value) ? OK : ERR_SYNTAX;
}

static unsigned
notify_word(struct slice word)
{
	return slice_is_nocase(word, "SUCCESS") ? XTEXT_SUCCESS :
	    slice_is_nocase(word, "FAILURE") ? XTEXT_FAILURE :
	    slice_is_nocase(word, "DELAY") ? XTEXT_DELAY : 0;
}

int
xtext_notify(struct slice value, unsigned *notify_out)
{
	struct slice word;
	bool more;

	*notify_out = 0;
	if (slice_is_nocase(value, "NEVER")) {
		*notify_out = XTEXT_NEVER;
		return OK;
	}
	do {
		unsigned bit;

		more = slice_cut(&value, ',', &word);
		bit = notify_word(word);
		if (bit == 0 || (*notify_out & bit) != 0)
			return ERR_SYNTAX;
		*notify_out |= bit;
	} while (more);
	return OK;
}

static bool
is_atom(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0;
}

int
xtext_orcpt(struct slice value)
{
	struct slice type;

	if (value.n > XTEXT_ORCPT_MAX)
		return ERR_LIMIT;
	if (!slice_cut(&value, ';', &type) || !is_atom(type) || value.n == 0)
		return ERR_SYNTAX;
	return xtext_is_plain(value) ? OK : ERR_SYNTAX;
}

void
xtext_add_notify(unsigned notify, struct buf *out)
{
	static const struct { unsigned bit; const char *word; } words[] = {
		{ XTEXT_SUCCESS, "SUCCESS" }, { XTEXT_FAILURE, "FAILURE" },
		{ XTEXT_DELAY, "DELAY" },
	};
	bool first = true;

	if ((notify & XTEXT_NEVER) != 0) {
		buf_adds(out, "NEVER");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if ((notify & words[i].bit) != 0) {
			buf_addf(out, "%s%s", first ? "" : ",", words[i].word);
			first = false;
		}
}
