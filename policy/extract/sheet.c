/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/xml.h"

enum { LINE_MAX_OCTETS = 1 << 20 };

struct sheet {
	struct xml		   *reader;
	const struct sheet_strings *strings;
	struct sheet_strings	   *collect;	/* shared texts are being read */
	struct buf		   *out;
	struct buf		    text;	/* of the cell, comment or other element at hand */
	struct buf		    row;
	bool			    joins;	/* text holds runs of one container */
	bool			    by_number;	/* the cell names a shared text */
	int			    err;
};

static bool
is(const char *name, const char *what)
{
	return strcmp(name, what) == 0;
}

static void
stop(struct sheet *s, int err)
{
	if (s->err == OK)
		s->err = err;
	xml_stop(s->reader, err);
}

static void
line(struct sheet *s, struct slice text)
{
	text = slice_trim(text);
	if (text.n == 0 || s->out == NULL)
		return;
	buf_add(s->out, text);
	buf_addc(s->out, '\n');
	if (s->out->err != OK)
		stop(s, s->out->err);
}

/* ---- shared texts ---- */

void
sheet_strings_init(struct sheet_strings *s, size_t octets_max)
{
	*s = (struct sheet_strings){ .n = 0 };
	buf_init(&s->octets, octets_max);
}

void
sheet_strings_fini(struct sheet_strings *s)
{
	buf_fini(&s->octets);
	free(s->at);
}

int
sheet_strings_keep(struct sheet_strings *s, struct slice text)
{
	if (s->n + 2 > s->cap) {
		size_t cap = s->cap == 0 ? 256 : 2 * s->cap;
		size_t *at = cap > SHEET_STRINGS_MAX ? NULL : realloc(s->at, cap * sizeof *at);

		if (at == NULL)
			return cap > SHEET_STRINGS_MAX ? ERR_LIMIT : ERR_NOMEM;
		s->at = at;
		s->cap = cap;
	}
	s->at[s->n++] = s->octets.n;
	buf_add(&s->octets, text);
	s->at[s->n] = s->octets.n;
	return s->octets.err;
}

int
sheet_strings_at(const struct sheet_strings *s, uint64_t i, struct slice *out)
{
	if (i >= s->n)
		return ERR_CORRUPT;
	*out = slice_sub(buf_slice(&s->octets), s->at[i], s->at[i + 1] - s->at[i]);
	return OK;
}

static int
shared(const struct sheet_strings *s, struct slice number, struct slice *out)
{
	uint64_t i;

	if (s == NULL || slice_u64(slice_trim(number), UINT32_MAX, &i) != OK)
		return ERR_CORRUPT;
	return sheet_strings_at(s, i, out);
}

/* ---- elements ---- */

static void
end_cell(struct sheet *s)
{
	struct slice text = buf_slice(&s->text);

	if (s->by_number && text.n > 0 && shared(s->strings, text, &text) != OK) {
		stop(s, ERR_CORRUPT);
		return;
	}
	line(s, text);
	buf_add(&s->row, text);
	buf_addc(&s->row, '\t');
	if (s->row.err != OK)
		stop(s, s->row.err);
	buf_clear(&s->text);
	s->by_number = false;
}

/* Codes begin with "&": a letter, digits, a font's name in quotes; sections with &L, &C, &R. */
void
sheet_header(struct slice t, struct buf *out)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = i + 1 < t.n ? t.p[i + 1] : '\0';

		if (t.p[i] != '&') {
			buf_addc(out, t.p[i]);
			continue;
		}
		i++;
		if (c == '&')
			buf_addc(out, '&');
		else if (c == 'L' || c == 'C' || c == 'R')
			buf_addc(out, '\n');
		else if (c == '"')
			while (i + 1 < t.n && t.p[++i] != '"')
				continue;
		else
			while (ascii_is_digit(c) && i + 1 < t.n && ascii_is_digit(t.p[i + 1]))
				i++;
	}
	buf_addc(out, '\n');
}

static bool
is_header(const char *name)
{
	size_t n = strlen(name);

	return (n > 6 && is(name + n - 6, "Header")) || (n > 6 && is(name + n - 6, "Footer"));
}

static bool
is_container(const char *name)
{
	return is(name, "si") || is(name, "is") || is(name, "text") || is(name, "c");
}

/* Attributes whose values people see; element NULL: of any. */
static const struct { const char *element, *attribute; } telling[] = {
	{ "sheet", "name" }, { "definedName", "name" }, { "tableColumn", "name" },
	{ "definedName", "comment" }, { "s", "v" }, { "cacheField", "name" },
	{ NULL, "descr" }, { NULL, "title" }, { NULL, "prompt" }, { NULL, "promptTitle" },
	{ NULL, "error" }, { NULL, "errorTitle" }, { NULL, "tooltip" }, { NULL, "caption" },
};

/* They are in quotes. */
void
sheet_format(struct slice code, struct buf *out)
{
	struct slice piece;

	while (code.n > 0) {
		slice_cut(&code, '"', &piece);
		piece = slice_trim(piece);
		if (piece.n > 0) {
			buf_add(out, piece);
			buf_addc(out, '\n');
		}
	}
}

static void
telling_attributes(struct sheet *s, const char *name, const char **atts)
{
	const char *v;

	for (size_t i = 0; i < ARRAY_LEN(telling); i++)
		if ((telling[i].element == NULL || is(name, telling[i].element)) &&
		    (v = xml_attribute(atts, telling[i].attribute)) != NULL)
			line(s, slice_of(v));
	if (is(name, "numFmt") && (v = xml_attribute(atts, "formatCode")) != NULL && s->out != NULL)
		sheet_format(slice_of(v), s->out);
}

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct sheet *s = arg;
	const char *v;

	if (!s->joins) {
		line(s, buf_slice(&s->text));
		buf_clear(&s->text);
	}
	if (is(name, "row"))
		buf_clear(&s->row);
	if (is(name, "c")) {
		v = xml_attribute(atts, "t");
		s->by_number = v != NULL && is(v, "s");
	}
	if (is_container(name))
		s->joins = true;
	telling_attributes(s, name, atts);
}

static void
on_end(void *arg, const char *name)
{
	struct sheet *s = arg;

	if (is(name, "c")) {
		end_cell(s);
		s->joins = false;
	} else if (is(name, "row")) {
		line(s, buf_slice(&s->row));
		buf_clear(&s->row);
	} else if (is(name, "si") && s->collect != NULL) {
		int err = sheet_strings_keep(s->collect, buf_slice(&s->text));

		if (err != OK)
			stop(s, err);
		s->joins = false;
		buf_clear(&s->text);
	} else if (is(name, "si") || is(name, "text")) {
		line(s, buf_slice(&s->text));
		s->joins = false;
		buf_clear(&s->text);
	} else if (is_header(name) && s->out != NULL) {
		sheet_header(buf_slice(&s->text), s->out);
		buf_clear(&s->text);
	} else if (is(name, "f")) {	/* a formula: of its own, not of the value behind it */
		line(s, buf_slice(&s->text));
		buf_clear(&s->text);
	} else if (!s->joins) {
		line(s, buf_slice(&s->text));
		buf_clear(&s->text);
	}
}

static void
on_text(void *arg, struct slice text)
{
	struct sheet *s = arg;

	buf_add(&s->text, text);
	if (s->text.err != OK)
		stop(s, s->text.err);
}

static int
read_part(struct sheet *s, struct slice xml)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	int err;

	buf_init(&s->text, LINE_MAX_OCTETS);
	buf_init(&s->row, 4 * LINE_MAX_OCTETS);
	err = xml_read(xml, &handlers, s, &s->reader);
	buf_fini(&s->text);
	buf_fini(&s->row);
	return s->err != OK ? s->err : err;
}

int
sheet_strings_read(struct sheet_strings *strings, struct slice xml)
{
	struct sheet s = { .collect = strings };

	return read_part(&s, xml);
}

int
sheet_text(struct slice xml, const struct sheet_strings *strings, struct buf *out)
{
	struct sheet s = { .strings = strings, .out = out };

	return read_part(&s, xml);
}
