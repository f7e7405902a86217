/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/binding.h"

#include "common/control.h"
#include "policy/dn.h"

bool
binding_same_address(struct slice a, struct slice b)
{
	return a.n > 0 && slice_eq_nocase(a, b);
}

const struct dir_identity *
binding_identity(const struct binding_context *c, struct slice address)
{
	for (size_t i = 0; i < c->identities_n; i++)
		if (binding_same_address(c->identities[i].address, address))
			return &c->identities[i];
	return NULL;
}

static bool
cert_names(const struct smime_signer *s, struct slice address)
{
	for (unsigned i = 0; i < s->emails_n; i++)
		if (binding_same_address(s->emails[i], address))
			return true;
	return false;
}

/* Does the directory hold this certificate for the identity, or the agency's subject? */
static bool
directory_names(const struct smime_signer *s, const struct dir_identity *id)
{
	struct slice sha256 = { (const char *)s->cert_sha256, sizeof s->cert_sha256 };

	for (size_t i = 0; i < id->certs_n; i++)
		if (slice_eq(id->certs[i].sha256, sha256))
			return true;
	return id->kind == DIR_IDENTITY_AGENCY && id->subject.n > 0 &&
	    dn_same(id->subject, s->subject);
}

/* Some signer speaks for the address. What counts is one: the others have signed too. */
static bool
is_bound(const struct binding_context *c, const struct smime_result *r, struct slice address)
{
	const struct dir_identity *id = binding_identity(c, address);

	for (unsigned i = 0; i < r->signers_n; i++)
		if (cert_names(&r->signers[i], address) ||
		    (id != NULL && directory_names(&r->signers[i], id)))
			return true;
	return false;
}

void
binding_check(const struct binding_context *c, const struct smime_result *r,
    struct binding_result *out)
{
	const struct dir_identity *from = binding_identity(c, c->from);
	const struct dir_identity *sender = binding_identity(c, c->sender);

	*out = (struct binding_result){ 0 };
	if (c->from.n == 0)
		return;
	if (is_bound(c, r, c->from) || control_off("binding")) {
		out->bound = true;
		out->signer = c->from;
		return;
	}
	/* An agency's mailbox is written from by its own certificate, never on behalf. */
	if (from != NULL && from->kind == DIR_IDENTITY_SEND_AS && sender != NULL &&
	    sender->kind == DIR_IDENTITY_OWN && is_bound(c, r, c->sender)) {
		out->bound = out->on_behalf = true;
		out->signer = c->sender;
	}
}
