/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/lines.h"

#include <stdlib.h>

enum {
	PROSE_LETTERS = 40,	/* a line of a text that runs on has at least so many */
	MARGIN_SLACK = 3,	/* and ends so many line heights from the margin at most */
	APART = 2		/* line heights between two pieces of a line */
};

/* Words first..last - 1 as one line of the page. */
struct span {
	unsigned first, last;
	int	 left, right, top, height;
	size_t	 letters;
};

void
lines_init(struct lines *l)
{
	*l = (struct lines){ .count = 0 };
	buf_init(&l->octets, LINES_OCTETS_MAX);
	buf_init(&l->text, 3 * (size_t)LINES_OCTETS_MAX);
}

void
lines_fini(struct lines *l)
{
	buf_fini(&l->octets);
	buf_fini(&l->text);
	free(l->word);
	l->word = NULL;
}

int
lines_word(void *arg, const struct ocr_word *w)
{
	struct lines *l = arg;

	if (l->count == LINES_WORDS_MAX)
		return ERR_LIMIT;
	if (l->count == l->room) {
		unsigned room = l->room == 0 ? 256 : 2 * l->room;
		struct lines_word *more = realloc(l->word, room * sizeof *more);

		if (more == NULL)
			return ERR_NOMEM;
		l->word = more;
		l->room = room;
	}
	l->word[l->count++] = (struct lines_word){ (uint32_t)l->octets.n, (uint32_t)w->text.n,
		w->left, w->right, w->top, w->bottom, w->ends_line };
	buf_add(&l->octets, w->text);
	return l->octets.err;
}

/* The line that begins with word i. */
static struct span
span_at(const struct lines *l, unsigned i)
{
	struct span s = { .first = i, .left = l->word[i].left, .top = l->word[i].top };
	int bottom = l->word[i].bottom;

	for (s.last = i; s.last < l->count; s.last++) {
		const struct lines_word *w = &l->word[s.last];

		s.right = w->right;
		s.top = w->top < s.top ? w->top : s.top;
		bottom = w->bottom > bottom ? w->bottom : bottom;
		s.letters += w->n;
		if (w->last) {
			s.last++;
			break;
		}
	}
	s.height = bottom - s.top;
	return s;
}

static void
add_words(struct lines *l, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		if (i > from)
			buf_addc(&l->text, ' ');
		buf_add(&l->text, slice_sub(buf_slice(&l->octets), l->word[i].at, l->word[i].n));
	}
}

/* Does word i stand far from the one before it? */
static bool
is_apart(const struct lines *l, unsigned i, int height)
{
	return l->word[i].left - l->word[i - 1].right > APART * height;
}

/* The pieces of a line, if it has several, each in a line of its own. */
static void
add_pieces(struct lines *l, const struct span *s)
{
	unsigned from = s->first;

	for (unsigned i = s->first + 1; i < s->last; i++)
		if (is_apart(l, i, s->height)) {
			buf_addc(&l->text, '\n');
			add_words(l, from, i);
			from = i;
		}
	if (from > s->first) {
		buf_addc(&l->text, '\n');
		add_words(l, from, s->last);
	}
}

/* Does b go on where a had to break off, at the margin of the text? */
static bool
goes_on(const struct lines *l, const struct span *a, const struct span *b, int margin)
{
	const struct lines_word *w = &l->word[a->last - 1];

	return a->letters >= PROSE_LETTERS && w->n > 0 &&
	    slice_chr(SLICE(".:;!?"), l->octets.p[w->at + w->n - 1]) < 0 &&
	    a->right >= margin - MARGIN_SLACK * a->height &&
	    b->left <= a->left + a->height && b->top > a->top &&
	    b->top - a->top <= 3 * a->height && 2 * b->height > a->height;
}

int
lines_text(struct lines *l, struct slice *out)
{
	struct span was = { .letters = 0 }, now;
	bool pieces = false;
	int margin = 0;

	for (unsigned i = 0; i < l->count; i++)
		margin = l->word[i].right > margin ? l->word[i].right : margin;
	for (unsigned i = 0; i < l->count; i = now.last, was = now) {
		now = span_at(l, i);
		if (i > 0)
			buf_addc(&l->text, !pieces && goes_on(l, &was, &now, margin) ? ' ' : '\n');
		add_words(l, now.first, now.last);
		pieces = false;
		for (unsigned k = now.first + 1; k < now.last && !pieces; k++)
			pieces = is_apart(l, k, now.height);
		if (pieces)
			add_pieces(l, &now);
	}
	if (l->count > 0)
		buf_addc(&l->text, '\n');
	*out = buf_slice(&l->text);
	return l->text.err;
}
