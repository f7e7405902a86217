/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/judge_sign.h: the step of judge() in which the server signs for the sender.
 *
 * Shape   only an unsigned message that is allowed, of an asker that can compose it. The signature
 *         is looked at by smime_verify() before anybody is told: what is not valid under our own
 *         roots never leaves. If there is none, nobody gets the message: deferred, or refused when
 *         no later attempt could be better.
 */
#ifndef POLICY_JUDGE_SIGN_H
#define POLICY_JUDGE_SIGN_H

#include "policy/judge.h"

/* The row's name in verdicts of messages that could not be signed. */
#define JUDGE_SIGN_RULE "server-signature"

/*
 * Sign by the signer of this title: reply.signed_by, head_at, head and tail, facts.signed_by, and
 * the field for the trace appended to *field; or another verdict in the reply and out->sign_error.
 * OK, or a->err.
 */
int judge_sign(struct slice message, const struct judge_env *env, struct slice title,
    struct arena *a, struct judge_result *out, struct buf *field) MUST_USE;

#endif
