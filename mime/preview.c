/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/preview.h"

#include <string.h>

#include "common/utf8.h"

/* Elements whose content is no text, and those that end a line. */
static const char *const skipped[] = { "style", "script", "head", "title" };
static const char *const blocks[] = { "br", "p", "div", "tr", "li", "table", "h1", "h2", "h3",
	"h4", "h5", "h6", "hr", "td", "th", "ul", "ol", "blockquote", "pre", "body" };

static const struct {
	const char *name;
	uint32_t    cp;
} entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "nbsp", 0xa0 }, { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 },
	{ "rsquo", 0x2019 }, { "ldquo", 0x201c }, { "rdquo", 0x201d }, { "hellip", 0x2026 },
	{ "agrave", 0xe0 }, { "aacute", 0xe1 }, { "acirc", 0xe2 }, { "atilde", 0xe3 },
	{ "egrave", 0xe8 }, { "eacute", 0xe9 }, { "ecirc", 0xea }, { "igrave", 0xec },
	{ "iacute", 0xed }, { "ograve", 0xf2 }, { "oacute", 0xf3 }, { "ocirc", 0xf4 },
	{ "otilde", 0xf5 }, { "ugrave", 0xf9 }, { "uacute", 0xfa }, { "yacute", 0xfd },
	{ "Agrave", 0xc0 }, { "Aacute", 0xc1 }, { "Acirc", 0xc2 }, { "Atilde", 0xc3 },
	{ "Egrave", 0xc8 }, { "Eacute", 0xc9 }, { "Ecirc", 0xca }, { "Igrave", 0xcc },
	{ "Iacute", 0xcd }, { "Ograve", 0xd2 }, { "Oacute", 0xd3 }, { "Ocirc", 0xd4 },
	{ "Otilde", 0xd5 }, { "Ugrave", 0xd9 }, { "Uacute", 0xda }, { "Yacute", 0xdd },
	{ "Euml", 0xcb }, { "euml", 0xeb }, { "Auml", 0xc4 }, { "auml", 0xe4 },
};

static bool
is_one_of(struct slice name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is_nocase(name, list[i]))
			return true;
	return false;
}

static struct slice
element_name(struct slice tag)
{
	size_t n = 0;

	while (n < tag.n && ascii_is_alnum(tag.p[n]))
		n++;
	return slice_sub(tag, 0, n);
}

/* The octets of the element `name` up to its end tag, when its begin tag was just passed. */
static size_t
skipped_octets(struct slice rest, struct slice name)
{
	size_t from = 0;
	ptrdiff_t at;

	while ((at = slice_chr(slice_from(rest, from), '<')) >= 0) {
		struct slice tag = slice_from(rest, from + (size_t)at + 1);

		if (tag.n > name.n && tag.p[0] == '/' &&
		    slice_starts_nocase(slice_from(tag, 1), name))
			return from + (size_t)at;
		from += (size_t)at + 1;
	}
	return rest.n;
}

/* A tag or comment at the front of *s, which is taken off. */
static void
take_tag(struct slice *s, struct buf *out)
{
	struct slice tag = slice_from(*s, 1), name;
	bool closing = tag.n > 0 && tag.p[0] == '/';
	ptrdiff_t end;

	if (slice_starts_nocase(tag, SLICE("!--"))) {
		end = slice_find(slice_from(tag, 3), SLICE("-->"));
		*s = end < 0 ? slice_from(tag, tag.n) : slice_from(tag, (size_t)end + 6);
		return;
	}
	name = element_name(closing ? slice_from(tag, 1) : tag);
	if (name.n == 0 && !closing && (tag.n == 0 || (tag.p[0] != '!' && tag.p[0] != '?'))) {
		buf_addc(out, '<');		/* "a < b" */
		*s = tag;
		return;
	}
	end = slice_chr(tag, '>');
	*s = end < 0 ? slice_from(tag, tag.n) : slice_from(tag, (size_t)end + 1);
	if (is_one_of(name, blocks, ARRAY_LEN(blocks)))
		buf_addc(out, '\n');
	if (!closing && is_one_of(name, skipped, ARRAY_LEN(skipped)))
		*s = slice_from(*s, skipped_octets(*s, name));
}

static uint32_t
entity_number(struct slice digits)
{
	bool hex = digits.n > 0 && ascii_lower(digits.p[0]) == 'x';
	uint32_t v = 0;

	digits = slice_from(digits, hex ? 1 : 0);
	if (digits.n == 0)
		return 0;
	for (size_t i = 0; i < digits.n; i++) {
		int d = ascii_hex(digits.p[i]);

		if (d < 0 || (!hex && d > 9) || v > 0x110000)
			return 0;
		v = v * (hex ? 16 : 10) + (uint32_t)d;
	}
	return v;
}

/* "&name;" at the front of *s, which is taken off; "&" alone stays as it is. */
static void
take_entity(struct slice *s, struct buf *out)
{
	ptrdiff_t end = slice_chr(slice_sub(*s, 0, 12), ';');
	struct slice name = slice_sub(*s, 1, end < 1 ? 0 : (size_t)end - 1);
	uint32_t cp = 0;

	if (name.n > 1 && name.p[0] == '#')
		cp = entity_number(slice_from(name, 1));
	for (size_t i = 0; i < ARRAY_LEN(entities) && cp == 0 && name.n > 0; i++)
		if (slice_is(name, entities[i].name))
			cp = entities[i].cp;
	if (cp == 0) {
		buf_addc(out, '&');
		*s = slice_from(*s, 1);
		return;
	}
	utf8_add(out, cp);
	*s = slice_from(*s, (size_t)end + 1);
}

int
preview_html_text(struct slice html, struct buf *out)
{
	while (html.n > 0 && out->err == OK) {
		size_t n = 0;

		while (n < html.n && html.p[n] != '<' && html.p[n] != '&')
			n++;
		buf_add(out, slice_sub(html, 0, n));
		html = slice_from(html, n);
		if (html.n == 0)
			break;
		if (html.p[0] == '<')
			take_tag(&html, out);
		else
			take_entity(&html, out);
	}
	return out->err;
}

/* White space collapsed to one space, controls and invisible characters left out. */
static void
add_collapsed(struct slice text, size_t max_chars, struct buf *out)
{
	bool space = false, any = false;
	size_t chars = 0;
	uint32_t cp;

	while (chars < max_chars && utf8_next(&text, &cp) != 0) {
		if (cp == ' ' || cp == '\t' || cp == '\r' || cp == '\n' || cp == 0xa0 ||
		    cp == 0x3000) {
			space = any;
			continue;
		}
		if (!utf8_is_safe_char(cp) || cp == 0x200b || cp == 0x200c || cp == 0x200d ||
		    cp == 0xad || cp == 0x34f)
			continue;
		if (space && ++chars == max_chars)
			return;
		if (space)
			buf_addc(out, ' ');
		utf8_add(out, cp);
		chars++;
		space = false;
		any = true;
	}
}

static uint32_t
choose(const struct tree *t)
{
	uint32_t html = TREE_NONE;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];

		if (!slice_is_nocase(p->type, "text") ||
		    slice_is_nocase(p->disposition.type, "attachment"))
			continue;
		if (slice_is_nocase(p->subtype, "plain"))
			return i;
		if (slice_is_nocase(p->subtype, "html") && html == TREE_NONE)
			html = i;
	}
	return html;
}

static int
to_utf8(const struct tree_part *p, struct slice octets, struct buf *out)
{
	enum charset cs = (enum charset)p->charset;

	if (cs == CHARSET_UNKNOWN || cs == CHARSET_US_ASCII)
		cs = utf8_valid(octets) ? CHARSET_UTF_8 : CHARSET_WINDOWS_1252;
	return charset_to_utf8(cs, octets, out, NULL);
}

int
preview_make(const struct tree *t, size_t max_chars, struct buf *out)
{
	uint32_t i = choose(t);
	struct buf octets, text, plain;
	bool html;
	int err;

	if (i == TREE_NONE)
		return OK;
	html = slice_is_nocase(t->parts[i].subtype, "html");
	buf_init(&octets, PREVIEW_OCTETS + 8);
	buf_init(&text, 4 * PREVIEW_OCTETS);
	buf_init(&plain, 4 * PREVIEW_OCTETS);
	err = body_decode((enum body_encoding)t->parts[i].encoding,
	    slice_sub(tree_body(t, i), 0, PREVIEW_OCTETS), &octets, NULL);
	if (err == OK)
		err = to_utf8(&t->parts[i], buf_slice(&octets), &text);
	if (err == OK && html)
		err = preview_html_text(buf_slice(&text), &plain);
	add_collapsed(buf_slice(html ? &plain : &text), max_chars, out);
	buf_fini(&octets);
	buf_fini(&text);
	buf_fini(&plain);
	return err != OK ? err : out->err;
}
