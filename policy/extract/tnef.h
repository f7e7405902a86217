/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/tnef.h: the messages that Outlook wraps in winmail.dat.
 *
 * Shape   pure. Texts, titles, names and contents of attachments; a message inside is a file that
 *         is TNEF again. What does not fit the format to its end is EXTRACT_WHY_BROKEN.
 * Bounds  linear; those of hand.h.
 * Source  [MS-OXTNEF] 2.1
 */
#ifndef POLICY_EXTRACT_TNEF_H
#define POLICY_EXTRACT_TNEF_H

#include "policy/extract/extract.h"

/* As extract_run(). */
int tnef_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
