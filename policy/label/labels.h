/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/labels.h: header fields that state a level outright.
 *
 * Shape   one field in; detector "header-label". A value that is no known level asks for a person.
 * Source  RFC 7444 (SIO-Label), RFC 4021 (Sensitivity), RFC 5035 3.2 (classification numbers of
 *         an ESS label), domain.md 6.7; names in use: X-Do-Mat, X-Security-Classification.
 */
#ifndef POLICY_LABEL_LABELS_H
#define POLICY_LABEL_LABELS_H

#include "common/arena.h"
#include "policy/label/mark.h"

/* Is this one of the fields? */
bool labels_is_field(struct slice name);

/*
 * What the field states. raw: the value as in the message; text: decoded for people. OK, or
 * a->err.
 */
int labels_field(struct slice name, struct slice raw, struct slice text, struct fold *f,
    struct arena *a, label_found_fn *found, void *arg) MUST_USE;

#endif
