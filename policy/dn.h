/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/dn.h: are two distinguished names, written by different tools, one name?
 *
 * Shape   RFC 4514 text in both; attribute names, escapes, case, Unicode form and runs of spaces
 *         do not matter, the order of the parts does.
 * Bounds  DN_OCTETS_MAX octets each; longer names, and what cannot be read, equal nothing.
 * Source  RFC 4514 2-3; RFC 4518 2.6.1 (insignificant spaces).
 */
#ifndef POLICY_DN_H
#define POLICY_DN_H

#include "common/buf.h"

enum { DN_OCTETS_MAX = 2048 };

bool dn_same(struct slice a, struct slice b);

/* Is dn the name `above`, or that of an entry somewhere below it? */
bool dn_is_under(struct slice dn, struct slice above);

#endif
