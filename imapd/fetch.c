/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/fetch.h"

#include "common/buf.h"

enum { SECTION_TEXT_OCTETS = 8 * 1024 };

int
fetch_add(struct fetch_items *items, enum fetch_kind kind)
{
	if (kind != FETCH_SECTION)
		for (size_t i = 0; i < items->n; i++)
			if (items->v[i].kind == kind)
				return OK;
	if (items->n == FETCH_ITEMS_MAX)
		return ERR_LIMIT;
	items->v[items->n++].kind = kind;
	items->has_flags |= kind == FETCH_FLAGS;
	items->has_uid |= kind == FETCH_UID;
	items->summary |= kind >= FETCH_ENVELOPE;
	return OK;
}

/* A header field name, appended so that section_parse can read it: quoted if no atom. */
static int
add_field(struct slice name, struct buf *text)
{
	bool atom = name.n > 0;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f || name.p[i] == ':' ||
		    name.p[i] == '"' || name.p[i] == '\\')
			return ERR_SYNTAX;
		atom = atom && args_is_atom_char(name.p[i]);
	}
	if (name.n == 0)
		return ERR_SYNTAX;
	if (!atom)
		buf_addc(text, '"');
	buf_add(text, name);
	if (!atom)
		buf_addc(text, '"');
	return text->err;
}

/* SP "(" name *(SP name) ")" */
static int
add_fields(struct args *a, struct buf *text)
{
	struct slice name;
	int err = args_space(a);

	if (err == OK)
		err = args_open(a);
	buf_adds(text, " (");
	for (size_t i = 0; err == OK; i++) {
		if (i > 0)
			buf_addc(text, ' ');
		err = args_astring(a, &name);
		if (err == OK)
			err = add_field(name, text);
		if (err == OK && args_peek(a, ')'))
			break;
		if (err == OK)
			err = args_space(a);
	}
	buf_addc(text, ')');
	return err == OK ? args_close(a) : err;
}

/* What stands between "[" and "]", as canonical text. */
static int
section_text(struct args *a, struct buf *text)
{
	struct slice spec = { a->rest.p, 0 };
	int err;

	while (spec.n < a->rest.n && (ascii_is_alnum(a->rest.p[spec.n]) ||
	    a->rest.p[spec.n] == '.'))
		spec.n++;
	for (size_t i = 0; i < spec.n; i++)
		buf_addc(text, ascii_upper(spec.p[i]));
	a->rest = slice_from(a->rest, spec.n);
	if (slice_ends_nocase(spec, SLICE("FIELDS")) ||
	    slice_ends_nocase(spec, SLICE("FIELDS.NOT"))) {
		err = add_fields(a, text);
		if (err != OK)
			return err;
	}
	return args_skip(a, ']') ? text->err : ERR_SYNTAX;
}

/* ["<" number "." nz-number ">"] */
static int
parse_partial(struct args *a, struct fetch_item *it)
{
	int err;

	if (!args_skip(a, '<'))
		return OK;
	it->partial = true;
	err = args_number(a, UINT32_MAX, &it->from);
	if (err == OK && !args_skip(a, '.'))
		err = ERR_SYNTAX;
	if (err == OK)
		err = args_number(a, UINT32_MAX, &it->count);
	if (err == OK && (it->count == 0 || !args_skip(a, '>')))
		err = ERR_SYNTAX;
	return err;
}

/* Behind "BODY[" or "BODY.PEEK[". */
static int
parse_section(struct args *a, struct fetch_items *items)
{
	struct buf text;
	struct fetch_item *it;
	struct slice inner;
	int err = fetch_add(items, FETCH_SECTION);

	if (err != OK)
		return err;
	it = &items->v[items->n - 1];
	buf_init(&text, SECTION_TEXT_OCTETS);
	buf_adds(&text, "BODY[");
	err = section_text(a, &text);
	buf_addc(&text, ']');
	if (err == OK)
		err = text.err;
	if (err == OK) {
		it->label = arena_copy(a->arena, buf_slice(&text));
		inner = slice_sub(it->label, 5, it->label.n - 6);
		err = a->arena->err != OK ? a->arena->err :
		    section_parse(inner, a->arena, &it->section);
	}
	buf_fini(&text);
	return err == OK ? parse_partial(a, it) : err;
}

/* RFC822 and its forms are other names of sections. */
static int
add_rfc822(struct fetch_items *items, const char *label, enum section_what what)
{
	int err = fetch_add(items, FETCH_SECTION);

	if (err != OK)
		return err;
	items->v[items->n - 1].label = slice_of(label);
	items->v[items->n - 1].section.what = what;
	items->sets_seen |= what != SECTION_HEADER;
	return OK;
}

static bool
is_content(const struct fetch_item *it)
{
	bool header = it->section.what == SECTION_HEADER || it->section.what == SECTION_FIELDS ||
	    it->section.what == SECTION_FIELDS_NOT;

	return it->kind == FETCH_SECTION && (it->section.depth > 0 || !header);
}

static const struct {
	const char     *word;
	enum fetch_kind kind;
} plain[] = {
	{ "FLAGS", FETCH_FLAGS }, { "UID", FETCH_UID }, { "INTERNALDATE", FETCH_DATE },
	{ "RFC822.SIZE", FETCH_SIZE }, { "ENVELOPE", FETCH_ENVELOPE },
	{ "BODYSTRUCTURE", FETCH_BODYSTRUCTURE },
};

static int
parse_item(struct args *a, struct fetch_items *items)
{
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (args_word(a, plain[i].word))
			return fetch_add(items, plain[i].kind);
	if (slice_starts_nocase(a->rest, SLICE("BODY.PEEK["))) {
		a->rest = slice_from(a->rest, 10);
		return parse_section(a, items);
	}
	if (slice_starts_nocase(a->rest, SLICE("BODY["))) {
		a->rest = slice_from(a->rest, 5);
		items->sets_seen = true;
		return parse_section(a, items);
	}
	if (args_word(a, "BODY"))
		return fetch_add(items, FETCH_BODY);
	if (args_word(a, "RFC822.HEADER"))
		return add_rfc822(items, "RFC822.HEADER", SECTION_HEADER);
	if (args_word(a, "RFC822.TEXT"))
		return add_rfc822(items, "RFC822.TEXT", SECTION_TEXT);
	return args_word(a, "RFC822") ? add_rfc822(items, "RFC822", SECTION_ALL) : ERR_SYNTAX;
}

/* FAST, ALL and FULL are each the one before and one item more. */
static bool
parse_macro(struct args *a, struct fetch_items *items, int *err_out)
{
	static const enum fetch_kind macro[] = { FETCH_FLAGS, FETCH_DATE, FETCH_SIZE,
	    FETCH_ENVELOPE, FETCH_BODY };
	size_t n = args_word(a, "FAST") ? 3 : args_word(a, "ALL") ? 4 :
	    args_word(a, "FULL") ? 5 : 0;

	for (size_t i = 0; i < n && *err_out == OK; i++)
		*err_out = fetch_add(items, macro[i]);
	return n > 0;
}

static int
parse(struct args *a, struct fetch_items *out)
{
	int err = OK;

	*out = (struct fetch_items){ .v = arena_array(a->arena, FETCH_ITEMS_MAX, sizeof *out->v) };
	if (out->v == NULL)
		return a->arena->err;
	if (parse_macro(a, out, &err))
		return err;
	if (!args_peek(a, '('))
		return parse_item(a, out);
	err = args_open(a);
	do {
		if (err == OK)
			err = parse_item(a, out);
	} while (err == OK && args_skip(a, ' '));
	return err == OK ? args_close(a) : err;
}

int
fetch_parse(struct args *a, struct fetch_items *out)
{
	int err = parse(a, out);

	for (size_t i = 0; err == OK && i < out->n; i++)
		out->content |= is_content(&out->v[i]);
	return err;
}
