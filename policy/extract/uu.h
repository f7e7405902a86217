/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/uu.h: files that stand encoded in text: uuencode, yEnc, base64.
 *
 * Shape   pure. Octets of text in (of UTF-16 and of markup what was taken out of it); names and
 *         files out. Base64 is taken for some where it is long (as in SNIFF of old: eight full
 *         lines, or one run of UU_RUN_OCTETS), also inside a line of JSON or between tags; shorter
 *         runs of it only when what comes out is a known kind of file or plain text, so that words,
 *         addresses and keys are left alone. What is encoded and cannot be decoded is
 *         EXTRACT_WHY_ENCODED.
 * Bounds  linear; those of hand.h.
 * Source  POSIX uuencode; yEnc draft 1.3; RFC 4648 4
 */
#ifndef POLICY_EXTRACT_UU_H
#define POLICY_EXTRACT_UU_H

#include "policy/extract/extract.h"

enum {
	UU_RUN_OCTETS = 448,	/* of base64 letters in a row that are no accident */
};

/* Is there anything for uu_run to look at? */
bool uu_has(struct slice text);

/* As extract_run(). */
int uu_run(struct slice text, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

/* The same of text that was taken out of markup, where each element is a line. */
int uu_run_markup(struct slice text, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
