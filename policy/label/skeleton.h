/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/skeleton.h: characters as the eye takes them.
 *
 * Source  UTS #39 confusables, only what can stand for a letter of the marks; domain.md 6.1.
 */
#ifndef POLICY_LABEL_SKELETON_H
#define POLICY_LABEL_SKELETON_H

#include <stdbool.h>
#include <stdint.h>

/* The small ASCII letter that cp (already decomposed) looks like, or 0. *stroke_out: it is đ. */
char skeleton_letter(uint32_t cp, bool *stroke_out);

/* The octet that a combining mark is written as (fold.h Form), or 0. *tone_out: it is a tone. */
char skeleton_mark(uint32_t cp, bool *tone_out);

/* Characters that leave no trace on paper. */
bool skeleton_invisible(uint32_t cp);

/* White space of any width, and characters that look like it. */
bool skeleton_space(uint32_t cp);

/* enum fold_type of a character that is neither letter nor digit nor space. */
unsigned skeleton_punct(uint32_t cp);

#endif
