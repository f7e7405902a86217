/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/header.h"

#include <string.h>

#include "common/utf8.h"

void
header_init(struct header_iter *it, struct slice in)
{
	*it = (struct header_iter){ .in = in };
}

static size_t
line_end(struct slice in, size_t pos)
{
	const char *lf = pos < in.n ? memchr(in.p + pos, '\n', in.n - pos) : NULL;

	return lf == NULL ? in.n : (size_t)(lf - in.p) + 1;
}

/* Octets of the empty line at pos: 2, 1, or 0 if there is none. */
static size_t
empty_line(struct slice in, size_t pos)
{
	if (pos < in.n && in.p[pos] == '\n')
		return 1;
	return pos + 1 < in.n && in.p[pos] == '\r' && in.p[pos + 1] == '\n' ? 2 : 0;
}

/* The line without its end; a missing CR is noted. */
static struct slice
line_text(struct slice in, size_t from, size_t to, unsigned *flags)
{
	struct slice l = slice_sub(in, from, to - from);

	if (l.n > 0 && l.p[l.n - 1] == '\n') {
		l.n--;
		if (l.n > 0 && l.p[l.n - 1] == '\r')
			l.n--;
		else
			*flags |= HEADER_BARE_LF;
	}
	if (l.n > HEADER_LINE_MAX)
		*flags |= HEADER_LONG_LINE;
	return l;
}

static bool
is_blank_line(struct slice l)
{
	for (size_t i = 0; i < l.n; i++)
		if (!ascii_is_space(l.p[i]))
			return false;
	return true;
}

/* Where the field that begins at pos ends: after its last continuation line. */
static size_t
field_end(const struct header_iter *it, struct slice *first_out, struct slice *last_out,
    unsigned *flags)
{
	struct slice in = it->in;
	size_t at = it->pos, end = line_end(in, at);

	*first_out = *last_out = line_text(in, at, end, flags);
	while (end < in.n && ascii_is_space(in.p[end])) {
		at = end;
		end = line_end(in, at);
		*last_out = line_text(in, at, end, flags);
		if (is_blank_line(*last_out))
			*flags |= HEADER_BLANK_FOLD;
	}
	return end;
}

/* Is there a CR other than before LF? */
static bool
has_bare_cr(struct slice s)
{
	const char *end = s.p + s.n, *p = s.p;

	while ((p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
		if (++p == end || *p != '\n')
			return true;
	}
	return false;
}

static void
split_name(struct slice first, struct header_field *f)
{
	ptrdiff_t colon = slice_chr(first, ':');

	if (ascii_is_space(first.n > 0 ? first.p[0] : 'x'))
		f->flags |= HEADER_FIRST_FOLDED;
	if (colon < 0 || (f->flags & HEADER_FIRST_FOLDED) != 0) {
		f->flags |= HEADER_NO_COLON;
		f->name = slice_sub(first, 0, 0);
		return;
	}
	f->name = slice_sub(first, 0, (size_t)colon);
	while (f->name.n > 0 && ascii_is_space(f->name.p[f->name.n - 1])) {
		f->name.n--;
		f->flags |= HEADER_SPACE_BEFORE_COLON;
	}
	if (f->name.n == 0)
		f->flags |= HEADER_BAD_NAME;
	for (size_t i = 0; i < f->name.n; i++)
		if ((unsigned char)f->name.p[i] <= ' ' || (unsigned char)f->name.p[i] >= 0x7f)
			f->flags |= HEADER_BAD_NAME;
	f->value.p = first.p + colon + 1;
}

static void
check_octets(struct header_field *f)
{
	if (memchr(f->whole.p, '\0', f->whole.n) != NULL)
		f->flags |= HEADER_NUL;
	if (has_bare_cr(f->whole))
		f->flags |= HEADER_BARE_CR;
	if (!utf8_is_ascii(f->whole))
		f->flags |= HEADER_8BIT;
}

static int
finish(struct header_iter *it, size_t fields_end, size_t body)
{
	it->ended = true;
	it->pos = it->fields_end = fields_end;
	it->body = body;
	return 0;
}

/* A limit is met at pos: find the empty line all the same. */
static int
overflow(struct header_iter *it, size_t pos)
{
	size_t gap;

	it->flags |= HEADER_OVERFLOW;
	while ((gap = empty_line(it->in, pos)) == 0 && pos < it->in.n)
		pos = line_end(it->in, pos);
	if (gap == 0)
		it->flags |= HEADER_NO_END;
	return finish(it, pos, pos + gap);
}

int
header_next(struct header_iter *it, struct header_field *out)
{
	struct slice first, last;
	size_t gap, end;

	if (it->ended)
		return 0;
	gap = empty_line(it->in, it->pos);
	if (gap == 1)
		it->flags |= HEADER_BARE_LF;
	if (gap > 0)
		return finish(it, it->pos, it->pos + gap);
	if (it->pos >= it->in.n) {
		it->flags |= HEADER_NO_END;
		return finish(it, it->in.n, it->in.n);
	}
	*out = (struct header_field){ 0 };
	end = field_end(it, &first, &last, &out->flags);
	if (end > HEADER_OCTETS_MAX || it->count >= HEADER_FIELDS_MAX)
		return overflow(it, end);
	out->whole = slice_sub(it->in, it->pos, end - it->pos);
	out->value = first;
	split_name(first, out);
	out->value.n = (size_t)(last.p + last.n - out->value.p);
	check_octets(out);
	it->flags |= out->flags;
	it->count++;
	it->pos = end;
	return 1;
}

int
header_find(struct slice in, struct slice name, struct header_field *out)
{
	struct header_iter it;

	header_init(&it, in);
	while (header_next(&it, out) == 1)
		if (out->name.n > 0 && slice_eq_nocase(out->name, name))
			return 1;
	return 0;
}

unsigned
header_count(struct slice in, struct slice name)
{
	struct header_iter it;
	struct header_field f;
	unsigned n = 0;

	header_init(&it, in);
	while (header_next(&it, &f) == 1)
		n += f.name.n > 0 && slice_eq_nocase(f.name, name);
	return n;
}

/* Octets at s[i] that make a fold's line end: 2, 1 or 0. */
static size_t
fold_at(struct slice s, size_t i)
{
	size_t n = s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : s.p[i] == '\n' ? 1 : 0;

	return n > 0 && i + n < s.n && ascii_is_space(s.p[i + n]) ? n : 0;
}

void
header_unfold(struct slice value, struct buf *out)
{
	size_t run = 0, fold;

	value = slice_trim(value);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c != '\r' && c != '\n' && c != '\0')
			continue;
		buf_add(out, slice_sub(value, run, i - run));
		fold = fold_at(value, i);
		if (fold == 0)
			buf_addc(out, ' ');
		else
			i += fold - 1;
		run = i + 1;
	}
	buf_add(out, slice_from(value, run));
}
