/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/fold.h"

#include <string.h>
#include <utf8proc.h>

#include "policy/label/skeleton.h"

enum {
	KEEP_WORDS = 24,	/* what fold_slide keeps: more than any mark or field has */
	WORD_MAX = 64,		/* octets; longer words are cut, no mark has such */
	FOREIGN = 0x7F,		/* stands for any letter that looks like none of ours */
	ROOM = 16		/* octets that one code point may need, tones included */
};

void
fold_init(struct fold *f)
{
	f->count = 0;
	f->n = 0;
	f->cut = f->open = f->space = f->soft = false;
	f->tone_n = 0;
}

static struct fold_word *
current(struct fold *f)
{
	return &f->word[f->count];
}

static void
begin(struct fold *f, unsigned type)
{
	*current(f) = (struct fold_word){
		.at = (uint16_t)f->n, .type = (uint8_t)type, .spaced = f->space,
	};
	f->open = true;
	f->space = f->saw_lower = f->saw_soft = false;
	f->upper_n = 0;
	f->tone_n = 0;
}

void
fold_end(struct fold *f)
{
	struct fold_word *w = current(f);

	if (!f->open)
		return;
	memcpy(f->text + f->n, f->tone, f->tone_n);
	f->n += f->tone_n;
	w->tones = f->tone_n;
	w->upper = f->upper_n > (f->saw_soft ? 1 : 0) && !f->saw_lower;
	w->capital = f->upper_n > 0;
	f->count++;
	f->open = false;
}

static void
put_octet(struct fold *f, char c)
{
	f->text[f->n++] = c;
	current(f)->n++;
}

static void
put_letter(struct fold *f, char c, bool stroke, bool upper, bool lower)
{
	struct fold_word *w;

	if (f->open && current(f)->n >= WORD_MAX)
		fold_end(f);
	if (!f->open)
		begin(f, FOLD_LETTERS);
	w = current(f);
	f->last_tone = '\0';
	put_octet(f, c);
	if (stroke)
		put_octet(f, 'D');
	if (w->letters < UINT8_MAX)
		w->letters++;
	f->upper_n = (uint8_t)(f->upper_n + (upper && f->upper_n < 2));
	f->saw_soft |= lower && f->soft;
	f->saw_lower |= lower && !f->soft;
}

/* The same mark twice on one letter looks like once. */
static void
put_mark(struct fold *f, char c, bool tone)
{
	if (!f->open || c == 0)
		return;
	if (!tone && current(f)->n < WORD_MAX && f->text[f->n - 1] != c) {
		put_octet(f, c);
	} else if (tone && f->tone_n < FOLD_TONES && f->last_tone != c) {
		f->tone[f->tone_n++] = c;
		f->last_tone = c;
	}
}

static void
put_punct(struct fold *f, uint32_t cp)
{
	fold_end(f);
	if (f->count == FOLD_WORDS)
		return;
	begin(f, skeleton_punct(cp));
	fold_end(f);
}

static void
put_ascii(struct fold *f, uint32_t cp)
{
	char c = (char)cp;

	if (ascii_is_alpha(c)) {
		bool upper = c != ascii_lower(c);

		put_letter(f, ascii_lower(c), false, upper, !upper);
	} else if (ascii_is_digit(c)) {
		put_letter(f, c, false, false, false);
		current(f)->digit = true;
	} else if (skeleton_space(cp)) {
		fold_end(f);
		f->space = true;
	} else if (!skeleton_invisible(cp)) {
		put_punct(f, cp);
	}
}

/* One code point of a compatibility decomposition; outer says what it was part of. */
static void
put_decomposed(struct fold *f, uint32_t cp, bool outer_upper)
{
	bool tone, stroke, upper = outer_upper, lower;
	char c;

	if (cp < 0x80) {
		put_ascii(f, cp);
		return;
	}
	c = skeleton_mark(cp, &tone);
	if (c != 0) {
		put_mark(f, c, tone);
		return;
	}
	switch (utf8proc_category((utf8proc_int32_t)cp)) {
	case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_ME: case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_CF:
		return;
	case UTF8PROC_CATEGORY_LU:
		upper = true;
		break;
	default:
		break;
	}
	lower = !upper && utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LL;
	c = skeleton_letter(cp, &stroke);
	if (c != 0)
		put_letter(f, c, stroke, upper, lower);
	else if (utf8proc_category((utf8proc_int32_t)cp) <= UTF8PROC_CATEGORY_LO)
		put_letter(f, FOREIGN, false, upper, lower);
	else
		put_punct(f, cp);
}

static void
put_other(struct fold *f, uint32_t cp)
{
	utf8proc_int32_t out[32];
	utf8proc_ssize_t n;

	if (skeleton_space(cp)) {
		fold_end(f);
		f->space = true;
		return;
	}
	if (skeleton_invisible(cp))
		return;
	n = utf8proc_decompose_char((utf8proc_int32_t)cp, out, (utf8proc_ssize_t)ARRAY_LEN(out),
	    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, NULL);
	if (n > 4) {	/* ligatures of whole phrases: none of them is Vietnamese */
		put_punct(f, cp);
		return;
	}
	f->soft = true;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		put_decomposed(f, (uint32_t)out[i], false);
	f->soft = false;
}

bool
fold_put(struct fold *f, uint32_t cp)
{
	/* Four decomposed letters, each perhaps a word of its own if the last one got too long. */
	if (f->count + 8 > FOLD_WORDS || f->n + ROOM + FOLD_TONES > FOLD_TEXT)
		return false;
	if (cp < 0x80)
		put_ascii(f, cp);
	else
		put_other(f, cp);
	return true;
}

void
fold_slide(struct fold *f)
{
	unsigned keep, from;

	fold_end(f);
	keep = f->count < KEEP_WORDS ? f->count : KEEP_WORDS;
	if (f->n - (keep > 0 ? f->word[f->count - keep].at : f->n) > FOLD_TEXT / 2)
		keep = 0;
	from = keep > 0 ? f->word[f->count - keep].at : f->n;
	memmove(f->text, f->text + from, f->n - from);
	memmove(f->word, f->word + (f->count - keep), keep * sizeof *f->word);
	for (unsigned i = 0; i < keep; i++)
		f->word[i].at = (uint16_t)(f->word[i].at - from);
	f->n -= from;
	f->count = keep;
	f->cut = true;
}

/* Length of a well-formed sequence by its first octet and the bounds of the second, or 0. */
static unsigned
sequence(unsigned char a, unsigned char *lo_out, unsigned char *hi_out)
{
	*lo_out = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
	*hi_out = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
	if (a >= 0xC2 && a <= 0xDF)
		return 2;
	if (a >= 0xE0 && a <= 0xEF)
		return 3;
	return a >= 0xF0 && a <= 0xF4 ? 4 : 0;
}

uint32_t
fold_next(struct slice *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	unsigned char lo, hi;
	unsigned len;
	uint32_t cp;

	if (p[0] < 0x80) {
		*s = slice_from(*s, 1);
		return p[0];
	}
	len = sequence(p[0], &lo, &hi);
	if (len == 0 || len > s->n || p[1] < lo || p[1] > hi)
		goto bad;
	cp = p[0] & (0x7Fu >> len);
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			goto bad;
		cp = cp << 6 | (p[i] & 0x3Fu);
	}
	*s = slice_from(*s, len);
	return cp;
bad:
	*s = slice_from(*s, 1);
	return 0xFFFD;
}

void
fold_text(struct fold *f, struct slice utf8)
{
	fold_init(f);
	while (utf8.n > 0)
		if (!fold_put(f, fold_next(&utf8))) {
			f->cut = true;
			break;
		}
	fold_end(f);
}

struct slice
fold_letters(const struct fold *f, unsigned i)
{
	return (struct slice){ f->text + f->word[i].at, f->word[i].n };
}

struct slice
fold_word(const struct fold *f, unsigned i)
{
	return (struct slice){ f->text + f->word[i].at,
	    (size_t)f->word[i].n + f->word[i].tones };
}

bool
fold_is(const struct fold *f, unsigned i, const char *folded)
{
	return i < f->count && f->word[i].n > 0 && f->text[f->word[i].at] == folded[0] &&
	    slice_is(fold_word(f, i), folded);
}

bool
fold_is_bare(const struct fold *f, unsigned i, const char *folded)
{
	struct slice w;

	if (i >= f->count || f->word[i].n == 0 || f->text[f->word[i].at] != folded[0])
		return false;
	w = fold_letters(f, i);
	while (*folded != '\0') {
		if (*folded >= 'A' && *folded <= 'Z') {
			folded++;
			continue;
		}
		while (w.n > 0 && w.p[0] >= 'A' && w.p[0] <= 'Z')
			w = slice_from(w, 1);
		if (w.n == 0 || w.p[0] != *folded)
			return false;
		w = slice_from(w, 1);
		folded++;
	}
	while (w.n > 0 && w.p[0] >= 'A' && w.p[0] <= 'Z')
		w = slice_from(w, 1);
	return w.n == 0;
}

bool
fold_unmarked(const struct fold *f, unsigned i)
{
	struct slice w = fold_letters(f, i);

	if (f->word[i].tones > 0)
		return false;
	for (size_t k = 0; k < w.n; k++)
		if (w.p[k] >= 'A' && w.p[k] <= 'Z')
			return false;
	return true;
}
