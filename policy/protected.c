/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/protected.h"

#include "common/control.h"
#include "mime/addr.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/param.h"
#include "mime/word.h"

enum { VALUES_OCTETS_MAX = 8 * HEADER_OCTETS_MAX, ARENA_OCTETS_MAX = 256 * HEADER_OCTETS_MAX };
enum form { FORM_NONE, FORM_WRAPPED, FORM_HP_CLEAR, FORM_HP_CIPHER, FORM_OLD, FORM_UNCLEAR };
enum meaning { MEANING_ADDRESSES, MEANING_TEXT, MEANING_DATE, MEANING_TOKENS };

static const struct field {
	const char  *name;
	enum meaning meaning;
	bool	     shown;	/* people see it: it may not be outside alone */
} fields[] = {
	{ "From", MEANING_ADDRESSES, true },
	{ "Sender", MEANING_ADDRESSES, true },
	{ "Reply-To", MEANING_ADDRESSES, true },
	{ "To", MEANING_ADDRESSES, true },
	{ "Cc", MEANING_ADDRESSES, true },
	{ "Subject", MEANING_TEXT, true },
	{ "Date", MEANING_DATE, false },
	{ "Comments", MEANING_TEXT, false },
	{ "Keywords", MEANING_TEXT, false },
	{ "Message-ID", MEANING_TOKENS, false },
	{ "In-Reply-To", MEANING_TOKENS, false },
	{ "References", MEANING_TOKENS, false },
};

/* ---- what is inside, and in which form ---- */

/* hp and protected-headers of the header of what is signed (RFC 9788 2.1). */
static enum form
form_of_params(const struct param_value *v)
{
	const struct param *hp = param_get(v, "hp");

	if (hp != NULL)
		return param_count(v, "hp") > 1 ? FORM_UNCLEAR :
		    slice_is_nocase(hp->text, "cipher") ? FORM_HP_CIPHER : FORM_HP_CLEAR;
	return param_get(v, "protected-headers") != NULL ? FORM_OLD : FORM_NONE;
}

static bool
is_message(const struct param_value *v)
{
	const struct param *forwarded = param_get(v, "forwarded");

	if (!slice_is_nocase(v->type, "message") || (!slice_is_nocase(v->subtype, "rfc822") &&
	    !slice_is_nocase(v->subtype, "global")))
		return false;
	return forwarded == NULL || !slice_is_nocase(forwarded->text, "yes");
}

/* Which form content has, and where its fields are. */
static int
find_form(struct slice content, struct arena *a, enum form *form_out, struct slice *inner_out)
{
	struct header_field field, type = { 0 };
	struct param_value v;
	struct header_iter it;
	unsigned types = 0;
	int err;

	*form_out = FORM_NONE;
	*inner_out = content;
	header_init(&it, content);
	while (header_next(&it, &field) == 1)
		if (slice_is_nocase(field.name, "Content-Type") && types++ == 0)
			type = field;
	if (types == 0)
		return OK;
	if ((err = param_content_type(type.value, a, &v)) != OK)
		return err;
	*form_out = form_of_params(&v);
	if (types > 1 ||	/* which one counts? */
	    (*form_out != FORM_NONE && is_message(&v) && !control_off("protected-wrapped"))) {
		/* older programs show the header of the message in it */
		*form_out = FORM_UNCLEAR;
	} else if (*form_out == FORM_NONE && is_message(&v)) {
		*form_out = FORM_WRAPPED;
		*inner_out = slice_from(content, it.body);
	}
	return OK;
}

/* ---- values by their meaning ---- */

/* Words with one space between. */
static void
add_words(struct slice text, struct buf *out)
{
	bool space = false, any = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			space = any;
			continue;
		}
		if (space)
			buf_addc(out, ' ');
		buf_addc(out, c);
		space = false;
		any = true;
	}
}

static int
add_text(struct slice raw, struct buf *out)
{
	struct buf text;
	int err;

	buf_init(&text, VALUES_OCTETS_MAX);
	err = word_decode(raw, &text, NULL);
	add_words(buf_slice(&text), out);
	buf_fini(&text);
	return err;
}

/* Names as they are read, addresses with the domain in small letters. */
static int
add_addresses(struct slice raw, struct arena *a, struct buf *out)
{
	struct addr_list l;
	int err = addr_parse(raw, a, &l);

	if (err == OK && (l.flags & (ADDR_SYNTAX | ADDR_OVERFLOW)) != 0)
		return add_text(raw, out);
	for (unsigned i = 0; err == OK && i < l.count; i++) {
		const struct addr *ad = &l.addrs[i];

		err = add_text(ad->name, out);
		buf_addf(out, " %u<", (unsigned)ad->kind);
		addr_spec(ad, out);
		for (size_t k = out->n - (out->err == OK ? ad->domain.n : 0); k < out->n; k++)
			out->p[k] = ascii_lower(out->p[k]);
		buf_adds(out, "> ");
	}
	return err;
}

static int
add_value(const struct field *f, struct slice raw, struct arena *a, struct buf *out)
{
	struct date d;

	switch (f->meaning) {
	case MEANING_ADDRESSES:
		return add_addresses(raw, a, out);
	case MEANING_DATE:
		if (date_parse(raw, &d) != OK)
			return add_text(raw, out);
		buf_addf(out, "%lld", (long long)d.seconds);
		return OK;
	case MEANING_TEXT:
		return add_text(raw, out);
	case MEANING_TOKENS:
		add_words(raw, out);
		return OK;
	}
	return ERR_INVAL;
}

/* The field that an HP-Outer field tells of: its name and value (RFC 9788 2.2). */
static bool
outer_told(struct slice value, struct slice *name_out, struct slice *value_out)
{
	*value_out = slice_trim(value);
	if (!slice_cut(value_out, ':', name_out))
		return false;
	*name_out = slice_trim(*name_out);
	return true;
}

/* All values of f in a header, each on a line; told: those that HP-Outer fields give. */
static int
values(const struct field *f, struct slice header, bool told, struct arena *a, struct buf *out)
{
	struct header_field field;
	struct header_iter it;
	int err = OK;

	buf_clear(out);
	header_init(&it, header);
	while (err == OK && header_next(&it, &field) == 1) {
		struct slice name = field.name, value = field.value;

		if (told && (!slice_is_nocase(name, "HP-Outer") ||
		    !outer_told(field.value, &name, &value)))
			continue;
		if (!slice_is_nocase(name, f->name))
			continue;
		err = add_value(f, value, a, out);
		buf_addc(out, '\n');
	}
	if (err == OK && (it.flags & HEADER_OVERFLOW) != 0)
		err = ERR_LIMIT;
	return err != OK ? err : out->err;
}

/* ---- the comparison ---- */

struct values {
	struct buf inner, outer, told;
};

static bool
same(const struct buf *a, const struct buf *b)
{
	return slice_eq(buf_slice(a), buf_slice(b));
}

static bool
agrees(const struct field *f, enum form form, const struct values *v)
{
	if (same(&v->inner, &v->outer))
		return true;
	if (v->inner.n == 0)
		return form == FORM_OLD || !f->shown;
	return form == FORM_HP_CIPHER && f != &fields[0] && same(&v->outer, &v->told);
}

static int
compare(struct slice header, struct slice inner, enum form form, struct arena *a,
    enum protected *out, const char **field_out)
{
	struct values v;
	int err = OK;

	buf_init(&v.inner, VALUES_OCTETS_MAX);
	buf_init(&v.outer, VALUES_OCTETS_MAX);
	buf_init(&v.told, VALUES_OCTETS_MAX);
	*out = PROTECTED_AGREES;
	for (size_t i = 0; i < ARRAY_LEN(fields) && err == OK; i++) {
		err = values(&fields[i], inner, false, a, &v.inner);
		if (err == OK)
			err = values(&fields[i], header, false, a, &v.outer);
		if (err == OK && form == FORM_HP_CIPHER)
			err = values(&fields[i], inner, true, a, &v.told);
		if (err != OK || *out == PROTECTED_DIFFERS || agrees(&fields[i], form, &v) ||
		    control_off("protected-header"))
			continue;
		*out = PROTECTED_DIFFERS;
		*field_out = fields[i].name;
	}
	buf_fini(&v.inner);
	buf_fini(&v.outer);
	buf_fini(&v.told);
	return err;
}

int
protected_check(struct slice header, struct slice content, enum protected *out,
    const char **field_out)
{
	struct slice inner;
	struct arena a;
	enum form form;
	int err;

	arena_init(&a, ARENA_OCTETS_MAX);
	*out = PROTECTED_NONE;
	*field_out = "";
	err = find_form(content, &a, &form, &inner);
	if (err == OK && form == FORM_UNCLEAR) {
		*out = PROTECTED_DIFFERS;
		*field_out = "Content-Type";
	} else if (err == OK && form != FORM_NONE) {
		err = compare(header, inner, form, &a, out, field_out);
	}
	arena_clear(&a);
	return err;
}
