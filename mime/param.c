/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/param.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "mime/charset.h"
#include "mime/word.h"

enum { INDEX_NONE = -1, INDEX_MAX = 9999 };

/* One "name=value" as it stands; RFC 2231 may split a parameter into several. */
struct segment {
	struct slice name;	/* without "*" parts */
	struct slice value;	/* unquoted */
	int	     index;	/* of "name*N", INDEX_NONE without */
	int	     order;	/* of appearance */
	bool	     star;	/* a "*" at the end: percent-encoded */
	bool	     special;	/* needs decoding to be shown */
};

struct scan {
	struct slice  s;	/* what is left */
	struct arena *a;
	unsigned      flags;
};

/* White space and comments; an unclosed comment takes all. */
static void
skip_cfws(struct scan *sc)
{
	unsigned depth = 0;
	size_t i;

	for (i = 0; i < sc->s.n; i++) {
		char c = sc->s.p[i];

		if (c == '(') {
			depth++;
			sc->flags |= PARAM_COMMENT;
		} else if (c == ')' && depth > 0) {
			depth--;
		} else if (c == '\\' && depth > 0) {
			i++;
		} else if (depth == 0 && !ascii_is_space(c) && c != '\r' && c != '\n') {
			break;
		}
	}
	if (depth > 0)
		sc->flags |= PARAM_SYNTAX;
	sc->s = slice_from(sc->s, i);
}

/* RFC 2045 5.1; octets >= 0x80 are taken too. */
static bool
is_token_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static struct slice
take_token(struct scan *sc)
{
	struct slice t;
	size_t n = 0;

	skip_cfws(sc);
	while (n < sc->s.n && is_token_char(sc->s.p[n]))
		n++;
	t = slice_sub(sc->s, 0, n);
	sc->s = slice_from(sc->s, n);
	return t;
}

static bool
take_char(struct scan *sc, char c)
{
	skip_cfws(sc);
	if (sc->s.n == 0 || sc->s.p[0] != c)
		return false;
	sc->s = slice_from(sc->s, 1);
	return true;
}

/* The quoted string without escapes and folds. */
static struct slice
unquote(struct scan *sc, struct slice raw)
{
	char *to = arena_alloc(sc->a, raw.n);
	size_t n = 0;

	if (to == NULL)
		return (struct slice){ NULL, 0 };
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.n)
			i++;
		if (raw.p[i] != '\r' && raw.p[i] != '\n')
			to[n++] = raw.p[i];
	}
	return (struct slice){ to, n };
}

/* After the opening quote. */
static struct slice
take_quoted(struct scan *sc)
{
	struct slice raw;
	bool plain = true;
	size_t i = 0;

	while (i < sc->s.n && sc->s.p[i] != '"') {
		char c = sc->s.p[i];

		plain = plain && c != '\\' && c != '\r' && c != '\n';
		i += c == '\\' ? 2 : 1;
	}
	if (i >= sc->s.n) {
		sc->flags |= PARAM_SYNTAX;
		i = sc->s.n;
	}
	raw = slice_sub(sc->s, 0, i);
	sc->s = slice_from(sc->s, i + 1);
	return plain ? raw : unquote(sc, raw);
}

/* What stands before the next ";" although nothing should. */
static struct slice
take_junk(struct scan *sc)
{
	ptrdiff_t at = slice_chr(sc->s, ';');
	struct slice junk = slice_sub(sc->s, 0, at < 0 ? sc->s.n : (size_t)at);

	sc->s = slice_from(sc->s, junk.n);
	junk = slice_trim(junk);
	if (junk.n > 0)
		sc->flags |= PARAM_SYNTAX;
	return junk;
}

static struct slice
take_value(struct scan *sc)
{
	struct slice start, v, junk;

	if (take_char(sc, '"')) {
		v = take_quoted(sc);
		skip_cfws(sc);
		(void)take_junk(sc);
		return v;
	}
	start = sc->s;
	v = take_token(sc);
	skip_cfws(sc);
	junk = take_junk(sc);
	if (junk.n > 0)		/* 'name=foo bar.pdf': take it all, as most clients do */
		v = slice_trim(slice_sub(start, 0, (size_t)(junk.p + junk.n - start.p)));
	return v;
}

/* "name", "name*", "name*0", "name*0*" */
static void
split_name(struct segment *g, unsigned *flags)
{
	struct slice rest = g->name, head, digits;
	uint64_t index;

	g->index = INDEX_NONE;
	if (!slice_cut(&rest, '*', &head))
		return;
	if (rest.n == 0) {
		g->name = head;
		g->star = true;
		return;
	}
	digits = rest;
	if (digits.p[digits.n - 1] == '*') {
		digits.n--;
		g->star = true;
	}
	if (slice_u64(digits, INDEX_MAX, &index) != OK || (digits.n > 1 && digits.p[0] == '0')) {
		*flags |= PARAM_SYNTAX;
		g->star = false;
		return;
	}
	g->name = head;
	g->index = (int)index;
}

static bool
is_special(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] - 0x20u >= 0x5fu ||
		    (v.p[i] == '=' && i + 1 < v.n && v.p[i + 1] == '?'))
			return true;
	return false;
}

/* All parameters, as they stand, into segs; their count. */
static unsigned
take_segments(struct scan *sc, struct segment *segs)
{
	unsigned n = 0;

	for (;;) {
		struct segment *g = &segs[n];

		skip_cfws(sc);
		(void)take_junk(sc);
		if (!take_char(sc, ';'))
			return n;
		skip_cfws(sc);
		if (sc->s.n == 0 || sc->s.p[0] == ';')
			continue;
		if (n == PARAM_MAX) {
			sc->flags |= PARAM_OVERFLOW;
			return n;
		}
		*g = (struct segment){ .name = take_token(sc), .order = (int)n };
		if (g->name.n == 0 || !take_char(sc, '=')) {
			sc->flags |= PARAM_SYNTAX;
			continue;
		}
		split_name(g, &sc->flags);
		g->value = take_value(sc);
		g->special = is_special(g->value);
		n++;
	}
}

static int
cmp_name(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		int d = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);

		if (d != 0)
			return d;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

/* By name; within a name plain ones, then "name*", then segments by number. */
static int
cmp_segment(const void *va, const void *vb)
{
	const struct segment *a = va, *b = vb;
	int d = cmp_name(a->name, b->name);

	if (d != 0)
		return d;
	if (a->index != b->index)
		return a->index - b->index;
	if (a->index == INDEX_NONE && a->star != b->star)
		return a->star - b->star;
	return a->order - b->order;
}

/* Octets that RFC 2231 lets stand as they are: attribute-char. */
static bool
is_attribute_char(char c)
{
	return (unsigned char)c > ' ' && (unsigned char)c < 0x7f &&
	    strchr("*'%()<>@,;:\\\"/[]?=", c) == NULL;
}

static void
add_percent(struct buf *b, struct slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (is_attribute_char(v.p[i]))
			buf_addc(b, v.p[i]);
		else
			buf_addf(b, "%%%02X", (unsigned)(unsigned char)v.p[i]);
	}
}

/* The text of charset'language'percent-encoded. */
static void
extended_text(struct param *p, struct buf *octets, struct buf *text)
{
	struct slice rest = p->value, label, language;
	enum charset cs;
	unsigned bad = 0;

	if (!slice_cut(&rest, '\'', &label) || !slice_cut(&rest, '\'', &language)) {
		p->flags |= PARAM_PERCENT;
		rest = p->value;
		label = SLICE("utf-8");
	}
	for (size_t i = 0; i < rest.n; i++) {
		char c = rest.p[i];

		if (c == '%' && i + 2 < rest.n && ascii_hex(rest.p[i + 1]) >= 0 &&
		    ascii_hex(rest.p[i + 2]) >= 0) {
			c = (char)(ascii_hex(rest.p[i + 1]) << 4 | ascii_hex(rest.p[i + 2]));
			i += 2;
		} else if (!is_attribute_char(c)) {
			p->flags |= PARAM_PERCENT;
		}
		buf_addc(octets, c);
	}
	cs = charset_by_label(label);
	if (cs == CHARSET_UNKNOWN ||
	    (cs == CHARSET_US_ASCII && !utf8_is_ascii(buf_slice(octets)))) {
		p->flags |= PARAM_CHARSET;
		cs = utf8_valid(buf_slice(octets)) ? CHARSET_UTF_8 : CHARSET_WINDOWS_1252;
	}
	if (charset_to_utf8(cs, buf_slice(octets), text, &bad) == OK && bad != 0)
		p->flags |= PARAM_CHARSET;
}

/* The text of a plain value that is not plain: raw octets, controls, encoded words. */
static void
plain_text(struct param *p, struct buf *text)
{
	unsigned flags = 0;

	if (word_decode(p->value, text, &flags) != OK)
		return;
	if ((flags & WORD_FLAG_ENCODED) != 0)
		p->flags |= PARAM_ENCODED_WORD;
	if ((flags & (WORD_FLAG_RAW_8BIT | WORD_FLAG_RAW_OTHER)) != 0)
		p->flags |= PARAM_8BIT;
	if ((flags & WORD_FLAG_CONTROL) != 0)
		p->flags |= PARAM_CONTROL;
	if ((flags & (WORD_FLAG_CHARSET | WORD_FLAG_BAD_CHARS | WORD_FLAG_RAW_OTHER)) != 0)
		p->flags |= PARAM_CHARSET;
}

static void
set_text(struct param *p, bool special, struct arena *a)
{
	struct buf octets, text;

	p->text = p->value;
	if (!p->extended && !special)
		return;
	buf_init(&octets, p->value.n + 1);
	buf_init(&text, 4 * p->value.n + 64);
	if (p->extended)
		extended_text(p, &octets, &text);
	else
		plain_text(p, &text);
	if (text.err != OK && a->err == OK)
		a->err = text.err;
	p->text = arena_copy(a, buf_slice(&text));
	buf_fini(&octets);
	buf_fini(&text);
}

/* Join the segments of one name, which have numbers, into one parameter. */
static void
join(struct segment *g, unsigned n, struct arena *a, struct param *p)
{
	bool special = false;
	size_t room = 0;
	struct buf b;
	int expect = 0;

	for (unsigned i = 0; i < n; i++) {
		p->extended |= g[i].star;
		special |= g[i].special;
		room += 3 * g[i].value.n;
	}
	buf_init(&b, room + 4);
	if (p->extended && !g[0].star)		/* no charset given: RFC 2231 4.1 puts it first */
		buf_adds(&b, "''");
	for (unsigned i = 0; i < n; i++) {
		if (g[i].index == expect - 1)
			p->flags |= PARAM_DUPLICATE;
		else if (g[i].index != expect++)
			p->flags |= PARAM_GAP;
		if (i > 0 && g[i].order < g[i - 1].order)
			p->flags |= PARAM_GAP;
		if (p->extended && !g[i].star)
			add_percent(&b, g[i].value);
		else
			buf_add(&b, g[i].value);
	}
	if (b.err != OK && a->err == OK)
		a->err = b.err;
	p->value = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	set_text(p, special, a);
}

/* Parameters of one name (n segments): each goes to the slot of its place in the field. */
static void
merge_name(struct segment *g, unsigned n, struct arena *a, struct param *slots)
{
	const struct param *first = NULL;

	for (unsigned i = 0; i < n;) {
		struct param *p = &slots[g[i].order];

		*p = (struct param){ .name = g[i].name, .value = g[i].value };
		if (g[i].index == INDEX_NONE) {
			p->extended = g[i].star;
			set_text(p, g[i].special, a);
			i++;
		} else {
			join(g + i, n - i, a, p);
			i = n;
		}
		if (first == NULL) {
			first = p;
			continue;
		}
		p->flags |= p->extended == first->extended ? PARAM_DUPLICATE : 0;
		p->flags |= slice_eq(p->text, first->text) ? 0 : PARAM_CONFLICT;
	}
}

static int
take_params(struct scan *sc, struct param_value *out)
{
	struct segment segs[PARAM_MAX];
	struct param slots[PARAM_MAX];
	unsigned n = take_segments(sc, segs), run;

	out->flags = sc->flags;
	if (n == 0 || sc->a->err != OK)
		return sc->a->err;
	out->params = arena_array(sc->a, n, sizeof *out->params);
	if (out->params == NULL)
		return sc->a->err;
	memset(slots, 0, n * sizeof *slots);
	qsort(segs, n, sizeof *segs, cmp_segment);
	for (unsigned i = 0; i < n; i += run) {
		for (run = 1; i + run < n && cmp_name(segs[i].name, segs[i + run].name) == 0; run++)
			;
		merge_name(segs + i, run, sc->a, slots);
	}
	for (unsigned i = 0; i < n; i++) {
		if (slots[i].name.n == 0)
			continue;
		out->params[out->count++] = slots[i];
		out->flags |= slots[i].flags;
	}
	return sc->a->err;
}

int
param_content_type(struct slice raw, struct arena *a, struct param_value *out)
{
	struct scan sc = { .s = raw, .a = a };

	*out = (struct param_value){ 0 };
	out->type = take_token(&sc);
	if (out->type.n > 0 && take_char(&sc, '/'))
		out->subtype = take_token(&sc);
	if (out->type.n == 0 || out->subtype.n == 0)
		sc.flags |= PARAM_SYNTAX;
	return take_params(&sc, out);
}

int
param_disposition(struct slice raw, struct arena *a, struct param_value *out)
{
	struct scan sc = { .s = raw, .a = a };

	*out = (struct param_value){ 0 };
	out->type = take_token(&sc);
	if (out->type.n == 0)
		sc.flags |= PARAM_SYNTAX;
	return take_params(&sc, out);
}

const struct param *
param_get(const struct param_value *v, const char *name)
{
	for (unsigned i = 0; i < v->count; i++)
		if (slice_is_nocase(v->params[i].name, name))
			return &v->params[i];
	return NULL;
}

unsigned
param_count(const struct param_value *v, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->count; i++)
		n += slice_is_nocase(v->params[i].name, name);
	return n;
}
