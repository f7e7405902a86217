/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/tree.h"

#include <string.h>

#include "mime/boundary.h"
#include "mime/header.h"

#define F(name)		TREE_FLAG_MASK(TREE_##name##_BIT)

enum { FRAMES_MAX = TREE_DEPTH_MAX + 1 };

/* An open multipart or message part. */
struct frame {
	uint32_t     part;
	struct slice boundary;	/* empty for a message */
	bool	     closed;	/* its closing boundary was met: only its epilogue follows */
};

struct walk {
	struct tree  *t;
	struct arena *a;
	size_t	      pos;	/* always the beginning of a line, or the end */
	uint32_t      lines;	/* LFs before pos */
	uint32_t      room;	/* parts that t->parts can hold */
	uint32_t      leaf;	/* the open leaf, TREE_NONE without */
	struct frame  frames[FRAMES_MAX];
	unsigned      frame_count;
	unsigned      open_boundaries;	/* frames with a boundary that are not closed */
};

/* A boundary line that was found. */
struct found { unsigned frame; bool final; size_t line, next; };

static struct tree_part *
part_at(struct walk *w, uint32_t i)
{
	return &w->t->parts[i];
}

static void
note(struct walk *w, uint32_t i, uint64_t flags)
{
	part_at(w, i)->flags |= flags;
	w->t->flags |= flags;
}

static size_t
line_end(const struct walk *w, size_t pos)
{
	const char *p = w->t->message.p;
	const char *lf = memchr(p + pos, '\n', w->t->message.n - pos);

	return lf == NULL ? w->t->message.n : (size_t)(lf - p) + 1;
}

/* Go to the next line. */
static void
next_line(struct walk *w)
{
	size_t end = line_end(w, w->pos);

	w->lines += w->t->message.p[end - 1] == '\n';
	w->pos = end;
}

static bool
begins_with_dashes(const struct walk *w)
{
	struct slice m = w->t->message;

	return w->pos + 2 < m.n && m.p[w->pos] == '-' && m.p[w->pos + 1] == '-';
}

static bool
has_prefix(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

/* Is the line at pos a boundary of an open multipart? The innermost that it fits wins. */
static bool
match_line(struct walk *w, struct found *out)
{
	size_t end = line_end(w, w->pos);
	struct slice text = slice_sub(w->t->message, w->pos + 2, end - w->pos - 2);
	uint32_t begun = TREE_NONE;

	while (text.n > 0 && (ascii_is_space(text.p[text.n - 1]) || text.p[text.n - 1] == '\n' ||
	    text.p[text.n - 1] == '\r'))
		text.n--;
	for (unsigned k = w->frame_count; k-- > 0;) {
		struct frame *f = &w->frames[k];
		struct slice rest;

		if (f->boundary.n == 0 || f->closed || !has_prefix(text, f->boundary))
			continue;
		rest = slice_from(text, f->boundary.n);
		if (rest.n == 0 || (rest.n == 2 && rest.p[0] == '-' && rest.p[1] == '-')) {
			*out = (struct found){ k, rest.n == 2, w->pos, end };
			return true;
		}
		begun = f->part;
	}
	if (begun != TREE_NONE)
		note(w, begun, F(BOUNDARY_PREFIX));
	return false;
}

/* Skip to the next boundary line: true with pos at it; false at the end of the message. */
static bool
find_boundary(struct walk *w, struct found *out)
{
	while (w->pos < w->t->message.n) {
		if (w->open_boundaries > 0 && begins_with_dashes(w) && match_line(w, out))
			return true;
		next_line(w);
	}
	return false;
}

/* Skip the header at pos. True: it ends at its empty line or the end of the message. False: a
 * boundary line cut it short. */
static bool
skip_header(struct walk *w)
{
	struct slice m = w->t->message;
	struct found f;

	while (w->pos < m.n) {
		bool empty = m.p[w->pos] == '\n' ||
		    (m.p[w->pos] == '\r' && w->pos + 1 < m.n && m.p[w->pos + 1] == '\n');

		if (w->open_boundaries > 0 && begins_with_dashes(w) && match_line(w, &f))
			return false;
		next_line(w);
		if (empty)
			break;
	}
	return true;
}

static bool
is_white(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* Part i ends at octet end, before which there are `lines` LFs. */
static void
close_part(struct walk *w, uint32_t i, size_t end, uint32_t lines)
{
	struct tree_part *p = part_at(w, i);
	uint32_t begin_lines = p->body_lines;

	p->body_end = end < p->body_begin ? p->body_begin : (uint32_t)end;
	p->body_lines = end < p->body_begin || lines < begin_lines ? 0 : lines - begin_lines;
	if (p->kind != TREE_MULTIPART)
		return;
	if (p->first_child == TREE_NONE) {
		if (p->epilogue_begin == 0)
			p->preamble_end = p->body_end;
		note(w, i, F(NO_PARTS));
	}
	if (p->epilogue_begin == 0 || p->epilogue_begin > p->body_end)
		p->epilogue_begin = p->body_end;
	if (!is_white(tree_preamble(w->t, i)))
		note(w, i, F(PREAMBLE_TEXT));
	if (!is_white(tree_epilogue(w->t, i)))
		note(w, i, F(EPILOGUE_TEXT));
}

/*
 * Close part i, which lies in those that are closed after it. If its header reaches up to the
 * boundary line, that takes the line end before the boundary too, and they all end there.
 */
static void
close_inner(struct walk *w, uint32_t i, size_t *end, uint32_t *lines)
{
	close_part(w, i, *end, *lines);
	if (part_at(w, i)->body_end > *end) {
		*end = part_at(w, i)->body_end;
		*lines = w->lines;
	}
}

/* Close the open leaf and the frames from `keep` up. */
static void
close_down_to(struct walk *w, unsigned keep, size_t end, uint32_t lines)
{
	if (w->leaf != TREE_NONE)
		close_inner(w, w->leaf, &end, &lines);
	w->leaf = TREE_NONE;
	while (w->frame_count > keep) {
		struct frame *f = &w->frames[--w->frame_count];

		if (f->boundary.n > 0 && !f->closed) {
			note(w, f->part, F(NO_CLOSE));
			w->open_boundaries--;
		}
		close_inner(w, f->part, &end, &lines);
	}
}

/* The fields that the tree keeps: where, and what a second one means. */
static const struct {
	const char *name;
	size_t	    at;
	uint64_t    duplicate;
} fields[] = {
	{ "Content-Type", offsetof(struct tree_part, raw_type), F(DUPLICATE_TYPE) },
	{ "Content-Transfer-Encoding", offsetof(struct tree_part, raw_encoding),
	    F(DUPLICATE_ENCODING) },
	{ "Content-Disposition", offsetof(struct tree_part, raw_disposition),
	    F(DUPLICATE_DISPOSITION) },
	{ "Content-ID", offsetof(struct tree_part, raw_id), 0 },
	{ "Content-Description", offsetof(struct tree_part, raw_description), 0 },
	{ "Content-MD5", offsetof(struct tree_part, raw_md5), 0 },
	{ "Content-Language", offsetof(struct tree_part, raw_language), 0 },
	{ "Content-Location", offsetof(struct tree_part, raw_location), 0 },
};

static void
keep_field(struct tree_part *p, const struct header_field *f, unsigned *versions)
{
	if (slice_is_nocase(f->name, "MIME-Version") && ++*versions > 1)
		p->flags |= F(DUPLICATE_VERSION);
	if (!slice_starts_nocase(f->name, SLICE("Content-")))
		return;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct slice *to = (struct slice *)((char *)p + fields[i].at);

		if (!slice_is_nocase(f->name, fields[i].name))
			continue;
		if (to->p != NULL)
			p->flags |= fields[i].duplicate;
		else
			*to = f->value;
	}
}

static void
read_header(struct walk *w, uint32_t i)
{
	struct tree_part *p = part_at(w, i);
	bool is_message = p->parent == TREE_NONE || part_at(w, p->parent)->kind == TREE_MESSAGE;
	struct header_field f;
	struct header_iter it;
	unsigned versions = 0;

	header_init(&it, tree_header(w->t, i));
	while (header_next(&it, &f) == 1)
		if (f.name.n > 0)
			keep_field(p, &f, &versions);
	if ((it.flags & HEADER_MALFORMED) != 0)
		p->flags |= F(HEADER_MALFORMED);
	if ((it.flags & HEADER_OVERFLOW) != 0)
		p->flags |= F(HEADER_OVERFLOW);
	if ((it.flags & HEADER_BARE_LF) != 0)
		p->flags |= F(BARE_LF);
	if (is_message && versions == 0 && (p->raw_type.p != NULL || p->raw_encoding.p != NULL))
		p->flags |= F(NO_VERSION);
}

static uint64_t
param_flags(unsigned flags)
{
	uint64_t r = 0;

	if ((flags & (PARAM_SYNTAX | PARAM_GAP | PARAM_PERCENT | PARAM_CHARSET | PARAM_OVERFLOW |
	    PARAM_CONTROL)) != 0)
		r |= F(PARAM_SYNTAX);
	if ((flags & PARAM_DUPLICATE) != 0)
		r |= F(PARAM_DUPLICATE);
	if ((flags & PARAM_CONFLICT) != 0)
		r |= F(NAME_CONFLICT);
	if ((flags & PARAM_ENCODED_WORD) != 0)
		r |= F(PARAM_ENCODED_WORD);
	return r;
}

static void
set_default_type(struct walk *w, struct tree_part *p)
{
	bool digest = p->parent != TREE_NONE && part_at(w, p->parent)->kind == TREE_MULTIPART &&
	    slice_is_nocase(part_at(w, p->parent)->subtype, "digest");

	p->type = digest ? SLICE("message") : SLICE("text");
	p->subtype = digest ? SLICE("rfc822") : SLICE("plain");
}

static int
read_type(struct walk *w, struct tree_part *p)
{
	const struct param *cs;
	int err;

	set_default_type(w, p);
	p->charset = CHARSET_US_ASCII;
	if (p->raw_type.p == NULL)
		return OK;
	err = param_content_type(p->raw_type, w->a, &p->content_type);
	if (err != OK)
		return err;
	p->flags |= param_flags(p->content_type.flags);
	if (p->content_type.type.n == 0 || p->content_type.subtype.n == 0) {
		p->flags |= F(TYPE_SYNTAX);
		p->content_type = (struct param_value){ 0 };
		return OK;
	}
	p->has_type = true;
	p->type = p->content_type.type;
	p->subtype = p->content_type.subtype;
	cs = param_get(&p->content_type, "charset");
	if (cs != NULL) {
		p->charset_label = cs->text;
		p->charset = (uint8_t)charset_by_label(cs->text);
		if (p->charset == CHARSET_UNKNOWN)
			p->flags |= F(CHARSET_UNKNOWN);
	}
	return OK;
}

static int
read_names(struct walk *w, struct tree_part *p)
{
	const struct param *name = param_get(&p->content_type, "name"), *file;
	int err;

	if (p->raw_disposition.p != NULL) {
		err = param_disposition(p->raw_disposition, w->a, &p->disposition);
		if (err != OK)
			return err;
		p->flags |= param_flags(p->disposition.flags);
		p->has_disposition = p->disposition.type.n > 0;
	}
	file = param_get(&p->disposition, "filename");
	if (name != NULL && file != NULL && !slice_eq(name->text, file->text))
		p->flags |= F(NAME_CONFLICT);
	if (file != NULL || name != NULL)
		p->filename = (file != NULL ? file : name)->text;
	return OK;
}

static void
read_boundary(struct walk *w, struct tree_part *p)
{
	const struct param *b = param_get(&p->content_type, "boundary");

	if (param_count(&p->content_type, "boundary") > 1)
		p->flags |= F(DUPLICATE_BOUNDARY);
	if (b != NULL) {
		p->boundary = b->extended ? b->text : b->value;
		if (!boundary_is_legal(p->boundary) ||
		    !boundary_is_plain(p->raw_type, &p->content_type, b))
			p->flags |= F(BOUNDARY_ILLEGAL);
		while (p->boundary.n > 0 && ascii_is_space(p->boundary.p[p->boundary.n - 1]))
			p->boundary.n--;
	}
	if (p->boundary.n == 0)
		p->flags |= F(BOUNDARY_MISSING);
	for (unsigned k = 0; k < w->frame_count && p->boundary.n > 0; k++)
		if (w->frames[k].boundary.n > 0 &&
		    (has_prefix(p->boundary, w->frames[k].boundary) ||
		    has_prefix(w->frames[k].boundary, p->boundary)))
			p->flags |= F(BOUNDARY_NESTED);
}

/* Type, encoding, kind: from the raw fields. */
static int
classify(struct walk *w, struct tree_part *p)
{
	bool composite, plain;
	int err = read_type(w, p);

	if (err == OK)
		err = read_names(w, p);
	if (err != OK)
		return err;
	p->encoding = (uint8_t)body_encoding_by_name(p->raw_encoding);
	plain = p->encoding <= BODY_BINARY;
	if (p->encoding == BODY_UNKNOWN)
		p->flags |= F(ENCODING_UNKNOWN);
	if (slice_is_nocase(p->type, "multipart")) {
		p->kind = TREE_MULTIPART;
		read_boundary(w, p);
	} else if (slice_is_nocase(p->type, "message")) {
		if (slice_is_nocase(p->subtype, "partial") ||
		    slice_is_nocase(p->subtype, "external-body"))
			p->flags |= F(PARTIAL);
		if (slice_is_nocase(p->subtype, "rfc822") || slice_is_nocase(p->subtype, "global"))
			p->kind = TREE_MESSAGE;
	}
	composite = p->kind != TREE_LEAF;
	if (composite && !plain)
		p->flags |= F(ENCODING_COMPOSITE);
	if (p->kind == TREE_MESSAGE && !plain)
		p->kind = TREE_LEAF;
	if (composite && p->depth >= TREE_DEPTH_MAX) {
		p->flags |= F(DEEP);
		p->kind = TREE_LEAF;
	}
	return OK;
}

static int
grow_parts(struct walk *w)
{
	uint32_t room = w->room == 0 ? 4 : 2 * w->room;
	struct tree_part *more = arena_array(w->a, room, sizeof *more);

	if (more == NULL)
		return w->a->err;
	if (w->t->count > 0)
		memcpy(more, w->t->parts, w->t->count * sizeof *more);
	w->t->parts = more;
	w->room = room;
	return OK;
}

/* Number part i among the children of its parent; prev is the sibling before it. */
static void
link_part(struct walk *w, uint32_t i, uint32_t prev)
{
	struct tree_part *p = part_at(w, i), *parent;

	if (p->parent == TREE_NONE)
		return;
	parent = part_at(w, p->parent);
	p->depth = (uint16_t)(parent->depth + 1);
	if (prev == TREE_NONE) {
		parent->first_child = i;
		p->number = 1;
	} else {
		part_at(w, prev)->next_sibling = i;
		p->number = part_at(w, prev)->number + 1;
	}
}

/* A part begins at pos; read its header, stand at its body. */
static int
open_part(struct walk *w, uint32_t parent, uint32_t prev)
{
	uint32_t i = w->t->count, begin_lines = w->lines;
	struct tree_part *p;
	bool whole;
	int err;

	if (i == w->room && (err = grow_parts(w)) != OK)
		return err;
	w->t->count++;
	p = part_at(w, i);
	*p = (struct tree_part){ .parent = parent, .first_child = TREE_NONE,
	    .next_sibling = TREE_NONE, .header_begin = (uint32_t)w->pos };
	link_part(w, i, prev);
	whole = skip_header(w);
	p->header_end = p->body_begin = p->body_end = (uint32_t)w->pos;
	p->header_lines = w->lines - begin_lines;
	p->body_lines = w->lines;	/* until close_part */
	if (!whole)
		p->flags |= F(HEADER_CUT);
	read_header(w, i);
	err = classify(w, p);
	w->t->flags |= p->flags;
	return err;
}

/* The last child that frame f got so far. */
static uint32_t
last_child(struct walk *w, uint32_t parent)
{
	/* Parts stand in order: the last one whose parent it is ends the list. */
	for (uint32_t i = w->t->count; i-- > parent + 1;) {
		uint32_t at = i;

		while (part_at(w, at)->parent != parent)
			at = part_at(w, at)->parent;
		return at;
	}
	return TREE_NONE;
}

/* Open a part and, as long as it is a message, the message in it. */
static int
descend(struct walk *w, uint32_t parent)
{
	uint32_t prev = parent == TREE_NONE ? TREE_NONE : last_child(w, parent);

	for (;;) {
		uint32_t i = w->t->count;
		struct tree_part *p;
		int err = open_part(w, parent, prev);

		if (err != OK)
			return err;
		p = part_at(w, i);
		if (p->kind == TREE_LEAF || (p->kind == TREE_MULTIPART && p->boundary.n == 0)) {
			w->leaf = i;
			return OK;
		}
		w->frames[w->frame_count++] = (struct frame){ i, p->boundary, false };
		if (p->kind == TREE_MULTIPART) {
			w->open_boundaries++;
			return OK;
		}
		w->frames[w->frame_count - 1].boundary = (struct slice){ NULL, 0 };
		if (w->t->count == TREE_PARTS_MAX) {
			note(w, i, F(MANY));
			return OK;
		}
		parent = i;
		prev = TREE_NONE;
	}
}

/* Where what stands before a boundary line ends: before the line end that belongs to it. */
static size_t
end_before(struct walk *w, const struct found *f, uint32_t *lines)
{
	const char *p = w->t->message.p;
	size_t end = f->line;

	*lines = w->lines;
	if (end == 0 || p[end - 1] != '\n')
		return end;
	end--;
	--*lines;
	if (end > 0 && p[end - 1] == '\r')
		end--;
	else
		note(w, w->frames[f->frame].part, F(BARE_LF));
	return end;
}

/* A boundary line was found: close what it ends, begin what it begins. */
static int
take_boundary(struct walk *w, const struct found *f)
{
	struct frame *frame = &w->frames[f->frame];
	struct tree_part *p = part_at(w, frame->part);
	uint32_t lines;
	size_t end = end_before(w, f, &lines);

	close_down_to(w, f->frame + 1, end, lines);
	if (p->first_child == TREE_NONE)
		p->preamble_end = end < p->body_begin ? p->body_begin : (uint32_t)end;
	next_line(w);
	if (f->final) {
		frame->closed = true;
		w->open_boundaries--;
		p->epilogue_begin = (uint32_t)w->pos;
		return OK;
	}
	if (w->t->count == TREE_PARTS_MAX) {
		note(w, frame->part, F(MANY));
		w->open_boundaries = 0;		/* the rest stays undivided */
		for (unsigned k = 0; k < w->frame_count; k++)
			w->frames[k].closed = true;
		return OK;
	}
	return descend(w, frame->part);
}

int
tree_parse(struct slice message, struct arena *a, struct tree *out)
{
	struct walk w = { .t = out, .a = a, .leaf = TREE_NONE };
	struct found f;
	int err;

	*out = (struct tree){ .message = message };
	if (message.n >= UINT32_MAX)
		return ERR_LIMIT;
	if (message.p == NULL)
		out->message.p = "";
	err = descend(&w, TREE_NONE);
	while (err == OK && find_boundary(&w, &f))
		err = take_boundary(&w, &f);
	if (err != OK)
		return err;
	close_down_to(&w, 0, message.n, w.lines);
	out->lines = w.lines;
	return a->err;
}
