/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/css.h"

#include <stdlib.h>

#include "policy/extract/element.h"
#include "policy/extract/entity.h"
#include "policy/extract/measure.h"

enum {
	SELECTOR_OCTETS = 1024,
	CHAIN_MAX = 16,		/* rules of one head; honest names come nowhere near */
	NAMES_MAX = 64		/* classes of one element */
};

/* --- declarations --- */

/* Small letters, without comments and escapes, white space as single spaces. */
static void
normalise(struct slice s, struct buf *out)
{
	while (s.n > 0) {
		size_t n = 1;

		if (s.n > 1 && s.p[0] == '/' && s.p[1] == '*') {
			ptrdiff_t end = slice_find(slice_from(s, 2), SLICE("*/"));

			n = end < 0 ? s.n : (size_t)end + 4;
		} else if (s.p[0] == '\\') {
			n = entity_style(s, out);
			n = n == 0 ? 1 : n;
		} else if (ascii_is_white(s.p[0])) {
			if (out->n > 0 && out->p[out->n - 1] != ' ')
				buf_addc(out, ' ');
		} else {
			buf_addc(out, ascii_lower(s.p[0]));
		}
		s = slice_from(s, n);
	}
}

static bool
starts(struct slice v, const char *what)
{
	return slice_starts_nocase(v, slice_of(what));
}

static unsigned
display(struct slice v)
{
	static const char *const inside[] = { "inline", "contents", "ruby", "inherit", "initial",
	    "unset", "revert" };

	if (starts(v, "none"))
		return CSS_HIDES;
	if (starts(v, "var("))
		return CSS_MAY_HIDE | CSS_SHOWS | CSS_JOINS;
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		if (starts(v, inside[i]))
			return CSS_SHOWS | CSS_JOINS;
	return CSS_BREAKS | CSS_SHOWS;
}

/* What hides only together with "overflow: hidden". */
struct box { bool empty, clipped; };

static unsigned
hides(struct slice name, struct slice v, struct box *box)
{
	static const char *const sizes[] = { "width", "height", "max-width", "line-height" };
	static const char *const places[] = { "text-indent", "left", "top", "right", "bottom",
	    "margin-left", "margin-top", "margin-right" };
	static const char *const said[] = { "display", "visibility", "opacity", "font-size" };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		box->empty |= slice_is(name, sizes[i]) && measure_is_nothing(v);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (slice_is(name, places[i]) && measure_is_far(v))
			return CSS_MAY_HIDE;
	for (size_t i = 0; i < ARRAY_LEN(said); i++)	/* nobody knows how much it is */
		if (slice_is(name, said[i]) && (starts(v, "var(") || starts(v, "calc(")))
			return CSS_MAY_HIDE;
	box->clipped |= slice_is(name, "overflow") && (starts(v, "hidden") || starts(v, "clip"));
	return (slice_is(name, "visibility") && (starts(v, "hidden") || starts(v, "collapse"))) ||
	    (slice_is(name, "mso-hide") && starts(v, "all")) ||
	    (slice_is(name, "opacity") && measure_is_nothing(v)) ||
	    (slice_is(name, "max-height") && measure_is_nothing(v)) ||
	    (slice_is(name, "font-size") && measure_is_tiny(v)) ||
	    (slice_is(name, "font") && measure_has_tiny(v)) ||
	    (slice_is(name, "color") && measure_is_pale(v)) ||
	    (slice_is(name, "-webkit-text-fill-color") && measure_is_pale(v)) ||
	    (slice_is(name, "clip") && starts(v, "rect")) ||
	    (slice_is(name, "clip-path") && !starts(v, "none")) ||
	    (slice_is(name, "zoom") && measure_is_nothing(v)) ||
	    (slice_is(name, "content-visibility") && starts(v, "hidden")) ||
	    (slice_is(name, "filter") && slice_find(v, SLICE("opacity(0")) >= 0) ||
	    (slice_ends_nocase(name, SLICE("transform")) &&
	    slice_find(v, SLICE("scale(0")) >= 0) ? CSS_MAY_HIDE : 0;
}

static unsigned
effects_of(struct slice name, struct slice v, struct box *box)
{
	if (slice_is(name, "display"))
		return display(v);
	if (slice_is(name, "unicode-bidi"))
		return slice_find(v, SLICE("override")) >= 0 ? CSS_OVERRIDES : 0;
	if (slice_is(name, "white-space"))
		return starts(v, "pre") || starts(v, "break-spaces") ? CSS_KEEPS : 0;
	if (slice_is(name, "float"))
		return starts(v, "none") ? 0 : CSS_MAY_BREAK | CSS_JOINS;
	if (slice_is(name, "position") && (starts(v, "absolute") || starts(v, "fixed")))
		return CSS_MAY_BREAK | CSS_JOINS;
	return hides(name, v, box);
}

unsigned
css_declarations(struct slice s, bool attribute)
{
	struct box box = { false, false };
	struct buf plain, text;
	struct slice rest, one, name;
	unsigned r = 0;

	buf_init(&plain, 4 * s.n + 16);
	buf_init(&text, 8 * s.n + 32);
	if (attribute) {
		entity_text(s, &plain);
		s = buf_slice(&plain);
	}
	normalise(s, &text);
	for (rest = buf_slice(&text); rest.n > 0;) {
		slice_cut(&rest, ';', &one);
		if (slice_cut(&one, ':', &name))
			r |= effects_of(slice_trim(name), slice_trim(one), &box);
	}
	if ((box.empty && box.clipped) || plain.err != OK || text.err != OK)
		r |= CSS_MAY_HIDE;	/* one that could not be read says everything */
	buf_fini(&text);
	buf_fini(&plain);
	return r;
}

unsigned
css_settled(unsigned effects)
{
	if ((effects & CSS_HIDES) != 0 && (effects & CSS_SHOWS) != 0)
		effects ^= CSS_HIDES | (~effects & CSS_MAY_HIDE);
	if ((effects & CSS_BREAKS) != 0 && (effects & CSS_JOINS) != 0)
		effects ^= CSS_BREAKS | (~effects & CSS_MAY_BREAK);
	return effects;
}

/* --- rules --- */

/* Which head a name belongs to; the same in any case of letters. */
static unsigned
head_of(char kind, struct slice name)
{
	unsigned h = (unsigned char)kind;

	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\\')
			h = h * 31 + (unsigned char)ascii_lower(name.p[i]);
	return h % CSS_HEADS;
}

/* "a\:b" of a selector is the class "a:b". */
static bool
is_same_name(struct slice a, struct slice b)
{
	for (;;) {
		while (a.n > 0 && a.p[0] == '\\')
			a = slice_from(a, 1);
		while (b.n > 0 && b.p[0] == '\\')
			b = slice_from(b, 1);
		if (a.n == 0 || b.n == 0 || ascii_lower(a.p[0]) != ascii_lower(b.p[0]))
			return a.n == 0 && b.n == 0;
		a = slice_from(a, 1);
		b = slice_from(b, 1);
	}
}

static bool
make_room(struct css *css)
{
	unsigned room = css->room == 0 ? 64 : 2 * css->room;
	struct css_rule *more;

	if (css->count < css->room)
		return true;
	if (css->count >= CSS_RULES_MAX) {
		css->full = true;
		return false;
	}
	more = realloc(css->rule, room * sizeof *more);
	if (more == NULL) {
		css->err = ERR_NOMEM;
		return false;
	}
	css->rule = more;
	css->room = room;
	return true;
}

static void
add_rule(struct css *css, struct slice name, char kind, unsigned effects)
{
	unsigned h = head_of(kind, name), chain = 0;

	for (unsigned i = css->head[h]; i != 0; i = css->rule[i - 1].next, chain++)
		if (css->rule[i - 1].kind == kind && is_same_name(css->rule[i - 1].name, name)) {
			css->rule[i - 1].effects |= effects;
			return;
		}
	css->full |= chain >= CHAIN_MAX;
	if (name.n == 0 || chain >= CHAIN_MAX || !make_room(css))
		return;
	css->rule[css->count++] = (struct css_rule){ name, kind, effects, css->head[h] };
	css->head[h] = css->count;
}

static bool
is_name_char(char c)
{
	return ascii_is_alnum(c) || c == '\\' || c == '-' || c == '_' || (c & 0x80) != 0;
}

/* Every class, identifier, attribute and element within lines that the selector names. */
static void
take_names(struct css *css, struct slice s, unsigned effects)
{
	for (size_t i = 0; i < s.n; i++) {
		size_t n = 0;
		char kind = i > 0 && slice_chr(SLICE(".#["), s.p[i - 1]) >= 0 ? s.p[i - 1] : '\0';

		while (i + n < s.n && is_name_char(s.p[i + n]))
			n += s.p[i + n] == '\\' ? 2 : 1;
		if (n > 0 && (i == 0 || s.p[i - 1] != ':') &&
		    (kind != '\0' || !element_is_block(slice_sub(s, i, n))))
			add_rule(css, slice_sub(s, i, n), kind, effects);
		i += n;
	}
}

/* What stands behind the last white space or sign of a selector: "b.c:d" of "a > b.c:d". */
static struct slice
last_compound(struct slice s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (ascii_is_white(s.p[i]) || slice_chr(SLICE(">+~]"), s.p[i]) >= 0)
			from = i + 1;
	}
	return slice_from(s, from);
}

/* States that need a pointer, and parts that the page itself does not write. */
static bool
is_of_no_element(struct slice compound)
{
	static const char *const list[] = { "::", ":hover", ":active", ":focus", ":before",
	    ":after" };

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (slice_find_nocase(compound, slice_of(list[i])) >= 0)
			return true;
	return slice_is_nocase(compound, ":root");
}

/* "b.c:d": a rule for the class c; of ":d" alone nobody knows which elements are meant. */
static void
take_compound(struct css *css, struct slice s, unsigned effects)
{
	char kind = '\0';
	size_t from = 0, i;

	if (is_of_no_element(s))
		return;
	for (i = 0; i < s.n && s.p[i] != ':'; i++) {
		if (s.p[i] == '\\') {
			i++;
		} else if (s.p[i] == '.' || s.p[i] == '#') {
			kind = s.p[i];
			from = i + 1;
		}
	}
	s = slice_sub(s, from, (i < s.n ? i : s.n) - from);
	add_rule(css, s.n > 0 ? s : SLICE("*"), s.n > 0 ? kind : '\0', effects);
}

/* Of "div p.a.b:hover" the last part, or more: what is not understood is meant in every way. */
static void
take_selector(struct css *css, struct slice s, unsigned effects)
{
	struct slice last = last_compound(s);
	ptrdiff_t at = -1;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '[')
			at = (ptrdiff_t)i;
		else if (s.p[i] == '\\' && i + 1 < s.n)	/* a name in disguise */
			css->full |= ascii_hex(s.p[i + 1]) >= 0;
	}
	if (slice_chr(s, '(') >= 0 || slice_chr(s, ')') >= 0 ||	/* ":is(.a, .b)" */
	    slice_find(s, SLICE("/*")) >= 0 || slice_find(s, SLICE("*/")) >= 0) {
		take_names(css, s, effects);
		if (slice_starts_nocase(last, SLICE(":nth-")) ||
		    slice_starts_nocase(last, SLICE(":not(")))
			add_rule(css, SLICE("*"), '\0', effects);
	} else if (at >= 0 && (last.n == 0 || last.p[0] == ':')) {
		size_t n = 0;

		s = slice_from(s, (size_t)at + 1);
		while (n < s.n && is_name_char(s.p[n]))
			n++;
		add_rule(css, slice_sub(s, 0, n), '[', effects);
	} else if (s.n > 0) {
		take_compound(css, last, effects);
	}
}

static void
take_rule(struct css *css, struct slice selectors, struct slice declarations)
{
	unsigned effects = css_declarations(declarations, false);
	struct slice one;

	effects |= (effects & CSS_SURE) << CSS_MAY_SHIFT;	/* it may be for print, or lose */
	effects &= ~(unsigned)CSS_SURE;
	if (effects == 0 || selectors.n > SELECTOR_OCTETS) {
		css->full |= effects != 0;
		return;
	}
	while (selectors.n > 0) {
		slice_cut(&selectors, ',', &one);
		one = slice_trim(one);
		take_selector(css, one, effects);
	}
}

/* White space of any kind at the front, comments, and what hides a sheet from old programs. */
static struct slice
skip_comments(struct slice s)
{
	for (;;) {
		ptrdiff_t end;

		while (s.n > 0 && ascii_is_white(s.p[0]))
			s = slice_from(s, 1);
		if (slice_starts_nocase(s, SLICE("<!--"))) {
			s = slice_from(s, 4);
			continue;
		}
		if (s.n < 4 || s.p[0] != '/' || s.p[1] != '*')
			return s;
		end = slice_find(slice_from(s, 2), SLICE("*/"));
		s = slice_from(s, end < 0 ? s.n : (size_t)end + 4);
	}
}

/* Octets of the comment, string or address that s begins with: braces in it are none. */
static size_t
opaque_octets(struct slice s)
{
	ptrdiff_t end;
	size_t n = 1;

	if (slice_starts_nocase(s, SLICE("/*"))) {
		end = slice_find(slice_from(s, 2), SLICE("*/"));
		return end < 0 ? s.n : (size_t)end + 4;
	}
	if (slice_starts_nocase(s, SLICE("url("))) {
		for (n = 4; n < s.n && ascii_is_white(s.p[n]);)
			n++;
		if (n < s.n && (s.p[n] == '"' || s.p[n] == '\''))
			return n;
		end = slice_chr(s, ')');
		return end < 0 ? s.n : (size_t)end + 1;
	}
	if (s.p[0] != '"' && s.p[0] != '\'')
		return 0;
	while (n < s.n && s.p[n] != s.p[0] && s.p[n] != '\n')
		n += s.p[n] == '\\' ? 2 : 1;
	return n + 1;
}

/* Rules may lie in rules and in conditions: what counts is the selector just before the braces. */
static void
take_sheet(struct css *css, struct slice s)
{
	struct slice selectors = { NULL, 0 };
	size_t from = 0, open = 0, plain = 0;

	css->attr |= slice_find_nocase(s, SLICE("attr(")) >= 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		css->attr |= c == '\\' && i + 1 < s.n && ascii_hex(s.p[i + 1]) >= 0;
		if (i >= plain)
			plain = i + opaque_octets(slice_from(s, i));
		if (i < plain)
			continue;
		if (c == '{') {
			selectors = slice_sub(s, from, i - from);
			open = i + 1;
		} else if (c == '}') {
			if (open > 0)
				take_rule(css, skip_comments(selectors),
				    slice_sub(s, open, i - open));
			open = 0;
		}
		if (c == '{' || c == '}' || c == ';')
			from = i + 1;
	}
}

void
css_collect(struct css *css, struct slice page)
{
	ptrdiff_t at, end;

	*css = (struct css){ .err = OK };
	while ((at = slice_find_nocase(page, SLICE("<style"))) >= 0) {
		page = slice_from(page, (size_t)at + 6);
		page = slice_from(page, (size_t)(slice_chr(page, '>') + 1));
		end = slice_find_nocase(page, SLICE("</style"));
		take_sheet(css, slice_sub(page, 0, end < 0 ? page.n : (size_t)end));
		if (end < 0)
			return;
		page = slice_from(page, (size_t)end);
	}
}

void
css_free(struct css *css)
{
	free(css->rule);
	css->rule = NULL;
	css->count = css->room = 0;
}

unsigned
css_effects(const struct css *css, char kind, struct slice names)
{
	unsigned r = 0, left = NAMES_MAX;

	while (css->count > 0 && names.n > 0) {
		struct slice one;
		size_t n = 0;

		while (n < names.n && !ascii_is_white(names.p[n]))
			n++;
		if (n > 0 && left-- == 0)
			return r | CSS_MAY_HIDE;
		one = slice_sub(names, 0, n);
		for (unsigned i = css->head[head_of(kind, one)]; i != 0; i = css->rule[i - 1].next)
			if (css->rule[i - 1].kind == kind &&
			    is_same_name(css->rule[i - 1].name, one))
				r |= css->rule[i - 1].effects;
		names = slice_from(names, n + 1);
	}
	return r;
}
