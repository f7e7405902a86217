/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/imap_reply.h"

#include <string.h>

#include "common/utf7.h"
#include "common/utf8.h"
#include "mime/date.h"

/* ---- words ---- */

static bool
take_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* Up to a space, a parenthesis or the end; "[...]" belongs to it. May be empty. */
static struct slice
take_atom(struct slice *s)
{
	size_t n = 0, depth = 0;
	struct slice atom;

	for (; n < s->n; n++) {
		char c = s->p[n];

		depth += c == '[';
		if (c == '\r' || c == '\n' || (depth == 0 && (c == ' ' || c == '(' || c == ')')))
			break;
		depth -= c == ']' && depth > 0;
	}
	atom = slice_sub(*s, 0, n);
	*s = slice_from(*s, n);
	return atom;
}

/* A quoted string (its inside, escapes kept), a literal, or NIL. */
static int
take_string(struct slice *s, struct slice *out, bool *quoted_out)
{
	struct slice number, rest;
	uint64_t n;
	size_t i;

	*quoted_out = false;
	*out = (struct slice){ NULL, 0 };
	if (take_char(s, '"')) {
		for (i = 0; i < s->n && s->p[i] != '"' && s->p[i] != '\n'; i++)
			i += s->p[i] == '\\';
		if (i >= s->n || s->p[i] != '"')
			return ERR_SYNTAX;
		*out = slice_sub(*s, 0, i);
		*s = slice_from(*s, i + 1);
		*quoted_out = true;
		return OK;
	}
	(void)take_char(s, '~');
	if (!take_char(s, '{')) {
		*out = take_atom(s);
		if (slice_is_nocase(*out, "NIL"))
			*out = (struct slice){ NULL, 0 };
		else if (out->n == 0)
			return ERR_SYNTAX;
		return OK;
	}
	rest = *s;
	if (!slice_cut(&rest, '}', &number))
		return ERR_SYNTAX;
	if (number.n > 0 && number.p[number.n - 1] == '+')
		number.n--;
	if (slice_u64(number, SIZE_MAX / 2, &n) != OK || rest.n < 2 || rest.p[0] != '\r' ||
	    rest.p[1] != '\n' || rest.n - 2 < n)
		return ERR_SYNTAX;
	*out = slice_sub(rest, 2, (size_t)n);
	*s = slice_from(rest, 2 + (size_t)n);
	return OK;
}

/* A value of any form. */
static int
skip_value(struct slice *s)
{
	unsigned depth = 0;

	do {
		struct slice ignored;
		bool quoted;

		if (take_char(s, '(')) {
			if (++depth > IMAP_DEPTH_MAX)
				return ERR_SYNTAX;
		} else if (depth > 0 && take_char(s, ')'))
			depth--;
		else if (!(depth > 0 && take_char(s, ' '))) {
			int r = take_string(s, &ignored, &quoted);

			if (r != OK)
				return r;
		}
	} while (depth > 0);
	return OK;
}

/* ---- responses ---- */

int
imap_reply_read(struct slice whole, struct imap_reply *out)
{
	struct slice first;
	uint64_t number;

	*out = (struct imap_reply){ .kind = IMAP_TAGGED };
	if (take_char(&whole, '+')) {
		out->kind = IMAP_CONTINUE;
		out->rest = whole;
		return OK;
	}
	first = take_atom(&whole);
	if (first.n == 0 || !take_char(&whole, ' '))
		return ERR_SYNTAX;
	out->tag = first;
	if (slice_is(first, "*"))
		out->kind = IMAP_UNTAGGED;
	out->word = take_atom(&whole);
	if (out->kind == IMAP_UNTAGGED && slice_u64(out->word, UINT32_MAX, &number) == OK) {
		out->number = (uint32_t)number;
		if (!take_char(&whole, ' '))
			return ERR_SYNTAX;
		out->word = take_atom(&whole);
	}
	(void)take_char(&whole, ' ');
	out->rest = whole;
	return out->word.n > 0 ? OK : ERR_SYNTAX;
}

bool
imap_literal_announced(struct slice line, uint64_t *octets_out)
{
	size_t at, end = line.n;

	if (end < 3 || line.p[end - 1] != '}')
		return false;
	end--;
	end -= line.p[end - 1] == '+';
	for (at = end; at > 0 && ascii_is_digit(line.p[at - 1]); )
		at--;
	if (at == 0 || at == end || line.p[at - 1] != '{')
		return false;
	if (slice_u64(slice_sub(line, at, end - at), UINT64_MAX - 1, octets_out) != OK)
		*octets_out = UINT64_MAX;
	return true;
}

bool
imap_code_number(struct slice rest, const char *code, uint32_t *out)
{
	struct slice inside, name;
	uint64_t n;

	if (!take_char(&rest, '[') || !slice_cut(&rest, ']', &inside) ||
	    !slice_cut(&inside, ' ', &name) || !slice_is_nocase(name, code) ||
	    slice_u64(inside, UINT32_MAX, &n) != OK)
		return false;
	*out = (uint32_t)n;
	return true;
}

bool
imap_has_word(struct slice rest, const char *name)
{
	struct slice word;
	bool more;

	do {
		more = slice_cut(&rest, ' ', &word);
		if (word.n > 0 && word.p[word.n - 1] == ']')
			word.n--;
		if (slice_is_nocase(word, name))
			return true;
	} while (more);
	return false;
}

/* ---- FETCH ---- */

static int
read_flags(struct slice *s, struct imap_fetch *out)
{
	if (!take_char(s, '('))
		return ERR_SYNTAX;
	out->has_flags = true;
	while (!take_char(s, ')')) {
		struct slice name = take_atom(s);

		if (name.n == 0)
			return ERR_SYNTAX;
		if (name.p[0] == '\\')
			out->flags |= import_flag(name);
		else
			import_keyword(&out->keywords, name);
		while (take_char(s, ' '))
			;
	}
	return OK;
}

static int
read_number(struct slice *s, uint64_t max, uint64_t *out)
{
	return slice_u64(take_atom(s), max, out) == OK ? OK : ERR_SYNTAX;
}

static int
read_item(struct slice name, struct slice *s, struct imap_fetch *out)
{
	struct slice text;
	struct date date;
	uint64_t n = 0;
	bool quoted;
	int r;

	if (slice_is_nocase(name, "FLAGS"))
		return read_flags(s, out);
	if (slice_is_nocase(name, "UID")) {
		r = read_number(s, UINT32_MAX, &n);
		out->uid = (uint32_t)n;
		return r;
	}
	if (slice_is_nocase(name, "RFC822.SIZE"))
		return read_number(s, UINT64_MAX, &out->size_octets);
	if (slice_is_nocase(name, "INTERNALDATE")) {
		r = take_string(s, &text, &quoted);
		/* A date that is broken is none: the message is of more worth. */
		out->has_date = r == OK && date_parse_internal(text, &date) == OK;
		out->date_s = out->has_date ? date.seconds : 0;
		return r;
	}
	if (slice_is_nocase(name, "BODY[]")) {
		r = take_string(s, &out->body, &quoted);
		out->has_body = r == OK;
		return r;
	}
	return skip_value(s);
}

int
imap_fetch_read(struct slice rest, struct imap_fetch *out)
{
	*out = (struct imap_fetch){ .uid = 0 };
	if (!take_char(&rest, '('))
		return ERR_SYNTAX;
	while (!take_char(&rest, ')')) {
		struct slice name = take_atom(&rest);
		int r;

		if (name.n == 0 || !take_char(&rest, ' '))
			return ERR_SYNTAX;
		r = read_item(name, &rest, out);
		if (r != OK)
			return r;
		while (take_char(&rest, ' '))
			;
	}
	return OK;
}

/* ---- LIST ---- */

static int
unquote(struct slice s, bool quoted, struct imap_folder *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (n == sizeof out->room)
			return ERR_LIMIT;
		out->room[n++] = s.p[i];
	}
	out->name = (struct slice){ out->room, n };
	return n > 0 ? OK : ERR_SYNTAX;
}

static int
read_attributes(struct slice *s, struct imap_folder *out)
{
	if (!take_char(s, '('))
		return ERR_SYNTAX;
	while (!take_char(s, ')')) {
		struct slice name = take_atom(s);
		uint8_t use = import_special_use(name);

		if (name.n == 0)
			return ERR_SYNTAX;
		if (use != ST_USE_NONE)
			out->special_use = use;
		if (slice_is_nocase(name, "\\Noselect") || slice_is_nocase(name, "\\NonExistent"))
			out->selectable = false;
		while (take_char(s, ' '))
			;
	}
	return OK;
}

int
imap_folder_read(struct slice rest, struct imap_folder *out)
{
	struct slice text;
	bool quoted;
	int r;

	out->selectable = true;
	out->special_use = ST_USE_NONE;
	r = read_attributes(&rest, out);
	if (r == OK && !take_char(&rest, ' '))
		r = ERR_SYNTAX;
	if (r == OK)
		r = take_string(&rest, &text, &quoted);
	if (r != OK)
		return r;
	if (text.n > 1 && text.p[0] == '\\')
		text = slice_from(text, 1);
	out->delimiter = text.n == 1 ? text.p[0] : '\0';
	if (!take_char(&rest, ' '))
		return ERR_SYNTAX;
	r = take_string(&rest, &text, &quoted);
	return r == OK ? unquote(text, quoted, out) : r;
}

int
imap_folder_name(const struct imap_folder *f, struct buf *out)
{
	struct slice rest = f->name, level;
	size_t begin = out->n;
	bool more = true;

	while (more) {
		size_t at = out->n;
		int r;

		level = rest;
		more = f->delimiter != '\0' && slice_cut(&rest, f->delimiter, &level);
		r = utf8_is_ascii(level) ? utf7_decode(level, out) : ERR_SYNTAX;
		if (r == ERR_SYNTAX) {	/* a server that writes UTF-8, or what never was UTF-7 */
			if (!utf8_valid(level))
				return ERR_SYNTAX;
			out->n = at;
			buf_add(out, level);
			r = out->err;
		}
		if (r != OK)
			return r;
		for (size_t i = at; i < out->n; i++)
			if (out->p[i] == '/')
				out->p[i] = '_';
		if (more)
			buf_addc(out, '/');
	}
	if (slice_is_nocase(slice_from(buf_slice(out), begin), "INBOX"))
		memcpy(out->p + begin, "INBOX", 5);
	return out->err;
}

int
imap_add_quoted(struct slice s, struct buf *out)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return ERR_SYNTAX;
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
	return out->err;
}
