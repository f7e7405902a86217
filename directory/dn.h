/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/dn.h: distinguished names, compared in one place.
 *
 * Shape   a name is brought to one canonical text; two names are equal if their texts are.
 *         Types in lower case; values unescaped, NFC, case folded, runs of spaces as one; the
 *         parts of a multi-valued RDN sorted; what would be ambiguous is written as \xx.
 *         That is caseIgnoreMatch for every type, which is how the directories of offices behave.
 * Bounds  DN_OCTETS_MAX octets, DN_AVA_MAX parts in one RDN; linear but for the sorting of those.
 * Source  RFC 4514 3 (and the ";" and quotes of RFC 2253 4 when reading).
 */
#ifndef DIRECTORY_DN_H
#define DIRECTORY_DN_H

#include "common/buf.h"

enum { DN_OCTETS_MAX = 2048, DN_AVA_MAX = 8 };

/* Append the canonical text of dn. ERR_SYNTAX: not a name, or not UTF-8; ERR_LIMIT. The empty
 * name is none. On an error out holds an unfinished text. */
int dn_canon(struct slice dn, struct buf *out) MUST_USE;

/* False also when one of them is not a name. */
bool dn_equal(struct slice a, struct slice b);

#endif
