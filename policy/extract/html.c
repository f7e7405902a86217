/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/html.h"

#include "policy/extract/css.h"
#include "policy/extract/datauri.h"
#include "policy/extract/element.h"
#include "policy/extract/entity.h"
#include "policy/extract/tag.h"
#include "policy/extract/value.h"

enum {
	VAIN_FACTOR = 4,	/* times the input: looked over in vain for the ends of tags */
	LOOKS_FACTOR = 32,	/* times the input: open elements looked at for ends */
	OPEN_MAX = 1024,	/* elements in elements */
	ICON_OCTETS_MAX = 4096,	/* of attributes in a drawing: no page of text in outlines */
	DRAWING_OCTETS_MAX = 8192	/* in a file of its own, as Office has its icons */
};

/* An element that was begun, and what ends with it. */
struct open {
	struct slice	   name;
	enum element_group group;
	unsigned	   effects;
	bool		   drawing;
};

struct html {
	struct slice	  in;
	size_t		  pos;
	struct buf	 *out, *data;	/* data: contents of attributes, or NULL */
	enum html_reading reading;
	unsigned	  flags;
	bool		  space;	/* white space is due before the next character */
	bool		  fresh;	/* at the beginning of a line */
	struct css	  css;
	struct open	  open[OPEN_MAX];
	unsigned	  open_n;
	unsigned	  groups[ELEMENT_BLOCK + 1];	/* how many of each are open */
	unsigned	  hidden, pre;	/* open elements that are left out, that keep line ends */
	size_t		  raw_end;	/* up to here nothing is a tag */
	bool		  no_tag_end, no_comment_end;	/* none follows: never search again */
	size_t		  vain_octets;	/* looked over for tags that have no end */
	size_t		  looks;	/* at open elements */
	unsigned	  drawing;	/* open ones */
	size_t		  drawn_octets;	/* of shapes in the outermost */
	bool		  hurry;	/* that was too much: quotes count no more */
};

static void
line_break(struct html *h)
{
	if (!h->fresh)
		buf_addc(h->out, '\n');
	h->fresh = true;
	h->space = false;
}

static void
before_char(struct html *h)
{
	if (h->space && !h->fresh)
		buf_addc(h->out, ' ');
	h->space = h->fresh = false;
}

/* One character (or reference) of text. */
static void
put_text(struct html *h)
{
	char c = h->in.p[h->pos];
	size_t n;

	if (h->hidden > 0) {
		h->pos++;
		return;
	}
	if (ascii_is_white(c)) {
		if (h->pre > 0 && (c == '\n' || c == '\r'))
			line_break(h);
		h->space = true;
		h->pos++;
		return;
	}
	before_char(h);
	if (c == '&' && (n = entity_decode(slice_from(h->in, h->pos), h->out)) > 0) {
		h->pos += n;
		return;
	}
	buf_addc(h->out, c);
	h->pos++;
}

/* --- tags --- */

static bool
begins_line(const struct html *h, struct slice name)
{
	if (h->reading == HTML_OFFICE)
		return element_is_paragraph(name);
	return h->reading == HTML_XML || element_is_block(name);
}

/* What an attribute does to the text of its element. */
static unsigned
attribute_effects(const struct html *h, struct slice name, struct slice value)
{
	unsigned r = css_effects(&h->css, '[', name);

	if (slice_is_nocase(name, "hidden"))
		r |= CSS_HIDES;
	else if (slice_is_nocase(name, "style"))
		r |= css_declarations(value, true);
	else if (slice_is_nocase(name, "class"))
		r |= css_effects(&h->css, '.', value);
	else if (slice_is_nocase(name, "id"))
		r |= css_effects(&h->css, '#', value);
	else if (slice_is_nocase(name, "open"))
		r |= CSS_SHOWS;
	else if (slice_is_nocase(name, "color") && (slice_is_nocase(value, "white") ||
	    slice_is_nocase(value, "#ffffff") || slice_is_nocase(value, "#fff")))
		r |= CSS_MAY_HIDE;
	return r;
}

/* Look through the attributes: their effects, embedded pictures, telling texts. */
static unsigned
attributes(struct html *h, const struct tag *t)
{
	struct slice rest = t->attributes, name, value;
	unsigned r = css_effects(&h->css, '\0', t->name);

	if (!element_is_block(t->name))	/* what is meant are parts of a line */
		r |= css_effects(&h->css, '\0', SLICE("*"));
	while (tag_attribute(&rest, &name, &value)) {
		if (h->reading < HTML_XML)
			r |= attribute_effects(h, name, value);
		if (value.n > 0 && (value_runs(name) || slice_is_nocase(name, "srcdoc")))
			h->flags |= HTML_HAS_EMBEDDED;
		h->flags |= value_flags(value, h->data);
		if (h->reading == HTML_XML)	/* the prefix is the author's choice */
			name = slice_from(name, (size_t)(slice_chr(name, ':') + 1));
		if ((!element_is_telling(name) && !h->css.attr) || value.n == 0 ||
		    h->reading == HTML_OFFICE)
			continue;
		h->flags |= HTML_HAS_MORE;
		if (h->reading < HTML_ALL)
			continue;
		line_break(h);
		entity_text(value, h->out);
		h->fresh = false;
		line_break(h);
	}
	return r;
}

/* Read the tag at pos (at its "<"); false: it is none, so text. */
static bool
read_tag(struct html *h, struct tag *t)
{
	struct slice s = slice_from(h->in, h->pos + 1), rest;
	ptrdiff_t end;
	size_t n = 0;

	*t = (struct tag){ .closing = s.n > 0 && s.p[0] == '/' };
	if (t->closing)
		s = slice_from(s, 1);
	if (h->no_tag_end || s.n == 0 ||
	    !(ascii_is_alpha(s.p[0]) || s.p[0] == '!' || s.p[0] == '?'))
		return false;
	while (n < s.n && !ascii_is_white(s.p[n]) && s.p[n] != '>' && s.p[n] != '/')
		n++;
	t->name = slice_sub(s, 0, n);
	rest = slice_from(s, n);
	end = tag_end(rest, !h->hurry && (h->reading >= HTML_XML || ascii_is_alpha(s.p[0])));
	if (end < 0) {	/* an open quote or no end: the tag ends at the first ">", or is text */
		end = slice_chr(rest, '>');
		h->vain_octets += s.n;
		h->hurry = h->vain_octets / VAIN_FACTOR > h->in.n;
		h->no_tag_end = end < 0;
		if (end < 0)
			return false;
	}
	t->attributes = slice_sub(rest, 0, (size_t)end);
	t->empty = end > 0 && rest.p[end - 1] == '/';
	h->pos += (t->closing ? 2 : 1) + n + (size_t)end + 1;
	return true;
}

/* --- elements --- */

/* What an element did is over. */
static void
undo(struct html *h, struct open *o)
{
	unsigned effects = o->effects;

	h->drawing -= o->drawing;
	o->drawing = false;
	o->effects = 0;
	o->name = (struct slice){ NULL, 0 };
	if ((effects & CSS_HIDES) != 0)
		h->hidden--;
	if ((effects & CSS_KEEPS) != 0)
		h->pre--;
	if ((effects & CSS_OVERRIDES) != 0)
		buf_adds(h->out, "\xE2\x80\xAC");
	if ((effects & CSS_BREAKS) != 0 && h->hidden == 0)
		line_break(h);
}

/* Everything from element n on ends here. */
static void
end_elements(struct html *h, unsigned n)
{
	while (h->open_n > n) {
		h->open_n--;
		h->groups[h->open[h->open_n].group]--;
		undo(h, &h->open[h->open_n]);
	}
}

/* May one more open element be looked at? If too many were, ends stay unknown. */
static bool
may_look(struct html *h)
{
	if (h->looks / LOOKS_FACTOR > h->in.n)
		h->css.full = true;
	else
		h->looks++;
	return !h->css.full;
}

/* Does an end break the line that ends no element known to be open? */
static bool
ends_line(const struct html *h, struct slice name)
{
	if (h->reading >= HTML_XML || h->open_n == OPEN_MAX)
		return begins_line(h, name);
	return slice_is_nocase(name, "p") || slice_is_nocase(name, "br");
}

/* An end: of a <b> that was begun around a block nothing else ends with it. */
static void
close_tag(struct html *h, const struct tag *t)
{
	bool blocks = false;

	for (unsigned i = h->open_n; i-- > 0 && may_look(h);) {
		struct open *o = &h->open[i];

		if (o->name.n == t->name.n && slice_eq_nocase(o->name, t->name)) {
			if (blocks && o->group == ELEMENT_OTHER && element_is_format(t->name))
				undo(h, o);
			else
				end_elements(h, i);
			break;
		}
		if (!element_end_passes(t->name, o->group))
			break;
		blocks |= o->group != ELEMENT_OTHER;
	}
	if (h->hidden == 0 && ends_line(h, t->name))
		line_break(h);
}

/* A link in a link ends that. */
static void
end_same(struct html *h, struct slice name)
{
	if (!element_ends_itself(name))
		return;
	for (unsigned i = h->open_n; i-- > 0 && may_look(h);) {
		if (slice_eq_nocase(h->open[i].name, name)) {
			end_elements(h, i);
			return;
		}
		if (h->open[i].group != ELEMENT_OTHER)
			return;
	}
}

/* Elements whose end is left out end where this one begins. */
static void
imply_ends(struct html *h, enum element_group group)
{
	bool cell = group == ELEMENT_TD || group == ELEMENT_TR || group == ELEMENT_OPTION;
	bool own = cell || group == ELEMENT_LI || group == ELEMENT_DT;
	bool stop = group == ELEMENT_OTHER || ((!own || h->groups[group] == 0) &&
	    (cell || h->groups[ELEMENT_P] == 0));

	for (unsigned i = h->open_n; i-- > 0 && !stop && may_look(h);)
		if (element_ends(group, h->open[i].group, &stop))
			end_elements(h, i);
}

/* Styles and scripts, cut at quotes so that strings show. What a script writes nobody knows. */
static void
raw_text(struct html *h, struct slice name, bool script)
{
	struct slice raw = tag_raw(slice_from(h->in, h->pos), name);

	h->flags |= HTML_HAS_MORE;
	if ((script && slice_trim(raw).n > 0) || datauri_has(raw))
		h->flags |= HTML_HAS_EMBEDDED;
	h->pos += raw.n;
	if (h->reading < HTML_ALL)
		return;
	line_break(h);
	while (raw.n > 0) {
		size_t n = raw.p[0] == '\\' ? entity_style(raw, h->out) : 0;

		h->fresh = false;
		if (n == 0)
			buf_addc(h->out, slice_chr(SLICE("\"'{};"), raw.p[0]) >= 0 ? '\n' :
			    raw.p[0]);
		raw = slice_from(raw, n == 0 ? 1 : n);
	}
	line_break(h);
}

/* In a drawing tags are tags, in styles too. */
static void
drawn_style(struct html *h)
{
	struct slice rest = slice_from(h->in, h->pos);
	ptrdiff_t end = slice_chr(rest, '<');

	rest = end < 0 ? rest : slice_sub(rest, 0, (size_t)end);
	h->drawn_octets += rest.n;
	if (datauri_has(rest))
		h->flags |= HTML_HAS_EMBEDDED;
}

/* The effects that this reading takes up, of an element that begins a line or does not. */
static unsigned
kept(const struct html *h, unsigned effects, bool line)
{
	unsigned r = effects & (CSS_SURE | CSS_OVERRIDES);

	if (h->reading != HTML_SEEN)
		r |= (effects & CSS_MAY) >> CSS_MAY_SHIFT;
	if (line && (h->reading != HTML_SEEN || (effects & CSS_JOINS) == 0))
		r |= CSS_BREAKS;
	if (h->reading >= HTML_XML)
		return r & CSS_BREAKS;
	if (h->reading == HTML_ALL)
		return r & ~(unsigned)CSS_HIDES;
	return (r & CSS_HIDES) != 0 ? CSS_HIDES : r;	/* then it takes no place */
}

/* An element begins that is not hidden by one around it: what ends with it. */
static unsigned
begin_effects(struct html *h, struct slice name, unsigned effects, bool alone)
{
	bool line = begins_line(h, name);

	if ((effects & CSS_MAY) != 0 || (line && (effects & CSS_JOINS) != 0))
		h->flags |= HTML_HAS_DOUBT;
	if (!alone && (effects & (CSS_HIDES | CSS_MAY_HIDE)) != 0) {
		h->flags |= HTML_HAS_MORE;
		if (h->reading == HTML_ALL)
			line_break(h);
	}
	effects = kept(h, effects, line);
	if ((effects & CSS_BREAKS) != 0)
		line_break(h);
	if (alone)
		return 0;
	if (h->open_n == OPEN_MAX) {
		h->css.full |= (effects & ~(unsigned)CSS_BREAKS) != 0;
		return 0;
	}
	h->hidden += (effects & CSS_HIDES) != 0;
	h->pre += (effects & CSS_KEEPS) != 0;
	if ((effects & CSS_OVERRIDES) != 0) {
		before_char(h);
		buf_adds(h->out, "\xE2\x80\xAE");
	}
	return effects;
}

static unsigned
name_effects(struct slice name)
{
	return (element_keeps_lines(name) ? CSS_KEEPS : 0) |
	    (element_is_unseen(name) || element_is_drawing(name) ? CSS_HIDES : 0) |
	    (slice_is_nocase(name, "bdo") ? CSS_OVERRIDES : 0);
}

/* Of a drawing the shapes alone are passed over. */
static bool
is_embedding(const struct html *h, struct slice name)
{
	bool markup = h->reading < HTML_XML;

	if (element_is_embedding(name))
		return true;
	if ((h->drawing == 0 && !element_is_drawing(name)) || (h->flags & HTML_HAS_EMBEDDED) != 0)
		return false;
	if (element_draws_more(name))	/* in HTML a font is none of the drawing's */
		return !markup || !slice_is_nocase(name, "font");
	return !markup && slice_ends_nocase(name, SLICE("style")) &&
	    element_style_reaches(tag_raw(slice_from(h->in, h->pos), name));
}

/* More shapes than an icon has: they may be the outlines of letters. */
static bool
draws_much(struct html *h, const struct tag *t)
{
	bool drawing = element_is_drawing(t->name), markup = h->reading < HTML_XML;

	if (h->drawing == 0)
		h->drawn_octets = 0;
	if ((h->drawing == 0 && !drawing) || (h->flags & HTML_HAS_EMBEDDED) != 0)
		return false;
	h->drawn_octets += t->attributes.n;
	if (!markup && slice_ends_nocase(t->name, SLICE("style")))
		h->drawn_octets += tag_raw(slice_from(h->in, h->pos), t->name).n;
	return h->drawn_octets > (markup ? ICON_OCTETS_MAX : DRAWING_OCTETS_MAX) ||
	    (drawing && h->open_n == OPEN_MAX);	/* nobody knows what is in it */
}

/* What begins here ends drawings in which it cannot be. */
static void
leave_drawings(struct html *h, struct slice name)
{
	unsigned n = h->open_n;

	if (h->drawing == 0 || !element_leaves_drawing(name))
		return;
	for (unsigned drawings = h->drawing; drawings > 0; n--)
		drawings -= h->open[n - 1].drawing;
	end_elements(h, n);
}

/* The effects of an element that is not hidden by one around it, on itself and the flags. */
static unsigned
effects_of(struct html *h, const struct tag *t, bool alone)
{
	unsigned effects = attributes(h, t) | (h->reading < HTML_XML ? name_effects(t->name) : 0);

	/* A document type may declare characters under other names. */
	if (is_embedding(h, t->name) || draws_much(h, t) ||
	    slice_starts_nocase(t->name, SLICE("!entity")) ||
	    (slice_is_nocase(t->name, "!doctype") && slice_chr(t->attributes, '[') >= 0))
		h->flags |= HTML_HAS_EMBEDDED;
	return begin_effects(h, t->name, css_settled(effects), alone);
}

static void
open_tag(struct html *h, const struct tag *t)
{
	bool markup = h->reading < HTML_XML, drawing = element_is_drawing(t->name);
	bool alone = element_is_void(t->name) || (t->empty && (!markup || drawing));
	enum element_group group = markup ? element_group(t->name) : ELEMENT_OTHER;
	unsigned effects = 0;

	if (markup) {
		leave_drawings(h, t->name);
		end_same(h, t->name);
	}
	imply_ends(h, group);
	if (h->hidden == 0)
		effects = effects_of(h, t, alone);
	else if (!alone && h->open_n == OPEN_MAX)
		h->css.full = true;	/* where its end is nobody knows */
	if (!alone && h->open_n < OPEN_MAX) {
		h->groups[group]++;
		h->drawing += drawing;
		h->open[h->open_n++] = (struct open){ t->name, group, effects, drawing };
	}
	if (h->reading < HTML_ALL && element_is_raw(t->name) && h->drawing == 0)
		h->raw_end = h->pos + tag_raw(slice_from(h->in, h->pos), t->name).n;
	if (markup && (slice_is_nocase(t->name, "script") || slice_is_nocase(t->name, "style"))) {
		if (h->drawing == 0)
			raw_text(h, t->name, slice_is_nocase(t->name, "script") &&
			    !tag_is_data_block(t));
		else
			drawn_style(h);
	}
}

/* --- what is no element --- */

/* At "<!--": in the shown reading it is not there at all, else its content is text. */
static void
comment(struct html *h)
{
	size_t n = 0;

	if (h->reading < HTML_ALL && !h->no_comment_end) {
		n = tag_comment_octets(slice_from(h->in, h->pos));
		h->no_comment_end = n == 0;
	}
	h->flags |= HTML_HAS_MORE;
	if (n == 0) {
		line_break(h);
		h->pos += 4;
		if (slice_starts_nocase(slice_from(h->in, h->pos), SLICE("[if"))) {
			ptrdiff_t gt = slice_chr(slice_sub(h->in, h->pos, 128), '>');

			h->pos += gt < 0 ? 0 : (size_t)gt + 1;
		}
	} else {
		h->pos += n;
	}
}

/* "</ x>", "</>", "<![CDATA[x>": browsers drop what reaches to the next ">". */
static bool
is_dropped(const struct html *h, struct slice rest)
{
	if (h->reading >= HTML_ALL || h->no_tag_end || rest.n < 3)
		return false;
	return (rest.p[1] == '/' && !ascii_is_alpha(rest.p[2])) ||
	    (rest.p[1] == '!' && rest.p[2] == '[');
}

static void
drop(struct html *h, struct slice rest)
{
	ptrdiff_t end = slice_chr(rest, '>');

	h->flags |= HTML_HAS_MORE;
	if (end < 0)
		h->no_tag_end = true;
	else
		h->pos += (size_t)end + 1;
}

static void
read_all(struct html *h)
{
	struct tag t;

	while (h->pos < h->in.n && h->out->err == OK) {
		struct slice rest = slice_from(h->in, h->pos);

		if (rest.p[0] != '<' || h->pos < h->raw_end) {
			put_text(h);
		} else if (is_dropped(h, rest)) {
			drop(h, rest);
		} else if (rest.n >= 4 && slice_eq(slice_sub(rest, 0, 4), SLICE("<!--"))) {
			comment(h);
		} else if (rest.n >= 9 && slice_eq(slice_sub(rest, 0, 9), SLICE("<![CDATA["))) {
			h->pos += 9;
		} else if (read_tag(h, &t)) {
			if (t.closing)
				close_tag(h, &t);
			else
				open_tag(h, &t);
		} else {
			put_text(h);
		}
	}
}

/* The whole of it, in h->reading. */
static int
run(struct html *h)
{
	if (h->reading < HTML_XML)
		css_collect(&h->css, h->in);
	read_all(h);
	css_free(&h->css);
	if (h->out->err == OK)
		h->out->err = h->css.err;
	return h->out->err == OK && (h->hurry || h->css.full) ? ERR_LIMIT : h->out->err;
}

int
html_data(struct slice utf8, struct buf *out)
{
	struct buf text;
	struct html h = { .in = utf8, .out = &text, .data = out, .reading = HTML_ALL,
		.fresh = true };

	buf_init(&text, 4 * utf8.n + 4096);
	(void)run(&h);	/* ERR_LIMIT says that text may be missing, and that is not taken */
	if (text.err != OK && out->err == OK)
		out->err = text.err;
	buf_fini(&text);
	return out->err;
}

int
html_text(struct slice utf8, enum html_reading reading, struct buf *out, unsigned *flags_out)
{
	struct html h = { .in = utf8, .out = out, .reading = reading, .fresh = true };
	int err = run(&h);

	*flags_out = h.flags;
	return err;
}
