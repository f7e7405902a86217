/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/profile.h: the shipped rule tables, one per profile.
 *
 * Shape   constant rows (profile.c); decide() reads them. fixed rows stand before the rules of
 *         the configuration, the others behind them.
 */
#ifndef POLICY_PROFILE_H
#define POLICY_PROFILE_H

#include "policy/decide.h"

enum { PROFILE_RECEIPT_OCTETS_MAX = 256 * 1024 };	/* of an unsigned receipt or reply */

/* OK, or ERR_CONF for an unknown profile. */
int profile_tables(unsigned profile, struct rule_table *fixed_out, struct rule_table *shipped_out)
    MUST_USE;

/* The refusal for input that is out of range, and for no row fitting. */
const struct rule *profile_malformed(void);
const struct rule *profile_last(void);

/* Level mat or higher and the internet anywhere: refused before everything else. */
const struct rule *profile_secret_internet(void);

/* Is this, in any case of letters, the name of a shipped row, of whatever profile? */
bool profile_has(struct slice name);

#endif
