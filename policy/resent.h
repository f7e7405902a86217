/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/resent.h: a message that somebody sends again under its author's name.
 *
 * Shape   pure: a header in, the newest block of Resent- fields out. Blocks are put on top, so the
 *         newest is the first; it ends at another field, or at a name that it already has.
 * Rule    a block says who sends if it has one Resent-From with one address, one Resent-Date, and
 *         at most one Resent-Sender with one address. Else From says it, as without the block.
 * Source  RFC 5322 3.6.6.
 */
#ifndef POLICY_RESENT_H
#define POLICY_RESENT_H

#include "common/arena.h"

struct resent {
	bool	     is;	/* there is such a block, and it is whole */
	struct slice from;	/* addr-spec */
	struct slice sender;	/* addr-spec of Resent-Sender, or empty */
};

/* OK or a->err. */
int resent_find(struct slice header, struct arena *a, struct resent *out) MUST_USE;

#endif
