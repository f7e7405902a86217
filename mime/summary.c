/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/summary.h"

#include <string.h>

#include "common/utf8.h"
#include "mime/addr.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/preview.h"
#include "mime/section.h"
#include "mime/structure.h"
#include "mime/word.h"

enum {
	FIXED_OCTETS = 44, TEXT_ROW_OCTETS = 8, PART_ROW_OCTETS = 44, FIELD_ROW_OCTETS = 12,
	FIELD_ROWS_MAX = 64, IMAP_TEXT_MAX = 64 << 20, LIST_ARENA_OCTETS = 16 << 20
};

static const char *const field_names[] = {
#define SUMMARY_FIELD(name) name,
#include "mime/summary_field.def"
#undef SUMMARY_FIELD
};

struct build {
	const struct tree *t;
	struct arena	  *a;
	struct buf	   texts;
	uint32_t	   text_at[SUMMARY_TEXT_COUNT], text_octets[SUMMARY_TEXT_COUNT];
	struct { uint32_t begin, end, row; } fields[FIELD_ROWS_MAX];
	uint32_t	   field_count;
	struct slice	   values[ARRAY_LEN(field_names)];	/* of the first of each name */
	struct date	   date;
	unsigned	   flags;
};

static int
field_row(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(field_names); i++)
		if (slice_is_nocase(name, field_names[i]))
			return (int)i;
	return -1;
}

static struct slice
value_of(const struct build *b, const char *name)
{
	int row = field_row(slice_of(name));

	return row < 0 ? (struct slice){ NULL, 0 } : b->values[row];
}

static void
begin_text(struct build *b, enum summary_text which)
{
	b->text_at[which] = (uint32_t)b->texts.n;
}

/* The text is complete; decoded ones are cut at SUMMARY_TEXT_MAX. */
static void
end_text(struct build *b, enum summary_text which, bool cut)
{
	size_t n = b->texts.n - b->text_at[which];

	if (cut && n > SUMMARY_TEXT_MAX) {
		struct slice s = slice_from(buf_slice(&b->texts), b->text_at[which]);

		n = utf8_prefix(s, SUMMARY_TEXT_MAX).n;
		b->texts.n = b->text_at[which] + n;
		b->flags |= SUMMARY_CUT;
	}
	b->text_octets[which] = (uint32_t)n;
}

/* Go over the header of the message: rows and raw octets of the fields that are kept. */
static void
collect_fields(struct build *b)
{
	struct slice header = tree_header(b->t, 0);
	struct header_iter it;
	struct header_field f;
	bool complete = true;
	int row;

	begin_text(b, SUMMARY_FIELDS);
	header_init(&it, header);
	while (header_next(&it, &f) == 1) {
		uint32_t begin = (uint32_t)(f.whole.p - b->t->message.p);

		row = f.name.n == 0 ? -1 : field_row(f.name);
		if (row < 0)
			continue;
		if (b->values[row].p == NULL)
			b->values[row] = f.value;
		if (b->field_count < FIELD_ROWS_MAX) {
			b->fields[b->field_count].begin = begin;
			b->fields[b->field_count].end = begin + (uint32_t)f.whole.n;
			b->fields[b->field_count++].row = (uint32_t)row;
		}
		complete = complete &&
		    b->texts.n - b->text_at[SUMMARY_FIELDS] + f.whole.n <= SUMMARY_FIELDS_MAX &&
		    f.whole.p[f.whole.n - 1] == '\n';
		if (complete)
			buf_add(&b->texts, f.whole);
	}
	if (complete && (it.flags & HEADER_OVERFLOW) == 0)
		b->flags |= SUMMARY_HAS_FIELDS;
	else
		b->texts.n = b->text_at[SUMMARY_FIELDS];
	end_text(b, SUMMARY_FIELDS, false);
}

/* Message ids of a field: the <...> tokens, separated by one space; without any, what is there. */
static void
add_ids(struct build *b, enum summary_text which, struct slice raw, unsigned max)
{
	unsigned n = 0;
	ptrdiff_t open, close;
	struct slice rest = raw;

	begin_text(b, which);
	while (n < max && (open = slice_chr(rest, '<')) >= 0) {
		struct slice id = slice_from(rest, (size_t)open);

		close = slice_chr(id, '>');
		if (close < 0)
			break;
		id.n = (size_t)close + 1;
		rest = slice_from(rest, (size_t)open + id.n);
		if (id.n > HEADER_LINE_MAX || !utf8_is_safe(id))
			continue;
		if (n++ > 0)
			buf_addc(&b->texts, ' ');
		buf_add(&b->texts, id);
	}
	if (n == 0 && word_decode(raw, &b->texts, NULL) != OK)
		return;
	end_text(b, which, true);
}

static void
add_subject(struct build *b)
{
	struct slice raw = value_of(b, "Subject");
	struct buf decoded;

	buf_init(&decoded, 4 * raw.n + 64);
	begin_text(b, SUMMARY_SUBJECT);
	if (word_decode(raw, &decoded, NULL) == OK)
		b->texts.err = utf8_nfc(buf_slice(&decoded), &b->texts);
	end_text(b, SUMMARY_SUBJECT, true);
	buf_fini(&decoded);
}

/* "Name <a@b>, c@d, ..." as people read it. */
static void
add_people(struct build *b, enum summary_text which, const char *field)
{
	struct slice raw = value_of(b, field);
	struct addr_list l;
	struct arena scratch;
	bool first = true;

	begin_text(b, which);
	arena_init(&scratch, LIST_ARENA_OCTETS);
	if (raw.p != NULL && addr_parse(raw, &scratch, &l) == OK) {
		for (unsigned i = 0; i < l.count; i++) {
			const struct addr *ad = &l.addrs[i];

			if (b->texts.n - b->text_at[which] > SUMMARY_TEXT_MAX)
				break;
			if (ad->kind != ADDR_MAILBOX)
				continue;
			if (!first)
				buf_adds(&b->texts, ", ");
			first = false;
			if (word_decode(ad->name, &b->texts, NULL) == OK && ad->name.n > 0)
				buf_addc(&b->texts, ' ');
			buf_addc(&b->texts, '<');
			(void)utf8_add_clean(&b->texts, ad->local);
			buf_addc(&b->texts, '@');
			(void)utf8_add_clean(&b->texts, ad->domain);
			buf_addc(&b->texts, '>');
		}
	}
	if (scratch.err != OK && b->a->err == OK)
		b->a->err = scratch.err;
	arena_clear(&scratch);
	end_text(b, which, true);
}

static void
add_facts(struct build *b)
{
	struct slice date = value_of(b, "Date");

	if (date.p != NULL && date_parse(date, &b->date) == OK)
		b->flags |= SUMMARY_HAS_DATE;
	for (uint32_t i = 0; i < b->t->count; i++)
		if (b->t->parts[i].filename.n > 0 ||
		    slice_is_nocase(b->t->parts[i].disposition.type, "attachment"))
			b->flags |= SUMMARY_HAS_ATTACHMENT;
}

static int
add_imap_texts(struct build *b)
{
	int err;

	begin_text(b, SUMMARY_ENVELOPE);
	err = structure_envelope(tree_header(b->t, 0), b->a, &b->texts);
	end_text(b, SUMMARY_ENVELOPE, false);
	begin_text(b, SUMMARY_BODY);
	if (err == OK)
		err = structure_body(b->t, 0, false, b->a, &b->texts);
	end_text(b, SUMMARY_BODY, false);
	begin_text(b, SUMMARY_BODYSTRUCTURE);
	if (err == OK)
		err = structure_body(b->t, 0, true, b->a, &b->texts);
	end_text(b, SUMMARY_BODYSTRUCTURE, false);
	return err;
}

static int
add_texts(struct build *b)
{
	int err;

	collect_fields(b);
	err = add_imap_texts(b);
	if (err != OK)
		return err;
	add_ids(b, SUMMARY_MESSAGE_ID, value_of(b, "Message-ID"), 1);
	add_ids(b, SUMMARY_IN_REPLY_TO, value_of(b, "In-Reply-To"), UINT32_MAX);
	add_ids(b, SUMMARY_REFERENCES, value_of(b, "References"), UINT32_MAX);
	add_subject(b);
	add_people(b, SUMMARY_FROM, "From");
	add_people(b, SUMMARY_TO, "To");
	add_people(b, SUMMARY_CC, "Cc");
	begin_text(b, SUMMARY_PREVIEW);
	err = preview_make(b->t, SUMMARY_PREVIEW_CHARS, &b->texts);
	end_text(b, SUMMARY_PREVIEW, false);
	add_facts(b);
	return err != OK ? err : b->texts.err != OK ? b->texts.err : b->a->err;
}

static void
put32(char *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (char)(v >> (8 * i));
}

static void
write_part(struct buf *out, const struct tree_part *p)
{
	const uint32_t row[10] = { p->parent, p->first_child, p->next_sibling, p->number,
	    p->header_begin, p->header_end, p->body_begin, p->body_end, p->header_lines,
	    p->body_lines };
	char *to = buf_reserve(out, PART_ROW_OCTETS);

	if (to == NULL)
		return;
	for (unsigned i = 0; i < 10; i++)
		put32(to + (size_t)4 * i, row[i]);
	to[40] = (char)p->kind;
	to[41] = (char)p->encoding;
	to[42] = (char)p->charset;
	to[43] = 0;
	buf_added(out, PART_ROW_OCTETS);
}

static void
write_blob(const struct build *b, struct buf *out)
{
	size_t tables = FIXED_OCTETS + (size_t)SUMMARY_TEXT_COUNT * TEXT_ROW_OCTETS +
	    (size_t)b->t->count * PART_ROW_OCTETS + (size_t)b->field_count * FIELD_ROW_OCTETS;

	if (tables + b->texts.n > UINT32_MAX) {
		out->err = ERR_LIMIT;
		return;
	}
	buf_add(out, SLICE("CVS"));
	buf_add_u8(out, SUMMARY_VERSION);
	buf_add_u32(out, (uint32_t)(tables + b->texts.n));
	buf_add_u32(out, (uint32_t)b->t->message.n);
	buf_add_u32(out, b->t->lines);
	buf_add_u64(out, b->t->flags);
	buf_add_u64(out, (uint64_t)b->date.seconds);
	buf_add_u16(out, (uint16_t)b->date.zone_min);
	buf_add_u16(out, (uint16_t)b->flags);
	buf_add_u32(out, b->t->count);
	buf_add_u32(out, b->field_count);
	for (unsigned i = 0; i < SUMMARY_TEXT_COUNT; i++) {
		buf_add_u32(out, (uint32_t)tables + b->text_at[i]);
		buf_add_u32(out, b->text_octets[i]);
	}
	for (uint32_t i = 0; i < b->t->count; i++)
		write_part(out, &b->t->parts[i]);
	for (uint32_t i = 0; i < b->field_count; i++) {
		buf_add_u32(out, b->fields[i].begin);
		buf_add_u32(out, b->fields[i].end);
		buf_add_u32(out, b->fields[i].row);
	}
	buf_add(out, buf_slice(&b->texts));
}

int
summary_build(const struct tree *t, struct arena *a, struct buf *out)
{
	struct build b = { .t = t, .a = a };
	int err;

	buf_init(&b.texts, IMAP_TEXT_MAX);
	err = add_texts(&b);
	if (err == OK) {
		write_blob(&b, out);
		err = out->err;
	}
	buf_fini(&b.texts);
	return err;
}

int
summary_open(struct slice blob, struct summary *out)
{
	struct rd r;
	uint64_t tables;

	*out = (struct summary){ .blob = blob };
	rd_init(&r, blob);
	if (!slice_is(rd_bytes(&r, 3), "CVS"))
		return ERR_CORRUPT;
	if (rd_u8(&r) != SUMMARY_VERSION)
		return r.err != OK ? ERR_CORRUPT : ERR_VERSION;
	if (rd_u32(&r) != blob.n)
		return ERR_CORRUPT;
	out->size_octets = rd_u32(&r);
	out->lines = rd_u32(&r);
	out->tree_flags = rd_u64(&r);
	out->date_s = (int64_t)rd_u64(&r);
	out->date_zone_min = (int16_t)rd_u16(&r);
	out->flags = rd_u16(&r);
	out->part_count = rd_u32(&r);
	out->field_count = rd_u32(&r);
	if (r.err != OK || out->part_count == 0 || out->part_count > TREE_PARTS_MAX ||
	    out->field_count > FIELD_ROWS_MAX)
		return ERR_CORRUPT;
	out->texts_at = FIXED_OCTETS;
	out->parts_at = out->texts_at + (size_t)SUMMARY_TEXT_COUNT * TEXT_ROW_OCTETS;
	out->fields_at = out->parts_at + (size_t)out->part_count * PART_ROW_OCTETS;
	tables = out->fields_at + (uint64_t)out->field_count * FIELD_ROW_OCTETS;
	return tables > blob.n ? ERR_CORRUPT : OK;
}

struct slice
summary_text(const struct summary *s, enum summary_text which)
{
	struct rd r;
	uint32_t at, n;

	if ((unsigned)which >= SUMMARY_TEXT_COUNT)
		return (struct slice){ NULL, 0 };
	rd_init(&r, slice_from(s->blob, s->texts_at + (size_t)which * TEXT_ROW_OCTETS));
	at = rd_u32(&r);
	n = rd_u32(&r);
	if (r.err != OK || at > s->blob.n || n > s->blob.n - at)
		return (struct slice){ NULL, 0 };
	return slice_sub(s->blob, at, n);
}

/* An index that points forward to a part, or TREE_NONE. Forward only: so no walk can loop. */
static bool
is_forward(const struct summary *s, uint32_t from, uint32_t to)
{
	return to == TREE_NONE || (to > from && to < s->part_count);
}

int
summary_part(const struct summary *s, uint32_t i, struct summary_part *out)
{
	struct rd r;

	if (i >= s->part_count)
		return ERR_CORRUPT;
	rd_init(&r, slice_from(s->blob, s->parts_at + (size_t)i * PART_ROW_OCTETS));
	out->parent = rd_u32(&r);
	out->first_child = rd_u32(&r);
	out->next_sibling = rd_u32(&r);
	out->number = rd_u32(&r);
	out->header_begin = rd_u32(&r);
	out->header_end = rd_u32(&r);
	out->body_begin = rd_u32(&r);
	out->body_end = rd_u32(&r);
	out->header_lines = rd_u32(&r);
	out->body_lines = rd_u32(&r);
	out->kind = rd_u8(&r);
	out->encoding = rd_u8(&r);
	out->charset = rd_u8(&r);
	if (r.err != OK || out->header_begin > out->header_end ||
	    out->header_end > out->body_begin || out->body_begin > out->body_end ||
	    out->body_end > s->size_octets || out->kind > TREE_MESSAGE ||
	    out->encoding > BODY_UNKNOWN || out->charset >= CHARSET_COUNT)
		return ERR_CORRUPT;
	if (!is_forward(s, i, out->first_child) || !is_forward(s, i, out->next_sibling) ||
	    (out->parent != TREE_NONE && out->parent >= i))
		return ERR_CORRUPT;
	return OK;
}

int
summary_header_fields(const struct summary *s, const struct slice *names, size_t count,
    struct buf *out)
{
	const struct section wanted = { .what = SECTION_FIELDS, .fields = names,
	    .field_count = count };

	if ((s->flags & SUMMARY_HAS_FIELDS) == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (field_row(names[i]) < 0)
			return 0;
	section_fields(&wanted, summary_text(s, SUMMARY_FIELDS), out);
	return out->err != OK ? out->err : 1;
}

int
summary_field(const struct summary *s, struct slice name, uint32_t *begin_out, uint32_t *end_out)
{
	int row = field_row(name);
	struct rd r;

	rd_init(&r, slice_from(s->blob, s->fields_at));
	for (uint32_t i = 0; i < s->field_count && row >= 0; i++) {
		uint32_t begin = rd_u32(&r), end = rd_u32(&r), is = rd_u32(&r);

		if (r.err != OK || begin > end || end > s->size_octets)
			return 0;
		if (is == (uint32_t)row) {
			*begin_out = begin;
			*end_out = end;
			return 1;
		}
	}
	return 0;
}
