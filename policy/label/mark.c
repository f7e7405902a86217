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
	struct gathered g = { .upper = true };
	bool found = false;

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
	"giaCmS", "giaCpJ", "hutS", "truF", "nuHoHcS", "maCtS", "nghieCm", "neCmS", "ong", "mitS",
	"muHaR", "thaCn", "traBng", "tuiS", "tuyeCnS", "dDoCJ", "yeCn",
	"sanR", "oCngS", "aBn", "uoCngS", "hapS", "dichJ",
};

static bool
in_list(const struct fold *f, unsigned i, const char *const *list, size_t n)
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
	    in_list(f, i, after_mat, ARRAY_LEN(after_mat));
}

bool
mark_compound_before(const struct fold *f, unsigned i)
{
	return i < f->count && f->word[i].type == FOLD_LETTERS &&
	    in_list(f, i, before_mat, ARRAY_LEN(before_mat));
}

static bool
is_box(const struct fold *f, unsigned i)
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
static bool
is_tick(const struct fold *f, unsigned i, bool filled, unsigned *next_out)
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

static bool
has_box(const struct fold *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (is_box(f, i))
			return true;
	return false;
}

static unsigned
skip_punct(const struct fold *f, unsigned i)
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

	for (i = skip_punct(f, i); i < f->count; i = skip_punct(f, i + 1))
		if (!in_list(f, i, company, ARRAY_LEN(company)) && !f->word[i].digit)
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
	if (has_box(f) || has_type(f, FOLD_TICKED) || is_list_item(f))
		return false;
	i = skip_punct(f, 0);
	paper = skip_paper(f, i);
	if (!mark_level_at(f, paper, true, out))
		return false;
	if (paper != i && (out->bare || !out->upper))
		return false;
	i = out->next;
	while (mark_level_at(f, skip_punct(f, i), true, &again) && again.level == out->level)
		i = again.next;
	return only_company(f, i);
}

/* --- fields --- */

struct field {
	const struct fold *f;
	uint32_t	   position;
	label_found_fn	  *found;
	void		  *arg;
};

static void
report(const struct field *x, const char *detector, unsigned level, enum label_weight weight)
{
	struct label_finding one = { detector, x->position, level, weight };

	x->found(x->arg, &one);
}

/* "độ mật", "mức độ bảo mật", "dấu mật": the index behind the label, or 0. */
static unsigned
field_label(const struct fold *f, unsigned i)
{
	static const char *const heads[] = { "dDoCJ", "muHcS", "caCpS", "daCuS", "chiR", "nhanX" };
	static const char *const plain[] = { "do", "muc", "cap" };
	bool head = false;
	unsigned k;

	for (k = 0; k < ARRAY_LEN(heads) && !head; k++)
		head = fold_is(f, i, heads[k]);
	for (k = 0; k < ARRAY_LEN(plain) && !head; k++)
		head = fold_is(f, i, plain[k]);
	if (!head)
		return 0;
	i++;
	if (fold_is(f, i, "baoR") || fold_is(f, i, "bao"))
		i++;
	return fold_is(f, i, "maCtJ") || fold_is(f, i, "mat") ? i + 1 : 0;
}

static unsigned
skip_brackets(const struct fold *f, unsigned i)
{
	unsigned end = i + 2 * WHOLE_WORDS;

	if (i >= f->count || f->word[i].type != FOLD_OPEN)
		return i;
	for (unsigned k = i; k < f->count && k < end; k++)
		if (f->word[k].type == FOLD_CLOSE)
			return k + 1;
	return i;
}

/* Behind the label: the index of the value, or 0 when nothing separates one. *said_out: the
 * separator is the word "là", so this is a sentence. */
static unsigned
field_separator(const struct fold *f, unsigned i, bool *said_out)
{
	unsigned end;

	*said_out = false;
	i = skip_brackets(f, i);
	end = i + LABEL_WORDS;
	for (; i < f->count && i < end; i++) {
		switch (f->word[i].type) {
		case FOLD_COLON: case FOLD_DASH: case FOLD_SLASH:
			return i + 1;
		case FOLD_LETTERS:
			if (fold_is(f, i, "laF")) {
				*said_out = true;
				return i + 1;
			}
			break;
		case FOLD_QUOTE: case FOLD_CLOSE:
			break;
		default:
			return 0;
		}
	}
	return 0;
}

/* Is what follows the value another choice ("Mật/Tối mật"), or a range ("trở lên")? */
static bool
is_choice(const struct fold *f, unsigned i)
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
	return mark_level_at(f, i, false, &other) || fold_is(f, i, "thuHoHngF") ||
	    (slash && fold_is(f, i, "khoCng"));
}

/* A level followed by a word that makes it something else; "Mật Độ khẩn: …" is not "mật độ". */
static bool
is_other_word(const struct fold *f, unsigned i)
{
	if (i >= f->count || f->word[i].type != FOLD_LETTERS || !mark_compound_after(f, i))
		return false;
	return !(fold_is_bare(f, i, "do") && (fold_is_bare(f, i + 1, "khan") ||
	    fold_is_bare(f, i + 1, "mat")));
}

/* Is this label followed by nothing but a level ("Độ mật   Tối mật" of a table)? */
static bool
is_bare_value(const struct fold *f, unsigned label, unsigned i, struct mark_level *out)
{
	return skip_punct(f, 0) + 1 >= label && i < f->count &&
	    mark_level_at(f, i, false, out) && skip_punct(f, out->next) >= f->count;
}

/* Does a box to tick stand before the next word, or right behind the level that is there? */
static bool
boxes_from(const struct fold *f, unsigned i)
{
	struct mark_level level;
	unsigned next;

	for (; i < f->count && f->word[i].type != FOLD_LETTERS; i++)
		if (is_box(f, i) || is_tick(f, i, false, &next))
			return true;
	return i < f->count && mark_level_at(f, i, false, &level) && level.next < f->count &&
	    (is_box(f, level.next) || is_tick(f, level.next, false, &next));
}

static void
field_at(const struct field *x, unsigned label, unsigned after)
{
	const struct fold *f = x->f;
	struct mark_level value;
	bool said;
	unsigned i = field_separator(f, after, &said);

	if (i == 0) {
		if (is_bare_value(f, label, after, &value))
			report(x, "field", value.level, LABEL_ASSERTED);
		return;
	}
	if (boxes_from(f, i))
		return;		/* boxes() knows which one is ticked */
	i = skip_punct(f, i);
	if (!mark_level_at(f, i, false, &value) || is_choice(f, value.next) ||
	    is_other_word(f, value.next))
		return;
	report(x, "field", value.level, said ? LABEL_REVIEW : LABEL_ASSERTED);
}

static void
fields(const struct field *x)
{
	for (unsigned i = 0; i + 1 < x->f->count; i++) {
		unsigned after = field_label(x->f, i);

		if (after != 0)
			field_at(x, i, after);
	}
}

/* --- boxes to tick --- */

static bool
level_before(const struct fold *f, unsigned i, struct mark_level *out)
{
	for (unsigned back = 1; back <= 2 && back <= i; back++)
		if (mark_level_at(f, i - back, false, out) && out->next == i &&
		    (back == 2 || i < 2 || !mark_level_at(f, i - 2, false, out)))
			return true;
	return false;
}

static void
boxes(const struct field *x)
{
	const struct fold *f = x->f;
	bool filled = has_box(f), before = false, any = false;
	struct mark_level level;
	unsigned next;

	for (unsigned i = 0; i < f->count && !any; i++) {
		unsigned label = field_label(f, i);

		if (label != 0)	/* the level in "Độ mật" is none */
			i = label - 1;
		else if (is_box(f, i) || is_tick(f, i, filled, &next))
			any = before = true;
		else if (mark_level_at(f, i, false, &level))
			any = true;
	}
	if (!any)
		return;
	for (unsigned i = 0; i < f->count; i++) {
		if (!is_tick(f, i, filled, &next))
			continue;
		if (before ? mark_level_at(f, next, false, &level) : level_before(f, i, &level))
			report(x, "ticked-box", level.level, LABEL_ASSERTED);
	}
}

/* --- number line, sentences, other stamps --- */

static bool
starts_with_number(const struct fold *f)
{
	unsigned i = skip_punct(f, 0);

	if (!(fold_is(f, i, "soCS") || fold_is(f, i, "so")))
		return false;
	for (unsigned k = i + 1; k < f->count && k < i + 12; k++)
		if (f->word[k].type == FOLD_SLASH)
			return true;
	return false;
}

static void
number_line(const struct field *x)
{
	const struct fold *f = x->f;
	struct mark_level level;

	if (!starts_with_number(f))
		return;
	for (unsigned i = 0; i + 1 < f->count; i++)
		if (f->word[i].type == FOLD_OPEN && mark_level_at(f, i + 1, false, &level) &&
		    level.next < f->count && f->word[level.next].type == FOLD_CLOSE) {
			report(x, "number-mark", level.level, LABEL_ASSERTED);
			return;
		}
}

/* "tài liệu mật này", "văn bản tối mật kèm theo": somebody says so of a paper at hand. */
static bool
names_this_paper(const struct fold *f, unsigned i, unsigned next)
{
	static const char *const nouns[] = {
		"lieCuJ", "banR", "soH", "vaBn", "caoS", "hoachJ", "thuH", "dungj", "tinJ", "tinS",
		"tin", "teCpJ", "file", "bieCuR",
	};
	static const char *const here[] = { "nayF", "keFm", "kemF", "dDinhS", "guHiR", "dDaCyS" };

	return i > 0 && in_list(f, i - 1, nouns, ARRAY_LEN(nouns)) && next < f->count &&
	    in_list(f, next, here, ARRAY_LEN(here));
}

static bool
says_this(const struct fold *f)
{
	for (unsigned i = 1; i < f->count; i++)
		if (fold_is(f, i, "nayF"))
			return true;
	return false;
}

static void
sentences(const struct field *x)
{
	const struct fold *f = x->f;
	struct mark_level level;
	bool this = says_this(f), degree;

	for (unsigned i = 1; i < f->count; i++) {
		if (f->word[i].type != FOLD_LETTERS || !mark_level_at(f, i, false, &level) ||
		    level.bare)
			continue;
		degree = this && (fold_is(f, i - 1, "dDoCJ") || fold_is(f, i - 1, "daCuS") ||
		    (i > 1 && f->word[i - 1].type == FOLD_QUOTE &&
		    (fold_is(f, i - 2, "dDoCJ") || fold_is(f, i - 2, "daCuS"))));
		if (is_choice(f, level.next) || is_other_word(f, level.next))
			continue;
		if (degree || names_this_paper(f, i, level.next))
			report(x, "sentence", level.level, LABEL_REVIEW);
		i = level.next - 1;
	}
}

/* Does the line consist of at most `max` words and begin (from its first letter) so? */
static bool
line_begins(const struct fold *f, const char *const *phrase, unsigned max)
{
	unsigned i = skip_punct(f, 0);
	unsigned n = 0;

	for (unsigned k = i; k < f->count; k++)
		n += f->word[k].type == FOLD_LETTERS;
	if (f->cut || n > max)
		return false;
	for (; *phrase != NULL; phrase++, i = skip_punct(f, i + 1))
		if (!fold_is(f, i, *phrase))
			return false;
	return true;
}

static void
stamps(const struct field *x)
{
	static const struct {
		const char *word[5];
		unsigned max;
		const char *detector;
		enum label_weight weight;
	} rows[] = {
		{ { "giaiR", "maCtJ" }, 10, "declassified", LABEL_REVIEW },
		{ { "banR", "sao", "biS", "maCtJ" }, 8, "copy-stamp", LABEL_REVIEW },
		{ { "luHu", "hanhF", "noCiJ", "boCJ" }, 8, "internal-only", LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "luHu", "hanhF" }, 8, "internal-only", LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "noCiJ", "boCJ" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "thu", "hoCiF" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "xem", "xong", "traR", "laiJ" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "xong", "hoCiJ", "nghiJ", "traR" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "khoCng", "phoCR", "bieCnS", "treCn" }, 12, "internal-only", LABEL_INTERNAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (line_begins(x->f, rows[i].word, rows[i].max)) {
			report(x, rows[i].detector, LEVEL_THUONG, rows[i].weight);
			return;
		}
}

void
mark_in_line(const struct fold *f, uint32_t position, label_found_fn *found, void *arg)
{
	struct field x = { f, position, found, arg };
	bool hope = false;

	for (unsigned i = 0; i < f->count && !hope; i++)
		hope = f->word[i].type == FOLD_LETTERS && f->text[f->word[i].at] == 'm';
	if (hope) {	/* no level has none of it */
		fields(&x);
		boxes(&x);
		number_line(&x);
		sentences(&x);
	}
	stamps(&x);
}

bool
mark_is_heading(const struct fold *f)
{
	static const char *const republic[] = { "cong", "hoa", "xa", "hoi" };
	static const char *const party[] = { "dang", "cong", "san", "viet" };

	if (starts_with_number(f))
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
