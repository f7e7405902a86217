/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/composed.h: what is stored and relayed, put together from a message and policyd's answer.
 *
 * Shape   composed_check() is pure; composed_write() checks and writes (policy/proto.h says what).
 * Safety  policyd looks at mail of anybody, so it is not believed where it could change a message:
 *         only trace fields are put on top and left out, and a signature of the server's
 *         (policy/sign.h) puts around the body nothing but copies of the sender's own fields, fixed
 *         text, and base64.
 */
#ifndef SMTPD_COMPOSED_H
#define SMTPD_COMPOSED_H

#include "policy/proto.h"

/* OK, or ERR_FRAME. */
int composed_check(struct slice message, const struct pol_judge_reply *r) MUST_USE;

/* Append to a memory file. ERR_FRAME; errors of memfd_write. */
int composed_write(int fd, struct slice message, const struct pol_judge_reply *r) MUST_USE;

#endif
