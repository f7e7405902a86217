/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/field.h"

#include "common/words.h"
#include "policy/label/circulate.h"
#include "policy/label/sentence.h"

enum { BRACKET_WORDS = 48, LABEL_WORDS = 6, ASIDE_WORDS = 24, ANY_LABEL_WORDS = 6 };

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

/* "độ mật", "mức độ bảo mật", "dấu mật", "do_mat": the index behind the label, or 0. */
static unsigned
field_label(const struct fold *f, unsigned i)
{
	static const char *const heads[] = { "dDoCJ", "muHcS", "caCpS", "daCuS", "chiR", "nhanX" };
	static const char *const plain[] = { "do", "muc", "cap" };
	bool head = false;
	unsigned k;

	if (fold_is(f, i, "daCuS") && i + 1 < f->count && f->word[i + 1].type == FOLD_COLON)
		return i + 1;	/* "Dấu: MẬT" */
	if (fold_is(f, i, "domat"))
		return i + 1;	/* "doMat" */

	for (k = 0; k < ARRAY_LEN(heads) && !head; k++)
		head = fold_is(f, i, heads[k]);
	for (k = 0; k < ARRAY_LEN(plain) && !head; k++)
		head = fold_is(f, i, plain[k]);
	if (!head)
		return 0;
	i++;
	if (i < f->count && f->word[i].type == FOLD_DASH)	/* "do_mat" */
		i++;
	if (fold_is(f, i, "baoR") || fold_is(f, i, "bao"))
		i++;
	return fold_is(f, i, "maCtJ") || fold_is(f, i, "mat") ? i + 1 : 0;
}

static unsigned
skip_brackets(const struct fold *f, unsigned i)
{
	unsigned end = i + BRACKET_WORDS;

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
	struct mark_level level;
	unsigned end;

	*said_out = false;
	if (i < f->count && f->word[i].type == FOLD_CLOSE)	/* "<DoMat>Mật" */
		return i + 1;
	i = skip_brackets(f, i);
	end = i + LABEL_WORDS;
	for (; i < f->count && i < end; i++) {
		switch (f->word[i].type) {
		case FOLD_COLON:
			return i + 1;
		case FOLD_DASH: case FOLD_SLASH:	/* but "Độ mật/khẩn: …" */
			if (mark_level_at(f, mark_skip_punct(f, i + 1), false, &level))
				return i + 1;
			break;
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

/* Does nothing follow the value, or the next field of a row ("Độ khẩn")? */
static bool
ends_value(const struct fold *f, unsigned i)
{
	i = mark_skip_punct(f, i);
	if (fold_is_bare(f, i, "muc"))
		i++;
	return i >= f->count || (fold_is_bare(f, i, "do") && fold_is_bare(f, i + 1, "khan"));
}

/* Is this label followed by nothing but a level ("Độ mật   Tối mật", "Độ mật;Tối mật" of a
 * table)? */
static bool
is_bare_value(const struct fold *f, unsigned label, unsigned i, struct mark_level *out)
{
	if (mark_skip_punct(f, 0) + 1 < label)
		return false;
	while (i < f->count && (f->word[i].type == FOLD_QUOTE || f->word[i].type == FOLD_COMMA))
		i++;
	return i < f->count && mark_level_at(f, i, false, out) && ends_value(f, out->next);
}

/* "Độ mật: A", the letters of the stamps on envelopes, "Độ mật: TM"; 0: none. */
static unsigned
level_of_letter(const struct fold *f, unsigned i)
{
	static const char *const letters[] = { "", "c", "b", "a" };
	static const char *const shorts[] = { "", "m", "tm", "tum" };

	for (unsigned l = LEVEL_MAT; l <= LEVEL_TUYET_MAT; l++)
		if ((fold_is(f, i, letters[l]) || fold_is(f, i, shorts[l])) &&
		    f->word[i].capital && ends_value(f, i + 1))
			return l;
	return LEVEL_THUONG;
}

/* Does a box to tick stand before the next word, or right behind the level that is there? */
static bool
boxes_from(const struct fold *f, unsigned i)
{
	struct mark_level level;
	unsigned next;

	for (; i < f->count && f->word[i].type != FOLD_LETTERS; i++)
		if (mark_is_box(f, i) || mark_is_tick(f, i, false, &next))
			return true;
	return i < f->count && mark_level_at(f, i, false, &level) && level.next < f->count &&
	    (mark_is_box(f, level.next) || mark_is_tick(f, level.next, false, &next));
}

/* Behind what stands before the value: "Độ mật: 3-Mật", "Độ mật: văn bản mật". */
static unsigned
skip_to_value(const struct fold *f, unsigned i)
{
	static const char *const nouns[] = { "dDoCJ", "caCpS", "muHcS", "loaiJ" };

	if (i < f->count && f->word[i].digit && f->word[i].letters == 1)
		i = mark_skip_punct(f, i + 1);
	if (mark_is_paper(f, i))
		return i + 2;
	for (size_t k = 0; k < ARRAY_LEN(nouns); k++)
		if (fold_is(f, i, nouns[k]) && i + 1 < f->count && f->word[i + 1].capital)
			return i + 1;
	return i;
}

/* "Độ mật/khẩn: Mật/Thường": a label [label, i) of both, and what stands behind the level says how
 * urgent it is. */
static bool
is_urgency_behind(const struct fold *f, unsigned label, unsigned i, unsigned next)
{
	for (; label < i; label++)
		if (fold_is(f, label, "khaCnR"))
			return fold_is(f, mark_skip_punct(f, next), "thuHoHngF");
	return false;
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
	i = skip_to_value(f, mark_skip_punct(f, i));
	if (!said && fold_is_bare(f, label, "do") && after == label + 2 &&
	    level_of_letter(f, i) != LEVEL_THUONG) {
		report(x, "field", level_of_letter(f, i), LABEL_ASSERTED);
		return;
	}
	if (!mark_level_at(f, i, false, &value) || mark_is_other_word(f, value.next))
		return;
	if (mark_is_choice(f, value.next) && !is_urgency_behind(f, label, i, value.next))
		return;
	report(x, "field", value.level, said ? LABEL_REVIEW : LABEL_ASSERTED);
}

/* "Phân loại:", "Loại văn bản:", "Nhãn:": where the value of a label that may have other values too
 * begins, or 0. */
static unsigned
other_label(const struct fold *f, unsigned i)
{
	static const char *const labels[][2] = {
		{ "muHcS", "dDoCJ" }, { "caCpS", "dDoCJ" }, { "phaCn", "loaiJ" },
		{ "tinhS", "chaCtS" }, { "cheCS", "dDoCJ" }, { "dDongS", "daCuS" },
		{ "loaiJ", "daCuS" }, { "security", "level" },
	};
	unsigned next = 0;

	if (mark_is_pair(f, i, labels, ARRAY_LEN(labels)))
		next = i + 2;
	else if (fold_is(f, i, "loaiJ") && mark_is_paper(f, i + 1))
		next = i + 3;
	else if (fold_is(f, i, "nhanX") || fold_is(f, i, "classification"))
		next = i + 1;
	return next > 0 && next < f->count && f->word[next].type == FOLD_COLON ? next + 1 : 0;
}

/* Such a label with a level and nothing else. */
static void
other_field(const struct field *x, unsigned i)
{
	const struct fold *f = x->f;
	struct mark_level value;

	i = other_label(f, i);
	if (i == 0)
		return;
	i = mark_skip_punct(f, i);
	if (!mark_has_box(f) && mark_level_at(f, i, false, &value) && !value.bare &&
	    (f->word[i].capital || value.level != LEVEL_MAT) &&
	    !mark_is_choice(f, value.next) && ends_value(f, value.next))
		report(x, "field", value.level, LABEL_ASSERTED);
}

/* "Tài liệu: MẬT": whatever the label is, in small letters, and the value in capitals. */
static void
any_field(const struct field *x)
{
	const struct fold *f = x->f;
	struct mark_level value;

	for (unsigned i = 1; i < f->count && i <= ANY_LABEL_WORDS; i++) {
		if (f->word[i].type != FOLD_COLON)
			continue;
		if (!f->word[i - 1].upper && f->word[i - 1].type == FOLD_LETTERS &&
		    mark_level_at(f, mark_skip_punct(f, i), false, &value) && value.upper &&
		    !value.bare && mark_skip_punct(f, value.next) >= f->count &&
		    !mark_has_box(f))
			report(x, "field", value.level, LABEL_ASSERTED);
		return;
	}
}

static void
fields(const struct field *x)
{
	for (unsigned i = 0; i + 1 < x->f->count; i++) {
		unsigned after = field_label(x->f, i);

		if (after != 0)
			field_at(x, i, after);
		else
			other_field(x, i);
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
	bool filled = mark_has_box(f), before = false, any = false;
	struct mark_level level;
	unsigned next;

	for (unsigned i = 0; i < f->count && !any; i++) {
		unsigned label = field_label(f, i);

		if (label != 0)	/* the level in "Độ mật" is none */
			i = label - 1;
		else if (mark_is_box(f, i) || mark_is_tick(f, i, filled, &next))
			any = before = true;
		else if (mark_level_at(f, i, false, &level))
			any = true;
	}
	if (!any)
		return;
	for (unsigned i = 0; i < f->count; i++) {
		if (!mark_is_tick(f, i, filled, &next))
			continue;
		if (before ? mark_level_at(f, next, false, &level) : level_before(f, i, &level) ||
		    (i > 0 && f->word[i - 1].type == FOLD_COLON && level_before(f, i - 1, &level)))
			report(x, "ticked-box", level.level, LABEL_ASSERTED);
	}
}

/* --- number line, other stamps --- */

/* "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM   MẬT", "Số: 12/BC-UBND - MẬT". */
static bool
at_end_of_heading(const struct fold *f, struct mark_level *out)
{
	for (unsigned back = 1; back <= 2 && back < f->count; back++) {
		unsigned i = f->count - back;

		if (mark_level_at(f, i, false, out) && out->upper && !out->bare &&
		    out->next == f->count && !mark_compound_before(f, i - 1) &&
		    (back == 2 || !(fold_is_bare(f, i - 1, "toi") ||
		    fold_is_bare(f, i - 1, "tuyet"))))
			return true;
	}
	return false;
}

/* A level in brackets right behind a number: words [i, i + 2) are "UBND (". */
static bool
behind_number(const struct fold *f, unsigned i)
{
	unsigned from = i > 8 ? i - 8 : 0;

	for (unsigned k = from; k + 1 < i; k++)
		if (f->word[k].type == FOLD_SLASH && k > 0 && f->word[k - 1].digit)
			return true;
	return false;
}

/* "Số: 12/MẬT-UBND": one of the parts of which the code of a paper is made. */
static bool
in_code(const struct fold *f, struct mark_level *out)
{
	for (unsigned i = 1; i + 1 < f->count; i++)
		if (f->word[i].type == FOLD_SLASH &&
		    (f->word[i - 1].digit || f->word[i - 1].type == FOLD_COLON) &&
		    mark_level_at(f, i + 1, false, out) && out->upper && !out->bare &&
		    out->next < f->count && f->word[out->next].type == FOLD_DASH)
			return true;
	return false;
}

static void
number_line(const struct field *x)
{
	const struct fold *f = x->f;
	bool number = mark_is_number_line(f);
	struct mark_level level;

	for (unsigned i = 0; i + 1 < f->count; i++)
		if (f->word[i].type == FOLD_OPEN && mark_level_at(f, i + 1, false, &level) &&
		    level.next < f->count && f->word[level.next].type == FOLD_CLOSE &&
		    (number || behind_number(f, i))) {
			/* in a sentence it may be the number of another paper */
			report(x, "number-mark", level.level,
			    number ? LABEL_ASSERTED : LABEL_REVIEW);
			return;
		}
	if ((number && in_code(f, &level)) ||
	    (mark_is_heading(f) && (at_end_of_heading(f, &level) ||
	    (mark_level_at(f, mark_skip_punct(f, 0), false, &level) && level.upper &&
	    !level.bare && !mark_is_other_word(f, level.next)))))
		report(x, "number-mark", level.level, LABEL_ASSERTED);
}

static void
stamps(const struct field *x)
{
	enum label_weight weight;
	const char *detector = circulate_stamp(x->f, &weight);

	if (detector != NULL)
		report(x, detector, LEVEL_THUONG, weight);
}

void
field_in_line(const struct fold *f, uint32_t position, label_found_fn *found, void *arg)
{
	struct field x = { f, position, found, arg };
	struct mark_level any;
	bool hope = false;

	for (unsigned i = 0; i < f->count && !hope; i++)
		hope = f->word[i].type == FOLD_LETTERS && mark_level_at(f, i, false, &any);
	if (hope) {
		fields(&x);
		any_field(&x);
		boxes(&x);
		number_line(&x);
		sentence_in_line(f, position, found, arg);
	}
	stamps(&x);
}

/* "MẬT: túi mật không sỏi, đường mật không giãn": what a doctor writes. */
static bool
is_bile(const struct fold *f, const struct mark_level *level)
{
	static const char *const pairs[][2] = {
		{ "tuiS", "maCtJ" }, { "tuiS", "khoCng" }, { "khoCng", "soiR" },
		{ "khoCng", "gianX" }, { "soiR", "maCtJ" }, { "dDuHoHngF", "maCtJ" },
	};

	for (unsigned i = level->next; i < f->count && level->level == LEVEL_MAT; i++)
		if (fold_is(f, i, "polyp") || mark_is_pair(f, i, pairs, ARRAY_LEN(pairs)))
			return true;
	return false;
}

/* "TỐI MẬT: Kế hoạch …", "TÀI LIỆU MẬT - …", "(Mật - …": a level that the line begins with. */
static bool
begins_line(const struct fold *f, struct mark_level *out)
{
	unsigned i = mark_skip_punct(f, 0), type;
	bool open = i > 0 && f->word[i - 1].type == FOLD_OPEN;

	if (mark_is_paper(f, i) && f->word[i].upper)
		i += 2;
	if (!mark_level_at(f, i, false, out) || out->bare || out->next + 1 >= f->count ||
	    !(out->upper || (open && f->word[i].capital)) || is_bile(f, out))
		return false;
	type = f->word[out->next].type;
	return (type == FOLD_COLON || type == FOLD_DASH || type == FOLD_STOP ||
	    (open && type == FOLD_COMMA && !mark_is_choice(f, out->next))) &&
	    mark_skip_punct(f, out->next) < f->count;
}

void
field_asides(const struct fold *f, uint32_t position, label_found_fn *found, void *arg)
{
	bool paper = mark_is_paper(f, mark_skip_punct(f, 0));	/* "Phụ lục I - Mật" */
	struct field x = { f, position, found, arg };
	struct mark_level level;

	if (f->cut || f->count > ASIDE_WORDS)
		return;
	if (begins_line(f, &level))
		report(&x, "aside", level.level, LABEL_REVIEW);
	for (unsigned i = 0; i + 1 < f->count; i++) {
		unsigned type = f->word[i].type;

		if ((type != FOLD_OPEN && type != FOLD_DASH) ||
		    !mark_level_at(f, i + 1, false, &level) || level.bare ||
		    !(level.upper || (paper && f->word[i + 1].capital)) ||
		    (i > 0 && mark_compound_before(f, i - 1)))
			continue;
		if (type == FOLD_OPEN ? level.next < f->count &&
		    f->word[level.next].type == FOLD_CLOSE : level.next == f->count)
			report(&x, "aside", level.level, LABEL_REVIEW);
	}
}
