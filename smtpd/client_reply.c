/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/client_reply.h"

#include <string.h>

void
client_reply_init(struct client_reply *r)
{
	*r = (struct client_reply){ .whole = true };
}

struct slice
client_reply_text(const struct client_reply *r)
{
	return (struct slice){ r->text, r->text_n };
}

/* 1: *n_out octets are a line with its CRLF. */
static int
find_line(struct client_reply *r, struct slice in, size_t *n_out)
{
	for (; r->scanned < in.n; r->scanned++) {
		char c = in.p[r->scanned];
		bool after_cr = r->scanned > 0 && in.p[r->scanned - 1] == '\r';

		if (r->scanned >= CLIENT_LINE_MAX)
			return ERR_LIMIT;
		if (after_cr && c == '\n') {
			*n_out = r->scanned + 1;
			r->scanned = 0;
			return 1;
		}
		if (after_cr || c == '\n' || c == '\0')
			return ERR_SYNTAX;
	}
	return 0;
}

static void
keep_text(struct client_reply *r, struct slice s)
{
	for (size_t i = 0; i < s.n && r->text_n < CLIENT_TEXT_MAX; i++)
		r->text[r->text_n++] = s.p[i] >= 32 && s.p[i] <= 126 ? s.p[i] : '?';
}

static int
code_of(struct slice line, unsigned *code_out)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !ascii_is_digit(line.p[1]) ||
	    !ascii_is_digit(line.p[2]) || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return ERR_SYNTAX;
	*code_out = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
	    (unsigned)(line.p[2] - '0');
	return OK;
}

/* 1: it was the last line; 0: it was not. */
static int
take_line(struct client_reply *r, struct slice line, client_reply_line_fn fn, void *arg)
{
	unsigned code;
	int err = code_of(line, &code);

	if (err != OK)
		return err;
	if (r->whole) {
		r->whole = false;
		r->code = code;
		r->lines = 0;
		r->text_n = 0;
		keep_text(r, slice_sub(line, 0, 3));
	}
	if (code != r->code)
		return ERR_SYNTAX;
	if (++r->lines > CLIENT_LINES_MAX)
		return ERR_LIMIT;
	if (line.n > 4) {
		keep_text(r, SLICE(" "));
		keep_text(r, slice_from(line, 4));
	}
	if (fn != NULL)
		fn(arg, r->lines - 1, slice_from(line, 4));
	r->whole = line.n == 3 || line.p[3] == ' ';
	return r->whole;
}

int
client_reply_read(struct client_reply *r, struct slice in, client_reply_line_fn fn, void *arg,
    size_t *taken_out)
{
	size_t n;
	int got;

	*taken_out = 0;
	while ((got = find_line(r, in, &n)) == 1) {
		got = take_line(r, slice_sub(in, 0, n - 2), fn, arg);
		*taken_out += n;
		if (got != 0)
			return got;
		in = slice_from(in, n);
	}
	return got;
}
