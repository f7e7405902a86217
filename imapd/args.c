/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/args.h"

#include <string.h>

#include "common/utf8.h"

void
args_init(struct args *a, struct slice text, struct arena *arena)
{
	*a = (struct args){ .rest = text, .arena = arena };
}

static struct slice
take(struct args *a, size_t n)
{
	struct slice s = { a->rest.p, n };

	a->rest.p += n;
	a->rest.n -= n;
	return s;
}

bool
args_peek(const struct args *a, char c)
{
	return a->rest.n > 0 && a->rest.p[0] == c;
}

bool
args_skip(struct args *a, char c)
{
	if (!args_peek(a, c))
		return false;
	take(a, 1);
	return true;
}

int
args_space(struct args *a)
{
	return args_skip(a, ' ') ? OK : ERR_SYNTAX;
}

int
args_end(struct args *a)
{
	return a->rest.n == 0 ? OK : ERR_SYNTAX;
}

bool
args_is_atom_char(char c)
{
	return c > 0x20 && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

static bool
is_astring_char(char c)
{
	return args_is_atom_char(c) || c == ']';
}

static bool
is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static bool
is_set_char(char c)
{
	return ascii_is_digit(c) || c == ':' || c == ',' || c == '*';
}

static int
run(struct args *a, bool (*is)(char), struct slice *out)
{
	size_t n = 0;

	while (n < a->rest.n && is(a->rest.p[n]))
		n++;
	*out = take(a, n);
	return n > 0 ? OK : ERR_SYNTAX;
}

int
args_atom(struct args *a, struct slice *out)
{
	return run(a, args_is_atom_char, out);
}

int
args_set(struct args *a, struct slice *out)
{
	return run(a, is_set_char, out);
}

/* Without the backslashes of text, which has some. */
static int
unescape(struct args *a, struct slice text, struct slice *out)
{
	char *to = arena_alloc(a->arena, text.n + 1);
	size_t n = 0;

	if (to == NULL)
		return a->arena->err;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			i++;
		to[n++] = text.p[i];
	}
	*out = (struct slice){ to, n };
	return OK;
}

static int
quoted(struct args *a, struct slice *out)
{
	bool escaped = false;
	size_t i;

	for (i = 1; i < a->rest.n && a->rest.p[i] != '"'; i++) {
		char c = a->rest.p[i];

		if (c == '\r' || c == '\n' || c == '\0')
			return ERR_SYNTAX;
		if (c == '\\') {
			i++;
			escaped = true;
			if (i == a->rest.n || (a->rest.p[i] != '"' && a->rest.p[i] != '\\'))
				return ERR_SYNTAX;
		}
	}
	if (i >= a->rest.n)
		return ERR_SYNTAX;
	*out = slice_sub(a->rest, 1, i - 1);
	if (!utf8_valid(*out))
		return ERR_SYNTAX;
	take(a, i + 1);
	return escaped ? unescape(a, *out, out) : OK;
}

static int
literal(struct args *a, struct slice *out)
{
	ptrdiff_t lf = slice_chr(a->rest, '\n');
	uint64_t octets;
	size_t header;
	bool sync;

	if (lf < 1 || !args_literal_header(slice_sub(a->rest, 0, (size_t)lf - 1), &octets, &sync,
	    &header) || header != (size_t)lf - 1)
		return ERR_SYNTAX;
	take(a, (size_t)lf + 1);
	if (octets > a->rest.n || memchr(a->rest.p, '\0', (size_t)octets) != NULL)
		return ERR_SYNTAX;
	*out = take(a, (size_t)octets);
	return OK;
}

int
args_string(struct args *a, struct slice *out)
{
	if (args_peek(a, '"'))
		return quoted(a, out);
	if (args_peek(a, '{'))
		return literal(a, out);
	return ERR_SYNTAX;
}

int
args_astring(struct args *a, struct slice *out)
{
	if (args_peek(a, '"') || args_peek(a, '{'))
		return args_string(a, out);
	return run(a, is_astring_char, out);
}

int
args_nstring(struct args *a, struct slice *out, bool *nil_out)
{
	*nil_out = args_word(a, "NIL");
	*out = (struct slice){ NULL, 0 };
	return *nil_out ? OK : args_string(a, out);
}

int
args_list_mailbox(struct args *a, struct slice *out)
{
	if (args_peek(a, '"') || args_peek(a, '{'))
		return args_string(a, out);
	return run(a, is_list_char, out);
}

int
args_number(struct args *a, uint64_t max, uint64_t *out)
{
	size_t n = 0;
	int err;

	while (n < a->rest.n && ascii_is_digit(a->rest.p[n]))
		n++;
	err = slice_u64(take(a, n), max, out);
	return n == 0 || err != OK ? ERR_SYNTAX : OK;
}

int
args_flag(struct args *a, struct slice *out)
{
	const char *begin = a->rest.p;
	bool system = args_skip(a, '\\');
	int err = args_atom(a, out);

	if (err == OK && system)
		*out = (struct slice){ begin, out->n + 1 };
	return err;
}

int
args_open(struct args *a)
{
	if (!args_skip(a, '('))
		return ERR_SYNTAX;
	return ++a->depth > ARGS_DEPTH_MAX ? ERR_LIMIT : OK;
}

int
args_close(struct args *a)
{
	if (a->depth == 0 || !args_skip(a, ')'))
		return ERR_SYNTAX;
	a->depth--;
	return OK;
}

bool
args_word(struct args *a, const char *word)
{
	struct slice w = slice_of(word);

	if (!slice_starts_nocase(a->rest, w) ||
	    (a->rest.n > w.n && args_is_atom_char(a->rest.p[w.n])))
		return false;
	take(a, w.n);
	return true;
}

bool
args_literal_header(struct slice line, uint64_t *octets_out, bool *sync_out,
    size_t *header_octets_out)
{
	size_t end, begin;

	if (line.n < 3 || line.p[line.n - 1] != '}')
		return false;
	*sync_out = line.p[line.n - 2] != '+';
	end = *sync_out ? line.n - 1 : line.n - 2;
	for (begin = end; begin > 0 && ascii_is_digit(line.p[begin - 1]); begin--)
		;
	if (begin == end || begin == 0 || line.p[begin - 1] != '{')
		return false;
	if (slice_u64(slice_sub(line, begin, end - begin), UINT64_MAX, octets_out) != OK)
		*octets_out = UINT64_MAX;
	*header_octets_out = line.n - begin + 1;
	return true;
}
