/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/lines.h: words that were read from a picture, to lines of text.
 *
 * Shape   words with their places in, text out, lines ending in LF. A line whose words stand far
 *         apart (columns, a letterhead) comes whole, and then in its pieces; a sentence that had to
 *         break off at the margin goes on in the same line, as its last word alone is no mark.
 */
#ifndef POLICY_EXTRACT_LINES_H
#define POLICY_EXTRACT_LINES_H

#include "common/buf.h"
#include "policy/extract/ocr.h"

enum { LINES_OCTETS_MAX = 4 << 20, LINES_WORDS_MAX = 50000 };

struct lines_word {
	uint32_t at, n;		/* in octets */
	int	 left, right, top, bottom;
	bool	 last;		/* of its line */
};

struct lines {
	struct buf	   octets, text;
	struct lines_word *word;
	unsigned	   count, room;
};

void lines_init(struct lines *l);
void lines_fini(struct lines *l);

/* An ocr_word_fn. ERR_NOMEM, ERR_LIMIT. */
int lines_word(void *lines, const struct ocr_word *w) MUST_USE;

/* All that was added, valid until lines_fini(). ERR_NOMEM, ERR_LIMIT. */
int lines_text(struct lines *l, struct slice *out) MUST_USE;

#endif
