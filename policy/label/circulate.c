/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/circulate.h"

enum { INTERNAL_WORDS = 24 };

/* Does the line consist of at most `max` words and begin (from its first letter) so? */
static bool
line_begins(const struct fold *f, const char *const *phrase, unsigned max)
{
	unsigned i = mark_skip_punct(f, 0);
	unsigned n = 0;

	for (unsigned k = i; k < f->count; k++)
		n += f->word[k].type == FOLD_LETTERS;
	if (f->cut || n > max)
		return false;
	for (; *phrase != NULL; phrase++, i = mark_skip_punct(f, i + 1))
		if (!fold_is(f, i, *phrase))
			return false;
	return true;
}

/* "GIẢI MẬT", alone or with "Từ: …" behind it; not "Giải mật hồ sơ lưu trữ". */
static bool
is_declassified(const struct fold *f)
{
	static const char *const words[] = {
		"tuHF", "ngayF", "thangS", "naBm", "keCR", "theo", "quyeCtS", "dDinhJ", "soCS",
	};
	unsigned i = mark_skip_punct(f, 0);

	if (f->cut || !fold_is(f, i, "giaiR") || !fold_is(f, i + 1, "maCtJ"))
		return false;
	for (i = mark_skip_punct(f, i + 2); i < f->count; i = mark_skip_punct(f, i + 1))
		if (!f->word[i].digit && !mark_in_list(f, i, words, ARRAY_LEN(words)))
			return false;
	return true;
}

/* "Báo cáo (Lưu hành nội bộ)", "TÀI LIỆU HỌP - LƯU HÀNH NỘI BỘ", "Phạm vi lưu hành: Nội bộ". */
static bool
is_internal(const struct fold *f)
{
	static const char *const scope[][2] = { { "phamJ", "vi" }, { "luHu", "hanhF" },
		{ "noCiJ", "boCJ" } };

	for (unsigned i = 1; i + 3 < f->count; i++) {
		unsigned next = i + 4, type = f->word[i - 1].type;

		if (!mark_is_pair(f, i, scope + 1, 1))
			continue;
		if (f->word[i + 2].type == FOLD_COLON)
			return i >= 2 && mark_is_pair(f, i - 2, scope, 1) &&
			    mark_is_pair(f, mark_skip_punct(f, i + 3), scope + 2, 1);
		if (mark_is_pair(f, i + 2, scope + 2, 1) && ((type == FOLD_OPEN &&
		    next < f->count && f->word[next].type == FOLD_CLOSE) ||
		    (f->word[i].upper && type != FOLD_LETTERS &&
		    mark_skip_punct(f, next) >= f->count)))
			return true;
	}
	return false;
}

const char *
circulate_stamp(const struct fold *f, enum label_weight *weight_out)
{
	static const struct {
		const char *word[6];
		unsigned max;
		const char *detector;
		enum label_weight weight;
	} rows[] = {
		{ { "banR", "sao", "biS", "maCtJ" }, 8, "copy-stamp", LABEL_REVIEW },
		{ { "luHu", "hanhF", "noCiJ", "boCJ" }, 8, "internal-only", LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "luHu", "hanhF" }, 8, "internal-only", LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "noCiJ", "boCJ" }, 4, "internal-only", LABEL_INTERNAL },
		{ { "chiR", "luHu", "hanhF", "noCiJ", "boCJ" }, 8, "internal-only",
		    LABEL_INTERNAL },
		{ { "vaBn", "banR", "luHu", "hanhF", "noCiJ" }, 8, "internal-only",
		    LABEL_INTERNAL },
		{ { "taiF", "lieCuJ", "thu", "hoCiF" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "xem", "xong", "traR", "laiJ" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "xong", "hoCiJ", "nghiJ", "traR" }, 6, "internal-only", LABEL_INTERNAL },
		{ { "khoCng", "phoCR", "bieCnS", "treCn" }, 12, "internal-only", LABEL_INTERNAL },
	};

	*weight_out = LABEL_REVIEW;
	if (is_declassified(f))
		return "declassified";
	*weight_out = LABEL_INTERNAL;
	if (!f->cut && f->count <= INTERNAL_WORDS && is_internal(f))
		return "internal-only";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (line_begins(f, rows[i].word, rows[i].max)) {
			*weight_out = rows[i].weight;
			return rows[i].detector;
		}
	return NULL;
}
