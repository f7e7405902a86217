/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/odfstyle.h"

#include <string.h>

#include "policy/extract/measure.h"
#include "policy/extract/xml.h"

static bool
is(const char *name, const char *what)
{
	return name != NULL && name[0] == what[0] && strcmp(name, what) == 0;
}

void
odfstyle_init(struct odfstyle *s, struct looks *out)
{
	*s = (struct odfstyle){ .out = out, .family = LOOK_FAMILIES };
	buf_init(&s->name, LOOK_NAME_OCTETS + 1);
	buf_init(&s->base, LOOK_NAME_OCTETS + 1);
}

void
odfstyle_fini(struct odfstyle *s)
{
	buf_fini(&s->name);
	buf_fini(&s->base);
}

/* One octet more than names have stays, so that a longer one is refused. */
static void
put(struct buf *to, const char *v)
{
	buf_clear(to);
	buf_add(to, slice_sub(slice_of(v), 0, LOOK_NAME_OCTETS + 1));
}

static void
text_properties(struct look *l, const char **atts)
{
	const char *v;

	if ((v = xml_attribute(atts, "display")) != NULL)
		l->hidden = !is(v, "true");
	if ((v = xml_attribute(atts, "font-size")) != NULL)
		l->tiny = measure_is_tiny(slice_of(v)) || is(v, "2pt");
	if ((v = xml_attribute(atts, "color")) != NULL)
		l->white = measure_is_pale(slice_of(v));
	if ((v = xml_attribute(atts, "opacity")) != NULL && measure_is_tiny(slice_of(v)))
		l->white = 1;
	if (is(xml_attribute(atts, "use-window-font-color"), "true"))
		l->white = 0;
}

void
odfstyle_start(struct odfstyle *s, const char *name, const char **atts)
{
	bool usual = is(name, "default-style");

	if (is(name, "style") || usual) {
		const char *family = xml_attribute(atts, "family");

		s->family = !is(family, "paragraph") ? is(family, "text") && !usual ? LOOK_TEXT :
		    LOOK_FAMILIES : usual ? LOOK_DEFAULTS : LOOK_PARAGRAPH;
		s->usual = usual;
		s->says = look_none();
		put(&s->name, usual ? "" : xml_attribute(atts, "name"));
		put(&s->base, usual ? "" : xml_attribute(atts, "parent-style-name"));
	} else if (is(name, "text-properties") && s->family != LOOK_FAMILIES) {
		text_properties(&s->says, atts);
	}
}

void
odfstyle_end(struct odfstyle *s, const char *name)
{
	if (s->family == LOOK_FAMILIES || (!is(name, "style") && !is(name, "default-style")))
		return;
	looks_add(s->out, s->family, buf_slice(&s->name), buf_slice(&s->base), s->usual, s->says);
	s->family = LOOK_FAMILIES;
}

/* ---- a part of which only they count ---- */

struct reader {
	struct odfstyle	 styles;
	struct xml	*xml;
	bool		 automatic;	/* those are of the part alone */
};

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct reader *r = arg;

	r->automatic |= is(name, "automatic-styles");
	if (!r->automatic)
		odfstyle_start(&r->styles, name, atts);
}

static void
on_end(void *arg, const char *name)
{
	struct reader *r = arg;

	if (!r->automatic)
		odfstyle_end(&r->styles, name);
	r->automatic &= !is(name, "automatic-styles");
	if (r->styles.out->err != OK)
		xml_stop(r->xml, r->styles.out->err);
}

static void
on_text(void *arg, struct slice text)
{
	(void)arg, (void)text;
}

int
odfstyle_read(struct slice xml, struct looks *out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct reader r = { .xml = NULL };
	int err;

	odfstyle_init(&r.styles, out);
	err = xml_read(xml, &handlers, &r, &r.xml);
	odfstyle_fini(&r.styles);
	return err == OK ? looks_end(out, NULL) : err;
}
