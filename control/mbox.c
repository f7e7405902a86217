/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/mbox.h"

#include <string.h>

enum state {
	AT_START,	/* nothing but empty lines so far */
	AT_LINE,	/* at the beginning of a line */
	IN_QUOTE,	/* after some ">" or some of "From " */
	IN_LINE,	/* what comes up to the line end is content */
	IN_FROM,	/* a line that may be a separator */
	IN_FIELD,	/* the line after it, which decides */
};

static const char separator[] = "From ";
enum { SEPARATOR_OCTETS = sizeof separator - 1 };

void
mbox_reader_init(struct mbox_reader *r, const struct mbox_events *events, void *arg)
{
	*r = (struct mbox_reader){ .events = events, .arg = arg, .crlf = true, .state = AT_START };
}

/* ---- content out ---- */

static void
emit(struct mbox_reader *r, struct slice s)
{
	if (!r->crlf) {
		if (s.n > 0)
			r->events->octets(r->arg, s);
		return;
	}
	while (s.n > 0) {
		ptrdiff_t lf = slice_chr(s, '\n');
		size_t n = lf < 0 ? s.n : (size_t)lf;

		if (n > 0) {
			r->events->octets(r->arg, slice_sub(s, 0, n));
			r->last_cr = s.p[n - 1] == '\r';
		}
		if (lf < 0)
			return;
		r->events->octets(r->arg, r->last_cr ? SLICE("\n") : SLICE("\r\n"));
		r->last_cr = false;
		s = slice_from(s, n + 1);
	}
}

/* An empty line that turned out to be content. */
static void
emit_blank(struct mbox_reader *r)
{
	if (r->blank_held)
		emit(r, r->blank_cr ? SLICE("\r\n") : SLICE("\n"));
	r->blank_held = false;
}

static void
emit_quotes(struct mbox_reader *r, uint64_t n)
{
	static const char some[] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";

	for (; n > 0; n -= n < 32 ? n : 32)
		emit(r, (struct slice){ some, n < 32 ? (size_t)n : 32 });
}

/* ---- lines ---- */

static void
begin_line(struct mbox_reader *r)
{
	r->state = AT_LINE;
	r->quotes = 0;
	r->matched = 0;
	r->cr_held = false;
	r->line_at = r->at;
}

static void
blank_line(struct mbox_reader *r, bool cr)
{
	emit_blank(r);
	r->blank_held = true;
	r->blank_cr = cr;
	r->blank_before = true;
	begin_line(r);
}

/* What was held of the line's beginning is content. */
static void
is_content(struct mbox_reader *r)
{
	emit_blank(r);
	r->blank_before = false;
	emit_quotes(r, r->quotes);
	emit(r, (struct slice){ separator, r->matched });
	r->state = IN_LINE;
}

static void
separate(struct mbox_reader *r)
{
	size_t n = r->from_n;

	if (r->in_message)
		r->events->end(r->arg);
	while (n > 0 && (r->from[n - 1] == '\r' || r->from[n - 1] == ' '))
		n--;
	r->blank_held = r->blank_before = r->last_cr = false;
	r->in_message = true;
	r->crlf = true;
	r->events->begin(r->arg, (struct slice){ r->from, n }, r->line_at);
}

/* ---- one octet ---- */

static void
at_line(struct mbox_reader *r, char c)
{
	bool start = r->state == AT_START;

	if (c == '\n') {
		if (start)
			r->line_at = r->at;
		else
			blank_line(r, r->cr_held);
		r->cr_held = false;
	} else if (c == '\r' && !r->cr_held) {
		r->cr_held = true;
	} else if (start && (c != separator[0] || r->cr_held)) {
		r->failed = ERR_SYNTAX;
	} else if (!r->cr_held && (c == '>' || c == separator[0])) {
		r->quotes = c == '>';
		r->matched = c != '>';
		r->state = IN_QUOTE;
	} else {
		bool cr = r->cr_held;

		is_content(r);
		if (cr)
			emit(r, SLICE("\r"));
		r->cr_held = false;
		emit(r, (struct slice){ &c, 1 });
	}
}

static void in_line(struct mbox_reader *r, char c);

static void
in_quote(struct mbox_reader *r, char c)
{
	if (r->matched == 0 && c == '>') {
		r->quotes++;
	} else if (c != separator[r->matched]) {
		if (!r->in_message) {
			r->failed = ERR_SYNTAX;
			return;
		}
		is_content(r);
		in_line(r, c);
	} else if (++r->matched == SEPARATOR_OCTETS) {
		if (r->quotes == 0 && (r->blank_before || !r->in_message)) {
			r->state = IN_FROM;
			r->from_n = 0;
			return;
		}
		r->quotes -= r->quotes > 0;
		is_content(r);
	}
}

static void
in_line(struct mbox_reader *r, char c)
{
	emit(r, (struct slice){ &c, 1 });
	if (c == '\n')
		begin_line(r);
}

static void
from_is_content(struct mbox_reader *r, bool ended)
{
	r->matched = SEPARATOR_OCTETS;
	is_content(r);
	emit(r, (struct slice){ r->from, r->from_n });
	if (ended) {
		emit(r, SLICE("\n"));
		begin_line(r);
	}
}

static void
in_from(struct mbox_reader *r, char c)
{
	int64_t date_s;

	if (c != '\n' && r->from_n < MBOX_LINE_MAX) {
		r->from[r->from_n++] = c;
	} else if (c != '\n') {
		if (!r->in_message) {
			r->failed = ERR_SYNTAX;
			return;
		}
		from_is_content(r, false);
		in_line(r, c);
	} else if (!r->in_message ||
	    mbox_date((struct slice){ r->from, r->from_n }, &date_s) == OK) {
		separate(r);
		begin_line(r);
	} else {
		r->state = IN_FIELD;
		r->field_n = 0;
	}
}

static void octet(struct mbox_reader *r, char c);

/* What was held of the line after the separator. No line end is among it but the last octet, so no
 * other separator can be found in it. */
static void
again(struct mbox_reader *r, uint64_t line_at)
{
	char held[MBOX_FIELD_MAX];
	size_t n = r->field_n;

	memcpy(held, r->field, n);
	begin_line(r);
	r->line_at = line_at;
	for (size_t i = 0; i < n; i++)
		octet(r, held[i]);
}

static void
in_field(struct mbox_reader *r, char c)
{
	bool name = c > ' ' && c < 0x7f && c != ':';
	uint64_t line_at = r->at - 1 - r->field_n;

	r->field[r->field_n++] = c;
	if (name && r->field_n < MBOX_FIELD_MAX)
		return;
	if (c == ':' && r->field_n > 1)
		separate(r);
	else
		from_is_content(r, true);
	again(r, line_at);
}

static void
octet(struct mbox_reader *r, char c)
{
	switch ((enum state)r->state) {
	case AT_START:
	case AT_LINE:
		at_line(r, c);
		break;
	case IN_QUOTE:
		in_quote(r, c);
		break;
	case IN_LINE:
		in_line(r, c);
		break;
	case IN_FROM:
		in_from(r, c);
		break;
	case IN_FIELD:
		in_field(r, c);
		break;
	}
}

int
mbox_read(struct mbox_reader *r, struct slice in)
{
	while (in.n > 0 && r->failed == OK) {
		if (r->state == IN_LINE) {	/* most of the file */
			ptrdiff_t lf = slice_chr(in, '\n');
			size_t n = lf < 0 ? in.n : (size_t)lf;

			emit(r, slice_sub(in, 0, n));
			r->at += n;
			in = slice_from(in, n);
			if (lf < 0)
				break;
		}
		r->at++;
		octet(r, *in.p);
		in = slice_from(in, 1);
	}
	return r->failed;
}

void
mbox_read_end(struct mbox_reader *r)
{
	if (r->failed != OK)
		return;
	if (r->state == IN_FROM || r->state == IN_FIELD) {
		int64_t date_s;
		bool is = !r->in_message || (r->state == IN_FROM &&
		    mbox_date((struct slice){ r->from, r->from_n }, &date_s) == OK);
		bool field = r->state == IN_FIELD;
		uint64_t line_at = r->at - r->field_n;

		if (is)
			separate(r);
		else
			from_is_content(r, field);
		if (field)
			again(r, line_at);
	}
	if (r->in_message && (r->state == IN_QUOTE || r->cr_held)) {
		bool cr = r->cr_held;

		is_content(r);
		if (cr)
			emit(r, SLICE("\r"));
	}
	if (r->in_message)
		r->events->end(r->arg);
	r->in_message = false;
}

/* ---- writing ---- */

bool
mbox_is_crlf(struct slice message)
{
	const char *p = message.p, *end = p + message.n;

	if (message.n < 2 || end[-1] != '\n')
		return message.n == 0;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		if (lf == p || lf[-1] != '\r' || memchr(p, '\r', (size_t)(lf - p)) != lf - 1)
			return false;
		p = lf + 1;
	}
	return true;
}

/* Does the line begin with "From " after any number of ">"? */
static bool
needs_quote(struct slice line)
{
	size_t i = 0;

	while (i < line.n && line.p[i] == '>')
		i++;
	return line.n - i >= SEPARATOR_OCTETS &&
	    memcmp(line.p + i, separator, SEPARATOR_OCTETS) == 0;
}

void
mbox_add(struct slice message, bool lf, struct buf *out)
{
	bool ended = true;

	while (message.n > 0) {
		ptrdiff_t at = slice_chr(message, '\n');
		size_t n = at < 0 ? message.n : (size_t)at + 1;
		struct slice line = slice_sub(message, 0, n);

		message = slice_from(message, n);
		ended = at >= 0;
		if (needs_quote(line))
			buf_addc(out, '>');
		if (lf && n >= 2 && ended && line.p[n - 2] == '\r') {
			buf_add(out, slice_sub(line, 0, n - 2));
			buf_addc(out, '\n');
		} else
			buf_add(out, line);
	}
	buf_adds(out, ended ? "\n" : "\n\n");
}
