/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/mark.h"

#include <string.h>

#include "common/words.h"

enum { LEVEL_LETTERS = 24, WHOLE_WORDS = 24, LABEL_WORDS = 6 };

/* Letters of the level with its tones behind all of them, and the same without diacritics. */
static const struct { unsigned level; const char *letters, *tones, *bare; } levels[] = {
	{ LEVEL_TUYET_MAT, "tuyeCtmaCt", "JJ", "tuyetmat" },
	{ LEVEL_TOI_MAT, "toCimaCt", "SJ", "toimat" },
	{ LEVEL_MAT, "maCt", "J", "mat" },
};

/* Equal, or starting alike when only a part is there yet; digits may stand for letters. */
static bool
alike(struct slice got, const char *want, bool part)
{
	size_t n = strlen(want);

	if (got.n > n || (!part && got.n != n))
		return false;
	for (size_t i = 0; i < got.n; i++) {
		char c = got.p[i];

		if (c != want[i] && !(want[i] == 'i' && (c == '1' || c == 'l')) &&
		    !(want[i] == 'o' && c == '0'))
			return false;
	}
	return true;
}

struct gathered {
	char	 letters[LEVEL_LETTERS];
	char	 tones[LEVEL_LETTERS];
	size_t	 n, t;
	bool	 upper;
};

static bool
gather(struct gathered *g, const struct fold *f, unsigned i)
{
	const struct fold_word *w = &f->word[i];

	if (g->n + w->n > sizeof g->letters || g->t + w->tones > sizeof g->tones)
		return false;
	memcpy(g->letters + g->n, f->text + w->at, w->n);
	memcpy(g->tones + g->t, f->text + w->at + w->n, w->tones);
	g->n += w->n;
	g->t += w->tones;
	g->upper &= w->upper || (w->digit && w->letters == 1);
	return true;
}

/* 1: a level is complete; 0: it may become one; -1: it cannot. */
static int
compare(const struct gathered *g, struct mark_level *out)
{
	struct slice letters = { g->letters, g->n }, tones = { g->tones, g->t };
	bool hope = false;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		bool bare = g->t == 0 && alike(letters, levels[i].bare, false);

		if (bare || (alike(letters, levels[i].letters, false) &&
		    slice_is(tones, levels[i].tones))) {
			out->level = levels[i].level;
			out->bare = bare;
			out->upper = g->upper;
			return 1;
		}
		hope |= alike(letters, levels[i].letters, true) ||
		    alike(letters, levels[i].bare, true);
	}
	return hope ? 0 : -1;
}

bool
mark_level_at(const struct fold *f, unsigned i, bool skip, struct mark_level *out)
{
	struct gathered g;
	bool found = false;

	if (i < f->count && f->word[i].type == FOLD_LETTERS &&
	    f->text[f->word[i].at] != 'm' && f->text[f->word[i].at] != 't')
		return false;	/* as nearly all words of nearly all mail */
	g.n = g.t = 0;
	g.upper = true;
	for (; i < f->count; i++) {
		unsigned type = f->word[i].type;
		int r;

		if (type != FOLD_LETTERS) {
			if (skip || (g.n > 0 && type == FOLD_DASH))
				continue;
			break;
		}
		if (!gather(&g, f, i))
			break;
		r = compare(&g, out);
		if (r < 0)
			break;
		if (r > 0) {
			out->next = i + 1;
			found = true;
			break;
		}
	}
	return found;
}

/* Words of Viet74K that stand behind (before) "mật" in one word, folded. */
static const char *const after_mat[] = {
	"baoS", "chiR", "coCng", "danh", "duJ", "dDieCnJ", "dDaFm", "dDamF", "dDoCJ",
	"gaCuS", "hieCuJ", "huyeCtS", "keCS", "khaCuR", "leCnhJ", "maX", "mia", "miaS", "nguyeCtJ",
	"nguHX", "ong", "phaiS", "taCuS", "thamS", "thuH", "thieCtS", "tieCpS",
	"uHoHcS", "vuJ", "hoa", "ruH", "cuHS", "nhaFn", "nhanF", "mia", "dDuHoHngF", "vaF",
};

static const char *const before_mat[] = {
	"baoR", "biS", "aCnR", "banhS", "caCnR", "chu", "chuoCiS", "coR", "coH", "cuR", "dDuHoHngF",
	"giaCmS", "giaCpJ", "hutS", "hoa", "loHnS", "truF", "nuHoHcS",
	"maCtS", "nghieCm", "neCmS", "ong", "mitS",
	"muHaR", "thaCn", "traBng", "tuiS", "tuyeCnS", "dDoCJ", "yeCn",
	"sanR", "oCngS", "aBn", "uoCngS", "hapS", "dichJ",
};

bool
mark_in_list(const struct fold *f, unsigned i, const char *const *list, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (fold_is(f, i, list[k]) || (fold_unmarked(f, i) &&
		    fold_is_bare(f, i, list[k])))
			return true;
	return false;
}

bool
mark_compound_after(const struct fold *f, unsigned i)
{
	return i < f->count && f->word[i].type == FOLD_LETTERS &&
	    mark_in_list(f, i, after_mat, ARRAY_LEN(after_mat));
}

bool
mark_compound_before(const struct fold *f, unsigned i)
{
	return i < f->count && f->word[i].type == FOLD_LETTERS &&
	    mark_in_list(f, i, before_mat, ARRAY_LEN(before_mat));
}

bool
mark_is_box(const struct fold *f, unsigned i)
{
	return f->word[i].type == FOLD_BOX || (f->word[i].type == FOLD_OPEN &&
	    i + 1 < f->count && f->word[i + 1].type == FOLD_CLOSE);
}

static bool
has_type(const struct fold *f, unsigned type)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->word[i].type == type)
			return true;
	return false;
}

/* A tick at word i: *next_out is the first word behind it. */
bool
mark_is_tick(const struct fold *f, unsigned i, bool filled, unsigned *next_out)
{
	unsigned type = f->word[i].type;

	*next_out = i + 1;
	if (type == FOLD_TICKED || (filled && type == FOLD_FILLED))
		return true;
	if (type != FOLD_OPEN || i + 2 >= f->count || f->word[i + 2].type != FOLD_CLOSE ||
	    !(fold_is(f, i + 1, "x") || fold_is(f, i + 1, "v")))
		return false;
	*next_out = i + 3;
	return true;
}

bool
mark_has_box(const struct fold *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (mark_is_box(f, i))
			return true;
	return false;
}

unsigned
mark_skip_punct(const struct fold *f, unsigned i)
{
	while (i < f->count && f->word[i].type != FOLD_LETTERS)
		i++;
	return i;
}

/* Words that may stand beside the mark on its line: urgency, the serial number of the copy. */
static bool
only_company(const struct fold *f, unsigned i)
{
	static const char *const company[] = {
		"hoaR", "toCcS", "thuHoHngJ", "khaCnR", "henJ", "gioHF", "banR", "soCS",
	};

	for (i = mark_skip_punct(f, i); i < f->count; i = mark_skip_punct(f, i + 1))
		if (!mark_in_list(f, i, company, ARRAY_LEN(company)) && !f->word[i].digit)
			return false;
	return true;
}

/* "TÀI LIỆU MẬT": the kind of paper before the mark, all in capitals. */
static unsigned
skip_paper(const struct fold *f, unsigned i)
{
	static const char *const papers[][2] = {
		{ "taiF", "lieCuJ" }, { "vaBn", "banR" }, { "hoCF", "soH" }, { "coCng", "vaBn" },
	};

	for (size_t k = 0; k < ARRAY_LEN(papers); k++)
		if (fold_is(f, i, papers[k][0]) && fold_is(f, i + 1, papers[k][1]) &&
		    f->word[i].upper && f->word[i + 1].upper)
			return i + 2;
	return i;
}

static bool
is_list_item(const struct fold *f)
{
	return f->count > 0 && f->word[f->count - 1].type == FOLD_COMMA;
}

bool
mark_whole_line(const struct fold *f, struct mark_level *out)
{
	struct mark_level again;
	unsigned i, paper;

	if (f->cut || f->count == 0 || f->count > FOLD_WORDS / 2)
		return false;
	if (mark_has_box(f) || has_type(f, FOLD_TICKED) || is_list_item(f))
		return false;
	i = mark_skip_punct(f, 0);
	paper = skip_paper(f, i);
	if (!mark_level_at(f, paper, true, out))
		return false;
	if (paper != i && (out->bare || !out->upper))
		return false;
	i = out->next;
	while (mark_level_at(f, mark_skip_punct(f, i), true, &again) && again.level == out->level)
		i = again.next;
	return only_company(f, i);
}

bool
mark_is_number_line(const struct fold *f)
{
	unsigned i = mark_skip_punct(f, 0);

	if (!(fold_is(f, i, "soCS") || fold_is(f, i, "so")))
		return false;
	for (unsigned k = i + 1; k < f->count && k < i + 12; k++)
		if (f->word[k].type == FOLD_SLASH)
			return true;
	return false;
}

bool
mark_is_heading(const struct fold *f)
{
	static const char *const republic[] = { "cong", "hoa", "xa", "hoi" };
	static const char *const party[] = { "dang", "cong", "san", "viet" };

	if (mark_is_number_line(f))
		return true;
	for (unsigned i = 0; i + 3 < f->count && i < 40; i++) {
		unsigned a = 0, b = 0;

		while (a < 4 && fold_is_bare(f, i + a, republic[a]))
			a++;
		while (b < 4 && fold_is_bare(f, i + b, party[b]))
			b++;
		if (a == 4 || b == 4)
			return true;
	}
	return false;
}
