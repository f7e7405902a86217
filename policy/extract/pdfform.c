/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/pdfform.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "mime/charset.h"

enum {
	DICTIONARY_MAX = 4096,		/* before "stream" */
	FILTERS_MAX = 4,
	NUMBERS_MAX = 6,
	NESTED_MAX = 32,		/* parentheses in a string */
	WIDE_GAP = 200			/* thousandths of a letter's height: a blank */
};

/* ---- text ---- */

struct content {
	struct slice in;
	struct buf   line;		/* octets as they stand, of the line at hand */
	struct buf   string;		/* not yet shown */
	struct buf  *out;
	double	     number[NUMBERS_MAX];	/* the last ones */
	unsigned     numbers;
	double	     height;		/* where Tm put the line */
	bool	     in_array;
};

static bool
is_delimiter(char c)
{
	return slice_chr(SLICE("()<>[]{}/%"), c) >= 0;
}

static bool
is_blank(char c)
{
	return ascii_is_white(c) || c == '\0';
}

static void
end_line(struct content *c)
{
	struct slice line = buf_slice(&c->line);

	if (line.n == 0)
		return;
	(void)!charset_to_utf8(CHARSET_WINDOWS_1252, line, c->out, NULL);
	buf_addc(c->out, '\n');
	if (slice_chr(line, '\0') >= 0) {
		(void)!charset_to_utf8(CHARSET_UTF_16BE, line, c->out, NULL);
		buf_addc(c->out, '\n');
	}
	buf_clear(&c->line);
}

static void
show(struct content *c)
{
	buf_add(&c->line, buf_slice(&c->string));
	buf_clear(&c->string);
}

static void
blank(struct content *c)
{
	if (c->line.n > 0)
		buf_addc(&c->line, ' ');
}

/* "\\n", "\\101", "\\" and the end of a line; at what stands behind the backslash. */
static void
escape(struct content *c)
{
	static const struct slice from = SLICE("nrtbf"), to = SLICE("\n\r\t\b\f");
	char e = c->in.p[0];
	ptrdiff_t at = slice_chr(from, e);
	unsigned v = 0, n = 0;

	while (n < 3 && n < c->in.n && c->in.p[n] >= '0' && c->in.p[n] <= '7')
		v = 8 * v + (unsigned)(c->in.p[n++] - '0');
	c->in = slice_from(c->in, n > 0 ? n : 1);
	if (n > 0)
		buf_addc(&c->string, (char)(v & 0xFF));
	else if (at >= 0)
		buf_addc(&c->string, to.p[at]);
	else if (e != '\n' && e != '\r')
		buf_addc(&c->string, e);
}

/* Behind its first parenthesis. */
static void
literal(struct content *c)
{
	for (unsigned depth = 1; c->in.n > 0 && depth < NESTED_MAX;) {
		char ch = c->in.p[0];

		c->in = slice_from(c->in, 1);
		if (ch == '\\' && c->in.n > 0) {
			escape(c);
			continue;
		}
		depth += ch == '(';
		depth -= ch == ')';
		if (depth == 0)
			return;
		buf_addc(&c->string, ch);
	}
}

static void
hexadecimal(struct content *c)
{
	unsigned v = 0, n = 0;

	for (; c->in.n > 0 && c->in.p[0] != '>'; c->in = slice_from(c->in, 1)) {
		int h = ascii_hex(c->in.p[0]);

		if (h < 0)
			continue;
		v = 16 * v + (unsigned)h;
		if (++n % 2 == 0) {
			buf_addc(&c->string, (char)(v & 0xFF));
			v = 0;
		}
	}
	if (n % 2 != 0)
		buf_addc(&c->string, (char)(v << 4));
	c->in = slice_from(c->in, 1);
}

static void
number(struct content *c, struct slice word)
{
	char text[32];
	double v;

	if (word.n >= sizeof text)
		return;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	v = strtod(text, NULL);
	if (c->in_array && v <= -WIDE_GAP)
		buf_addc(&c->string, ' ');
	memmove(c->number, c->number + 1, sizeof c->number - sizeof c->number[0]);
	c->number[NUMBERS_MAX - 1] = v;
}

static void
place(struct content *c, bool moved)
{
	if (moved)
		end_line(c);
	else
		blank(c);
}

/* Pictures between the operators: octets up to "EI". */
static void
pass_picture(struct content *c)
{
	ptrdiff_t end = slice_find(c->in, SLICE("EI"));

	c->in = end < 0 ? slice_from(c->in, c->in.n) : slice_from(c->in, (size_t)end + 2);
}

static void
operator(struct content *c, struct slice word)
{
	double last = c->number[NUMBERS_MAX - 1];

	if (slice_is(word, "Tj") || slice_is(word, "TJ")) {
		show(c);
	} else if (slice_is(word, "'") || slice_is(word, "\"")) {
		end_line(c);
		show(c);
	} else if (slice_is(word, "Td") || slice_is(word, "TD")) {
		place(c, last < 0 || last > 0);
	} else if (slice_is(word, "Tm")) {
		place(c, last < c->height || last > c->height);
		c->height = last;
	} else if (slice_is(word, "T*")) {
		end_line(c);
	} else if (slice_is(word, "ID")) {
		pass_picture(c);
	}
	buf_clear(&c->string);	/* of other operators */
}

static void
word(struct content *c)
{
	struct slice w;
	size_t n = 1;

	while (n < c->in.n && !is_blank(c->in.p[n]) && !is_delimiter(c->in.p[n]))
		n++;
	w = slice_sub(c->in, 0, n);
	c->in = slice_from(c->in, n);
	if (ascii_is_digit(w.p[0]) || slice_chr(SLICE("+-."), w.p[0]) >= 0)
		number(c, w);
	else if (w.p[0] != '/' && !is_delimiter(w.p[0]))
		operator(c, w);
}

static void
token(struct content *c)
{
	char ch = c->in.p[0];
	struct slice line;

	if (is_blank(ch)) {
		c->in = slice_from(c->in, 1);
	} else if (ch == '(') {
		c->in = slice_from(c->in, 1);
		literal(c);
	} else if (ch == '<' && (c->in.n < 2 || c->in.p[1] != '<')) {
		c->in = slice_from(c->in, 1);
		hexadecimal(c);
	} else if (ch == '%') {
		slice_cut(&c->in, '\n', &line);
	} else if (ch == '[' || ch == ']') {
		c->in_array = ch == '[';
		c->in = slice_from(c->in, 1);
	} else if (ch == '<') {
		c->in = slice_from(c->in, 2);
	} else {
		word(c);
	}
}

void
pdfform_lines(struct slice content, struct buf *out)
{
	struct content c = { .in = content, .out = out };

	buf_init(&c.line, PDFFORM_OCTETS_MAX);
	buf_init(&c.string, PDFFORM_OCTETS_MAX);
	while (c.in.n > 0 && out->err == OK)
		token(&c);
	end_line(&c);
	buf_fini(&c.line);
	buf_fini(&c.string);
}

/* ---- filters ---- */

/* What the compressed octets of zlib become, as far as they are good. */
static int
inflate(struct slice in, struct buf *out)
{
	static const struct slice head = SLICE("\x1F\x8B\x08\0\0\0\0\0\0\3");
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	struct buf gz;
	la_ssize_t n = 1;

	buf_init(&gz, in.n + head.n + 8);
	buf_add(&gz, head);
	buf_add(&gz, slice_from(in, 2));
	buf_add(&gz, SLICE("\0\0\0\0\0\0\0\0"));
	if (a != NULL && gz.err == OK && archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	    archive_read_support_format_raw(a) == ARCHIVE_OK &&
	    archive_read_open_memory(a, gz.p, gz.n) == ARCHIVE_OK &&
	    archive_read_next_header(a, &e) == ARCHIVE_OK)
		while (n > 0 && out->err == OK) {
			char *room = buf_reserve(out, 16384);

			n = room == NULL ? 0 : archive_read_data(a, room, 16384);
			if (n > 0)
				buf_added(out, (size_t)n);
		}
	if (a != NULL)
		archive_read_free(a);
	buf_fini(&gz);
	return a == NULL ? ERR_NOMEM : out->err;
}

static int
from_hex(struct slice in, struct buf *out)
{
	struct content c = { .in = in };
	int err;

	buf_init(&c.string, PDFFORM_OCTETS_MAX);
	hexadecimal(&c);
	err = c.string.err;
	buf_add(out, buf_slice(&c.string));
	buf_fini(&c.string);
	return err != OK ? err : out->err;
}

static int
from_85(struct slice in, struct buf *out)
{
	uint32_t v = 0;
	unsigned n = 0;

	for (; in.n > 0 && in.p[0] != '~' && out->err == OK; in = slice_from(in, 1)) {
		char c = in.p[0];

		if (c == 'z' && n == 0)
			buf_add(out, SLICE("\0\0\0\0"));
		if (c < '!' || c > 'u')
			continue;
		v = v * 85 + (uint32_t)(c - '!');
		if (++n < 5)
			continue;
		for (unsigned k = 0; k < 4; k++)
			buf_addc(out, (char)(v >> (24 - 8 * k) & 0xFF));
		v = n = 0;
	}
	for (unsigned k = n; k > 0 && k < 5; k++)
		v = v * 85 + 84;
	for (unsigned k = 0; k + 1 < n; k++)
		buf_addc(out, (char)(v >> (24 - 8 * k) & 0xFF));
	return out->err;
}

/* ERR_UNSUPPORTED: it is another. */
static int
unpack(struct slice filter, struct slice in, struct buf *out)
{
	buf_clear(out);
	if (slice_is(filter, "FlateDecode") || slice_is(filter, "Fl"))
		return inflate(in, out);
	if (slice_is(filter, "ASCIIHexDecode") || slice_is(filter, "AHx"))
		return from_hex(in, out);
	if (slice_is(filter, "ASCII85Decode") || slice_is(filter, "A85"))
		return from_85(in, out);
	return ERR_UNSUPPORTED;
}

/* The next name in *list, which ends at the first thing that is none. */
static bool
next_filter(struct slice *list, struct slice *name_out)
{
	size_t n = 1;

	*list = slice_trim(*list);
	if (list->n < 2 || list->p[0] != '/')
		return false;
	while (n < list->n && !is_blank(list->p[n]) && !is_delimiter(list->p[n]))
		n++;
	*name_out = slice_sub(*list, 1, n - 1);
	*list = slice_from(*list, n);
	return true;
}

/* The names behind "/Filter": one, or several in brackets. ERR_UNSUPPORTED: they stand elsewhere, or
 * what comes out is to be changed besides. */
static int
filters_of(struct slice dictionary, struct slice *list)
{
	ptrdiff_t at = slice_find(dictionary, SLICE("/Filter")), end;
	size_t n = 1;

	*list = (struct slice){ NULL, 0 };
	if (at < 0)
		return OK;
	*list = slice_trim(slice_from(dictionary, (size_t)at + sizeof "/Filter" - 1));
	if (list->n == 0 || slice_find(dictionary, SLICE("/Predictor")) >= 0)
		return ERR_UNSUPPORTED;
	if (list->p[0] == '[') {
		end = slice_chr(*list, ']');
		*list = slice_trim(slice_sub(*list, 1, end < 0 ? list->n : (size_t)end - 1));
		return OK;
	}
	while (n < list->n && !is_blank(list->p[n]) && !is_delimiter(list->p[n]))
		n++;
	*list = slice_sub(*list, 0, n);
	return list->p[0] == '/' ? OK : ERR_UNSUPPORTED;
}

/* ---- drawings ---- */

struct unpacked {
	struct buf one, other;
	uint64_t   octets_left;
};

static int
one_form(struct slice dictionary, struct slice octets, struct unpacked *u, struct buf *out)
{
	struct slice list, filter;
	struct buf *to = &u->one, *from = &u->other;
	int err = filters_of(dictionary, &list);

	for (unsigned i = 0; err == OK && next_filter(&list, &filter); i++) {
		struct buf *was = to;

		err = i < FILTERS_MAX ? unpack(filter, octets, to) : ERR_UNSUPPORTED;
		octets = buf_slice(to);
		to = from;
		from = was;
	}
	if (err == OK && slice_trim(list).n > 0)	/* no name */
		err = ERR_UNSUPPORTED;
	u->octets_left -= octets.n < u->octets_left ? octets.n : u->octets_left;
	if (err == OK && u->octets_left == 0)
		err = ERR_LIMIT;
	if (err != OK)
		return err;
	pdfform_lines(octets, out);
	return out->err;
}

/* Between the last "obj" and "stream"; names may be written with "#". */
static bool
is_form(struct slice dictionary)
{
	return slice_find(dictionary, SLICE("/Form")) >= 0 || (slice_chr(dictionary, '#') >= 0 &&
	    slice_find(dictionary, SLICE("/BBox")) >= 0);
}

static struct slice
dictionary_at_end(struct slice s)
{
	ptrdiff_t at;

	s = slice_from(s, s.n > DICTIONARY_MAX ? s.n - DICTIONARY_MAX : 0);
	while ((at = slice_find(s, SLICE("obj"))) >= 0)
		s = slice_from(s, (size_t)at + 3);
	return s;
}

int
pdfform_text(struct slice pdf, struct buf *out, bool *unread_out)
{
	struct unpacked u = { .octets_left = (uint64_t)10 * PDFFORM_OCTETS_MAX };
	struct slice rest = pdf;
	int err = OK;
	ptrdiff_t at;

	*unread_out = false;
	buf_init(&u.one, PDFFORM_OCTETS_MAX);
	buf_init(&u.other, PDFFORM_OCTETS_MAX);
	while (err == OK && (at = slice_find(rest, SLICE("stream"))) >= 0) {
		struct slice dictionary = dictionary_at_end(slice_sub(rest, 0, (size_t)at));
		ptrdiff_t end;

		rest = slice_from(rest, (size_t)at + sizeof "stream" - 1);
		if (!is_form(dictionary))
			continue;
		while (rest.n > 0 && (rest.p[0] == '\r' || rest.p[0] == '\n'))
			rest = slice_from(rest, 1);
		end = slice_find(rest, SLICE("endstream"));
		err = one_form(dictionary, end < 0 ? rest : slice_sub(rest, 0, (size_t)end), &u, out);
		if (err == ERR_UNSUPPORTED || (err == ERR_LIMIT && out->err == OK)) {
			*unread_out = true;
			err = OK;
		}
		if (u.octets_left == 0)
			break;
		rest = slice_from(rest, end < 0 ? rest.n : (size_t)end + sizeof "endstream" - 1);
	}
	buf_fini(&u.one);
	buf_fini(&u.other);
	return err;
}
