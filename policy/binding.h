/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/binding.h: may these signers speak for this From, and this account for this From?
 *
 * Shape   pure functions of the signature's facts and of the identities that the directory gave
 *         for the account.
 * Rules   DESIGN §5 "Binding": the display name never counts; From is one addr-spec. A signer is
 *         bound to an address if the certificate names it (SAN, E=), or its hash is held in the
 *         directory for it, or the address is an agency's and the certificate bears the
 *         agency's subject. On behalf: Sender is an own address of the account, a signer is bound
 *         to it, and the account may send as From.
 * Resent  a message that is sent again keeps its author's signature, bound to From; or, if From is
 *         nobody here (a citizen's unsigned mail), a signer speaks for Resent-From by the same
 *         rules, Resent-Sender in place of Sender.
 */
#ifndef POLICY_BINDING_H
#define POLICY_BINDING_H

#include "directory/proto.h"
#include "policy/smime/smime.h"

struct binding_context {
	struct slice		   from;	/* addr-spec of the single From, or empty */
	struct slice		   sender;	/* addr-spec of the single Sender, or empty */
	struct slice		   resent_from;	/* of the newest block, or empty; given only */
	struct slice		   resent_sender; /* where a signer may speak for them */
	const struct dir_identity *identities;	/* of the account; of nobody on MX */
	size_t			   identities_n;
};

struct binding_result {
	bool	     bound;
	bool	     on_behalf;
	struct slice signer;	/* the address that the certificate was bound to */
	unsigned     signers;	/* bit i: signer i of the result is bound to it */
};

/* Which signer of r (its reason may be SIG_UNKNOWN_REVOCATION) is bound. */
void binding_check(const struct binding_context *c, const struct smime_result *r,
    struct binding_result *out);

/* The identity of the account for an address, any case; NULL: it may not use it. */
const struct dir_identity *binding_identity(const struct binding_context *c, struct slice address);

/* Are two addr-specs one mailbox? ASCII case is folded on both sides of the "@". */
bool binding_same_address(struct slice a, struct slice b);

#endif
