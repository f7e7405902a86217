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

/* The signers that speak for the address, as bits. One is enough: the others have signed too. */
static unsigned
bound_to(const struct binding_context *c, const struct smime_result *r, struct slice address)
{
	const struct dir_identity *id = binding_identity(c, address);
	unsigned bits = 0;

	for (unsigned i = 0; i < r->signers_n; i++)
		if (cert_names(&r->signers[i], address) ||
		    (id != NULL && directory_names(&r->signers[i], id)))
			bits |= 1U << i;
	return bits;
}

/* Does a signer speak for from, by itself or as sender on behalf? Fills *out if so. */
static bool
speaks(const struct binding_context *c, const struct smime_result *r, struct slice from,
    struct slice sender, struct binding_result *out)
{
	const struct dir_identity *as = binding_identity(c, from);
	const struct dir_identity *own = binding_identity(c, sender);

	if (from.n == 0)
		return false;
	out->signers = bound_to(c, r, from);
	out->signer = from;
	/* An agency's mailbox is written from by its own certificate, never on behalf. */
	if (out->signers == 0 && as != NULL && as->kind == DIR_IDENTITY_SEND_AS && own != NULL &&
	    own->kind == DIR_IDENTITY_OWN) {
		out->signers = bound_to(c, r, sender);
		out->signer = sender;
		out->on_behalf = out->signers != 0;
	}
	out->bound = out->signers != 0;
	return out->bound;
}

void
binding_check(const struct binding_context *c, const struct smime_result *r,
    struct binding_result *out)
{
	*out = (struct binding_result){ 0 };
	if (c->from.n == 0 || speaks(c, r, c->from, c->sender, out) ||
	    speaks(c, r, c->resent_from, c->resent_sender, out))
		return;
	*out = (struct binding_result){ 0 };
	if (control_off("binding"))
		*out = (struct binding_result){ .bound = true, .signer = c->from };
}
