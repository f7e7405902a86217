/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/guess.h: what readers may take text for, by its label and by how it begins.
 */
#ifndef POLICY_GUESS_H
#define POLICY_GUESS_H

#include "policy/inspect.h"

/* A message that was saved as a file? */
bool guess_is_mail(struct slice octets, const struct inspect_label *label);

/* A type whose readers see more in text than its characters? */
bool guess_is_opaque(const struct inspect_label *label);

#endif
