/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/classify.h"

#include <stdlib.h>

#include "mime/addr.h"
#include "mime/header.h"
#include "mime/tree.h"
#include "mime/word.h"
#include "policy/extract/box.h"
#include "policy/foreign.h"
#include "policy/inspect.h"
#include "policy/kind.h"
#include "policy/label/labels.h"
#include "policy/label/name.h"

enum {
	FIELD_OCTETS_MAX = HEADER_OCTETS_MAX,
	PGP_SIGNATURE_OCTETS_MAX = 4096,
	SEGMENTS_MAX = 1000	/* pieces of a message whose boundaries are in doubt */
};

void
classify_options_init(struct classify_options *o)
{
	*o = (struct classify_options){
		.text_octets_max = (uint64_t)32 << 20,
		.extract = box_extract,
	};
	extract_limits_init(&o->limits);
}

static void
note(struct inspect *w, int err)
{
	if (err == ERR_NOMEM || w->a->err != OK)
		w->err = err;
}

/* --- header fields --- */

/* Fields that people read, in which a mark may stand like in a subject. */
static bool
is_prose(struct slice name)
{
	static const char *const names[] = {
		"Subject", "Thread-Topic", "Comments", "Keywords", "Content-Description",
		"X-Subject", "Resent-Subject", "Original-Subject", "Content-Location", "Summary",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is_nocase(name, names[i]))
			return true;
	return false;
}

static void
parameters(struct inspect *w, const struct param_value *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		struct slice name = v->params[i].name;

		if (slice_starts_nocase(name, SLICE("name")) ||
		    slice_starts_nocase(name, SLICE("filename")))
			name_file(&w->fold, v->params[i].text, inspect_found, w);
	}
}

static void
file_names(struct inspect *w, const struct header_field *field, struct arena *scratch)
{
	struct param_value v;

	if (slice_is_nocase(field->name, "Content-Type"))
		note(w, param_content_type(field->value, scratch, &v));
	else if (slice_is_nocase(field->name, "Content-Disposition"))
		note(w, param_disposition(field->value, scratch, &v));
	else
		return;
	if (scratch->err == OK)
		parameters(w, &v);
}

/* A field that another one tells of: RFC 9788 2.2, "HP-Outer: name: value". */
static struct header_field
told_by(const struct header_field *field)
{
	struct header_field told = *field;

	if (slice_is_nocase(field->name, "HP-Outer")) {
		slice_cut(&told.value, ':', &told.name);
		told.name = slice_trim(told.name);
	}
	return told;
}

static void
one_field(struct inspect *w, const struct header_field *as_written, struct arena *scratch)
{
	const struct header_field told = told_by(as_written), *field = &told;
	struct buf text;
	bool label = labels_is_field(field->name), prose = is_prose(field->name);

	if (field->name.n == 0) {	/* no field: some clients begin the body here */
		scan_text(&w->scan, field->value);
		return;
	}
	w->f->leaf = (struct leaf){ .kind = LEAF_FIELD, .name = field->name,
		.octets = field->value };
	file_names(w, field, scratch);
	if (!label && !prose)
		return;
	buf_init(&text, 4 * FIELD_OCTETS_MAX);
	note(w, word_decode(field->value, &text, NULL));
	if (foreign_words(field->value, buf_slice(&text)))
		inspect_opaque(w, "opaque-charset");
	if (prose)
		name_subject(&w->fold, buf_slice(&text), inspect_found, w);
	if (label) {
		int err = labels_field(field->name, field->value, buf_slice(&text), &w->fold,
		    scratch, inspect_found, w);

		if (err != OK)
			inspect_opaque(w, "opaque-limit");
	}
	buf_fini(&text);
}

static void
header_fields(struct inspect *w, struct slice header)
{
	struct header_field field;
	struct header_iter it;
	struct arena scratch;

	arena_init(&scratch, 16 * FIELD_OCTETS_MAX);
	header_init(&it, header);
	while (header_next(&it, &field) == 1 && w->err == OK) {
		one_field(w, &field, &scratch);
		w->f->leaf = (struct leaf){ .kind = LEAF_NONE };
		if (scratch.err == ERR_NOMEM)
			w->err = ERR_NOMEM;
		else if (scratch.err != OK)
			inspect_opaque(w, "opaque-limit");
		arena_clear(&scratch);
	}
	if ((it.flags & HEADER_OVERFLOW) != 0)
		inspect_opaque(w, "opaque-limit");
	arena_clear(&scratch);
}

/* --- parts --- */

static struct inspect_label
label_of(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];
	const struct param *format = param_get(&p->content_type, "format");
	const struct param *delsp = param_get(&p->content_type, "delsp");
	uint32_t parent = p->parent;

	return (struct inspect_label){
		.flowed = format != NULL && slice_is_nocase(format->text, "flowed"),
		.delsp = delsp != NULL && slice_is_nocase(delsp->text, "yes"),
		.type = p->type, .subtype = p->subtype, .charset = p->charset_label,
		.filename = p->filename,
		.signature = parent != TREE_NONE && tree_is(t, parent, "multipart", "signed") &&
		    p->number == 2,
	};
}

/* A detached OpenPGP signature: armour lines and nothing else, where a signature belongs. */
static bool
is_pgp_signature(const struct tree *t, uint32_t i)
{
	struct slice body = slice_trim(tree_body(t, i)), line;
	bool data = false;

	if (!tree_is(t, i, "application", "pgp-signature") || !label_of(t, i).signature ||
	    body.n > PGP_SIGNATURE_OCTETS_MAX ||
	    !slice_starts_nocase(body, SLICE("-----BEGIN PGP SIGNATURE-----")) ||
	    !slice_ends_nocase(body, SLICE("-----END PGP SIGNATURE-----")))
		return false;
	body = slice_sub(body, 29, body.n - 29 - 27);
	for (slice_cut(&body, '\n', &line); body.n > 0;) {
		slice_cut(&body, '\n', &line);
		line = slice_trim(line);
		for (size_t k = 0; data && k < line.n; k++)
			if (!ascii_is_alnum(line.p[k]) && line.p[k] != '+' && line.p[k] != '/' &&
			    line.p[k] != '=')
				return false;
		data = data || line.n == 0;
	}
	return data;
}

/* The decoded octets of a leaf, to which what is found in them belongs. */
static void
look_into(struct inspect *w, struct slice octets, const struct inspect_label *label)
{
	w->f->leaf = (struct leaf){ .octets = octets,
		.kind = slice_is_nocase(label->type, "text") ? LEAF_TEXT : LEAF_OCTETS };
	if (charset_by_label(label->charset) == CHARSET_UNKNOWN && foreign_charset(label->charset))
		w->f->leaf.charset = label->charset;
	inspect_octets(w, octets, label);
	w->f->leaf = (struct leaf){ .kind = LEAF_NONE };
}

static void
decode_as(struct inspect *w, const struct tree *t, uint32_t i, enum body_encoding enc)
{
	struct inspect_label label = label_of(t, i);
	struct slice body = tree_body(t, i);
	unsigned flags = 0;
	struct buf out;
	int err;

	if (enc == BODY_7BIT || enc == BODY_8BIT || enc == BODY_BINARY || enc == BODY_UNKNOWN) {
		look_into(w, body, &label);
		return;
	}
	buf_init(&out, body.n + 8);
	err = body_decode(enc, body, &out, &flags);
	note(w, err);
	if ((flags & BODY_BAD_BASE64) != 0) {
		/* Others may decode it otherwise: who releases it does so as it is. */
		w->f->leaf = (struct leaf){ .kind = LEAF_OCTETS, .octets = body };
		inspect_opaque(w, "opaque-encoding");
	}
	if (err == OK)
		look_into(w, buf_slice(&out), &label);
	buf_fini(&out);
}

/* A body whose encoding is told twice, or in unknown words, is read in each way. */
static void
decode_every_way(struct inspect *w, const struct tree *t, uint32_t i)
{
	struct inspect_label label = label_of(t, i);
	struct slice body = tree_body(t, i);
	struct buf out;
	unsigned flags;

	look_into(w, body, &label);
	buf_init(&out, body.n + 8);
	note(w, body_decode(BODY_QP, body, &out, &flags));
	if (!slice_eq(buf_slice(&out), body))
		look_into(w, buf_slice(&out), &label);
	buf_clear(&out);
	flags = 0;
	note(w, body_decode(BODY_BASE64, body, &out, &flags));
	if ((flags & BODY_BAD_BASE64) == 0)
		look_into(w, buf_slice(&out), &label);
	buf_fini(&out);
}

/* A multipart or message in base64 or quoted-printable: some clients decode it. */
static void
composite(struct inspect *w, const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];
	struct slice body = tree_body(t, i);
	struct buf out;

	buf_init(&out, body.n + p->raw_type.n + 64);
	if (!tree_is(t, i, "message", NULL)) {
		buf_adds(&out, "Content-Type:");
		buf_add(&out, p->raw_type);
		buf_adds(&out, "\r\n\r\n");
	}
	note(w, body_decode((enum body_encoding)p->encoding, body, &out, NULL));
	inspect_enter(w, buf_slice(&out));
	buf_fini(&out);
}

static void
plain_text(struct inspect *w, struct slice octets)
{
	struct inspect_label label = { .type = SLICE("text"), .subtype = SLICE("plain") };

	w->f->leaf = (struct leaf){ .kind = LEAF_TEXT, .octets = octets };
	if (slice_trim(octets).n > 0)
		inspect_text(w, octets, &label);
	w->f->leaf = (struct leaf){ .kind = LEAF_NONE };
}

static void
leaf(struct inspect *w, const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	if (TREE_HAS(p->flags, TREE_DUPLICATE_ENCODING) ||
	    TREE_HAS(p->flags, TREE_ENCODING_UNKNOWN) ||
	    TREE_HAS(p->flags, TREE_HEADER_MALFORMED) || TREE_HAS(p->flags, TREE_HEADER_CUT))
		decode_every_way(w, t, i);
	else if (is_pgp_signature(t, i))
		inspect_raw(w, tree_body(t, i));
	else
		decode_as(w, t, i, (enum body_encoding)p->encoding);
}

static void
one_part(struct inspect *w, const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	header_fields(w, tree_header(t, i));
	if (TREE_HAS(p->flags, TREE_PARTIAL))
		inspect_opaque(w, "opaque-partial");
	if (tree_is(t, i, "multipart", "encrypted"))
		inspect_opaque(w, "opaque-encrypted");
	if (p->kind == TREE_MULTIPART) {
		plain_text(w, tree_preamble(t, i));
		plain_text(w, tree_epilogue(t, i));
	}
	if (TREE_HAS(p->flags, TREE_ENCODING_COMPOSITE))
		composite(w, t, i);
	if (p->kind == TREE_LEAF || p->first_child == TREE_NONE)
		leaf(w, t, i);
}

/* --- a message whose division into parts is in doubt --- */

/* Flags of which some client may divide the message at other lines than the tree did. */
static bool
is_division_unsure(uint64_t flags)
{
	return TREE_HAS(flags, TREE_HEADER_MALFORMED) || TREE_HAS(flags, TREE_HEADER_CUT) ||
	    TREE_HAS(flags, TREE_DUPLICATE_TYPE) || TREE_HAS(flags, TREE_TYPE_SYNTAX) ||
	    TREE_HAS(flags, TREE_PARAM_SYNTAX) || TREE_HAS(flags, TREE_PARAM_DUPLICATE) ||
	    TREE_HAS(flags, TREE_DUPLICATE_BOUNDARY) || TREE_HAS(flags, TREE_BOUNDARY_MISSING) ||
	    TREE_HAS(flags, TREE_BOUNDARY_ILLEGAL) || TREE_HAS(flags, TREE_BOUNDARY_NESTED) ||
	    TREE_HAS(flags, TREE_BOUNDARY_PREFIX) || TREE_HAS(flags, TREE_NO_CLOSE) ||
	    TREE_HAS(flags, TREE_NO_PARTS) || TREE_HAS(flags, TREE_EPILOGUE_TEXT);
}

static void walk(struct inspect *w, struct slice entity, struct slice prefix, bool loose);

/* The end of the line at `at`, its line end included. */
static size_t
line_end(struct slice s, size_t at)
{
	ptrdiff_t lf = slice_chr(slice_from(s, at), '\n');

	return lf < 0 ? s.n : at + (size_t)lf + 1;
}

/* Take everything between lines that could be boundaries for an entity of its own: whichever of
 * them a client believes in, its parts are made of these. */
static void
segments(struct inspect *w, struct slice message, struct slice prefix)
{
	size_t from = 0, at = 0;
	unsigned n = 0;

	while (at < message.n && !inspect_late(w)) {
		size_t end = line_end(message, at);
		bool cut = message.n - at >= 2 && message.p[at] == '-' && message.p[at + 1] == '-';

		if (cut && ++n > SEGMENTS_MAX) {
			w->path = prefix;
			inspect_opaque(w, "opaque-ambiguous");
			return;
		}
		if (cut || end == message.n) {
			size_t to = cut ? at : end;

			if (from > 0 && slice_trim(slice_sub(message, from, to - from)).n > 0)
				walk(w, slice_sub(message, from, to - from), prefix, true);
			from = end;
		}
		at = end;
	}
}

static void
doubts(struct inspect *w, const struct tree *t, struct slice prefix, bool loose)
{
	w->path = prefix;
	if (TREE_HAS(t->flags, TREE_DEEP) || TREE_HAS(t->flags, TREE_MANY) ||
	    TREE_HAS(t->flags, TREE_HEADER_OVERFLOW))
		inspect_opaque(w, "opaque-limit");
	if (loose || !is_division_unsure(t->flags))
		return;
	inspect_raw(w, t->message);
	segments(w, t->message, prefix);
}

/* Take an entity apart. loose: it is a piece of a message in doubt, and not cut up again. */
static void
walk(struct inspect *w, struct slice entity, struct slice prefix, bool loose)
{
	struct leaf around = w->f->leaf;
	struct arena scratch;
	struct tree t;
	struct buf path;
	int err;

	w->f->leaf = (struct leaf){ .kind = LEAF_NONE };
	arena_init(&scratch, TREE_ARENA_OCTETS(entity.n));
	buf_init(&path, 1024);
	err = tree_parse(entity, &scratch, &t);
	if (err == ERR_NOMEM)
		w->err = err;
	else if (err != OK)
		inspect_opaque(w, "opaque-limit");
	if (err == OK && tree_is_ambiguous(t.flags))
		w->f->ambiguous = true;	/* also of what there will be no time for */
	for (uint32_t i = 0; err == OK && w->err == OK && i < t.count; i++) {
		buf_clear(&path);
		tree_path(&t, i, &path);
		w->path = inspect_path(w, prefix, buf_slice(&path));
		if (!inspect_late(w))
			one_part(w, &t, i);
		else	/* cheap, and no leaf: a release of the content would not name them */
			header_fields(w, tree_header(&t, i));
	}
	if (err == OK && !inspect_late(w))
		doubts(w, &t, prefix, loose);
	buf_fini(&path);
	arena_clear(&scratch);
	w->f->leaf = around;
}

static void
nested(struct inspect *w, struct slice entity, struct slice prefix)
{
	walk(w, entity, prefix, false);
}

/* Kind and sender are those of the message itself. */
static int
envelope(struct slice message, struct arena *a, struct facts *f)
{
	struct arena scratch;
	struct tree t;
	int err;

	arena_init(&scratch, TREE_ARENA_OCTETS(message.n));
	err = tree_parse(message, &scratch, &t);
	if (err == OK)
		f->kind = kind_of(&t);
	if (err == ERR_NOMEM)
		goto out;
	err = addr_single_from(message, a, &f->from);
	if (err != OK)
		f->from = SLICE("");
	err = a->err;
out:
	arena_clear(&scratch);
	return err;
}

int
classify_message(struct slice message, const struct classify_options *o, struct arena *a,
    struct facts *f)
{
	struct inspect *w = malloc(sizeof *w);
	int err;

	if (w == NULL)
		return ERR_NOMEM;
	f->size_octets = message.n;
	inspect_init(w, o, a, f, message.n, nested);
	err = envelope(message, a, f);
	if (err == OK) {
		walk(w, message, SLICE(""), false);
		err = w->err;
	}
	inspect_fini(w);
	free(w);
	return err;
}
