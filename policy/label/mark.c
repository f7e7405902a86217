/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/mark.h"

#include <string.h>

#include "common/words.h"

enum { LEVEL_LETTERS = 24, WHOLE_WORDS = 24, LABEL_WORDS = 6 };

/* Letters of the level without what alters them, and how many of them are the first syllable. */
static const struct { unsigned level; const char *bare; size_t first; } levels[] = {
	{ LEVEL_TUYET_MAT, "tuyetmat", 5 },
	{ LEVEL_TOI_MAT, "toimat", 3 },
	{ LEVEL_MAT, "mat", 0 },
};

/* What was gathered from one or several words. */
struct gathered {
	char	 bare[LEVEL_LETTERS];	/* letters alone */
	bool	 roof[LEVEL_LETTERS];	/* with a circumflex */
	bool	 other;			/* some letter is altered in another way */
	size_t	 n;
	struct { char tone; size_t at; } tone[FOLD_TONES];	/* at: letters to the word's end */
	size_t	 t;
	bool	 upper;
};

static bool
gather(struct gathered *g, const struct fold *f, unsigned i)
{
	const struct fold_word *w = &f->word[i];

	for (unsigned k = 0; k < w->n; k++) {
		char c = f->text[w->at + k];

		if (c == 'C' && g->n > 0)
			g->roof[g->n - 1] = true;
		else if (c >= 'A' && c <= 'Z')
			g->other = true;
		else if (g->n == sizeof g->bare)
			return false;
		else
			g->roof[g->n] = false, g->bare[g->n++] = c;
	}
	if (g->t + w->tones > ARRAY_LEN(g->tone))
		return false;
	for (unsigned k = 0; k < w->tones; k++) {
		g->tone[g->t].tone = f->text[w->at + w->n + k];
		g->tone[g->t++].at = g->n;
	}
	g->upper &= w->upper || (w->digit && w->letters == 1);
	return true;
}

/* Do the letters begin like it? Digits may stand for letters. */
static bool
alike(const struct gathered *g, const char *want)
{
	size_t n = strlen(want);

	if (g->n > n)
		return false;
	for (size_t i = 0; i < g->n; i++) {
		char c = g->bare[i];

		if (c != want[i] && !(want[i] == 'i' && (c == '1' || c == 'l')) &&
		    !(want[i] == 'o' && c == '0'))
			return false;
	}
	return true;
}

/* How a syllable is written. */
struct syllable {
	bool roof;
	char tone;	/* 0: none; '?': more than one */
};

static struct syllable
syllable(const struct gathered *g, size_t from, size_t to)
{
	struct syllable s = { false, '\0' };

	for (size_t i = from; i < to; i++)
		s.roof |= g->roof[i];
	for (size_t i = 0; i < g->t; i++)
		if (g->tone[i].at > from && g->tone[i].at <= to)
			s.tone = s.tone == '\0' || s.tone == g->tone[i].tone ?
			    g->tone[i].tone : '?';
	return s;
}

/*
 * Is "mat" written as mật? A hasty writer leaves out the dot ("MÂT", no other word) or, behind
 * "tuyệt", every mark. Not mắt, mặt, mất, mát.
 */
static bool
is_second(struct syllable s, bool loose)
{
	return s.roof ? s.tone == 'J' || s.tone == '\0' : loose && s.tone == '\0';
}

/* Both syllables in one word, their tones in a row: "TỐIMẬT". */
static bool
is_joined(const struct gathered *g, size_t first, const char *tones)
{
	if (!g->roof[first + 1] || g->t != strlen(tones))
		return false;
	for (size_t i = 0; i < g->t; i++)
		if (g->tone[i].tone != tones[i])
			return false;
	return true;
}

/* All letters of level i are there: do the marks fit too? */
static bool
is_marked_as(const struct gathered *g, size_t i)
{
	size_t first = levels[i].first;
	struct syllable a = syllable(g, 0, first), b = syllable(g, first, g->n);

	if (g->other)
		return false;
	switch (levels[i].level) {
	case LEVEL_TUYET_MAT:	/* nothing else is written with these letters */
		return is_joined(g, first, "JJ") ||
		    ((a.tone == 'J' || a.tone == 'S' || a.tone == '\0') &&
		    is_second(b, a.roof && a.tone == 'J'));
	case LEVEL_TOI_MAT:	/* not tôi mất, tối mắt; "TỔI MẬT" is what is read off a picture */
		return is_joined(g, first, "SJ") ||
		    (g->upper && a.roof && b.roof && b.tone == 'J') ||
		    ((a.tone == 'S' || a.tone == '\0') && b.roof &&
		    (b.tone == 'J' || (b.tone == '\0' && a.roof && a.tone == 'S')));
	default:
		return b.roof && (b.tone == 'J' || (b.tone == '\0' && g->upper));
	}
}

/* 1: a level is complete; 0: it may become one; -1: it cannot. */
static int
compare(const struct gathered *g, struct mark_level *out)
{
	bool hope = false, bare = g->t == 0 && !g->other;

	for (size_t i = 0; i < g->n && bare; i++)
		bare = !g->roof[i];
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (!alike(g, levels[i].bare))
			continue;
		hope = true;
		if (levels[i].bare[g->n] != '\0' || !(bare || is_marked_as(g, i)))
			continue;
		out->level = levels[i].level;
		out->bare = bare;
		out->upper = g->upper;
		return 1;
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
	g.other = false;
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
	"sanR", "oCngS", "aBn", "uoCngS", "hapS", "dichJ", "gan", "dDaoJ", "kinS", "coHS",
};

bool
mark_in_list(const struct fold *f, unsigned i, const char *const *list, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (fold_is(f, i, list[k]) || (fold_is_bare(f, i, list[k]) && fold_unmarked(f, i)))
			return true;
	return false;
}

/* Kinds of documents that begin like a word of mật: "MẬT Báo cáo", "MẬT Kế hoạch". */
static bool
begins_document(const struct fold *f, unsigned i)
{
	static const char *const kinds[][2] = {
		{ "baoS", "caoS" }, { "keCS", "hoachJ" }, { "chiR", "thiJ" }, { "coCng", "vaBn" },
		{ "coCng", "dDieCnJ" }, { "danh", "sachS" }, { "danh", "mucJ" },
		{ "thuH", "muHcJ" },
		{ "thuH", "moHiF" }, { "thuH", "guHiR" }, { "chiR", "nguHoHiF" },
		{ "chiR", "danhF" },
	};

	return mark_is_pair(f, i, kinds, ARRAY_LEN(kinds));
}

bool
mark_compound_after(const struct fold *f, unsigned i)
{
	return i < f->count && f->word[i].type == FOLD_LETTERS &&
	    mark_in_list(f, i, after_mat, ARRAY_LEN(after_mat)) && !begins_document(f, i);
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

bool
mark_is_pair(const struct fold *f, unsigned i, const char *const (*pairs)[2], size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (mark_in_list(f, i, &pairs[k][0], 1) && mark_in_list(f, i + 1, &pairs[k][1], 1))
			return true;
	return false;
}

bool
mark_is_paper(const struct fold *f, unsigned i)
{
	static const char *const papers[][2] = {
		{ "taiF", "lieCuJ" }, { "vaBn", "banR" }, { "hoCF", "soH" }, { "coCng", "vaBn" },
		{ "coCng", "dDieCnJ" }, { "baoS", "caoS" }, { "keCS", "hoachJ" },
		{ "toHF", "trinhF" },
		{ "banR", "sao" }, { "phuHoHng", "anS" }, { "phuJ", "lucJ" }, { "thoCng", "baoS" },
		{ "thoCng", "tin" }, { "nghiJ", "quyeCtS" }, { "bieCn", "banR" },
		{ "danh", "sachS" },
		{ "quyeCtS", "dDinhJ" },
	};

	return mark_is_pair(f, i, papers, ARRAY_LEN(papers));
}

unsigned
mark_skip_punct(const struct fold *f, unsigned i)
{
	while (i < f->count && f->word[i].type != FOLD_LETTERS)
		i++;
	return i;
}

static const char *const urgency[] = {
	"hoaR", "toCcS", "thuHoHngJ", "khaCnR", "henJ", "gioHF",
};

static bool
is_urgency(const struct fold *f, unsigned i)
{
	return mark_in_list(f, i, urgency, ARRAY_LEN(urgency));
}

/* Words of what else is stamped beside a level: not to be copied, to be returned, only for those
 * who are named. */
static bool
is_stamp_word(const struct fold *f, unsigned i)
{
	static const char *const words[] = {
		"khoCng", "caCmS", "sao", "chupJ", "phoCR", "bieCnS", "chiR", "nguHoHiF", "coS",
		"teCn", "moHiS", "dDuHoHcJ", "bocS", "biF", "taiF", "lieCuJ", "thu", "hoCiF",
		"luHu",
		"hanhF", "noCiJ", "boCJ", "xem", "xong", "traR", "laiJ", "in", "treCn", "caiS",
		"secret", "top", "phuHoHngJ", "tieCnJ", "chuyeCnR", "tieCpS",
		"thoCng", "tin", "dDaiJ", "chungS", "hoCiJ", "nghiJ", "trang",
	};

	return mark_in_list(f, i, words, ARRAY_LEN(words));
}

/* The serial number of the copy. */
static bool
is_copy(const struct fold *f, unsigned i)
{
	static const char *const words[] = { "banR", "soCS" };

	return f->word[i].digit || mark_in_list(f, i, words, ARRAY_LEN(words));
}

/* "MẬT (theo Quyết định số 12)": do brackets that open at word i close at the end of the line? */
static bool
is_aside(const struct fold *f, unsigned i)
{
	return i + 1 < f->count && f->word[i].type == FOLD_OPEN &&
	    f->word[f->count - 1].type == FOLD_CLOSE;
}

/* "Mật: 12": how many there are, in a report. */
static bool
is_tally(const struct fold *f, unsigned i)
{
	return i + 1 < f->count && f->word[i].type == FOLD_COLON && f->word[i + 1].digit;
}

/* Words that may stand beside the mark on its line: urgency, the number of the copy, and beside
 * one in capitals what other stamps say, and anything in brackets. "Mật số" is a word. */
static bool
only_company(const struct fold *f, unsigned i, const struct mark_level *m)
{
	bool stamp = m->upper && !m->bare;

	if ((!m->upper && (fold_is(f, i, "soCS") || is_tally(f, i))) ||
	    (m->level == LEVEL_MAT && mark_compound_after(f, i)))
		return false;
	if (stamp && is_aside(f, i))
		return true;
	for (i = mark_skip_punct(f, i); i < f->count; i = mark_skip_punct(f, i + 1))
		if (!is_urgency(f, i) && !is_copy(f, i) && !(stamp && is_stamp_word(f, i)))
			return false;
	return true;
}

/* "TÀI LIỆU MẬT", "Đóng dấu MẬT": what may stand before a mark in capitals. */
static unsigned
skip_paper(const struct fold *f, unsigned i)
{
	static const char *const short_kinds[] = { "tin", "thuH", "dDieCnJ" };

	if (i >= f->count || !f->word[i].capital)
		return i;
	if (mark_is_paper(f, i) || (fold_is(f, i, "dDongS") && fold_is(f, i + 1, "daCuS")))
		return i + 2;
	return f->word[i].upper && mark_in_list(f, i, short_kinds, ARRAY_LEN(short_kinds)) ?
	    i + 1 : i;
}

unsigned
mark_skip_urgency(const struct fold *f, unsigned i)
{
	while (i < f->count && is_urgency(f, i))
		i = mark_skip_punct(f, i + 1);
	return i;
}

/* "TỐ1 MẬT": a digit that stands for a letter. */
static bool
begins_level(const struct fold *f, unsigned i)
{
	return f->text[f->word[i].at] == 'm' || f->text[f->word[i].at] == 't';
}

/* "Bản số 01 - MẬT", "TOP SECRET / TỐI MẬT", "Trang 2/5 - MẬT". */
static unsigned
skip_copy(const struct fold *f, unsigned i)
{
	while (i < f->count && ((is_copy(f, i) && !begins_level(f, i)) ||
	    fold_is(f, i, "top") || fold_is(f, i, "secret") || fold_is(f, i, "trang")))
		i = mark_skip_punct(f, i + 1);
	return i;
}

/* An item of a list that goes on ("- Mật;"); a stamp is in capitals. */
static bool
is_list_item(const struct fold *f, const struct mark_level *m)
{
	return !m->upper && f->word[f->count - 1].type == FOLD_COMMA;
}

bool
mark_whole_line(const struct fold *f, struct mark_level *out)
{
	struct mark_level again;
	unsigned i, first;

	if (f->cut || f->count == 0 || f->count > FOLD_WORDS / 2)
		return false;
	if (mark_has_box(f) || has_type(f, FOLD_TICKED))
		return false;
	first = mark_skip_urgency(f, mark_skip_punct(f, 0));
	i = skip_copy(f, first);
	i = skip_paper(f, i);
	if (!mark_level_at(f, i, true, out) || is_list_item(f, out))
		return false;
	if (i != first && (out->bare || !out->upper))
		return false;
	i = out->next;
	while (mark_level_at(f, mark_skip_punct(f, i), true, &again) && again.level == out->level)
		i = again.next;
	return only_company(f, i, out);
}

bool
mark_only_level(const struct fold *f, unsigned from, unsigned to, struct mark_level *out)
{
	struct mark_level m;
	bool found = false;

	for (unsigned i = mark_skip_punct(f, from); i < to; i = mark_skip_punct(f, i)) {
		if (mark_level_at(f, i, false, &m) && m.next <= to) {
			if (found && m.level != out->level)
				return false;
			*out = m;
			found = true;
			i = m.next;
		} else if (is_urgency(f, i)) {
			i++;
		} else {
			return false;
		}
	}
	return found;
}

bool
mark_is_number_line(const struct fold *f)
{
	unsigned i = mark_skip_punct(f, 0);

	if (!(fold_is(f, i, "soCS") || fold_is(f, i, "so")) || fold_is(f, i + 1, "luHoHngJ"))
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

bool
mark_is_choice(const struct fold *f, unsigned i)
{
	struct mark_level other;
	bool slash;

	while (i < f->count && (f->word[i].type == FOLD_QUOTE || f->word[i].type == FOLD_CLOSE))
		i++;
	if (i >= f->count)
		return false;
	if (fold_is(f, i, "troHR") || fold_is(f, i, "tro"))
		return true;
	slash = f->word[i].type == FOLD_SLASH;
	if (slash || f->word[i].type == FOLD_COMMA ||
	    f->word[i].type == FOLD_DASH)
		i++;
	else if (fold_is(f, i, "hoaBcJ") || fold_is(f, i, "hay") || fold_is(f, i, "vaF") ||
	    fold_is(f, i, "dDeCnS"))
		i++;
	else
		return false;
	while (i < f->count && f->word[i].type != FOLD_LETTERS)
		i++;
	if (slash && fold_is(f, i, "khoCng"))	/* "Mật/Không"; but "Mật/Không sao chụp" */
		return i + 1 >= f->count || f->word[i + 1].type != FOLD_LETTERS ||
		    fold_is(f, i + 1, "maCtJ");
	return mark_level_at(f, i, false, &other) || fold_is(f, i, "thuHoHngF");
}

bool
mark_is_other_word(const struct fold *f, unsigned i)
{
	if (i >= f->count || f->word[i].type != FOLD_LETTERS || !mark_compound_after(f, i))
		return false;
	return !(fold_is_bare(f, i, "do") && (fold_is_bare(f, i + 1, "khan") ||
	    fold_is_bare(f, i + 1, "mat")));
}
