/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/wordstyle.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/measure.h"
#include "policy/extract/xml.h"

enum { TINY_HALF_POINTS = 4 };

struct reader {
	struct looks	*out;
	struct xml	*xml;
	struct buf	 name, base;	/* of the style at hand */
	enum look_family family;
	bool		 usual, in_style, in_defaults;
	unsigned	 apart;		/* open elements of some rows of a table, or of before a change */
	struct look	 says;
};

static bool
is(const char *name, const char *what)
{
	return name[0] == what[0] && strcmp(name, what) == 0;
}

static bool
is_off(const char *v)
{
	return v != NULL && (is(v, "0") || is(v, "false") || is(v, "off"));
}

/* As white as paper; a colour of the theme counts more than the one beside it. */
static bool
is_white(const char **atts)
{
	const char *theme = xml_attribute(atts, "themeColor"), *v = xml_attribute(atts, "val");
	struct buf code;
	bool pale;

	if (theme != NULL)
		return (is(theme, "background1") || is(theme, "light1")) &&
		    xml_attribute(atts, "themeShade") == NULL &&
		    xml_attribute(atts, "themeTint") == NULL;
	if (v == NULL || strlen(v) != 6)
		return false;
	buf_init(&code, 8);
	buf_addc(&code, '#');
	buf_adds(&code, v);
	pale = measure_is_pale(buf_slice(&code));
	buf_fini(&code);
	return pale;
}

void
wordstyle_property(struct look *l, const char *name, const char **atts)
{
	const char *v;

	if (is(name, "webHidden")) {
		l->web = !is_off(xml_attribute(atts, "val"));
	} else if (is(name, "vanish") || is(name, "specVanish")) {
		if (!is_off(xml_attribute(atts, "val")))
			l->hidden = 1;
		else if (is(name, "vanish") && l->hidden < 0)
			l->hidden = 0;
	} else if (is(name, "sz")) {
		v = xml_attribute(atts, "val");
		if (v != NULL && ascii_is_digit(v[0]))	/* two points or less */
			l->tiny = strtoul(v, NULL, 10) <= TINY_HALF_POINTS;
	} else if (is(name, "color")) {
		l->white = is_white(atts);
	}
}

bool
wordstyle_has(struct slice xml)
{
	struct slice head = slice_sub(xml, 0, 4);

	return slice_chr(head, '\0') >= 0 || slice_eq(slice_sub(head, 0, 2), SLICE("\xFF\xFE")) ||
	    slice_eq(slice_sub(head, 0, 2), SLICE("\xFE\xFF")) ||
	    slice_find(xml, SLICE("styleId")) >= 0 || slice_find(xml, SLICE("rPrDefault")) >= 0;
}

static void
put(struct reader *r, struct buf *to, const char *v)
{
	buf_clear(to);
	if (v != NULL)
		buf_adds(to, v);
	if (to->err != OK)	/* longer than names are */
		xml_stop(r->xml, to->err);
}

static enum look_family
family_of(const char *type)
{
	if (type == NULL || is(type, "paragraph"))
		return LOOK_PARAGRAPH;
	return is(type, "character") ? LOOK_TEXT : is(type, "table") ? LOOK_TABLE : LOOK_FAMILIES;
}

static void
begin_style(struct reader *r, const char **atts)
{
	const char *usual = xml_attribute(atts, "default");

	r->family = family_of(xml_attribute(atts, "type"));
	r->in_style = r->family != LOOK_FAMILIES;
	r->usual = usual != NULL && !is_off(usual);
	r->says = look_none();
	r->apart = 0;
	put(r, &r->name, xml_attribute(atts, "styleId"));
	put(r, &r->base, NULL);
}

static bool
is_apart(const char *name)
{
	return is(name, "tblStylePr") || is(name, "rPrChange") || is(name, "pPrChange");
}

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct reader *r = arg;

	if (is(name, "style")) {
		begin_style(r, atts);
	} else if (is(name, "rPrDefault")) {
		r->in_defaults = true;
		r->apart = 0;
		r->says = look_none();
	} else if (is_apart(name)) {
		r->apart++;
	} else if (is(name, "basedOn") && r->in_style) {
		put(r, &r->base, xml_attribute(atts, "val"));
	} else if (r->apart == 0 && (r->in_style || r->in_defaults)) {
		wordstyle_property(&r->says, name, atts);
	}
}

static void
on_end(void *arg, const char *name)
{
	struct reader *r = arg;

	if (is(name, "style") && r->in_style) {
		looks_add(r->out, r->family, buf_slice(&r->name), buf_slice(&r->base), r->usual,
		    r->says);
		r->in_style = false;
	} else if (is(name, "rPrDefault")) {
		looks_add(r->out, LOOK_DEFAULTS, SLICE(""), SLICE(""), true, r->says);
		r->in_defaults = false;
	} else if (is_apart(name)) {
		r->apart -= r->apart > 0;
	}
	if (r->out->err != OK)
		xml_stop(r->xml, r->out->err);
}

static void
on_text(void *arg, struct slice text)
{
	(void)arg, (void)text;
}

int
wordstyle_read(struct slice xml, struct looks *out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct reader r = { .out = out };
	int err;

	buf_init(&r.name, LOOK_NAME_OCTETS);
	buf_init(&r.base, LOOK_NAME_OCTETS);
	err = xml_read(xml, &handlers, &r, &r.xml);
	buf_fini(&r.name);
	buf_fini(&r.base);
	return err == OK ? looks_end(out, NULL) : err;
}
