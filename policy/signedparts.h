/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/signedparts.h: signatures in a message that are not the message's.
 *
 * Shape   notes for the parts that are signed by themselves, for signed messages that are attached,
 *         and for attached CMS files. Nothing is verified, nothing follows from it.
 * Bounds  linear in the message; a part is decoded only as far as its type shows.
 */
#ifndef POLICY_SIGNEDPARTS_H
#define POLICY_SIGNEDPARTS_H

#include "policy/facts.h"
#include "policy/smime/smime.h"

/* Parts inside what s covers, or inside the message when it is not signed. OK or an error. */
int signedparts_note(const struct tree *t, const struct smime_result *s, struct arena *a,
    struct facts *f) MUST_USE;

#endif
