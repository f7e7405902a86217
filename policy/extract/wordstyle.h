/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/wordstyle.h: the styles of a word-processor document (w:styles), and the properties
 *         of text by which it is not seen.
 *
 * Bounds  those of xml.h and look.h. What a table's style says of single rows and columns alone is
 *         left out.
 * Source  ECMA-376 part 1, 17.3.2 (run properties) and 17.7 (styles).
 */
#ifndef POLICY_EXTRACT_WORDSTYLE_H
#define POLICY_EXTRACT_WORDSTYLE_H

#include "policy/extract/look.h"

/* Could this part have styles in it? */
bool wordstyle_has(struct slice xml);

/* Add the styles of a part to the empty table. looks_end() of it, or errors of xml_read(). */
int wordstyle_read(struct slice xml, struct looks *out) MUST_USE;

/* Note what this element of run properties says. */
void wordstyle_property(struct look *l, const char *name, const char **atts);

#endif
