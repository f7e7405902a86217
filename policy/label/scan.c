/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/scan.h"

#include "common/words.h"
#include "policy/label/field.h"
#include "policy/label/name.h"
#include "policy/label/skeleton.h"

enum {
	SHORT_LETTERS = 6,	/* the longest syllable of a mark */
	LIST_LINES = 8,		/* three levels within so many lines are a list */
	STAMP_LINES = 4,	/* a stamp is so near to the number or the national heading */
	EXAMPLE_LINES = 2,	/* "Mẫu dấu:" speaks for so many lines behind it */
	FAREWELL_LINES = 1,	/* "Trân trọng," before a name */
	FAREWELL_WORDS = 12,
	ORGAN_LINES = 3,
	DOWNWARDS_OCTETS = 4096, /* of all lines of a mark written downwards */
	COLUMN_GAP = 4,		/* spaces between columns */
	STOP_LINES = 256	/* asks so often whether to stop */
};

void
scan_init(struct scan *s, label_found_fn *found, scan_stop_fn *stop, void *arg)
{
	s->found = found;
	s->stop = stop;
	s->arg = arg;
	fold_init(&s->fold);
	buf_init(&s->view, VIEW_OUT_MAX);
}

void
scan_fini(struct scan *s)
{
	buf_fini(&s->view);
}

static void
forward(void *arg, const struct label_finding *found)
{
	const struct scan *s = arg;

	s->found(s->arg, found);
}

/* --- whole-line marks wait until it is clear that no list of levels is going on --- */

/* Three of the choices that a form has: the levels, and to have none. "Thường" between stamps in
 * capitals is how urgent it is. */
static bool
is_list(const struct scan *s)
{
	bool ordinary = s->pending_ordinary && (s->ordinary_upper || !s->pending_upper);
	unsigned choices = ordinary ? 1u << LEVEL_THUONG : 0, n = 0;

	for (unsigned i = 0; i < s->pending_count; i++)
		choices |= 1u << s->pending[i].level;
	for (; choices != 0; choices &= choices - 1)
		n++;
	return n >= 3;
}

static void
flush(struct scan *s)
{
	bool list = is_list(s);

	for (unsigned i = 0; i < s->pending_count; i++) {
		struct label_finding *p = &s->pending[i];

		if (list)
			p->weight = LABEL_REVIEW;
		s->found(s->arg, p);
	}
	s->pending_count = 0;
}

static void
hold(struct scan *s, unsigned level, enum label_weight weight)
{
	if (s->pending_count > 0 &&
	    s->line - s->pending[s->pending_count - 1].position > LIST_LINES)
		flush(s);
	if (s->pending_count == SCAN_PENDING)
		flush(s);
	if (s->pending_count == 0) {
		s->pending_ordinary = s->ordinary_line != 0 &&
		    s->line - s->ordinary_line <= LIST_LINES;
		s->pending_upper = false;
	}
	s->pending[s->pending_count++] = (struct label_finding){
		.detector = "line-mark", .position = s->line, .level = level, .weight = weight,
	};
}

static void
place(struct scan_place *p, const struct scan *s)
{
	*p = (struct scan_place){ s->line, s->filled_lines };
}

static bool
near(const struct scan_place *p, const struct scan *s, uint32_t lines)
{
	return p->line != 0 && s->filled_lines - p->filled <= lines;
}

/* A mark without diacritics: TUYET MAT and TOI MAT in capitals say it, MAT only as a stamp. */
static void
bare_mark(struct scan *s, const struct mark_level *m)
{
	if (!m->upper) {
		if (m->level == LEVEL_TUYET_MAT)
			hold(s, m->level, LABEL_REVIEW);
	} else if (m->level != LEVEL_MAT || near(&s->heading, s, STAMP_LINES)) {
		hold(s, m->level, LABEL_ASSERTED);
	} else {
		place(&s->bare, s);
	}
}

/* "Mật" is also a name, under a letter, and bile, in a list of organs. */
static bool
is_other_mat(const struct scan *s, const struct mark_level *m)
{
	return m->level == LEVEL_MAT && !m->upper &&
	    (near(&s->farewell, s, FAREWELL_LINES) || near(&s->organ, s, ORGAN_LINES));
}

static bool
whole_line(struct scan *s, const struct fold *f)
{
	struct mark_level m;

	if (!mark_whole_line(f, &m))
		return false;
	if (near(&s->example, s, EXAMPLE_LINES) || is_other_mat(s, &m))
		hold(s, m.level, LABEL_REVIEW);
	else if (m.bare)
		bare_mark(s, &m);
	else
		hold(s, m.level, LABEL_ASSERTED);
	s->pending_upper |= m.upper;
	return true;
}

static void
heading(struct scan *s, const struct fold *f)
{
	if (!mark_is_heading(f))
		return;
	place(&s->heading, s);
	if (near(&s->bare, s, STAMP_LINES)) {
		hold(s, LEVEL_MAT, LABEL_ASSERTED);
		s->bare.line = 0;
	}
}

/* "Mẫu dấu MẬT:", "Ví dụ:": what follows shows a mark and is none. */
static void
example(struct scan *s, const struct fold *f)
{
	for (unsigned i = 0; i + 1 < f->count; i++) {
		bool sample = fold_is(f, i, "maCuX") || fold_is(f, i, "hinhF");

		if ((sample && (fold_is(f, i + 1, "daCuS") || fold_is(f, i + 1, "soCS"))) ||
		    (fold_is(f, i, "viS") && fold_is(f, i + 1, "duJ"))) {
			place(&s->example, s);
			return;
		}
	}
}

/* "-- " before a signature, perhaps quoted. */
static bool
is_signature_rule(const struct fold *f)
{
	unsigned dashes = 0;

	for (unsigned i = 0; i < f->count; i++) {
		if (f->word[i].type != FOLD_DASH && f->word[i].type != FOLD_CLOSE)
			return false;
		dashes += f->word[i].type == FOLD_DASH;
	}
	return dashes == 2;
}

/* "Thường", "1. Bình thường", "Không mật": the choice of a form that is no level. */
static void
ordinary(struct scan *s, const struct fold *f)
{
	unsigned i = mark_skip_punct(f, 0);

	if (i < f->count && f->word[i].digit)
		i = mark_skip_punct(f, i + 1);
	if (fold_is(f, i, "binhF") || fold_is(f, i, "khoCng"))
		i = mark_skip_punct(f, i + 1);
	if (!fold_is(f, i, "thuHoHngF") && !(i > 0 && fold_is(f, i, "maCtJ") &&
	    fold_is(f, i - 1, "khoCng")))
		return;
	if (mark_skip_punct(f, i + 1) < f->count)
		return;
	s->ordinary_line = s->line;
	s->ordinary_upper = f->word[i].upper;
	if (s->pending_count > 0 &&
	    s->line - s->pending[s->pending_count - 1].position <= LIST_LINES)
		s->pending_ordinary = true;
}

/* Lines that give a "Mật" behind them another meaning. */
static void
company(struct scan *s, const struct fold *f)
{
	static const char *const farewells[][2] = {
		{ "traCn", "trongJ" }, { "kinhS", "thuH" }, { "kinhS", "chaoF" },
		{ "thaCn", "meCnS" }, { "thaCn", "aiS" }, { "thaCn", "chaoF" }, { "caRm", "oHn" },
		{ "camR", "oHn" }, { "dDaX", "kyS" },
		{ "best", "regards" }, { "kind", "regards" }, { "warm", "regards" },
	};
	static const char *const organs[] = { "gan", "thaCnJ", "lachS", "tuyJ", "tuiS" };
	unsigned i = mark_skip_punct(f, 0);

	if (f->cut || f->count > FAREWELL_WORDS)
		return;
	if (fold_is(f, i, "thanks"))	/* "Thanks & best regards" */
		i = mark_skip_punct(f, i + 1) + (fold_is(f, mark_skip_punct(f, i + 1), "and"));
	if (mark_is_pair(f, i, farewells, ARRAY_LEN(farewells)) || fold_is(f, i, "kyS") ||
	    is_signature_rule(f))
		place(&s->farewell, s);
	if (mark_in_list(f, i, organs, ARRAY_LEN(organs)))
		place(&s->organ, s);
}

/* --- marks written downwards --- */

static unsigned
letters_of(const struct fold *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count && n <= SHORT_LETTERS; i++)
		if (f->word[i].type == FOLD_LETTERS)
			n += f->word[i].letters;
	return n;
}

/* The letters of the last word, without what alters them. */
static struct slice
last_letters(const struct fold *f)
{
	for (unsigned i = f->count; i-- > 0;)
		if (f->word[i].type == FOLD_LETTERS)
			return fold_letters(f, i);
	return (struct slice){ NULL, 0 };
}

static bool
ends_with_a(struct slice w)
{
	while (w.n > 0 && w.p[w.n - 1] >= 'A' && w.p[w.n - 1] <= 'Z')
		w.n--;
	return w.n > 0 && w.p[w.n - 1] == 'a';
}

/* Could a mark end with this line? */
static bool
ends_like_mark(const struct scan *s, struct slice w)
{
	if (w.n == 0 || w.p[w.n - 1] != 't')
		return false;
	w.n--;
	return ends_with_a(w) || (w.n == 0 && s->tail_a);
}

static void
downwards(struct scan *s, struct slice line)
{
	struct mark_level m;
	unsigned letters = letters_of(&s->fold);
	bool whole = ends_like_mark(s, last_letters(&s->fold));

	if (s->fold.cut || letters > SHORT_LETTERS) {
		s->tail_count = 0;
		s->tail_a = false;
		return;
	}
	if (letters == 0)
		return;
	s->tail_a = ends_with_a(last_letters(&s->fold));
	if (s->tail_count == SCAN_SHORT_LINES) {
		s->tail_count--;
		for (unsigned i = 0; i < s->tail_count; i++)
			s->tail[i] = s->tail[i + 1];
	}
	s->tail[s->tail_count++] = line.p;
	for (unsigned i = 0; whole && i + 1 < s->tail_count; i++) {
		struct slice all = { s->tail[i], (size_t)(line.p + line.n - s->tail[i]) };

		if (all.n > DOWNWARDS_OCTETS)
			continue;
		fold_text(&s->fold, all);
		if (mark_whole_line(&s->fold, &m) && (!m.bare || m.level != LEVEL_MAT)) {
			hold(s, m.level, m.bare && !m.upper ? LABEL_REVIEW : LABEL_ASSERTED);
			return;
		}
	}
}

/* --- lines --- */

static void
found_here(void *arg, const struct label_finding *found)
{
	const struct scan *s = arg;
	struct label_finding here = *found;

	here.position = s->line;
	s->found(s->arg, &here);
}

/* "Subject: …" of a message that was forwarded or quoted in the text, "SUMMARY:" of an event. */
static bool
is_quoted_subject(const struct fold *f)
{
	unsigned i = mark_skip_punct(f, 0);

	return fold_is(f, i, "subject") || fold_is(f, i, "summary") ||
	    (fold_is(f, i, "chuR") && fold_is(f, i + 1, "dDeCF")) ||
	    (fold_is(f, i, "tieCu") && fold_is(f, i + 1, "dDeCF"));
}

static void
quoted_subject(struct scan *s, struct slice line)
{
	ptrdiff_t colon = slice_chr(line, ':');

	if (colon >= 0)
		name_subject(&s->fold, slice_from(line, (size_t)colon + 1), found_here, s);
}

static void
look(struct scan *s, const struct fold *f)
{
	if (!whole_line(s, f))
		field_asides(f, s->line, forward, s);
	field_in_line(f, s->line, forward, s);
	heading(s, f);
	ordinary(s, f);
	example(s, f);
	company(s, f);
}

static void
fold_long(struct scan *s, struct slice text)
{
	fold_init(&s->fold);
	while (text.n > 0) {
		struct slice before = text;

		if (fold_put(&s->fold, fold_next(&text)))
			continue;
		text = before;
		s->fold.cut = true;
		fold_end(&s->fold);
		field_in_line(&s->fold, s->line, forward, s);
		fold_slide(&s->fold);
	}
	fold_end(&s->fold);
}

/* "Lâm Hòa, ngày 01 tháng 02 năm 2026", the nation's name: what stands at the head of a paper. */
static bool
is_head_of_paper(const struct fold *f)
{
	bool day = false;

	if (mark_is_heading(f))
		return true;
	for (unsigned i = 0; i < f->count; i++) {
		day |= fold_is(f, i, "ngayF");
		if (day && fold_is(f, i, "thangS"))
			return true;
	}
	return false;
}

/* How much a character adds to a gap; *n_out: its octets. What leaves no trace adds nothing and
 * does not end one (-1). */
static int
gap_at(struct slice line, size_t at, size_t *n_out)
{
	struct slice rest = slice_from(line, at);
	unsigned char c = (unsigned char)line.p[at];
	uint32_t cp;

	*n_out = 1;
	if (c < 0x80)
		return c == '\t' ? COLUMN_GAP : c == ' ';
	if (c != 0xC2 && c != 0xE2 && c != 0xE3 && c != 0xEF)
		return 0;
	cp = fold_next(&rest);
	*n_out = line.n - at - rest.n;
	return skeleton_space(cp) ? 1 : skeleton_invisible(cp) ? -1 : 0;
}

/* The best mark of the columns so far. */
struct columns {
	unsigned level;
	bool	 upper, head;
};

static void
one_column(struct scan *s, struct slice text, struct columns *c)
{
	struct mark_level m;

	fold_text(&s->fold, text);
	if (mark_whole_line(&s->fold, &m) && !m.bare && m.level > c->level) {
		c->level = m.level;
		c->upper = m.upper;
	} else {
		c->head |= is_head_of_paper(&s->fold);
	}
}

/* Two things side by side ("MẬT      CỘNG HÒA …"): what stands apart is a line of its own, in
 * capitals, since this is how headings are written, or beside the head of a paper. */
static void
columns(struct scan *s, struct slice line)
{
	struct columns c = { LEVEL_THUONG, false, false };
	size_t from = 0, end = 0, n;
	int gap = 0;

	for (size_t at = 0; at < line.n; at += n) {
		int more = gap_at(line, at, &n);

		if (more < 0)
			continue;
		if (more == 0 && gap >= COLUMN_GAP) {
			if (end > from)
				one_column(s, slice_sub(line, from, end - from), &c);
			from = at;
		}
		gap = more == 0 ? 0 : gap + more;
		end = more == 0 ? at + n : end;
	}
	if (from == 0)
		return;		/* one column only: the whole line */
	one_column(s, slice_sub(line, from, end - from), &c);
	if (c.level != LEVEL_THUONG && (c.upper || c.head))
		hold(s, c.level, LABEL_ASSERTED);
}

static void
views(struct scan *s, struct slice line)
{
	enum { STEP = VIEW_LINE_MAX - 256 };

	for (size_t at = 0; at == 0 || at + 256 < line.n; at += STEP) {
		struct slice part = slice_sub(line, at, VIEW_LINE_MAX);
		unsigned which = view_which(part);

		for (unsigned v = 0; which >> v != 0; v++) {
			if ((which >> v & 1) == 0 || !view_make((enum view)v, part, &s->view))
				continue;
			fold_text(&s->fold, buf_slice(&s->view));
			s->fold.cut |= line.n > VIEW_LINE_MAX;
			if (!whole_line(s, &s->fold))
				field_asides(&s->fold, s->line, forward, s);
			field_in_line(&s->fold, s->line, forward, s);
			ordinary(s, &s->fold);
			company(s, &s->fold);
			columns(s, buf_slice(&s->view));
		}
	}
}

/* Not blank, nor only quoted (">"). */
static bool
is_filled(const struct fold *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->word[i].type != FOLD_CLOSE)
			return true;
	return false;
}

static void
one_line(struct scan *s, struct slice line)
{
	bool subject;

	fold_long(s, line);
	subject = is_quoted_subject(&s->fold);
	if (is_filled(&s->fold))
		s->filled_lines++;
	look(s, &s->fold);
	downwards(s, line);
	if (subject)
		quoted_subject(s, line);
	columns(s, line);
	views(s, line);
}

/* Length of the line end at the start of text, 0 if there is none. */
static size_t
line_end(struct slice text)
{
	unsigned char c = (unsigned char)text.p[0];

	if (c == '\r' && text.n > 1 && text.p[1] == '\n')
		return 2;
	if (c >= '\n' && c <= '\r')
		return 1;
	if (c == 0xC2 && text.n > 1 && (unsigned char)text.p[1] == 0x85)
		return 2;
	if (c == 0xE2 && text.n > 2 && (unsigned char)text.p[1] == 0x80 &&
	    ((unsigned char)text.p[2] == 0xA8 || (unsigned char)text.p[2] == 0xA9))
		return 3;
	return 0;
}

void
scan_text(struct scan *s, struct slice text)
{
	s->line = 0;
	s->tail_count = s->pending_count = 0;
	s->tail_a = false;
	s->heading = s->bare = s->example = s->farewell = s->organ = (struct scan_place){ 0, 0 };
	s->filled_lines = s->ordinary_line = 0;
	s->pending_ordinary = s->pending_upper = s->ordinary_upper = false;
	while (text.n > 0) {
		size_t n = 0, end = 0;

		while (n < text.n && (end = line_end(slice_from(text, n))) == 0)
			n++;
		if (s->stop != NULL && s->line % STOP_LINES == STOP_LINES - 1 && s->stop(s->arg))
			break;
		s->line++;
		one_line(s, slice_sub(text, 0, n));
		text = slice_from(text, n + end);
	}
	flush(s);
}
