/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/name.h"

#include <string.h>

#include "common/words.h"
#include "policy/label/field.h"
#include "policy/label/view.h"

enum { EXTENSION_MAX = 5, BRACKET_WORDS = 12 };

struct name {
	const struct fold *f;
	const char	  *detector;
	label_found_fn	  *found;
	void		  *arg;
};

static void
tell(const struct name *x, unsigned level, enum label_weight weight)
{
	struct label_finding one = { x->detector, 0, level, weight };

	x->found(x->arg, &one);
}

static unsigned
type_at(const struct fold *f, unsigned i)
{
	return i < f->count ? f->word[i].type : (unsigned)FOLD_OTHER;
}

static bool
is_separator(unsigned type)
{
	return type == FOLD_DASH || type == FOLD_COLON || type == FOLD_SLASH ||
	    type == FOLD_BULLET || type == FOLD_STOP || type == FOLD_COMMA;
}

/* Does a bare (toneless) level count when it stands so prominently? */
static bool
prominent(const struct mark_level *m)
{
	return !m->bare || m->upper || m->level != LEVEL_MAT;
}

/* The end of the brackets that open at word i, or 0. */
static unsigned
closing(const struct fold *f, unsigned i)
{
	for (unsigned k = i + 1; k < f->count && k < i + BRACKET_WORDS; k++)
		if (f->word[k].type == FOLD_CLOSE)
			return k;
	return 0;
}

/* "[MẬT]", "(toi mat)", "[HỎA TỐC - MẬT]". */
static bool
in_brackets(const struct name *x)
{
	const struct fold *f = x->f;
	struct mark_level m;

	for (unsigned i = 0; i + 1 < f->count; i++) {
		unsigned end = f->word[i].type == FOLD_OPEN ? closing(f, i) : 0;

		if (end != 0 && mark_only_level(f, i + 1, end, &m)) {
			tell(x, m.level, LABEL_ASSERTED);
			return true;
		}
		/* "(mật, không chuyển tiếp)"; "(Mật, Tối mật)" is a choice */
		if (end != 0 && mark_level_at(f, i + 1, false, &m) && !m.bare &&
		    type_at(f, m.next) == FOLD_COMMA && !mark_level_at(f, m.next + 1, false, &m)) {
			tell(x, m.level, LABEL_REVIEW);
			return true;
		}
	}
	return false;
}

/* Does one of the pairs of bare words stand before word `end`, dashes between them or not? */
static bool
has_pair(const struct fold *f, unsigned end, const char *const (*pairs)[2], size_t n)
{
	for (unsigned i = 0; i + 1 < end; i++)
		for (unsigned k = 0; k < n; k++)
			if (fold_is_bare(f, i, pairs[k][0])) {
				unsigned next = i + 1;

				while (type_at(f, next) == FOLD_DASH)
					next++;
				if (next < end && fold_is_bare(f, next, pairs[k][1]))
					return true;
			}
	return false;
}

/* Is the paper about rules for secret papers rather than one itself? */
static bool
about_rules(const struct fold *f)
{
	static const char *const pairs[][2] = {
		{ "quy", "dinh" }, { "huong", "dan" }, { "tap", "huan" }, { "bieu", "mau" },
		{ "bao", "ve" }, { "danh", "muc" }, { "quy", "che" }, { "quy", "trinh" },
		{ "quan", "ly" }, { "giai", "mat" }, { "so", "dang" }, { "nghi", "dinh" },
		{ "tieu", "huy" }, { "thong", "ke" }, { "kiem", "tra" }, { "luu", "tru" },
		{ "bao", "quan" }, { "su", "dung" }, { "soan", "thao" }, { "gui", "nhan" },
		{ "theo", "doi" }, { "an", "toan" }, { "thong", "tu" }, { "trien", "khai" },
		{ "quan", "triet" }, { "thuc", "hien" }, { "cong", "tac" }, { "ra", "soat" },
		{ "thu", "hoi" }, { "sao", "chup" }, { "tru", "van" }, { "dau", "do" },
		{ "che", "do" }, { "xac", "dinh" }, { "bao", "mat" }, { "bi", "mat" },
		{ "nghiem", "cam" }, { "khong", "gui" }, { "khong", "duoc" }, { "boi", "duong" },
		{ "kien", "thuc" }, { "xu", "ly" }, { "chan", "chinh" }, { "tuyen", "truyen" },
		{ "pho", "bien" }, { "nhac", "nho" }, { "canh", "bao" }, { "phong", "ngua" },
	};

	return has_pair(f, f->count, pairs, ARRAY_LEN(pairs));
}

/* --- subject --- */

/* Behind "Re:", "Fwd:", "Trả lời:", "[EXT]" and the like. */
static unsigned
skip_reply(const struct fold *f)
{
	static const char *const words[] = { "re", "fw", "fwd", "tr", "aw", "wg" };
	unsigned i = 0;

	for (;;) {
		bool reply = false;

		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			reply |= fold_is(f, i, words[k]);
		if (reply && type_at(f, i + 1) == FOLD_COLON)
			i += 2;
		else if (((fold_is(f, i, "traR") && fold_is(f, i + 1, "loHiF")) ||
		    (fold_is(f, i, "chuyeCnR") && fold_is(f, i + 1, "tieCpS"))) &&
		    type_at(f, i + 2) == FOLD_COLON)
			i += 3;
		else
			return i;
	}
}

static bool
subject_prefix(const struct name *x)
{
	const struct fold *f = x->f;
	unsigned i = skip_reply(f);
	struct mark_level m;
	bool sep, word, quoted = type_at(f, i) == FOLD_QUOTE;

	i = mark_skip_urgency(f, mark_skip_punct(f, i));
	if (!mark_level_at(f, i, false, &m) || !prominent(&m))
		return false;
	sep = m.next >= f->count || is_separator(type_at(f, m.next)) ||
	    (quoted && type_at(f, m.next) == FOLD_QUOTE);
	word = m.upper && (!m.bare || m.level != LEVEL_MAT) && m.next < f->count &&
	    f->word[m.next].type == FOLD_LETTERS && !f->word[m.next].upper &&
	    (m.level != LEVEL_MAT || !mark_compound_after(f, m.next));
	if (!sep && !word)
		return false;
	tell(x, m.level, LABEL_ASSERTED);
	return true;
}

/* How much a level at word i counts when the subject ends with it: "Báo cáo - MẬT" states it,
 * "Kế hoạch tuyệt mật" may be a title, "Quy định về tài liệu mật" is about rules. */
static int
weight_of_suffix(const struct fold *f, unsigned i, const struct mark_level *m)
{
	if (is_separator(f->word[i - 1].type)) {
		if (m->upper || (!m->bare && m->level != LEVEL_MAT))
			return LABEL_ASSERTED;
		/* "Báo cáo - Mật"; but "Gan - Mật", and people have that name */
		return !m->bare && f->word[i].capital &&
		    (i < 2 || !mark_compound_before(f, i - 2)) ? LABEL_REVIEW : -1;
	}
	if (m->bare || f->word[i - 1].type != FOLD_LETTERS || mark_compound_before(f, i - 1) ||
	    about_rules(f))
		return -1;
	if (m->upper && !f->word[i - 1].upper)
		return LABEL_ASSERTED;
	return m->upper || m->level != LEVEL_MAT ? LABEL_REVIEW : -1;
}

static bool
subject_suffix(const struct name *x)
{
	const struct fold *f = x->f;
	struct mark_level m;

	for (unsigned i = 1; i < f->count; i++) {
		int weight;

		if (!mark_level_at(f, i, false, &m))
			continue;
		weight = mark_skip_punct(f, m.next) >= f->count ? weight_of_suffix(f, i, &m) : -1;
		if (weight >= 0) {
			tell(x, m.level, (enum label_weight)weight);
			return true;
		}
		i = m.next - 1;
	}
	return false;
}

/* "Kế hoạch A2 - MẬT - bản cuối" */
static bool
subject_middle(const struct name *x)
{
	const struct fold *f = x->f;
	struct mark_level m;

	for (unsigned i = 1; i < f->count; i++)
		if (is_separator(f->word[i - 1].type) && mark_level_at(f, i, false, &m) &&
		    m.upper && !m.bare && is_separator(type_at(f, m.next)) &&
		    (i < 2 || !mark_compound_before(f, i - 2))) {
			tell(x, m.level, LABEL_ASSERTED);
			return true;
		}
	return false;
}

/* "Gửi tài liệu mật": not a statement, but a person should look. */
static void
subject_paper(const struct name *x)
{
	const struct fold *f = x->f;
	struct mark_level m;

	for (unsigned i = 0; i + 2 < f->count; i++)
		if (mark_is_paper(f, i) && mark_level_at(f, i + 2, false, &m) && !m.bare &&
		    !mark_compound_after(f, m.next) && !about_rules(f)) {
			tell(x, m.level, LABEL_REVIEW);
			return;
		}
}

static void
one_subject(struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	struct name x = { f, "subject-mark", found, arg };
	struct mark_level m;

	fold_text(f, utf8);
	if (mark_whole_line(f, &m) && !m.bare)
		tell(&x, m.level, LABEL_ASSERTED);
	else if (!in_brackets(&x) && !subject_prefix(&x) && !subject_suffix(&x) &&
	    !subject_middle(&x))
		subject_paper(&x);
	field_in_line(f, 0, found, arg);
}

/* --- file name --- */

/* Without the extension, if the end looks like one. */
static struct slice
without_extension(struct slice s)
{
	size_t dot = s.n;

	while (dot > 0 && s.p[dot - 1] != '.')
		dot--;
	if (dot < 2 || s.n - dot > EXTENSION_MAX)
		return s;
	for (size_t i = dot; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]))
			return s;
	return slice_sub(s, 0, dot - 1);
}

/* Without ".pdf", ".signed.pdf". */
static struct slice
stem(struct slice s)
{
	s = without_extension(s);
	if (slice_ends_nocase(s, SLICE(".signed")))
		s.n -= sizeof ".signed" - 1;
	return s;
}

static unsigned
word_before(const struct fold *f, unsigned i)
{
	while (i > 0 && f->word[i - 1].type != FOLD_LETTERS)
		i--;
	return i > 0 ? i - 1 : UINT32_MAX;
}

/* Words that make a bare "mat" behind them mặt, mắt, mất or another word of mật. */
static bool
bare_compound(const struct fold *f, unsigned i)
{
	static const char *const words[] = {
		"co", "vang", "thay", "tien", "be", "ra", "gap", "hop", "khan", "mo", "bi", "bao",
		"than", "ong", "duong", "tui", "trang", "trai", "kinh", "tren", "ngoai", "nuoc",
		"rua", "lo", "guong", "giap", "doi", "dau", "dat", "nham", "dieu", "bo", "chong",
		"thu", "lam", "cay", "hoa", "sang", "toan", "long", "dong", "nhan", "met",
		"mat", "lon", "yen",
	};

	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		if (fold_is(f, i, words[k]))
			return true;
	return mark_compound_before(f, i);
}

/* "Vũ Văn Mật": a name of a person. */
static bool
is_person(const struct fold *f, unsigned i)
{
	unsigned b = word_before(f, i), c;

	if (b == UINT32_MAX || !(fold_is_bare(f, b, "van") || fold_is_bare(f, b, "thi")))
		return false;
	c = word_before(f, b);
	return c != UINT32_MAX && !fold_is_bare(f, c, "cong");
}

static unsigned
word_after(const struct fold *f, unsigned i)
{
	while (i < f->count && f->word[i].type != FOLD_LETTERS)
		i++;
	return i;
}

/* "van-ban-mat", "tai lieu mat", "do-mat". */
static bool
behind_noun(const struct fold *f, unsigned i)
{
	static const char *const nouns[] = { "ban", "lieu", "cv", "so" };
	unsigned b = word_before(f, i);

	if (b == UINT32_MAX)
		return false;
	for (size_t k = 0; k < ARRAY_LEN(nouns); k++)
		if (fold_is_bare(f, b, nouns[k]))
			return true;
	return fold_is_bare(f, b, "van") && word_before(f, b) != UINT32_MAX &&
	    fold_is_bare(f, word_before(f, b), "cong");
}

/* Is the token at [i, next) set apart at the beginning or the end of the name? */
static bool
at_an_end(const struct fold *f, unsigned i, unsigned next)
{
	bool first = word_before(f, i) == UINT32_MAX;
	bool last = word_after(f, next) >= f->count;
	bool cut_before = first || f->word[i - 1].type != FOLD_LETTERS;
	bool cut_after = last || f->word[next].type != FOLD_LETTERS || f->word[next].digit;

	return (first && cut_after) || (last && cut_before);
}

/* Is word i the short name of a kind of document, as officials put it into file names? */
static bool
is_document_kind(const struct fold *f, unsigned i)
{
	static const char *const kinds[] = {
		"bc", "kh", "cv", "ttr", "qd", "tb", "nq", "ct", "bb", "hd", "pa", "da", "kl", "gm",
		"vb", "hs",
	};

	for (size_t k = 0; i < f->count && k < ARRAY_LEN(kinds); k++)
		if (fold_is(f, i, kinds[k]))
			return true;
	return false;
}

/* Does the name of a kind of document stand before word i ("Báo cáo mật", "BC mật")? */
static bool
is_kind_before(const struct fold *f, unsigned i)
{
	return i > 0 && (is_document_kind(f, i - 1) || (i > 1 && mark_is_paper(f, i - 2)));
}

/* "Mat_KH_…", "KH so 7 MAT": without diacritics it takes more to believe it. */
static bool
is_bare_mark(const struct fold *f, unsigned i, const struct mark_level *m)
{
	unsigned before = word_before(f, i), after = word_after(f, m->next);
	bool first = before == UINT32_MAX, last = after >= f->count;

	if (m->upper && first && after < f->count)	/* "MAT-TRAN" is no mark, "MAT_15" is */
		return f->word[after].digit || is_document_kind(f, after);
	if (m->upper && at_an_end(f, i, m->next))
		return true;
	if (m->upper && !first && !last && f->word[after].digit &&
	    (is_document_kind(f, before) || f->word[before].digit))
		return true;
	if (m->upper && last && !first && (f->word[before].digit || !f->word[before].upper))
		return true;
	return (first && is_document_kind(f, after)) || (last && is_document_kind(f, before));
}

/* "KH A2 - Mật - v2": set apart on both sides. */
static bool
set_apart(const struct fold *f, unsigned i, unsigned next)
{
	return i > 0 && is_separator(f->word[i - 1].type) && is_separator(type_at(f, next));
}

/* "A2_MAT_scan": in capitals, set apart, and not before a word that makes it mặt or mất. */
static bool
may_be_bare_mark(const struct fold *f, unsigned i, const struct mark_level *m)
{
	static const char *const others[] = {
		"truoc", "sau", "bang", "cat", "dung", "tran", "tien", "ngoai", "trong", "na",
		"kinh", "dien", "nuoc", "the", "so", "hang", "duong", "san", "ma", "khau", "do",
		"ong", "phai", "trai", "chinh", "ben", "tren", "duoi", "ho", "giay", "xe", "cap",
		"tin", "can", "hoc", "nha", "pho", "dat", "sang", "lat", "phang", "thiet",
	};
	unsigned before = word_before(f, i), after = word_after(f, m->next);

	if (!m->bare || !m->upper || !set_apart(f, i, m->next) || before == UINT32_MAX ||
	    bare_compound(f, before))
		return false;
	for (size_t k = 0; k < ARRAY_LEN(others); k++)
		if (fold_is_bare(f, after, others[k]))
			return false;
	return true;
}

/* Is a plain "mật" or "mat" at word i a mark? */
static bool
is_mark_of_name(const struct fold *f, unsigned i, const struct mark_level *m)
{
	unsigned before = word_before(f, i), after = word_after(f, m->next);
	bool alone = before == UINT32_MAX && after >= f->count;

	if (alone)
		return !m->bare || m->upper;
	if (mark_compound_after(f, after) || is_person(f, i))
		return false;
	if (before != UINT32_MAX &&
	    (m->bare ? bare_compound(f, before) : mark_compound_before(f, before)))
		return false;
	if (behind_noun(f, i))
		return after >= f->count || f->word[after].digit || m->upper ||
		    (f->word[after].upper && f->word[m->next].type != FOLD_LETTERS);
	if (m->bare)
		return is_bare_mark(f, i, m);
	return m->upper || at_an_end(f, i, m->next) || set_apart(f, i, m->next) ||
	    (is_kind_before(f, i) && (after >= f->count || f->word[after].digit));
}

/* "BaoCaoTOIMAT", "tuyetmat15". */
static unsigned
joined(struct slice word)
{
	if (slice_find(word, SLICE("tuyetmat")) >= 0 ||
	    slice_find(word, SLICE("tuyeCtmaCt")) >= 0)
		return LEVEL_TUYET_MAT;
	if (slice_find(word, SLICE("toimat")) >= 0 || slice_find(word, SLICE("toCimaCt")) >= 0)
		return LEVEL_TOI_MAT;
	return LEVEL_THUONG;
}

/* "do-mat_TOI-MAT": the value of a field; *next_out: behind "mat". */
static bool
is_field(const struct fold *f, unsigned i, unsigned *next_out)
{
	unsigned mat = word_after(f, i + 1);

	if (fold_is_bare(f, i, "domat")) {
		*next_out = mat;
		return true;
	}
	if (!fold_is_bare(f, i, "do") || !fold_is_bare(f, mat, "mat"))
		return false;
	*next_out = word_after(f, mat + 1);
	return true;
}

/* "Tiếp nhận văn bản mật": what is done with secret papers, before the level at word i, but not
 * "Tiếp nhận văn bản - MẬT". In a subject it may be said of one. */
static bool
about_handling(const struct fold *f, unsigned i)
{
	static const char *const pairs[][2] = {
		{ "tiep", "nhan" }, { "giao", "nhan" }, { "chuyen", "giao" }, { "van", "chuyen" },
		{ "dang", "ky" },
	};

	if (i > 0 && is_separator(f->word[i - 1].type) && f->word[i].spaced)
		return false;
	return behind_noun(f, i) && has_pair(f, i, pairs, ARRAY_LEN(pairs));
}

/* A level at word i; `rules`: the name is about rules. */
static void
tell_file(const struct name *x, unsigned i, unsigned level, bool rules)
{
	tell(x, level, rules || about_handling(x->f, i) ? LABEL_REVIEW : LABEL_ASSERTED);
}

/* "TUYỆT MẬT - Phương án bảo vệ …", "… rà soát_MẬT": in capitals beyond a dash at an end of the
 * name; that is a mark, whatever the paper is about. But "QUY-DINH-VE-TAI-LIEU-TOI-MAT". */
static bool
is_set_off(const struct fold *f, unsigned i, const struct mark_level *m)
{
	unsigned before = word_before(f, i), after = word_after(f, m->next);

	if (!m->upper || (m->bare && m->level == LEVEL_MAT) || mark_is_choice(f, m->next))
		return false;
	if (before == UINT32_MAX)
		return after < f->count && type_at(f, m->next) == FOLD_DASH &&
		    (f->word[after].spaced || !f->word[after].upper);
	return after >= f->count && f->word[i - 1].type == FOLD_DASH &&
	    (f->word[i].spaced || !(f->word[before].upper || behind_noun(f, i)));
}

static void
one_component(struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	struct name x = { f, "filename-mark", found, arg };
	struct mark_level m;
	bool rules;

	fold_text(f, stem(utf8));
	if (in_brackets(&x))
		return;
	rules = about_rules(f);
	for (unsigned i = 0; i < f->count; i++) {
		unsigned level, value;

		if (f->word[i].type != FOLD_LETTERS)
			continue;
		if (is_field(f, i, &value)) {
			if (mark_level_at(f, value, false, &m))
				tell_file(&x, i, m.level, rules);
			i = value - 1;
			continue;
		}
		level = joined(fold_letters(f, i));
		if (level != LEVEL_THUONG) {
			tell_file(&x, i, level, rules);
		} else if (mark_level_at(f, i, false, &m)) {
			if (m.level != LEVEL_MAT || is_mark_of_name(f, i, &m))
				tell_file(&x, i, m.level, rules && !is_set_off(f, i, &m));
			else if (may_be_bare_mark(f, i, &m))
				tell(&x, m.level, LABEL_REVIEW);
			i = m.next - 1;
		}
	}
}

/* Folders have names too. */
static void
one_file(struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	size_t from = 0;

	for (size_t i = 0; i <= utf8.n; i++)
		if (i == utf8.n || utf8.p[i] == '/' || utf8.p[i] == '\\') {
			one_component(f, slice_sub(utf8, from, i - from), found, arg);
			from = i + 1;
		}
}

/* --- all readings --- */

typedef void one_fn(struct fold *f, struct slice utf8, label_found_fn *found, void *arg);

static void
every_view(one_fn *one, struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	unsigned which = view_which(utf8);
	struct buf view;

	one(f, utf8, found, arg);
	buf_init(&view, VIEW_OUT_MAX);
	for (unsigned v = 0; which >> v != 0; v++)
		if ((which >> v & 1) != 0 && view_make((enum view)v, utf8, &view))
			one(f, buf_slice(&view), found, arg);
	buf_fini(&view);
}

void
name_subject(struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	every_view(one_subject, f, utf8, found, arg);
}

void
name_file(struct fold *f, struct slice utf8, label_found_fn *found, void *arg)
{
	every_view(one_file, f, utf8, found, arg);
}
