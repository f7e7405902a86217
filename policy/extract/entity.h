/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/entity.h: character references of markup.
 */
#ifndef POLICY_EXTRACT_ENTITY_H
#define POLICY_EXTRACT_ENTITY_H

#include "common/buf.h"

/* s begins with "&": append the character it stands for and return its length, or 0 when it is
 * no reference. A missing ";" is forgiven, as browsers do. */
size_t entity_decode(struct slice s, struct buf *out);

/* The text of an attribute or of character data: entities decoded, appended to out. */
void entity_text(struct slice in, struct buf *out);

/* Append one code point as UTF-8; U+FFFD for what is none. */
void entity_put(struct buf *out, uint32_t cp);

/* s begins with "\\": the same for "\\1EAC " of a style. */
size_t entity_style(struct slice s, struct buf *out);

/*
 * One unit of UTF-16: true and the code point; or false, as it is the first half of a pair, kept in
 * *lead (0 at first) for the unit behind it. A second half alone comes as it is, a first is lost.
 */
bool entity_utf16(uint32_t *lead, uint32_t unit, uint32_t *cp_out) MUST_USE;

#endif
