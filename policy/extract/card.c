/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/card.h"

#include "mime/body.h"

/*
 *   content line = name *( ";" parameter ) ":" value CRLF; one that begins with white space goes on
 *   the line before it; in quoted-printable (vCard 2.1) one that ends in "=" goes on in the next
 */

bool
card_is(struct slice octets)
{
	return slice_starts_nocase(slice_trim(slice_sub(octets, 0, 64)), SLICE("BEGIN:VC"));
}

/* Octets of the first line, its line end included. */
static size_t
line_octets(struct slice s)
{
	ptrdiff_t lf = slice_chr(s, '\n');

	return lf < 0 ? s.n : (size_t)lf + 1;
}

static struct slice
without_end(struct slice line)
{
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	return line;
}

/* Position of the ":" that ends name and parameters, or -1. */
static ptrdiff_t
colon(struct slice line)
{
	bool quoted = false;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ':' && !quoted)
			return (ptrdiff_t)i;
	}
	return slice_chr(line, ':');	/* a quote that does not end counts for nothing */
}

static bool
is_quoted_printable(struct slice line)
{
	ptrdiff_t end = colon(line);

	return end > 0 && slice_find_nocase(slice_sub(line, 0, (size_t)end),
	    SLICE("QUOTED-PRINTABLE")) >= 0;
}

/* Take one content line off *s, unfolded, into line. */
static void
take_line(struct slice *s, struct buf *line)
{
	size_t n = line_octets(*s);
	bool qp;

	buf_clear(line);
	buf_add(line, without_end(slice_sub(*s, 0, n)));
	*s = slice_from(*s, n);
	qp = is_quoted_printable(buf_slice(line));
	while (s->n > 0) {
		bool soft = qp && line->n > 0 && line->p[line->n - 1] == '=';

		if (!soft && s->p[0] != ' ' && s->p[0] != '\t')
			break;
		if (soft)
			line->n--;
		n = line_octets(*s);
		buf_add(line, without_end(slice_sub(*s, soft ? 0 : 1, soft ? n : n - 1)));
		*s = slice_from(*s, n);
	}
}

/* "\n" is a line end, "\," "\;" "\\" the character. */
static void
unescape(struct slice value, struct buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\\' && i + 1 < value.n) {
			c = value.p[++i];
			if (c == 'n' || c == 'N')
				c = '\n';
		}
		buf_addc(out, c);
	}
	buf_addc(out, '\n');
}

static bool
is_title(struct slice name)
{
	return slice_starts_nocase(name, SLICE("SUMMARY")) ||
	    slice_starts_nocase(name, SLICE("TITLE")) ||
	    slice_starts_nocase(name, SLICE("CATEGORIES")) ||
	    slice_starts_nocase(name, SLICE("FN"));
}

/* In a parameter "ENCODING=B", or the bare "BASE64" of vCard 2.1. */
static bool
is_base64(struct slice params)
{
	return slice_find_nocase(params, SLICE("ENCODING=B")) >= 0 ||
	    slice_find_nocase(params, SLICE("ENCODING=\"B")) >= 0 ||
	    slice_find_nocase(params, SLICE(";BASE64")) >= 0;
}

/* A value that is a file: where it says how, or by itself. */
static bool
is_data_uri(struct slice value)
{
	struct slice head = slice_sub(value, 0, 256), type;

	return slice_starts_nocase(value, SLICE("data:")) && slice_cut(&head, ',', &type) &&
	    slice_ends_nocase(type, SLICE(";base64"));
}

static void
put_data(struct slice type, struct slice octets, struct buf *data)
{
	buf_add(data, type);
	buf_addc(data, ',');
	buf_add(data, octets);
	buf_addc(data, '\n');
}

static int
one_line(struct slice line, struct buf *scratch, struct buf *out, struct buf *titles,
    struct buf *data, unsigned *flags)
{
	ptrdiff_t end = colon(line);
	struct slice params = slice_sub(line, 0, end < 0 ? 0 : (size_t)end);
	struct slice value = slice_from(line, (size_t)(end + 1));

	if (is_data_uri(value)) {
		struct slice rest = slice_from(value, 5), type;

		slice_cut(&rest, ',', &type);
		put_data(type, rest, data);
		return data->err;
	}
	if (is_base64(params)) {
		put_data(SLICE(""), value, data);
		return data->err;
	}
	if (slice_starts_nocase(value, SLICE("data:")))
		*flags |= CARD_HAS_EMBEDDED;
	if (slice_find_nocase(params, SLICE("text/html")) >= 0)
		*flags |= CARD_HAS_HTML;
	if (is_quoted_printable(line)) {
		int err;

		buf_clear(scratch);
		err = body_decode(BODY_QP, value, scratch, NULL);
		if (err != OK)
			return err;
		value = buf_slice(scratch);
	}
	if (is_title(line))
		unescape(value, titles);
	unescape(value, out);
	return OK;
}

int
card_text(struct slice octets, struct buf *out, struct buf *titles_out, struct buf *data_out,
    unsigned *flags_out)
{
	struct buf line, scratch;
	int err = OK;

	*flags_out = 0;
	buf_init(&line, octets.n + 1);
	buf_init(&scratch, octets.n + 16);
	while (octets.n > 0 && err == OK) {
		take_line(&octets, &line);
		err = line.err;
		if (err == OK)
			err = one_line(buf_slice(&line), &scratch, out, titles_out, data_out,
			    flags_out);
		if (err == OK)
			err = out->err != OK ? out->err : titles_out->err;
	}
	buf_fini(&line);
	buf_fini(&scratch);
	return err;
}
