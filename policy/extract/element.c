/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/element.h"

static bool
one_of(struct slice name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is_nocase(name, list[i]))
			return true;
	return false;
}

/* "svg:text" is "text". */
static struct slice
without_prefix(struct slice name)
{
	return slice_from(name, (size_t)(slice_chr(name, ':') + 1));
}

bool
element_is_paragraph(struct slice name)
{
	static const char *const list[] = {
		"p", "h", "br", "cr", "tab", "row", "cell", "data", "tc", "tr", "table-row",
		"table-cell", "page", "txbx", "textbox", "text-box", "comment", "annotation",
	};

	return one_of(without_prefix(name), list, ARRAY_LEN(list));
}

bool
element_is_void(struct slice name)
{
	static const char *const list[] = {
		"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
		"param", "source", "track", "wbr", "basefont", "frame", "keygen", "bgsound",
	};

	return one_of(name, list, ARRAY_LEN(list)) ||
	    (name.n > 0 && (name.p[0] == '!' || name.p[0] == '?'));
}

bool
element_is_embedding(struct slice name)
{
	static const char *const list[] = {
		"object", "embed", "applet", "canvas", "video", "audio", "math",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

bool
element_is_drawing(struct slice name)
{
	return slice_is_nocase(without_prefix(name), "svg");
}

bool
element_draws_more(struct slice name)
{
	static const char *const list[] = {
		"text", "tspan", "tref", "textpath", "altglyph", "glyphref", "flowroot", "font",
		"font-face", "image", "feimage", "foreignobject", "script", "iframe",
		"use", "symbol", "pattern",	/* shapes drawn again: a font of one's own */
	};

	return one_of(without_prefix(name), list, ARRAY_LEN(list));
}

bool
element_style_reaches(struct slice style)
{
	static const char *const list[] = { "url", "@", "\\", "&", "<" };

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (slice_find_nocase(style, slice_of(list[i])) >= 0)
			return true;
	return false;
}

bool
element_is_unseen(struct slice name)
{
	static const char *const list[] = {
		"template", "iframe", "noframes", "noembed", "datalist", "title", "rp", "dialog",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

bool
element_is_raw(struct slice name)
{
	static const char *const list[] = {
		"iframe", "noframes", "noembed", "title", "textarea", "xmp", "plaintext",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

bool
element_keeps_lines(struct slice name)
{
	static const char *const list[] = { "pre", "listing", "xmp", "plaintext", "textarea" };

	return one_of(name, list, ARRAY_LEN(list));
}

enum element_group
element_group(struct slice name)
{
	static const struct { const char *name; enum element_group group; } rows[] = {
		{ "p", ELEMENT_P }, { "li", ELEMENT_LI }, { "td", ELEMENT_TD },
		{ "th", ELEMENT_TD },
		{ "tr", ELEMENT_TR }, { "dt", ELEMENT_DT }, { "dd", ELEMENT_DT },
		{ "option", ELEMENT_OPTION }, { "ul", ELEMENT_LIST }, { "ol", ELEMENT_LIST },
		{ "dl", ELEMENT_LIST }, { "table", ELEMENT_TABLE }, { "select", ELEMENT_SELECT },
		{ "caption", ELEMENT_AROUND }, { "button", ELEMENT_AROUND },
		{ "object", ELEMENT_AROUND },
	};
	static const char *const blocks[] = {
		"div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "form", "center",
		"blockquote", "address", "article", "aside", "details", "dialog", "dir",
		"fieldset", "figcaption", "figure", "footer", "header", "hgroup", "listing",
		"main", "menu", "nav", "plaintext", "section", "summary", "xmp",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(name, rows[i].name))
			return rows[i].group;
	return one_of(name, blocks, ARRAY_LEN(blocks)) ? ELEMENT_BLOCK : ELEMENT_OTHER;
}

bool
element_is_block(struct slice name)
{
	static const char *const list[] = {
		"br", "html", "head", "body", "tbody", "thead", "tfoot", "colgroup", "col",
		"frameset", "frame", "noframes", "optgroup", "legend", "search", "textarea",
		"marquee",
	};
	static const char *const inside[] = { "button", "object", "select" };

	if (element_group(name) != ELEMENT_OTHER)
		return !one_of(name, inside, ARRAY_LEN(inside));
	return one_of(name, list, ARRAY_LEN(list)) || slice_starts_nocase(name, SLICE("!["));
}

bool
element_leaves_drawing(struct slice name)
{
	static const char *const list[] = {
		"b", "big", "body", "br", "code", "em", "embed", "head", "i", "img", "meta",
		"nobr", "ruby", "s", "small", "span", "strike", "strong", "sub", "sup", "tt",
		"u", "var",
	};

	return element_is_block(name) || one_of(name, list, ARRAY_LEN(list));
}

/* Does an element of group g end an open one of its own group, up to which one around? */
static bool
ends_own(enum element_group g, enum element_group *around_out)
{
	*around_out = g == ELEMENT_LI || g == ELEMENT_DT ? ELEMENT_LIST :
	    g == ELEMENT_OPTION ? ELEMENT_SELECT : ELEMENT_TABLE;
	return g == ELEMENT_LI || g == ELEMENT_DT || g == ELEMENT_TD || g == ELEMENT_TR ||
	    g == ELEMENT_OPTION;
}

bool
element_ends(enum element_group g, enum element_group open, bool *stop_out)
{
	enum element_group around;
	bool own = ends_own(g, &around);

	if (own && g == open) {
		*stop_out = true;
		return true;
	}
	if (own) {
		*stop_out = open == around;
		return open == ELEMENT_P && (g == ELEMENT_LI || g == ELEMENT_DT);
	}
	*stop_out = g == ELEMENT_OTHER || open == ELEMENT_P || open == ELEMENT_TD ||
	    open == ELEMENT_TABLE || open == ELEMENT_AROUND;
	return g != ELEMENT_OTHER && open == ELEMENT_P;
}

bool
element_is_format(struct slice name)
{
	static const char *const list[] = {
		"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike",
		"strong", "tt", "u",
	};

	return one_of(name, list, ARRAY_LEN(list));
}

bool
element_end_passes(struct slice name, enum element_group open)
{
	enum element_group g;

	if (open == ELEMENT_OTHER)
		return true;
	g = element_group(name);
	if (g == ELEMENT_TD || g == ELEMENT_TR || g == ELEMENT_TABLE ||
	    (g == ELEMENT_OTHER && element_is_block(name)))
		return open != ELEMENT_TABLE;
	if (open == ELEMENT_TD || open == ELEMENT_TABLE || open == ELEMENT_AROUND)
		return false;
	if (g == ELEMENT_LI)
		return open != ELEMENT_LIST;
	return g != ELEMENT_OTHER || element_is_format(name);
}

bool
element_ends_itself(struct slice name)
{
	static const char *const list[] = { "a", "nobr", "button" };

	return one_of(name, list, ARRAY_LEN(list));
}

bool
element_is_telling(struct slice attribute)
{
	static const char *const list[] = {
		"alt", "title", "value", "placeholder", "label", "aria-label", "content",
		"summary", "string", "data-label", "href", "name",
	};

	return one_of(attribute, list, ARRAY_LEN(list));
}
