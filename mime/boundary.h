/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/boundary.h: is a boundary one that all programs agree on?
 *
 * Source  RFC 2046 5.1.1; "Inbox Invasion" (CCS 2024) on what programs make of the others.
 */
#ifndef MIME_BOUNDARY_H
#define MIME_BOUNDARY_H

#include "mime/param.h"

/* 1 to 70 of the characters that it may have, not ending in a space. */
bool boundary_is_legal(struct slice boundary);

/* Do all programs take the same boundary b from the field raw? Not where it is in pieces, escaped,
 * beside a comment, in quotes of another kind, or where its name stands twice. */
bool boundary_is_plain(struct slice raw, const struct param_value *v, const struct param *b);

#endif
