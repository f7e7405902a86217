/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/section.h"

#include <string.h>

#include "mime/header.h"

/* "1.2." or "1.2" at the front of *s, which is taken off. */
static int
take_path(struct slice *s, struct section *out)
{
	while (s->n > 0 && ascii_is_digit(s->p[0])) {
		uint64_t v;
		size_t n = 0;

		while (n < s->n && ascii_is_digit(s->p[n]))
			n++;
		if (s->p[0] == '0' || slice_u64(slice_sub(*s, 0, n), UINT32_MAX, &v) != OK)
			return ERR_SYNTAX;
		if (out->depth == SECTION_DEPTH_MAX)
			return ERR_LIMIT;
		out->path[out->depth++] = (uint32_t)v;
		*s = slice_from(*s, n);
		if (s->n == 0)
			return OK;
		if (s->p[0] != '.' || s->n == 1)
			return ERR_SYNTAX;
		*s = slice_from(*s, 1);
	}
	return OK;
}

static bool
is_field_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("(){}%*\"\\:]", c) == NULL;
}

/* All that a field name may hold (RFC 5322 2.2), and no escapes. */
static bool
is_quoted_field_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"\\:", c) == NULL;
}

/* One name, atom or quoted: its text; an empty slice is an error. */
static struct slice
take_name(struct slice *s)
{
	bool quoted = s->n > 0 && s->p[0] == '"';
	struct slice name;
	size_t n = 0;

	if (quoted)
		*s = slice_from(*s, 1);
	while (n < s->n && (quoted ? is_quoted_field_char : is_field_char)(s->p[n]))
		n++;
	name = slice_sub(*s, 0, n);
	*s = slice_from(*s, n);
	if (quoted) {
		if (s->n == 0 || s->p[0] != '"')
			return (struct slice){ NULL, 0 };
		*s = slice_from(*s, 1);
	}
	return name;
}

/* "(" name *(SP name) ")" */
static int
take_fields(struct slice s, struct arena *a, struct section *out)
{
	struct slice *names = arena_array(a, SECTION_FIELDS_MAX, sizeof *names);

	if (names == NULL)
		return a->err;
	out->fields = names;
	if (s.n < 2 || s.p[0] != '(')
		return ERR_SYNTAX;
	do {
		s = slice_from(s, 1);
		if (out->field_count == SECTION_FIELDS_MAX)
			return ERR_LIMIT;
		names[out->field_count] = take_name(&s);
		if (names[out->field_count++].n == 0)
			return ERR_SYNTAX;
	} while (s.n > 0 && s.p[0] == ' ');
	return slice_is(s, ")") ? OK : ERR_SYNTAX;
}

int
section_parse(struct slice text, struct arena *a, struct section *out)
{
	static const struct { struct slice name; enum section_what what; } words[] = {
		{ { "HEADER.FIELDS.NOT ", 18 }, SECTION_FIELDS_NOT },
		{ { "HEADER.FIELDS ", 14 }, SECTION_FIELDS },
		{ { "HEADER", 6 }, SECTION_HEADER },
		{ { "TEXT", 4 }, SECTION_TEXT },
		{ { "MIME", 4 }, SECTION_MIME },
	};
	int err;

	*out = (struct section){ .what = SECTION_ALL };
	err = take_path(&text, out);
	if (err != OK || text.n == 0)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!slice_starts_nocase(text, words[i].name))
			continue;
		out->what = words[i].what;
		text = slice_from(text, words[i].name.n);
		if (out->what == SECTION_FIELDS || out->what == SECTION_FIELDS_NOT)
			return take_fields(text, a, out);
		if (out->what == SECTION_MIME && out->depth == 0)
			return ERR_SYNTAX;
		return text.n == 0 ? OK : ERR_SYNTAX;
	}
	return ERR_SYNTAX;
}

/* Child number n of part p. Links point forward only, so this ends. */
static int
nth_child(const struct summary *sum, const struct summary_part *p, uint32_t n, uint32_t *at_out)
{
	struct summary_part child;
	uint32_t at = p->first_child;
	int err;

	for (; at != TREE_NONE; at = child.next_sibling) {
		err = summary_part(sum, at, &child);
		if (err != OK)
			return err;
		if (child.number == n) {
			*at_out = at;
			return OK;
		}
	}
	return ERR_NOENT;
}

/* Follow the path. `whole` says that *at is the root of a message, whose parts come next; else
 * it is a part that a number named. */
static int
follow(const struct section *s, const struct summary *sum, uint32_t *at, struct summary_part *p)
{
	bool whole = true, only = false;
	int err;

	*at = 0;
	err = summary_part(sum, 0, p);
	for (unsigned i = 0; i < s->depth && err == OK; i++) {
		if (!whole && p->kind == TREE_MESSAGE) {
			if (p->first_child == TREE_NONE)
				return ERR_NOENT;
			*at = p->first_child;
			err = summary_part(sum, *at, p);
			if (err != OK)
				return err;
			whole = true;
		}
		if (only) {
			return ERR_NOENT;
		} else if (p->kind == TREE_MULTIPART && p->first_child == TREE_NONE &&
		    s->path[i] == 1) {
			/* What no boundary divides is its only part. */
			p->header_begin = p->header_end = p->body_begin;
			only = true;
		} else if (p->kind == TREE_MULTIPART) {
			err = nth_child(sum, p, s->path[i], at);
			if (err == OK)
				err = summary_part(sum, *at, p);
		} else if (!whole || s->path[i] != 1) {
			return ERR_NOENT;
		}
		whole = false;
	}
	return err;
}

int
section_part(const struct section *s, const struct summary *sum, uint32_t *index_out)
{
	struct summary_part p;

	return follow(s, sum, index_out, &p);
}

int
section_resolve(const struct section *s, const struct summary *sum, struct section_range *out)
{
	bool of_message = s->what != SECTION_ALL && s->what != SECTION_MIME;
	struct summary_part p;
	uint32_t at;
	int err = follow(s, sum, &at, &p);

	if (err != OK)
		return err;
	if (of_message && s->depth > 0) {	/* of the message in a message/rfc822 part */
		if (p.kind != TREE_MESSAGE || p.first_child == TREE_NONE)
			return ERR_NOENT;
		err = summary_part(sum, p.first_child, &p);
		if (err != OK)
			return err;
	}
	if (s->what == SECTION_ALL && s->depth == 0)
		*out = (struct section_range){ 0, sum->size_octets };
	else if (s->what == SECTION_ALL || s->what == SECTION_TEXT)
		*out = (struct section_range){ p.body_begin, p.body_end };
	else
		*out = (struct section_range){ p.header_begin, p.header_end };
	return OK;
}

static bool
is_wanted(const struct section *s, struct slice name)
{
	for (size_t i = 0; i < s->field_count; i++)
		if (name.n > 0 && slice_eq_nocase(name, s->fields[i]))
			return s->what == SECTION_FIELDS;
	return s->what == SECTION_FIELDS_NOT;
}

void
section_fields(const struct section *s, struct slice header, struct buf *out)
{
	struct header_iter it;
	struct header_field f;

	header_init(&it, header);
	while (header_next(&it, &f) == 1) {
		if (!is_wanted(s, f.name))
			continue;
		buf_add(out, f.whole);
		if (f.whole.p[f.whole.n - 1] != '\n')
			buf_adds(out, "\r\n");
	}
	buf_adds(out, "\r\n");
}
