/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/fold.h: one line of Vietnamese text in the form in which marks are compared.
 *
 * Shape   code points in, words out. Every way to write a word gives the same octets: composed or
 *         not, any case, full width, letters of other scripts that look the same, invisible
 *         characters, any place of the tone mark.
 * Form    small ASCII letters; behind a letter what makes it another letter: C (circumflex),
 *         B (breve), H (horn), D (stroke of đ); behind the word its tones: S (acute), F (grave),
 *         R (hook), X (tilde), J (dot below). "Tuyệt" is "tuyeCtJ", "hỏa" and "hoả" are "hoaR".
 * Bounds  FOLD_WORDS words and FOLD_TEXT octets; a longer line is taken in several pieces.
 * Source  UAX #15 (NFKC), UTS #39 (skeletons), domain.md 6.1, 6.3.
 */
#ifndef POLICY_LABEL_FOLD_H
#define POLICY_LABEL_FOLD_H

#include "common/slice.h"

enum { FOLD_TEXT = 4096, FOLD_WORDS = 1024, FOLD_TONES = 4 };

/* What a word is. Marks of punctuation are words of their own. */
enum fold_type {
	FOLD_LETTERS,	/* letters and digits */
	FOLD_COLON,	/* : = */
	FOLD_OPEN,	/* ( [ { < and the like */
	FOLD_CLOSE,
	FOLD_QUOTE,
	FOLD_DASH,	/* - _ ~ and the like */
	FOLD_BULLET,	/* * + • */
	FOLD_SLASH,	/* / \ | */
	FOLD_COMMA,	/* , ; */
	FOLD_STOP,	/* . ! ? … */
	FOLD_BOX,	/* an empty box or circle to tick */
	FOLD_TICKED,	/* a ticked one, a tick */
	FOLD_FILLED,	/* ticked beside empty ones, else a bullet */
	FOLD_OTHER
};

struct fold_word {
	uint16_t at;	/* in text */
	uint16_t n;	/* octets of letters; the tones follow */
	uint8_t	 tones;
	uint8_t	 letters; /* base letters and digits, at most 255 */
	uint8_t	 type;	/* enum fold_type */
	bool	 upper;	/* capitals only; "MậT" too, as fonts without toned capitals have it */
	bool	 capital; /* has a capital */
	bool	 digit;	/* has a digit */
	bool	 spaced; /* white space stood before it */
};

struct fold {
	char		 text[FOLD_TEXT];
	struct fold_word word[FOLD_WORDS];
	unsigned	 count;		/* finished words */
	unsigned	 n;		/* octets of text */
	bool		 cut;		/* part of a longer line */
	/* the unfinished word */
	bool		 open, saw_lower, space;
	bool		 saw_soft;	/* a small letter with a mark, or of another script */
	bool		 soft;		/* of the letter at hand */
	uint8_t		 upper_n;	/* capitals */
	uint8_t		 tone_n;
	char		 tone[FOLD_TONES];
	char		 last_tone;	/* of the last letter; 0: none yet */
};

void fold_init(struct fold *f);

/* Add one code point. False: no room, nothing taken; see fold_slide(). */
bool fold_put(struct fold *f, uint32_t cp);

/* End the last word. */
void fold_end(struct fold *f);

/* Forget all but the last words, so that a long line can go on; marks it as cut. */
void fold_slide(struct fold *f);

/* A whole short text (what does not fit is left out and f->cut is set). Octets that are not
 * UTF-8 count as FOLD_OTHER. */
void fold_text(struct fold *f, struct slice utf8);

/* The next code point of UTF-8, taking it from *s (not empty); 0xFFFD for each bad octet. */
uint32_t fold_next(struct slice *s);

/* Letters of word i without tones; and with them. */
struct slice fold_letters(const struct fold *f, unsigned i);
struct slice fold_word(const struct fold *f, unsigned i);

/* Is word i this one? `folded` as in Form above. The _bare one compares letters only, for text
 * written without any mark. */
bool fold_is(const struct fold *f, unsigned i, const char *folded);
bool fold_is_bare(const struct fold *f, unsigned i, const char *folded);

/* Has word i neither tone nor altered letter? */
bool fold_unmarked(const struct fold *f, unsigned i);

#endif
