/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/stamp.h"

#include <string.h>

#include "common/words.h"

enum { LETTERS_MAX = 24, VOWEL_LETTERS_MAX = 5 };

/* The base letters of a reading. */
struct letters {
	char	 c[LETTERS_MAX];
	unsigned n;
	bool	 clean;		/* one word, and next to nothing else */
	bool	 roof;		/* an â among them: "âi" is no end of any word */
	bool	 vowel;		/* with the vowel and the end of "mật" beyond doubt */
};

struct verdict {
	unsigned level;
	bool	 sure;
};

/* What strokes of a frame are read as. */
static bool
is_stroke(char c)
{
	return c == 'i' || c == 'l' || c == '1' || c == 'j';
}

static void
add_word(struct letters *l, const struct fold *f, unsigned i)
{
	struct slice w = fold_letters(f, i);

	for (size_t k = 0; k < w.n; k++) {
		char c = w.p[k];

		if (c >= 'A' && c <= 'Z') {	/* what made the letter before it another one */
			l->roof |= c == 'C' && k > 0 && w.p[k - 1] == 'a';
			continue;
		}
		c = c == '0' ? 'o' : c;
		/* A wide letter may be read twice; no level has one twice. */
		if (l->n > 0 && l->n <= LETTERS_MAX && l->c[l->n - 1] == c)
			continue;
		if (l->n < LETTERS_MAX)
			l->c[l->n] = c;
		l->n++;
	}
}

/* One word that ends as "mật" does and is none that a stamp of another kind may be. "MUẬT" is
 * none, but "LUẬT", "THUẬT". */
static bool
has_vowel(const struct fold *f)
{
	static const char *const others[] = {
		"vaCtJ", "nhaCtJ", "thaCtJ", "phaCtJ", "chaCtJ", "traCtJ",
		"baCtJ", "laCtJ", "taCtJ", "giaCtJ", "caCtJ",
	};

	for (unsigned i = 0; i < f->count; i++) {
		struct slice word = fold_word(f, i);

		if (f->word[i].type != FOLD_LETTERS)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(others); k++)
			if (fold_is(f, i, others[k]))
				return false;
		return slice_ends_nocase(word, SLICE("aCtJ")) && (word.p[0] == 'm' ||
		    word.p[0] == 'n' || !slice_ends_nocase(word, SLICE("uaCtJ")));
	}
	return false;
}

/* False: far too many for a level. */
static bool
letters_of(struct letters *l, struct fold *f, struct slice reading)
{
	unsigned words = 0;

	fold_text(f, reading);
	l->n = 0;
	l->roof = false;
	for (unsigned i = 0; i < f->count; i++) {
		if (f->word[i].type == FOLD_LETTERS)
			add_word(l, f, i);
		words += f->word[i].type == FOLD_LETTERS;
	}
	l->clean = words == 1 && f->count <= 2;
	l->vowel = l->clean && has_vowel(f);
	return !f->cut && l->n >= 2 && l->n <= LETTERS_MAX;
}

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to change, leave out or add until one is the other; i, l, 1 and j count as one. */
static unsigned
distance(struct slice got, const char *want)
{
	unsigned row[LETTERS_MAX + 1];
	size_t n = strlen(want);

	for (unsigned k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; i < got.n; i++) {
		unsigned diagonal = row[0];

		row[0]++;
		for (size_t k = 0; k < n; k++) {
			bool same = got.p[i] == want[k] ||
			    (is_stroke(got.p[i]) && is_stroke(want[k]));
			unsigned up = row[k + 1];

			row[k + 1] = least(diagonal + !same, up + 1, row[k] + 1);
			diagonal = up;
		}
	}
	return row[n];
}

/* "MẬT" misread: the letter that stands for its M, the middle, and the one for its T. */
static bool
is_nearly_mat(struct slice s, bool roof)
{
	static const char *const first[] = { "m", "ivi", "im", "mi", "n", "ni", "in", "w", "nn" };
	static const char *const last[] = { "t", "tt", "i", "l", "1", "7" };
	enum { FIRST_LIKE = 4, LAST_LIKE = 2 };	/* so many are as good as an M, a T */

	for (size_t a = 0; a < ARRAY_LEN(first); a++)
		for (size_t b = 0; b < ARRAY_LEN(last); b++) {
			size_t na = strlen(first[a]), nb = strlen(last[b]);

			/* "NAI" is a word: one of them at least has to be right, or the vowel */
			if ((roof || a < FIRST_LIKE || b < LAST_LIKE) && s.n == na + 1 + nb &&
			    s.p[na] == 'a' && memcmp(s.p, first[a], na) == 0 &&
			    memcmp(s.p + na + 1, last[b], nb) == 0)
				return true;
		}
	return false;
}

static struct verdict
judge(struct slice s, const struct letters *l)
{
	if (distance(s, "tuyetmat") <= 2)
		return (struct verdict){ LEVEL_TUYET_MAT, true };
	if (distance(s, "toimat") <= 1)
		return (struct verdict){ LEVEL_TOI_MAT, true };
	if (slice_is(s, "mat"))
		return (struct verdict){ LEVEL_MAT, true };
	if (s.n >= 8 && distance(s, "tuyetmat") <= 3)
		return (struct verdict){ LEVEL_TUYET_MAT, false };
	if ((l->clean && is_nearly_mat(s, l->roof)) ||
	    (l->vowel && s.n >= 2 && s.n <= VOWEL_LETTERS_MAX))
		return (struct verdict){ LEVEL_MAT, false };
	return (struct verdict){ LEVEL_THUONG, false };
}

/* With and without strokes at its ends. */
static struct verdict
judge_trimmed(const struct letters *l)
{
	struct slice s = { l->c, l->n };
	struct verdict whole = judge(s, l), inner;

	while (s.n > 0 && is_stroke(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_stroke(s.p[s.n - 1]))
		s.n--;
	inner = judge(s, l);
	return inner.sure || whole.level == LEVEL_THUONG ? inner : whole;
}

void
stamp_mark(struct fold *f, struct slice readings, label_found_fn *found, void *arg)
{
	struct label_finding best = { "stamp", 0, LEVEL_THUONG, LABEL_REVIEW };
	struct slice line;

	while (readings.n > 0) {
		struct letters l;
		struct verdict v;

		slice_cut(&readings, '\n', &line);
		if (!letters_of(&l, f, line))
			continue;
		v = judge_trimmed(&l);
		if (v.level > best.level && (v.sure || best.weight == LABEL_REVIEW)) {
			best.level = v.level;
			best.weight = v.sure ? LABEL_ASSERTED : LABEL_REVIEW;
		} else if (v.sure && best.weight == LABEL_REVIEW && v.level > LEVEL_THUONG) {
			best.level = v.level;
			best.weight = LABEL_ASSERTED;
		}
	}
	if (best.level > LEVEL_THUONG)
		found(arg, &best);
}
