/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/rtfword.h: control words of Rich Text Format that lead text somewhere, or are it.
 *
 * Source  Rich Text Format (RTF) Specification 1.9.1.
 */
#ifndef POLICY_EXTRACT_RTFWORD_H
#define POLICY_EXTRACT_RTFWORD_H

/* What becomes of the text of a group. */
enum rtfword_dest {
	DEST_BODY,
	DEST_ASIDE,	/* as the body, but a paragraph of its own: header, note, shape */
	DEST_TITLE,	/* of the document */
	DEST_NAME,	/* of a property, its value follows */
	DEST_FONTS,
	DEST_PICTURE, DEST_OBJECT,
	DEST_SKIP
};

/* Where the text of the group goes (enum rtfword_dest); -1: the word is none of those. */
int rtfword_dest(const char *word);

/* The characters that the word stands for, static; NULL: none. */
const char *rtfword_character(const char *word);

#endif
