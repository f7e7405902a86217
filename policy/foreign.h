/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/foreign.h: charsets that are not decoded here but by some mail clients.
 *
 * Where such a charset writes our letters with other octets than ASCII and UTF-8 do, text in it
 * cannot be inspected; where it only adds letters of other languages, reading the ASCII is enough.
 */
#ifndef POLICY_FOREIGN_H
#define POLICY_FOREIGN_H

#include "common/slice.h"

/* May text with this label (unknown to mime/charset.h) hold Vietnamese that is not seen here? */
bool foreign_charset(struct slice label);

/* Is markup with this label, in octets, mixed of two charsets: letters that are not decoded here,
 * and references that spell Vietnamese ones? */
bool foreign_is_mixed(struct slice label, struct slice octets);

/* The same for the encoded words of a field (text: as decoded); or is one in a charset that
 * foreign_charset() tells of? */
bool foreign_words(struct slice raw, struct slice text);

/* The charset that HTML or XML names for itself near its beginning; empty: none. */
struct slice foreign_declared(struct slice octets);

#endif
