/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/data.h"

#include "common/control.h"

void
data_init(struct data_reader *d, struct slice hostname)
{
	*d = (struct data_reader){ .state = DATA_LINE_START, .in_header = true,
	    .hostname = hostname };
}

/* ---- who has had the message: "by" name, in Received (RFC 5321 4.4) ---- */

static void
end_word(struct data_reader *d)
{
	struct slice w = { d->word, d->word_octets };

	if (d->word_octets == 0)
		return;
	if (d->after_by && w.n <= sizeof d->word && slice_eq_nocase(w, d->hostname))
		d->own++;
	d->after_by = w.n <= sizeof d->word && slice_is_nocase(w, "by");
	d->word_octets = 0;
}

static void
trace(struct data_reader *d, char c)
{
	bool parts = ascii_is_space(c) || c == ';' || c == '(' || c == ')';

	if (d->line_octets == 0 && !ascii_is_space(c))
		d->in_received = false;	/* another field begins */
	if (!d->in_received)
		return;
	if (parts)
		end_word(d);
	else if (d->word_octets++ < sizeof d->word)
		d->word[d->word_octets - 1] = c;
}

static void
begin_received(struct data_reader *d)
{
	if (!slice_is_nocase((struct slice){ d->head, sizeof d->head }, "received:"))
		return;
	d->in_received = true;
	d->after_by = false;
	d->word_octets = 0;
}

/* ---- lines ---- */

/* A line of line_octets (without its CRLF) has ended. */
static void
end_line(struct data_reader *d)
{
	if (d->in_header && d->line_octets >= sizeof d->head &&
	    slice_is_nocase((struct slice){ d->head, sizeof d->head }, "received:"))
		d->received++;
	if (d->in_received)
		end_word(d);
	if (d->line_octets == 0)
		d->in_header = false;
	if (d->line_octets + 2 > DATA_LINE_MAX)
		d->long_line = true;
	d->line_octets = 0;
}

static void
count(struct data_reader *d, char c)
{
	if (d->in_header)
		trace(d, c);
	if (d->in_header && d->line_octets < sizeof d->head)
		d->head[d->line_octets] = c;
	d->line_octets++;
	if (d->in_header && d->line_octets == sizeof d->head)
		begin_received(d);
}

/* An octet of text (or the first of CRLF) of a line that has begun. */
static int
text_octet(struct data_reader *d, char c)
{
	d->state = DATA_TEXT;
	if (c == '\r')
		d->state = DATA_CR;
	else if (c == '\0')
		return ERR_PROTO_NUL;
	else if (c == '\n' && !control_off("bare-lf"))
		return ERR_PROTO_BARE_LF;
	else if (c == '\n')
		d->state = DATA_LINE_START;
	else
		count(d, c);
	return 0;
}

/* One octet: 1 = the end, 0, or an error. *drop_out: it is no part of the message. */
static int
step(struct data_reader *d, char c, bool *drop_out)
{
	*drop_out = false;
	switch (d->state) {
	case DATA_LINE_START:
		if (c != '.')
			return text_octet(d, c);
		d->state = DATA_DOT;
		*drop_out = true;
		return 0;
	case DATA_DOT:
		if (c != '\r')
			return text_octet(d, c);
		d->state = DATA_DOT_CR;
		*drop_out = true;
		return 0;
	case DATA_DOT_CR:
		*drop_out = true;
		return c == '\n' ? 1 : ERR_PROTO_BARE_CR;
	case DATA_CR:
		if (c != '\n' && control_off("bare-cr"))
			return text_octet(d, c);
		if (c != '\n')
			return ERR_PROTO_BARE_CR;
		end_line(d);
		d->state = DATA_LINE_START;
		return 0;
	case DATA_TEXT:
		break;
	}
	return text_octet(d, c);
}

/* Most octets are dull: how many from the start of in need no look at the state? */
static size_t
plain_run(struct data_reader *d, struct slice in)
{
	size_t n = 0;

	if (d->state != DATA_TEXT || d->in_header)
		return 0;
	while (n < in.n && (unsigned char)in.p[n] > '\r')
		n++;
	d->line_octets += n;
	return n;
}

int
data_read(struct data_reader *d, struct slice in, data_sink_fn sink, void *arg, size_t *taken_out)
{
	size_t from = 0, i;
	bool drop;
	int r = 0;

	for (i = 0; i < in.n && r == 0; i++) {
		i += plain_run(d, slice_from(in, i));
		if (i == in.n)
			break;
		r = step(d, in.p[i], &drop);
		if (drop && i > from)
			sink(arg, slice_sub(in, from, i - from));
		if (drop)
			from = i + 1;
	}
	if (r == 0 && i > from)
		sink(arg, slice_sub(in, from, i - from));
	*taken_out = i;
	return r;
}
