/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/element.h: what is known of elements of HTML and office documents by their names.
 *
 * Source  WHATWG HTML 13.1.2 (void, raw text), 13.1.2.4 (ends left out), 15.3 (rendering).
 */
#ifndef POLICY_EXTRACT_ELEMENT_H
#define POLICY_EXTRACT_ELEMENT_H

#include "common/slice.h"

/* Elements whose end may be left out, and those at which others end. */
enum element_group {
	ELEMENT_OTHER, ELEMENT_P, ELEMENT_LI, ELEMENT_TD, ELEMENT_TR, ELEMENT_DT, ELEMENT_OPTION,
	ELEMENT_LIST, ELEMENT_TABLE, ELEMENT_SELECT, ELEMENT_AROUND, ELEMENT_BLOCK
};

enum element_group element_group(struct slice name);

/* Elements that begin and end lines; any other name stands inside of them. */
bool element_is_block(struct slice name);

/* Paragraphs and the like of office documents, by the name without its prefix. */
bool element_is_paragraph(struct slice name);

/* Without content or end. */
bool element_is_void(struct slice name);

/* Pictures, objects, formulas: what they show is not their text. */
bool element_is_embedding(struct slice name);

/* A drawing, <svg>; what is in it besides shapes: letters, pictures, other documents, shapes that
 * are drawn again; a style of it that may call for more. */
bool element_is_drawing(struct slice name);
bool element_draws_more(struct slice name);
bool element_style_reaches(struct slice style);

/* It cannot be in a drawing: one that is open ends where it begins. */
bool element_leaves_drawing(struct slice name);

/* Its content is shown by nobody. */
bool element_is_unseen(struct slice name);

/* Its content has no elements in it, whatever it looks like. */
bool element_is_raw(struct slice name);

/* Lines of the source are lines of the page. */
bool element_keeps_lines(struct slice name);

/* Does an element of group g, when it begins, end an open one? With *stop_out: none of
 * the elements around it. */
bool element_ends(enum element_group g, enum element_group open, bool *stop_out);

/* <b> and the like, which are closed where they are even around blocks. */
bool element_is_format(struct slice name);

/* Does the end of an element of that name reach those around an open one of group open? */
bool element_end_passes(struct slice name, enum element_group open);

/* Does it, when it begins, end an open one of the same name? */
bool element_ends_itself(struct slice name);

/* Is the value of this attribute read by people? */
bool element_is_telling(struct slice attribute);

#endif
