/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/structure.h"

#include <string.h>

#include "common/utf8.h"
#include "mime/addr.h"
#include "mime/header.h"

enum { LIST_ARENA_OCTETS = 16 << 20 };	/* ADDR_MAX entries and their strings fit */

static const char empty_envelope[] = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
static const char empty_body[] =
    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)";
static const char empty_body_extended[] =
    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)";

void
structure_string(struct buf *out, struct slice s)
{
	size_t run = 0;

	if (s.p == NULL) {
		buf_adds(out, "NIL");
		return;
	}
	if (!utf8_is_ascii(s)) {
		buf_addf(out, "{%zu}\r\n", s.n);
		buf_add(out, s);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_add(out, slice_sub(s, run, i - run));
		buf_addc(out, '\\');
		run = i;
	}
	buf_add(out, slice_from(s, run));
	buf_addc(out, '"');
}

/* Does s hold something that header_unfold changes, besides white space at its ends? */
static bool
needs_unfold(struct slice s)
{
	return s.n > 0 && (memchr(s.p, '\r', s.n) != NULL || memchr(s.p, '\n', s.n) != NULL ||
	    memchr(s.p, '\0', s.n) != NULL);
}

/* The nstring of a raw field value: NIL when the field is absent (p == NULL). */
static void
add_value(struct buf *out, struct slice raw)
{
	struct buf b;

	if (raw.p == NULL || !needs_unfold(slice_trim(raw))) {
		structure_string(out, raw.p == NULL ? raw : slice_trim(raw));
		return;
	}
	buf_init(&b, raw.n);
	header_unfold(raw, &b);
	if (b.err != OK)
		out->err = b.err;
	structure_string(out, b.n == 0 ? SLICE("") : buf_slice(&b));
	buf_fini(&b);
}

/* A string that must not be NIL when it is empty, cleaned of NUL, CR and LF. */
static void
add_text(struct buf *out, struct slice s)
{
	if (needs_unfold(s))
		add_value(out, s);
	else
		structure_string(out, s.n == 0 ? SLICE("") : s);
}

static void
add_text_or_nil(struct buf *out, struct slice s)
{
	if (s.n == 0)
		buf_adds(out, "NIL");
	else
		add_text(out, s);
}

/* RFC 3501 7.4.2: a group begins with NIL host and its name as mailbox, and ends all NIL. */
static void
add_address(struct buf *out, const struct addr *ad)
{
	if (ad->kind == ADDR_GROUP_END) {
		buf_adds(out, "(NIL NIL NIL NIL)");
		return;
	}
	buf_addc(out, '(');
	if (ad->kind == ADDR_GROUP_START) {
		buf_adds(out, "NIL NIL ");
		add_text(out, ad->name);
		buf_adds(out, " NIL)");
		return;
	}
	add_text_or_nil(out, ad->name);
	buf_addc(out, ' ');
	add_text_or_nil(out, ad->route);
	buf_addc(out, ' ');
	add_text(out, ad->local);
	buf_addc(out, ' ');
	add_text(out, ad->domain);
	buf_addc(out, ')');
}

/* An address list; false if it is empty (nothing is added then). Its memory is given back at once,
 * so that a message of many messages needs no more than one list does. */
static bool
add_list(struct buf *out, struct slice raw)
{
	struct addr_list l = { 0 };
	struct arena scratch;
	int err;

	if (raw.p == NULL)
		return false;
	arena_init(&scratch, LIST_ARENA_OCTETS);
	err = addr_parse(raw, &scratch, &l);
	if (err != OK && out->err == OK)
		out->err = err;
	if (err == OK && l.count > 0) {
		buf_addc(out, '(');
		for (unsigned i = 0; i < l.count; i++)
			add_address(out, &l.addrs[i]);
		buf_addc(out, ')');
	}
	arena_clear(&scratch);
	return err == OK && l.count > 0;
}

enum { E_DATE, E_SUBJECT, E_FROM, E_SENDER, E_REPLY_TO, E_TO, E_CC, E_BCC, E_IN_REPLY_TO,
       E_MESSAGE_ID, E_COUNT };

static const char *const envelope_names[E_COUNT] = {
	"Date", "Subject", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "In-Reply-To",
	"Message-ID"
};

static void
find_fields(struct slice header, struct slice values[E_COUNT])
{
	struct header_iter it;
	struct header_field f;

	memset(values, 0, E_COUNT * sizeof *values);
	header_init(&it, header);
	while (header_next(&it, &f) == 1) {
		for (unsigned i = 0; i < E_COUNT && f.name.n > 0; i++)
			if (values[i].p == NULL && slice_is_nocase(f.name, envelope_names[i]))
				values[i] = f.value;
	}
}

int
structure_envelope(struct slice header, struct arena *a, struct buf *out)
{
	struct slice v[E_COUNT], from_text;
	size_t from_at;

	find_fields(header, v);
	buf_addc(out, '(');
	add_value(out, v[E_DATE]);
	buf_addc(out, ' ');
	add_value(out, v[E_SUBJECT]);
	buf_addc(out, ' ');
	from_at = out->n;
	if (!add_list(out, v[E_FROM]))
		buf_adds(out, "NIL");
	from_text = arena_copy(a, slice_from(buf_slice(out), from_at));
	for (unsigned i = E_SENDER; i <= E_BCC; i++) {
		buf_addc(out, ' ');
		if (add_list(out, v[i]))
			continue;
		if (i <= E_REPLY_TO)
			buf_add(out, from_text);
		else
			buf_adds(out, "NIL");
	}
	buf_addc(out, ' ');
	add_value(out, v[E_IN_REPLY_TO]);
	buf_addc(out, ' ');
	add_value(out, v[E_MESSAGE_ID]);
	buf_addc(out, ')');
	return out->err != OK ? out->err : a->err;
}

/* The name of an extended parameter, with its "*". */
static void
add_star_name(struct buf *out, struct slice name)
{
	bool ascii = utf8_is_ascii(name);

	if (ascii)
		buf_addc(out, '"');	/* a token: nothing in it needs an escape */
	else
		buf_addf(out, "{%zu}\r\n", name.n + 1);
	buf_add(out, name);
	buf_adds(out, ascii ? "*\"" : "*");
}

/* Parameters; text parts without a charset have us-ascii (RFC 2045 5.2). */
static void
add_params(struct buf *out, const struct param_value *v, bool is_text)
{
	bool charset = is_text && param_get(v, "charset") == NULL;

	if (v->count == 0 && !charset) {
		buf_adds(out, "NIL");
		return;
	}
	for (unsigned i = 0; i < v->count; i++) {
		const struct param *p = &v->params[i];

		buf_addc(out, i == 0 ? '(' : ' ');
		if (p->extended)
			add_star_name(out, p->name);
		else
			structure_string(out, p->name);
		buf_addc(out, ' ');
		add_text(out, p->value);
	}
	if (charset)
		buf_addf(out, "%c\"charset\" \"us-ascii\"", v->count == 0 ? '(' : ' ');
	buf_addc(out, ')');
}

static void
add_disposition(struct buf *out, const struct tree_part *p)
{
	if (!p->has_disposition) {
		buf_adds(out, "NIL");
		return;
	}
	buf_addc(out, '(');
	add_text(out, p->disposition.type);
	buf_addc(out, ' ');
	add_params(out, &p->disposition, false);
	buf_addc(out, ')');
}

/* Content-Language: NIL, one string, or a list (RFC 3282). */
static void
add_language(struct buf *out, struct slice raw)
{
	struct slice item;
	unsigned n = 0;

	if (slice_trim(raw).n == 0) {
		buf_adds(out, "NIL");
		return;
	}
	while (raw.n > 0) {
		(void)slice_cut(&raw, ',', &item);
		item = slice_trim(item);
		if (item.n == 0)
			continue;
		buf_addc(out, n++ == 0 ? '(' : ' ');
		add_text(out, item);
	}
	buf_adds(out, n == 0 ? "NIL" : ")");
}

/* " disposition language location", the end of the extension data. */
static void
add_extension_tail(struct buf *out, const struct tree_part *p)
{
	buf_addc(out, ' ');
	add_disposition(out, p);
	buf_addc(out, ' ');
	add_language(out, p->raw_language);
	buf_addc(out, ' ');
	add_value(out, p->raw_location);
}

/* A number, faster than by format. */
static void
add_number(struct buf *out, uint32_t v)
{
	char d[10];
	size_t n = sizeof d;

	do
		d[--n] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	buf_add(out, (struct slice){ d + n, sizeof d - n });
}

static bool
is_message(const struct tree *t, uint32_t i)
{
	return tree_is(t, i, "message", "rfc822") || tree_is(t, i, "message", "global");
}

static bool
is_multipart(const struct tree *t, uint32_t i)
{
	return tree_is(t, i, "multipart", NULL);
}

/* "type" "subtype" params id description encoding octets */
static void
add_basic(struct buf *out, const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	buf_addc(out, '(');
	add_text(out, p->type);
	buf_addc(out, ' ');
	add_text(out, p->subtype);
	buf_addc(out, ' ');
	add_params(out, &p->content_type, slice_is_nocase(p->type, "text"));
	buf_addc(out, ' ');
	add_value(out, p->raw_id);
	buf_addc(out, ' ');
	add_value(out, p->raw_description);
	buf_addc(out, ' ');
	if (slice_trim(p->raw_encoding).n == 0)
		buf_adds(out, "\"7bit\"");
	else
		add_value(out, p->raw_encoding);
	buf_addc(out, ' ');
	add_number(out, p->body_end - p->body_begin);
}

/* The grammar wants a multipart to have a part: without any, what is there counts as its text, which
 * section_resolve gives for number 1. */
static void
add_only_part(struct buf *out, const struct tree_part *p, bool extended)
{
	buf_adds(out, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" ");
	add_number(out, p->body_end - p->body_begin);
	buf_addc(out, ' ');
	add_number(out, p->body_lines);
	buf_adds(out, extended ? " NIL NIL NIL NIL)" : ")");
}

/* What stands before the children of part i, or all of it when it has none. */
static int
enter(struct buf *out, const struct tree *t, uint32_t i, bool extended, struct arena *a)
{
	const struct tree_part *p = &t->parts[i];
	int err;

	if (is_multipart(t, i)) {
		buf_addc(out, '(');
		if (p->first_child == TREE_NONE)
			add_only_part(out, p, extended);
		return out->err;
	}
	add_basic(out, t, i);
	if (!is_message(t, i))
		return out->err;
	buf_addc(out, ' ');
	if (p->first_child == TREE_NONE) {
		buf_adds(out, empty_envelope);
		buf_addc(out, ' ');
		buf_adds(out, extended ? empty_body_extended : empty_body);
		return out->err;
	}
	err = structure_envelope(tree_header(t, p->first_child), a, out);
	buf_addc(out, ' ');
	return err;
}

/* What stands behind the children. */
static void
leave(struct buf *out, const struct tree *t, uint32_t i, bool extended)
{
	const struct tree_part *p = &t->parts[i];

	if (is_multipart(t, i)) {
		buf_addc(out, ' ');
		add_text(out, p->subtype);
		if (extended) {
			buf_addc(out, ' ');
			add_params(out, &p->content_type, false);
			add_extension_tail(out, p);
		}
		buf_addc(out, ')');
		return;
	}
	if (slice_is_nocase(p->type, "text") || is_message(t, i)) {
		buf_addc(out, ' ');
		add_number(out, p->body_lines);
	}
	if (extended) {
		buf_addc(out, ' ');
		add_value(out, p->raw_md5);
		add_extension_tail(out, p);
	}
	buf_addc(out, ')');
}

int
structure_body(const struct tree *t, uint32_t i, bool extended, struct arena *a, struct buf *out)
{
	uint32_t top = i;
	int err;

	for (;;) {
		err = enter(out, t, i, extended, a);
		if (err != OK)
			return err;
		if (t->parts[i].first_child != TREE_NONE) {
			i = t->parts[i].first_child;
			continue;
		}
		for (;;) {
			leave(out, t, i, extended);
			if (i == top)
				return out->err;
			if (t->parts[i].next_sibling != TREE_NONE)
				break;
			i = t->parts[i].parent;
		}
		i = t->parts[i].next_sibling;
	}
}
