/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/odf.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/odfstyle.h"
#include "policy/extract/xml.h"

enum { LINE_MAX_OCTETS = 1 << 20, SPACES_MAX = 64, NAME_OCTETS = 256 };

struct paragraph {
	struct buf  all, seen, ruby;	/* what is hidden, tiny or white is not in `seen` */
	bool	    differs;
	struct look look;
	unsigned    spans;	/* open around it */
};

struct odf {
	struct xml  *reader;
	struct buf  *out;
	const struct looks *common;	/* styles of the document, NULL: none */
	struct looks own;		/* automatic styles of the part */
	struct odfstyle style;
	bool	     in_styles, styled;	/* within the automatic ones, behind them */
	struct look  span[XML_DEPTH_MAX];
	unsigned     spans, ruby;	/* open spans, open texts above others */
	struct paragraph para[ODF_NESTED_MAX];
	struct buf   row[ODF_NESTED_MAX];
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
	struct paragraph *p;
	struct look l;
	bool unseen;

	if (o->paras == 0)
		return;
	p = &o->para[o->paras - 1];
	l = o->spans > p->spans ? o->span[o->spans - 1] : p->look;
	unseen = l.hidden > 0 || l.tiny > 0 || l.white > 0 || o->ruby > 0;
	add(o, &p->all, text);
	if (!unseen)
		add(o, &p->seen, text);
	if (o->ruby > 0 && l.hidden <= 0)
		add(o, &p->ruby, text);
	p->differs |= unseen;
	if (l.hidden > 0)
		line(o, text);
}

/* ---- paragraphs and rows ---- */

static struct look
look_of(const struct odf *o, enum look_family family, const char **atts)
{
	return looks_find_in(o->styled ? &o->own : NULL, o->common, family,
	    slice_of(xml_attribute(atts, "style-name")));
}

static void
begin_paragraph(struct odf *o, const char **atts)
{
	struct paragraph *p = &o->para[o->paras];

	if (o->paras == ODF_NESTED_MAX) {
		xml_stop(o->reader, ERR_LIMIT);
		return;
	}
	o->paras++;
	buf_clear(&p->all);
	buf_clear(&p->seen);
	buf_clear(&p->ruby);
	p->differs = false;
	p->spans = o->spans;
	p->look = looks_find_in(NULL, o->common, LOOK_DEFAULTS, SLICE(""));
	look_put(&p->look, look_of(o, LOOK_PARAGRAPH, atts));
}

static void
end_paragraph(struct odf *o)
{
	struct paragraph *p;

	if (o->paras == 0)
		return;
	p = &o->para[--o->paras];
	line(o, buf_slice(&p->all));
	if (p->differs)
		line(o, buf_slice(&p->seen));
	line(o, buf_slice(&p->ruby));
	for (unsigned i = 0; i < o->rows; i++) {
		add(o, &o->row[i], buf_slice(&p->all));
		add(o, &o->row[i], SLICE(" "));
	}
}

static void
begin_span(struct odf *o, const char **atts)
{
	struct look l = look_none();

	if (o->spans == XML_DEPTH_MAX)	/* not that deep: the reader stops before */
		return;
	if (o->paras > 0)
		l = o->spans > o->para[o->paras - 1].spans ? o->span[o->spans - 1] :
		    o->para[o->paras - 1].look;
	look_put(&l, look_of(o, LOOK_TEXT, atts));
	o->span[o->spans++] = l;
}

static void
begin_row(struct odf *o)
{
	if (o->rows == ODF_NESTED_MAX)
		xml_stop(o->reader, ERR_LIMIT);
	else
		buf_clear(&o->row[o->rows++]);
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

static bool
is_span(const char *name)
{
	return is(name, "span") || is(name, "a") || is(name, "ruby-text");
}

/* Styles of the part stand before its text. */
static void
styles(struct odf *o, const char *name, const char **atts)
{
	if (is(name, "automatic-styles"))
		o->in_styles = !o->styled;
	else if (o->in_styles)
		odfstyle_start(&o->style, name, atts);
}

static void
end_styles(struct odf *o, const char *name)
{
	int err = OK;

	if (!o->in_styles)
		return;
	odfstyle_end(&o->style, name);
	if (is(name, "automatic-styles")) {
		o->in_styles = false;
		o->styled = true;
		err = looks_end(&o->own, o->common);
	}
	if (err != OK)
		xml_stop(o->reader, err);
}

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct odf *o = arg;

	end_loose(o);
	telling_attributes(o, name, atts);
	styles(o, name, atts);
	o->ruby += is(name, "ruby-text");
	if (is(name, "p") || is(name, "h"))
		begin_paragraph(o, atts);
	else if (is_span(name))
		begin_span(o, atts);
	else if (is(name, "table-row"))
		begin_row(o);
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
	end_styles(o, name);
	o->ruby -= is(name, "ruby-text");
	if (is_span(name) && o->spans > 0)
		o->spans--;
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

	while (text.n > 0) {
		struct slice part;
		bool more = slice_chr(text, '\n') >= 0;

		slice_cut(&text, '\n', &part);
		if (o->paras == 0)
			add(o, &o->loose, part);
		else
			character(o, part);
		if (more && o->paras == 0)
			add(o, &o->loose, SLICE(" "));
		else if (more)
			character(o, SLICE(" "));
	}
}

static struct odf *
odf_new(const struct looks *common, struct buf *out)
{
	struct odf *o = calloc(1, sizeof *o);

	if (o == NULL)
		return NULL;
	o->out = out;
	o->common = common;
	looks_init(&o->own);
	odfstyle_init(&o->style, &o->own);
	buf_init(&o->loose, LINE_MAX_OCTETS);
	for (unsigned i = 0; i < ODF_NESTED_MAX; i++) {
		buf_init(&o->para[i].all, LINE_MAX_OCTETS);
		buf_init(&o->para[i].seen, LINE_MAX_OCTETS);
		buf_init(&o->para[i].ruby, LINE_MAX_OCTETS);
		buf_init(&o->row[i], LINE_MAX_OCTETS);
	}
	return o;
}

static void
odf_free(struct odf *o)
{
	for (unsigned i = 0; i < ODF_NESTED_MAX; i++) {
		buf_fini(&o->para[i].all);
		buf_fini(&o->para[i].seen);
		buf_fini(&o->para[i].ruby);
		buf_fini(&o->row[i]);
	}
	buf_fini(&o->loose);
	odfstyle_fini(&o->style);
	looks_fini(&o->own);
	free(o);
}

int
odf_text(struct slice xml, const struct looks *common, struct buf *out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct odf *o = odf_new(common, out);
	int err;

	if (o == NULL)
		return ERR_NOMEM;
	err = xml_read(xml, &handlers, o, &o->reader);
	while (o->paras > 0)	/* of a part that broke off */
		end_paragraph(o);
	while (o->rows > 0)
		end_row(o);
	odf_free(o);
	return err;
}
