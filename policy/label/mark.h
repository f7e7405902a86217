/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/mark.h: what one folded line says about secrecy.
 *
 * Shape   a line in, findings out through a callback. A line that talks about secrecy is not a
 *         mark: only a line of its own, a field with a value, a ticked box or a number line with
 *         the level in brackets states a level.
 * Source  Law 117/2025/QH15 (three levels), forms of TT 24/2020/TT-BCA (stamps), domain.md 2.5,
 *         3.4, 6.5.
 */
#ifndef POLICY_LABEL_MARK_H
#define POLICY_LABEL_MARK_H

#include "policy/label/fold.h"

enum label_weight {
	LABEL_ASSERTED,		/* states a level */
	LABEL_REVIEW,		/* a person should look */
	LABEL_INTERNAL		/* not a secret, but not for outside either */
};

struct label_finding {
	const char	 *detector;	/* static */
	uint32_t	  position;	/* line within the text, from 1; 0: no lines there */
	unsigned	  level;	/* LEVEL_*; LEVEL_THUONG for pure review */
	enum label_weight weight;
};

typedef void label_found_fn(void *arg, const struct label_finding *found);

/* A level written at word i. */
struct mark_level {
	unsigned level;
	unsigned next;	/* first word behind it */
	bool	 bare;	/* written without any diacritic */
	bool	 upper;	/* in capitals */
};

/*
 * Is a level written at word i (the longest one counts)? Letters may be spaced; with skip any
 * punctuation may stand between them.
 */
bool mark_level_at(const struct fold *f, unsigned i, bool skip, struct mark_level *out);

/* The level that the whole line is, decoration and words of urgency aside. */
bool mark_whole_line(const struct fold *f, struct mark_level *out);

/* The level that the words [from, to) are, punctuation and words of urgency aside. */
bool mark_only_level(const struct fold *f, unsigned from, unsigned to, struct mark_level *out);

/* Is the word at i one that makes "mật" before it another word (mật khẩu, mật ong)? And the
 * one that makes "mật" behind it another word (bảo mật, bí mật)? Bare forms included. */
bool mark_compound_after(const struct fold *f, unsigned i);
bool mark_compound_before(const struct fold *f, unsigned i);

/* Is word i one of the n folded words of a list? A word without diacritics fits bare. */
bool mark_in_list(const struct fold *f, unsigned i, const char *const *list, size_t n);

/* Are words i and i + 1 one of these pairs; the name of a kind of paper ("tài liệu")? */
bool mark_is_pair(const struct fold *f, unsigned i, const char *const (*pairs)[2], size_t n);
bool mark_is_paper(const struct fold *f, unsigned i);

/* The first word from i on that is no punctuation. */
unsigned mark_skip_punct(const struct fold *f, unsigned i);

/* "HỎA TỐC - MẬT": the first word from i on that is neither urgency nor punctuation. */
unsigned mark_skip_urgency(const struct fold *f, unsigned i);

/* An empty box at word i ("☐", "[ ]"); a ticked one ("☒", "[x]", and with filled "●"), with
 * *next_out the first word behind it; any empty box in the line. */
bool mark_is_box(const struct fold *f, unsigned i);
bool mark_is_tick(const struct fold *f, unsigned i, bool filled, unsigned *next_out);
bool mark_has_box(const struct fold *f);

/* Is what stands from word i on, behind a level, another choice ("Mật/Tối mật") or a range ("trở
 * lên")? Or a word that makes the level something else? "Mật Độ khẩn: …" is not "mật độ". */
bool mark_is_choice(const struct fold *f, unsigned i);
bool mark_is_other_word(const struct fold *f, unsigned i);

/* Is this the number line of a document ("Số: 12/BC-UBND")? */
bool mark_is_number_line(const struct fold *f);

/* Is this the number line, or the national (or Party) heading? */
bool mark_is_heading(const struct fold *f);

#endif
