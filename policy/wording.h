/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/wording.h: what was found and where, in words for the sender.
 *
 * Shape   the piece of evidence that weighs most in a refusal, as half a sentence. Never the text
 *         that was found, nor a name of a file.
 * Source  detector.def has the words.
 */
#ifndef POLICY_WORDING_H
#define POLICY_WORDING_H

#include "common/buf.h"
#include "policy/facts.h"

enum wording_language { WORDING_VI, WORDING_EN };	/* both in ASCII */

/* The words of a detector, static; NULL for one that has none. */
const char *wording_detector(const char *detector, enum wording_language language);

/* Append ". Phat hien: ..., phan 2/1 (ben trong phan do), dong 3"; nothing when there is no
 * evidence. */
void wording_found(const struct facts *f, enum wording_language language, struct buf *out);

#endif
