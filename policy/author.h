/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/author.h: who sends this message, and whose signatures are on it.
 *
 * Shape   pure: the message, what smime_verify found, and the account's identities in; the
 *         signature's facts, the kind, the signers and the notes of struct facts out.
 * Order   a signature that verifies is judged further: header fields inside it that differ from
 *         those outside make it bad (header-mismatch), then that nobody is bound (wrong-signer).
 */
#ifndef POLICY_AUTHOR_H
#define POLICY_AUTHOR_H

#include "common/conf.h"
#include "policy/binding.h"
#include "policy/facts.h"

struct author_context {
	struct slice		   mail_from;	/* reverse-path, empty for <> */
	const struct dir_identity *identities;	/* of the account; none where nobody signed in */
	size_t			   identities_n;
	const struct conf	  *conf;	/* NULL: no domain is ours */
};

struct author {
	bool from_own;		/* RULE_FROM_OWN */
	bool sender_own;	/* RULE_SENDER_OWN */
	bool from_ours;		/* the domain of From is one whose accounts are here */
};

/* f->from and f->kind are those of classify_message. OK, a->err, ERR_NOMEM. */
int author_find(const struct tree *t, const struct smime_result *s,
    const struct author_context *c, struct arena *a, struct facts *f, struct author *out) MUST_USE;

#endif
