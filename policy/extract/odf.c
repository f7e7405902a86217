/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/odf.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/xml.h"

enum { LINE_MAX_OCTETS = 1 << 20, SPACES_MAX = 64, NAME_OCTETS = 256 };

struct odf {
	struct xml  *reader;
	struct buf  *out;
	struct buf   para[ODF_NESTED_MAX], row[ODF_NESTED_MAX];
	unsigned     paras, rows;	/* open ones */
	struct buf   loose;		/* text outside of paragraphs, of the element at hand */
	char	     property[NAME_OCTETS];	/* name of a property of the user's */
};

static bool
is(const char *name, const char *what)
{
	return strcmp(name, what) == 0;
}

static void
line(struct odf *o, struct slice text)
{
	text = slice_trim(text);
	if (text.n == 0)
		return;
	buf_add(o->out, text);
	buf_addc(o->out, '\n');
	if (o->out->err != OK && o->reader != NULL)
		xml_stop(o->reader, o->out->err);
}

static void
add(struct odf *o, struct buf *to, struct slice text)
{
	buf_add(to, text);
	if (to->err != OK && o->reader != NULL)
		xml_stop(o->reader, to->err);
}

static void
character(struct odf *o, struct slice text)
{
	if (o->paras > 0)
		add(o, &o->para[o->paras - 1], text);
}

/* ---- paragraphs and rows ---- */

static void
begin(struct odf *o, struct buf *list, unsigned *n)
{
	if (*n == ODF_NESTED_MAX) {
		xml_stop(o->reader, ERR_LIMIT);
		return;
	}
	buf_clear(&list[(*n)++]);
}

static void
end_paragraph(struct odf *o)
{
	struct slice text;

	if (o->paras == 0)
		return;
	text = buf_slice(&o->para[--o->paras]);
	line(o, text);
	for (unsigned i = 0; i < o->rows; i++) {
		add(o, &o->row[i], text);
		add(o, &o->row[i], SLICE(" "));
	}
}

static void
end_row(struct odf *o)
{
	if (o->rows > 0)
		line(o, buf_slice(&o->row[--o->rows]));
}

static void
end_loose(struct odf *o)
{
	struct slice text = slice_trim(buf_slice(&o->loose));
	struct buf named;

	if (text.n > 0 && o->property[0] != '\0') {
		buf_init(&named, NAME_OCTETS + LINE_MAX_OCTETS + 2);
		buf_addf(&named, "%s: ", o->property);
		buf_add(&named, text);
		line(o, buf_slice(&named));
		buf_fini(&named);
	}
	line(o, text);
	buf_clear(&o->loose);
}

/* ---- elements ---- */

static void
spaces(struct odf *o, const char **atts)
{
	const char *c = xml_attribute(atts, "c");
	unsigned long n = c == NULL ? 1 : strtoul(c, NULL, 10);

	for (unsigned long i = 0; i < n && i < SPACES_MAX; i++)
		character(o, SLICE(" "));
}

static void
property_name(struct odf *o, const char **atts)
{
	const char *v = xml_attribute(atts, "name");
	size_t n = v == NULL ? 0 : strlen(v);

	n = n < sizeof o->property ? n : sizeof o->property - 1;
	memcpy(o->property, v == NULL ? "" : v, n);
	o->property[n] = '\0';
}

/* Attributes that a reader shows. */
static void
telling_attributes(struct odf *o, const char *name, const char **atts)
{
	static const char *const telling[] = { "string-value", "prefix", "suffix", "title", "desc" };
	const char *v;

	for (size_t i = 0; i < ARRAY_LEN(telling); i++)
		if ((v = xml_attribute(atts, telling[i])) != NULL)
			line(o, slice_of(v));
	if ((is(name, "table") || is(name, "page")) && (v = xml_attribute(atts, "name")) != NULL)
		line(o, slice_of(v));
}

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct odf *o = arg;

	end_loose(o);
	telling_attributes(o, name, atts);
	if (is(name, "p") || is(name, "h"))
		begin(o, o->para, &o->paras);
	else if (is(name, "table-row"))
		begin(o, o->row, &o->rows);
	else if (is(name, "s"))
		spaces(o, atts);
	else if (is(name, "tab"))
		character(o, SLICE("\t"));
	else if (is(name, "line-break"))
		character(o, SLICE("\n"));
	else if (is(name, "user-defined"))
		property_name(o, atts);
}

static void
on_end(void *arg, const char *name)
{
	struct odf *o = arg;

	end_loose(o);
	if (is(name, "p") || is(name, "h"))
		end_paragraph(o);
	else if (is(name, "table-row"))
		end_row(o);
	else if ((is(name, "table-cell") || is(name, "covered-table-cell")) && o->rows > 0)
		add(o, &o->row[o->rows - 1], SLICE("\t"));
	else if (is(name, "user-defined"))
		o->property[0] = '\0';
}

/* Line ends within text are white space (XML schema of the format: collapsed). */
static void
on_text(void *arg, struct slice text)
{
	struct odf *o = arg;
	struct buf *to = o->paras > 0 ? &o->para[o->paras - 1] : &o->loose;

	while (text.n > 0) {
		struct slice part;
		bool more = slice_chr(text, '\n') >= 0;

		slice_cut(&text, '\n', &part);
		add(o, to, part);
		if (more)
			add(o, to, SLICE(" "));
	}
}

int
odf_text(struct slice xml, struct buf *out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct odf *o = calloc(1, sizeof *o);
	int err;

	if (o == NULL)
		return ERR_NOMEM;
	o->out = out;
	buf_init(&o->loose, LINE_MAX_OCTETS);
	for (unsigned i = 0; i < ODF_NESTED_MAX; i++) {
		buf_init(&o->para[i], LINE_MAX_OCTETS);
		buf_init(&o->row[i], LINE_MAX_OCTETS);
	}
	err = xml_read(xml, &handlers, o, &o->reader);
	while (o->paras > 0)	/* of a part that broke off */
		end_paragraph(o);
	while (o->rows > 0)
		end_row(o);
	for (unsigned i = 0; i < ODF_NESTED_MAX; i++) {
		buf_fini(&o->para[i]);
		buf_fini(&o->row[i]);
	}
	buf_fini(&o->loose);
	free(o);
	return err;
}
