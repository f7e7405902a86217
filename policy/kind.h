/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/kind.h: what a message is by its whole structure, not by one header that anybody may
 * write: a receipt, a calendar reply, a delivery report, an automatic answer, encrypted mail.
 *
 * Every part must fit the kind; a receipt with one part too many is plain mail.
 * Source  RFC 8098 (MDN), 3464 (DSN), 3834 (automatic responses), 6047 (iMIP), 8551 (S/MIME).
 */
#ifndef POLICY_KIND_H
#define POLICY_KIND_H

#include "common/slice.h"

struct tree;

/* KIND_* of a parsed message. KIND_ENCRYPTED when the root, or the body under a root signature,
 * is enveloped-data or multipart/encrypted. */
unsigned kind_of(const struct tree *tree);

/* The same of a message whose signature covers content, in whichever form it is signed. */
unsigned kind_of_signed(const struct tree *message, const struct tree *content);

#endif
