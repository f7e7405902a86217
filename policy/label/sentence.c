/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/sentence.h"

#include "common/words.h"

/* "Văn bản mật gửi qua đường công văn", "gửi bằng bản giấy": how such papers are sent; but "qua
 * đường email". */
static bool
is_way(const struct fold *f, unsigned sent)
{
	static const char *const by[] = { "qua", "baBngF", "theo" };
	static const char *const ways[] = { "banR", "giaCyS", "quy", "buHu" };
	static const char *const roads[] = { "coCng", "buHu", "giao", "quaCn" };

	if (!fold_is(f, sent, "guHiR") || !mark_in_list(f, sent + 1, by, ARRAY_LEN(by)))
		return false;
	return mark_in_list(f, sent + 2, ways, ARRAY_LEN(ways)) ||
	    (fold_is(f, sent + 2, "dDuHoHngF") &&
	    mark_in_list(f, sent + 3, roads, ARRAY_LEN(roads)));
}

/* "tài liệu mật này", "văn bản tối mật kèm theo", "công văn mật số 12": somebody says so of a
 * paper at hand. */
static bool
names_this_paper(const struct fold *f, unsigned i, unsigned next, unsigned this)
{
	static const char *const nouns[] = {
		"lieCuJ", "banR", "soH", "vaBn", "caoS", "hoachJ", "thuH", "dungj", "tinJ", "tinS",
		"tin", "teCpJ", "file", "bieCuR",
	};
	static const char *const here[] = { "nayF", "keFm", "kemF", "dDinhS", "guHiR", "dDaCy" };

	if (i == 0 || !mark_in_list(f, i - 1, nouns, ARRAY_LEN(nouns)) || next >= f->count)
		return false;
	for (size_t k = 0; k < ARRAY_LEN(here); k++)
		if (fold_is(f, next, here[k]))
			return this != 0 || !is_way(f, next);
	return fold_is(f, next, "soCS") && (next + 1 >= f->count ||
	    f->word[next + 1].digit || f->word[next + 1].type == FOLD_COLON);
}

/* "đây là tài liệu mật", "tệp kèm theo là văn bản mật", "nội dung dưới đây là mật" */
static bool
says_here_is(const struct fold *f, unsigned i)
{
	static const char *const here[] = { "dDaCy", "nayF", "kemF" };
	unsigned is = 0;

	if (mark_compound_before(f, i - 1))
		return false;
	for (unsigned k = i > 5 ? i - 5 : 0; k < i; k++)
		if (fold_is(f, k, "laF"))
			is = k;
	for (unsigned k = is > 3 ? is - 3 : 0; k < is; k++)
		for (size_t n = 0; n < ARRAY_LEN(here); n++)
			if (fold_is(f, k, here[n]))
				return true;
	return false;
}

static bool
has_pair(const struct fold *f, const char *const (*pairs)[2], size_t n)
{
	for (unsigned i = 0; i + 1 < f->count; i++)
		if (mark_is_pair(f, i, pairs, n))
			return true;
	return false;
}

/* "Thông tin mật của Công ty"; the State Bank is none of those. */
static bool
is_of_company(const struct fold *f, unsigned next)
{
	if (!fold_is(f, next, "cuaR"))
		return false;
	if (fold_is(f, next + 1, "coCng") && fold_is(f, next + 2, "ty"))
		return true;
	return fold_is(f, next + 1, "ngaCn") && fold_is(f, next + 2, "hangF") &&
	    !fold_is(f, next + 3, "nhaF");
}

/* What companies write below all their mail: "Email này là thông tin mật, chỉ dành cho người
 * nhận". */
static bool
is_disclaimer(const struct fold *f, unsigned i, const struct mark_level *level)
{
	static const char *const terms[][2] = {
		{ "dDaBcJ", "quyeCnF" }, { "nhaCnJ", "nhaCmF" }, { "nhaCmF", "laCnX" },
	};
	static const char *const readers[][2] = { { "nguHoHiF", "nhaCnJ" } };
	static const char *const only[][2] = { { "chiR", "danhF" } };
	static const char *const mails[][2] = {
		{ "thuH", "nayF" }, { "email", "nayF" }, { "mail", "nayF" },
	};
	bool facts = i > 1 && fold_is(f, i - 2, "thoCng") && fold_is(f, i - 1, "tin");
	bool law = has_pair(f, terms, ARRAY_LEN(terms));
	bool mail = has_pair(f, mails, ARRAY_LEN(mails));
	bool reader = has_pair(f, readers, ARRAY_LEN(readers));

	if (level->upper || level->level != LEVEL_MAT)
		return false;
	if (facts)
		return law || is_of_company(f, level->next) || (mail && reader) ||
		    ((mail || reader) && has_pair(f, only, ARRAY_LEN(only)));
	return law && mail;
}

enum condition { CONDITION_NONE, CONDITION_NEAR, CONDITION_OF_PAPER };

/* "Nếu văn bản này thuộc độ Mật" is about what might be, "nếu in văn bản này …" perhaps; "trường
 * hợp này" is a case at hand. */
static enum condition
condition(const struct fold *f, unsigned this)
{
	for (unsigned i = this; i > 0 && this - i < 5; i--) {
		unsigned type = f->word[i - 1].type, behind = i;

		if (type == FOLD_COMMA || type == FOLD_STOP || type == FOLD_COLON)
			return CONDITION_NONE;
		if (fold_is(f, i - 1, "truHoHngF") && fold_is(f, i, "hoHpJ"))
			behind++;
		else if (!fold_is(f, i - 1, "neCuS"))
			continue;
		if (behind < this)
			return behind + 2 == this ? CONDITION_OF_PAPER : CONDITION_NEAR;
	}
	return CONDITION_NONE;
}

/* "không thuộc độ Mật", "chưa xác định độ mật": says that it is none. */
static bool
is_negated(const struct fold *f, unsigned i)
{
	static const char *const verbs[] = {
		"thuoCcJ", "coS", "mang", "phaiR", "dDongS", "laF", "xacS", "dDuHoHcJ", "chuHaS",
	};

	for (unsigned k = i > 6 ? i - 6 : 0; k + 1 < i; k++)
		if ((fold_is(f, k, "khoCng") || fold_is(f, k, "chuHa")) &&
		    mark_in_list(f, k + 1, verbs, ARRAY_LEN(verbs)))
			return true;
	return false;
}

/* The word "này" behind the name of a paper, not of a rule ("Luật này"), or the last of "đính kèm",
 * "kèm theo"; its index, or 0. */
static unsigned
this_paper(const struct fold *f)
{
	static const char *const rules[] = {
		"luaCtJ", "tuH", "dDinhJ", "cheCS", "mucJ", "dDieCuF", "khoanR", "daCnX", "trinhF",
		"tacS", "vieCcJ", "lanF", "naBm",
	};

	for (unsigned i = 1; i < f->count; i++)
		if ((fold_is(f, i, "nayF") && !mark_in_list(f, i - 1, rules, ARRAY_LEN(rules))) ||
		    (fold_is(f, i, "kemF") && fold_is(f, i - 1, "dDinhS")) ||
		    (fold_is(f, i, "theo") && fold_is(f, i - 1, "kemF")))
			return i;
	return 0;
}

/* "văn bản này thuộc độ Mật": a level behind "độ" or "dấu". "độ mật" in small letters is the
 * notion, unless the paper was named right before it. */
static bool
is_degree(const struct fold *f, unsigned i, const struct mark_level *level, unsigned this)
{
	unsigned head = f->word[i - 1].type == FOLD_QUOTE && i > 1 ? i - 2 : i - 1;

	if (this == 0 || condition(f, this) == CONDITION_OF_PAPER ||
	    (fold_is(f, this + 1, "coS") && fold_is(f, this + 2, "theCR")) ||
	    !(fold_is(f, head, "dDoCJ") || fold_is(f, head, "daCuS")))
		return false;
	return level->level != LEVEL_MAT || level->upper || f->word[i].capital || head != i - 1 ||
	    (this < i && i - this <= 5);
}

/* "Tài liệu này thuộc …": the paper speaks of itself, and not of what might be. */
static bool
speaks_of_itself(const struct fold *f, unsigned i, const struct mark_level *level, unsigned this)
{
	static const char *const verbs[] = { "thuoCcJ", "coS", "mang", "laF", "dDuHoHcJ" };

	return this >= 2 && this < i && mark_is_paper(f, this - 2) &&
	    condition(f, this) == CONDITION_NONE &&
	    mark_in_list(f, this + 1, verbs, ARRAY_LEN(verbs)) &&
	    (level->level != LEVEL_MAT || level->upper || f->word[i].capital);
}

/* What a level at word i says in its sentence; -1: nothing. */
static int
weight_at(const struct fold *f, unsigned i, const struct mark_level *level, unsigned this)
{
	if (level->bare || mark_is_choice(f, level->next) || mark_is_other_word(f, level->next) ||
	    is_negated(f, i))
		return -1;
	if (is_degree(f, i, level, this))
		return speaks_of_itself(f, i, level, this) ? LABEL_ASSERTED : LABEL_REVIEW;
	return names_this_paper(f, i, level->next, this) ||
	    (says_here_is(f, i) && !is_disclaimer(f, i, level)) ? LABEL_REVIEW : -1;
}

void
sentence_in_line(const struct fold *f, uint32_t position, label_found_fn *found, void *arg)
{
	unsigned this = this_paper(f);
	struct mark_level level;

	for (unsigned i = 1; i < f->count; i = level.next) {
		int weight;

		level.next = i + 1;
		if (f->word[i].type != FOLD_LETTERS || !mark_level_at(f, i, false, &level))
			continue;
		weight = weight_at(f, i, &level, this);
		if (weight >= 0)
			found(arg, &(struct label_finding){ "sentence", position, level.level,
			    (enum label_weight)weight });
	}
}
