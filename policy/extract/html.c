/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/html.h"

#include "policy/extract/entity.h"

enum { VAIN_FACTOR = 4 };	/* times the input: looked over in vain for the ends of tags */

struct html {
	struct slice	  in;
	size_t		  pos;
	struct buf	 *out, *data;	/* data: contents of attributes, or NULL */
	enum html_reading reading;
	unsigned	  flags;
	bool		  space;	/* white space is due before the next character */
	bool		  fresh;	/* at the beginning of a line */
	unsigned	  pre;		/* depth of <pre> */
	struct slice	  skip;		/* name of the hidden element that is left out */
	unsigned	  skip_depth;	/* elements of that name open; 0: nothing is left out */
	bool		  no_tag_end, no_comment_end;	/* none follows: never search again */
	size_t		  vain_octets;	/* looked over for tags that have no end */
	bool		  hurry;	/* that was too much: quotes count no more */
};

struct tag {
	struct slice name, attributes;
	bool	     closing, empty;
};

static void
line_break(struct html *h)
{
	if (!h->fresh)
		buf_addc(h->out, '\n');
	h->fresh = true;
	h->space = false;
}

static bool
is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
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

	if (h->skip_depth > 0) {
		h->pos++;
		return;
	}
	if (is_white(c)) {
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

void
html_unescape(struct slice in, struct buf *out)
{
	while (in.n > 0) {
		size_t n = in.p[0] == '&' ? entity_decode(in, out) : 0;

		if (n == 0) {
			buf_addc(out, in.p[0]);
			n = 1;
		}
		in = slice_from(in, n);
	}
}

/* --- tags --- */

static bool
one_of(struct slice name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is_nocase(name, list[i]))
			return true;
	return false;
}

/* Elements inside a line; any other name begins a new one. */
static bool
is_inline(struct slice name)
{
	static const char *const list[] = {
		"a", "abbr", "acronym", "b", "basefont", "bdi", "bdo", "big", "blink", "cite",
		"code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "label", "mark",
		"nobr", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
		"sub", "sup", "time", "tt", "u", "var", "wbr", "img", "input", "o:p", "st1:place",
	};

	/* Office writes elements of its own inside lines. */
	return one_of(name, list, ARRAY_LEN(list)) || slice_chr(name, ':') >= 0;
}

/* Paragraphs and the like of office documents, by the name without its prefix. */
static bool
is_paragraph(struct slice name)
{
	static const char *const list[] = {
		"p", "h", "br", "cr", "tab", "row", "cell", "data", "tc", "tr", "table-row",
		"table-cell", "page", "txbx", "textbox", "text-box", "comment", "annotation",
	};

	name = slice_from(name, (size_t)(slice_chr(name, ':') + 1));
	return one_of(name, list, ARRAY_LEN(list));
}

static bool
begins_line(const struct html *h, struct slice name)
{
	if (h->reading == HTML_OFFICE)
		return is_paragraph(name);
	return h->reading == HTML_XML || !is_inline(name);
}

static bool
is_void(struct slice name)
{
	static const char *const list[] = {
		"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
		"param", "source", "track", "wbr",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

static bool
is_embedding(struct slice name)
{
	static const char *const list[] = {
		"svg", "object", "embed", "applet", "canvas", "video", "audio", "math",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

/* The next attribute of *rest; false at the end. */
static bool
next_attribute(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice s = *rest;
	size_t n = 0;

	while (s.n > 0 && (is_white(s.p[0]) || s.p[0] == '/'))
		s = slice_from(s, 1);
	if (s.n == 0)
		return false;
	while (n < s.n && !is_white(s.p[n]) && (n == 0 || s.p[n] != '=') && s.p[n] != '/')
		n++;
	*name = slice_sub(s, 0, n);
	*value = (struct slice){ NULL, 0 };
	s = slice_from(s, n);
	while (s.n > 0 && is_white(s.p[0]))
		s = slice_from(s, 1);
	if (s.n > 0 && s.p[0] == '=') {
		s = slice_from(s, 1);
		while (s.n > 0 && is_white(s.p[0]))
			s = slice_from(s, 1);
		if (s.n > 0 && (s.p[0] == '"' || s.p[0] == '\'')) {
			ptrdiff_t end = slice_chr(slice_from(s, 1), s.p[0]);

			n = end < 0 ? s.n - 1 : (size_t)end;
			*value = slice_sub(s, 1, n);
			s = slice_from(s, n + 2);
		} else {
			for (n = 0; n < s.n && !is_white(s.p[n]);)
				n++;
			*value = slice_sub(s, 0, n);
			s = slice_from(s, n);
		}
	}
	*rest = s;
	return true;
}

/* A style without its white space. */
struct style {
	struct buf text;
};

static void
style_init(struct style *st, struct slice value)
{
	buf_init(&st->text, value.n + 1);
	for (size_t i = 0; i < value.n; i++)
		if (!is_white(value.p[i]))
			buf_addc(&st->text, value.p[i]);
}

/* One that could not be read says everything. */
static bool
style_says(const struct style *st, const char *what)
{
	return st->text.err != OK || slice_find_nocase(buf_slice(&st->text), slice_of(what)) >= 0;
}

static bool
style_hides(const struct style *st)
{
	static const char *const list[] = {
		"display:none", "visibility:hidden", "font-size:0", "mso-hide:all", "opacity:0;",
		"max-height:0",
	};

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (style_says(st, list[i]))
			return true;
	return false;
}

static void
look_at_style(struct slice value, bool *hidden_out, bool *turned_out)
{
	struct style st;

	style_init(&st, value);
	if (style_hides(&st))
		*hidden_out = true;
	if (style_says(&st, "bidi-override") && style_says(&st, "direction:rtl"))
		*turned_out = true;
	buf_fini(&st.text);
}

static bool
is_telling(struct slice name)
{
	static const char *const list[] = {
		"alt", "title", "value", "placeholder", "label", "aria-label", "content",
		"summary", "string", "data-label", "href", "name",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

/* "data:" and what makes a URI of it: [ type "/" subtype ] *( ";" parameter ) "," */
static bool
has_data_uri(struct slice s)
{
	ptrdiff_t at;

	while ((at = slice_find_nocase(s, SLICE("data:"))) >= 0) {
		struct slice rest = slice_sub(s, (size_t)at + 5, 256), type;

		if (slice_cut(&rest, ',', &type) && (type.n == 0 || type.p[0] == ';' ||
		    (!is_white(type.p[0]) && slice_chr(type, '/') > 0)))
			return true;
		s = slice_from(s, (size_t)at + 5);
	}
	return false;
}

/* "data:" [ type ] *( ";" parameter ) ";base64," */
static bool
is_base64_uri(struct slice s)
{
	struct slice head = slice_sub(s, 0, 256), type;

	return slice_starts_nocase(s, SLICE("data:")) && slice_cut(&head, ',', &type) &&
	    slice_ends_nocase(type, SLICE(";base64"));
}

/* Does it hold content of its own, or make some: the flags. Readers drop line ends and tabs. */
static unsigned
value_flags(struct html *h, struct slice value)
{
	struct buf plain;
	unsigned flags = 0;
	struct slice s;
	size_t n = 0;

	if (slice_chr(value, ':') < 0 && slice_chr(value, '&') < 0)
		return 0;
	buf_init(&plain, 4 * value.n + 16);
	html_unescape(value, &plain);
	for (size_t i = 0; i < plain.n; i++)
		if (plain.p[i] != '\t' && plain.p[i] != '\n' && plain.p[i] != '\r')
			plain.p[n++] = plain.p[i];
	s = slice_trim((struct slice){ plain.p, n });
	if (plain.err == OK && is_base64_uri(s)) {
		flags = HTML_HAS_DATA;
		if (h->data != NULL) {
			buf_add(h->data, slice_from(s, 5));
			buf_addc(h->data, '\n');
		}
	} else if (plain.err != OK || has_data_uri(s) ||
	    slice_find_nocase(s, SLICE("javascript:")) >= 0 ||
	    slice_find_nocase(s, SLICE("vbscript:")) >= 0) {
		flags = HTML_HAS_EMBEDDED;
	}
	buf_fini(&plain);
	return flags;
}

static bool
is_handler(struct slice name)
{
	return name.n > 4 && slice_starts_nocase(name, SLICE("on")) && ascii_is_alpha(name.p[2]);
}

/* Look through the attributes: *hidden_out, right to left, embedded pictures, telling texts. */
static void
attributes(struct html *h, const struct tag *t, bool *hidden_out, bool *turned_out)
{
	struct slice rest = t->attributes, name, value;

	*hidden_out = *turned_out = false;
	while (next_attribute(&rest, &name, &value)) {
		if (slice_is_nocase(name, "hidden"))
			*hidden_out = true;
		if (slice_is_nocase(name, "style"))
			look_at_style(value, hidden_out, turned_out);
		if (slice_is_nocase(name, "dir") && slice_is_nocase(value, "rtl") &&
		    slice_is_nocase(t->name, "bdo"))
			*turned_out = true;
		if (value.n > 0 && (is_handler(name) || slice_is_nocase(name, "srcdoc")))
			h->flags |= HTML_HAS_EMBEDDED;
		h->flags |= value_flags(h, value);
		if (h->reading == HTML_XML)	/* the prefix is the author's choice */
			name = slice_from(name, (size_t)(slice_chr(name, ':') + 1));
		if (!is_telling(name) || value.n == 0 || h->reading == HTML_OFFICE)
			continue;
		h->flags |= HTML_HAS_MORE;
		if (h->reading == HTML_SHOWN)
			continue;
		line_break(h);
		html_unescape(value, h->out);
		h->fresh = false;
		line_break(h);
	}
}

/* A letter written "\\1EAC " in a style: octets taken, or 0. */
static size_t
style_escape(struct slice s, struct buf *out)
{
	uint32_t cp = 0;
	size_t n = 1;

	while (n < s.n && n <= 6 && ascii_hex(s.p[n]) >= 0)
		cp = cp * 16 + (uint32_t)ascii_hex(s.p[n++]);
	if (n == 1)
		return 0;
	entity_put(out, cp);
	return n < s.n && is_white(s.p[n]) ? n + 1 : n;
}

/* Octets of the raw text at pos, up to the closing tag of that name. */
static struct slice
raw_octets(const struct html *h, struct slice name)
{
	struct slice rest = slice_from(h->in, h->pos);

	for (size_t i = 0; i + 2 + name.n <= rest.n; i++)
		if (rest.p[i] == '<' && rest.p[i + 1] == '/' &&
		    slice_eq_nocase(slice_sub(rest, i + 2, name.n), name))
			return slice_sub(rest, 0, i);
	return rest;
}

/* Styles and scripts, cut at quotes so that strings show. What a script writes nobody knows. */
static void
raw_text(struct html *h, struct slice name)
{
	struct slice raw = raw_octets(h, name);
	bool show = h->reading != HTML_SHOWN && h->skip_depth == 0;

	h->flags |= HTML_HAS_MORE;
	if ((slice_is_nocase(name, "script") && slice_trim(raw).n > 0) || has_data_uri(raw))
		h->flags |= HTML_HAS_EMBEDDED;
	h->pos += raw.n;
	line_break(h);
	while (show && raw.n > 0) {
		size_t n = raw.p[0] == '\\' ? style_escape(raw, h->out) : 0;

		h->fresh = false;
		if (n == 0)
			buf_addc(h->out, slice_chr(SLICE("\"'{};"), raw.p[0]) >= 0 ? '\n' :
			    raw.p[0]);
		raw = slice_from(raw, n == 0 ? 1 : n);
	}
	line_break(h);
}

/* Read the tag at pos (at its "<"); false: it is none, so text. */
static bool
read_tag(struct html *h, struct tag *t)
{
	struct slice s = slice_from(h->in, h->pos + 1);
	char quote = '\0';
	size_t n = 0, i;

	*t = (struct tag){ .closing = s.n > 0 && s.p[0] == '/' };
	if (t->closing)
		s = slice_from(s, 1);
	if (h->no_tag_end || s.n == 0 ||
	    !(ascii_is_alpha(s.p[0]) || s.p[0] == '!' || s.p[0] == '?'))
		return false;
	while (n < s.n && !is_white(s.p[n]) && s.p[n] != '>' && s.p[n] != '/')
		n++;
	t->name = slice_sub(s, 0, n);
	for (i = n; i < s.n && (quote != '\0' || s.p[i] != '>'); i++) {
		if (quote != '\0')
			quote = s.p[i] == quote ? '\0' : quote;
		else if ((s.p[i] == '"' || s.p[i] == '\'') && s.p[i - 1] == '=' && !h->hurry)
			quote = s.p[i];
	}
	if (i == s.n) {	/* an open quote or no end: the tag ends at the first ">", or is text */
		ptrdiff_t end = slice_chr(slice_from(s, n), '>');

		h->vain_octets += s.n;
		h->hurry = h->vain_octets / VAIN_FACTOR > h->in.n;
		if (end < 0) {
			h->no_tag_end = true;
			return false;
		}
		i = n + (size_t)end;
	}
	t->attributes = slice_sub(s, n, i - n);
	t->empty = i > 0 && s.p[i - 1] == '/';
	h->pos += (t->closing ? 2 : 1) + i + 1;
	return true;
}

/* Inside a hidden element that is left out: only its own name matters. */
static void
skip_tag(struct html *h, const struct tag *t)
{
	if (!slice_eq_nocase(t->name, h->skip))
		return;
	if (t->closing)
		h->skip_depth--;
	else if (!t->empty)
		h->skip_depth++;
}

static void
open_tag(struct html *h, const struct tag *t)
{
	bool hidden, turned;

	attributes(h, t, &hidden, &turned);
	/* A document type may declare characters under other names. */
	if (is_embedding(t->name) || slice_starts_nocase(t->name, SLICE("!entity")) ||
	    (slice_is_nocase(t->name, "!doctype") && slice_chr(t->attributes, '[') >= 0))
		h->flags |= HTML_HAS_EMBEDDED;
	if (slice_is_nocase(t->name, "pre"))
		h->pre++;
	if (turned) {
		before_char(h);
		buf_adds(h->out, "\xE2\x80\xAE");
	}
	if (hidden && !is_void(t->name)) {
		h->flags |= HTML_HAS_MORE;
		if (h->reading != HTML_SHOWN) {
			line_break(h);
		} else if (!t->empty) {
			h->skip = t->name;
			h->skip_depth = 1;
		}
	}
}

static void
tag(struct html *h, const struct tag *t)
{
	if (h->skip_depth > 0) {
		skip_tag(h, t);
		return;
	}
	if (begins_line(h, t->name))
		line_break(h);
	if (t->closing) {
		if (slice_is_nocase(t->name, "pre") && h->pre > 0)
			h->pre--;
		if (slice_is_nocase(t->name, "bdo"))
			buf_adds(h->out, "\xE2\x80\xAC");
		return;
	}
	open_tag(h, t);
	if (!t->empty && h->reading < HTML_XML && (slice_is_nocase(t->name, "script") ||
	    slice_is_nocase(t->name, "style")))
		raw_text(h, t->name);
}

/* At "<!--": in the shown reading it is not there at all, else its content is text. */
static void
comment(struct html *h)
{
	ptrdiff_t end = -1;

	if (h->reading == HTML_SHOWN && !h->no_comment_end) {
		end = slice_find(slice_from(h->in, h->pos + 4), SLICE("-->"));
		h->no_comment_end = end < 0;
	}
	h->flags |= HTML_HAS_MORE;
	if (end < 0) {
		line_break(h);
		h->pos += 4;
		if (slice_starts_nocase(slice_from(h->in, h->pos), SLICE("[if"))) {
			ptrdiff_t gt = slice_chr(slice_sub(h->in, h->pos, 128), '>');

			h->pos += gt < 0 ? 0 : (size_t)gt + 1;
		}
	} else {
		h->pos += 4 + (size_t)end + 3;
	}
}

static void
read_all(struct html *h)
{
	struct tag t;

	while (h->pos < h->in.n && h->out->err == OK) {
		struct slice rest = slice_from(h->in, h->pos);

		if (rest.p[0] != '<') {
			put_text(h);
		} else if (rest.n >= 4 && slice_eq(slice_sub(rest, 0, 4), SLICE("<!--"))) {
			comment(h);
		} else if (rest.n >= 9 && slice_eq(slice_sub(rest, 0, 9), SLICE("<![CDATA["))) {
			h->pos += 9;
		} else if (read_tag(h, &t)) {
			tag(h, &t);
		} else {
			put_text(h);
		}
	}
}

int
html_data(struct slice utf8, struct buf *out)
{
	struct buf text;
	struct html h = { .in = utf8, .out = &text, .data = out, .reading = HTML_ALL, .fresh = true };

	buf_init(&text, 4 * utf8.n + 4096);
	read_all(&h);
	if (text.err != OK && out->err == OK)
		out->err = text.err;
	buf_fini(&text);
	return out->err;
}

int
html_text(struct slice utf8, enum html_reading reading, struct buf *out, unsigned *flags_out)
{
	struct html h = { .in = utf8, .out = out, .reading = reading, .fresh = true };

	read_all(&h);
	*flags_out = h.flags;
	return out->err == OK && h.hurry ? ERR_LIMIT : out->err;
}
