/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * CRLs: complete, by distribution point, for some reasons, delta, indirect (RFC 5280 5 and 6.3).
 *
 * A list that is not understood whole (unknown critical extension, weak digest) or whose scope
 * does not hold the certificate can still say "revoked", never "not revoked": a serial number is
 * given once by an authority.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/control.h"
#include "policy/smime/internal.h"

/* ---- which lists speak of a certificate ---- */

/* Who is the certificate's issuer, in the eyes of this list? */
static bool
is_direct(const struct smime_crl *c, const struct evidence *e)
{
	return X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_issuer_name(e->cert)) == 0;
}

static bool
has_name(const GENERAL_NAMES *names, const X509_NAME *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DIRNAME && X509_NAME_cmp(g->d.directoryName, name) == 0)
			return true;
	}
	return false;
}

static bool
have_common(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
		for (int j = 0; j < sk_GENERAL_NAME_num(b); j++)
			if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i),
			    sk_GENERAL_NAME_value(b, j)) == 0)
				return true;
	return false;
}

/* Do the list's name of its distribution point and these names have one in common? */
static bool
is_named(const DIST_POINT_NAME *idp, const GENERAL_NAMES *names)
{
	return idp->type == 0 ? have_common(idp->name.fullname, names) :
	    idp->dpname != NULL && has_name(names, idp->dpname);
}

/* RFC 5280 6.3.3 (b) (2) (i), for one point of the certificate. */
static bool
is_same_point(const DIST_POINT_NAME *idp, DIST_POINT *dp, const X509_NAME *cert_issuer)
{
	DIST_POINT_NAME *of_cert = dp->distpoint;
	const X509_NAME *base = cert_issuer;

	if (idp == NULL)
		return true;
	if (of_cert == NULL)
		return is_named(idp, dp->CRLissuer);
	if (of_cert->type == 0)
		return is_named(idp, of_cert->name.fullname);
	if (sk_GENERAL_NAME_num(dp->CRLissuer) == 1 &&
	    sk_GENERAL_NAME_value(dp->CRLissuer, 0)->type == GEN_DIRNAME)
		base = sk_GENERAL_NAME_value(dp->CRLissuer, 0)->d.directoryName;
	if (DIST_POINT_set_dpname(of_cert, base) != 1 || of_cert->dpname == NULL)
		return false;
	return idp->type == 0 ? has_name(idp->name.fullname, of_cert->dpname) :
	    idp->dpname != NULL && X509_NAME_cmp(idp->dpname, of_cert->dpname) == 0;
}

static unsigned
reasons_of(const ASN1_BIT_STRING *bits)
{
	unsigned reasons = 0;

	if (bits == NULL)
		return REASONS_ALL;
	for (int i = 1; i < REASONS_COUNT; i++)
		if (ASN1_BIT_STRING_get_bit(bits, i) == 1)
			reasons |= 1U << i;
	return reasons;
}

/* For which reasons does the list cover the certificate, by one of its points? */
static unsigned
covered_by_points(const struct smime_crl *c, const struct evidence *e, CRL_DIST_POINTS *points)
{
	const X509_NAME *list_issuer = X509_CRL_get_issuer(c->crl);
	const X509_NAME *cert_issuer = X509_get_issuer_name(e->cert);
	unsigned reasons = 0;

	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		DIST_POINT *dp = sk_DIST_POINT_value(points, i);
		bool is_for_it = dp->CRLissuer == NULL ? is_direct(c, e) :
		    has_name(dp->CRLissuer, list_issuer);

		if (is_for_it && is_same_point(c->idp == NULL ? NULL : c->idp->distpoint, dp,
		    cert_issuer))
			reasons |= reasons_of(dp->reasons);
	}
	return reasons;
}

static bool
is_named_after_issuer(const DIST_POINT_NAME *idp, X509 *cert)
{
	const X509_NAME *issuer = X509_get_issuer_name(cert);

	return idp->type == 0 ? has_name(idp->name.fullname, issuer) :
	    idp->dpname != NULL && X509_NAME_cmp(idp->dpname, issuer) == 0;
}

static unsigned
covered(const struct smime_crl *c, const struct evidence *e, CRL_DIST_POINTS *points)
{
	bool is_ca = (X509_get_extension_flags(e->cert) & EXFLAG_CA) != 0;
	unsigned reasons;

	if (c->idp == NULL && is_direct(c, e))
		return REASONS_ALL;
	if (c->idp == NULL || (c->idp->onlyuser > 0 && is_ca) || (c->idp->onlyCA > 0 && !is_ca) ||
	    c->idp->onlyattr > 0)
		return 0;
	reasons = covered_by_points(c, e, points);
	/* As if there was a point without a name, or with that of the issuer. */
	if (is_direct(c, e) && (c->idp->distpoint == NULL ||
	    is_named_after_issuer(c->idp->distpoint, e->cert)))
		reasons = REASONS_ALL;
	return reasons & reasons_of(c->idp->onlysomereasons);
}

/* An indirect list is one that the certificate itself names. */
static bool
may_speak(const struct smime_crl *c, const struct evidence *e, const CRL_DIST_POINTS *points)
{
	if (is_direct(c, e))
		return true;
	for (int i = 0; c->indirect && i < sk_DIST_POINT_num(points); i++)
		if (has_name(sk_DIST_POINT_value(points, i)->CRLissuer,
		    X509_CRL_get_issuer(c->crl)))
			return true;
	return false;
}

/* ---- who signed a list ---- */

/* By names, key identifier and key usage alone. */
static bool
may_sign(const struct smime_crl *c, X509 *x)
{
	return X509_get0_pubkey(x) != NULL && (X509_get_key_usage(x) & KU_CRL_SIGN) != 0 &&
	    X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(c->crl)) == 0 &&
	    (c->akid == NULL || X509_check_akid(x, c->akid) == X509_V_OK);
}

static bool
is_signed_by(struct smime_crl *c, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	struct key_memory *m = key_memory_of(c->keys, &c->keys_n, x);

	if (m == NULL)
		return false;
	if (!m->known) {
		m->genuine = algorithm_key_is_fit(key) && X509_CRL_verify(c->crl, key) == 1;
		m->known = true;
		ERR_clear_error();
	}
	return m->genuine;
}

/* Many lists may have one signer: its path is looked at once. */
static bool
is_vouched(struct question *q, X509 *signer, const X509 *root, int64_t *until_s)
{
	for (unsigned i = 0; i < q->vouched_n; i++)
		if (q->vouched[i].x == signer && (root == NULL ||
		    X509_cmp(q->vouched[i].root, root) == 0)) {
			if (q->vouched[i].until_s < *until_s)
				*until_s = q->vouched[i].until_s;
			return true;
		}
	return false;
}

static bool
leads_to(struct question *q, X509 *signer, X509 *root, int64_t *until_s)
{
	struct path_state state;
	unsigned reason;

	if (is_vouched(q, signer, root, until_s))
		return true;
	reason = revocation_ask(q, signer, &state);
	if (state.until_s < *until_s)
		*until_s = state.until_s;
	if (reason != SIG_OK && !(root == NULL && reason == SIG_UNKNOWN_REVOCATION))
		return false;
	if (root != NULL && X509_cmp(state.root, root) != 0)
		return false;
	if (reason == SIG_OK && q->vouched_n < VOUCHED_MAX) {
		q->vouched[q->vouched_n].x = signer;
		q->vouched[q->vouched_n].root = state.root;
		q->vouched[q->vouched_n++].until_s = state.until_s;
	}
	return true;
}

/* Hashing a long list costs time: not for a certificate that a message brings along, before it is
 * known to lead to a root. */
static bool
is_by_candidate(struct question *q, struct smime_crl *c, unsigned i, X509 *root, int64_t *until_s)
{
	X509 *x = path_candidate(q, i);

	if (!may_sign(c, x))
		return false;
	if (path_is_embedded(q, i))
		return leads_to(q, x, root, until_s) && is_signed_by(c, x);
	return is_signed_by(c, x) && leads_to(q, x, root, until_s);
}

bool
crl_is_genuine(struct question *q, struct smime_crl *c, X509 *issuer, X509 *root, int64_t *until_s)
{
	if (issuer != NULL && may_sign(c, issuer) && is_signed_by(c, issuer))
		return true;
	for (unsigned i = 0; path_candidate(q, i) != NULL; i++)
		if (is_by_candidate(q, c, i, root, until_s))
			return true;
	return false;
}

/* ---- entries ---- */

const X509_NAME *
crl_issuer_of(const struct smime_crl *c, const struct crl_entry *entry)
{
	return entry->issuer != NULL ? entry->issuer : X509_CRL_get_issuer(c->crl);
}

/* The first entry whose serial is not smaller. */
static unsigned
find_serial(const struct smime_crl *c, const ASN1_INTEGER *serial)
{
	unsigned low = 0, high = c->entries_n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (ASN1_INTEGER_cmp(c->entries[middle].serial, serial) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct listing {
	bool is_listed, is_held, is_removed;
};

/* What the list says of the certificate at the moment judged. */
static struct listing
look_up(const struct smime_crl *c, struct evidence *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(e->cert);
	struct listing l = { false, false, false };

	for (unsigned i = find_serial(c, serial); i < c->entries_n &&
	    ASN1_INTEGER_cmp(c->entries[i].serial, serial) == 0; i++) {
		const struct crl_entry *entry = &c->entries[i];

		if (X509_NAME_cmp(crl_issuer_of(c, entry), X509_get_issuer_name(e->cert)) != 0)
			continue;
		if (c->delta && entry->reason == CRL_REASON_REMOVE_FROM_CRL) {
			l.is_removed = true;
			continue;
		}
		if (!evidence_revoked(e, c->this_s, entry->moment_s, entry->reason))
			continue;
		l.is_listed = true;
		l.is_held |= entry->reason == CRL_REASON_CERTIFICATE_HOLD;
	}
	return l;
}

/* ---- base and delta ---- */

static bool
is_delta_of(const struct smime_crl *d, const struct smime_crl *base)
{
	return d->delta && d->sound && d->base != NULL && d->number != NULL &&
	    base->number != NULL && memcmp(d->scope, base->scope, sizeof d->scope) == 0 &&
	    ASN1_INTEGER_cmp(d->base, base->number) <= 0 &&
	    ASN1_INTEGER_cmp(d->number, base->number) >= 0;
}

/* The newest delta list to a complete one; NULL: none. */
static const struct smime_crl *
find_delta(struct question *q, struct evidence *e, const struct smime_crl *base)
{
	const struct smime_crl *best = NULL;

	for (unsigned i = 0; i < q->t->crls_n; i++) {
		struct smime_crl *d = &q->t->crls[i];

		if (is_delta_of(d, base) && (best == NULL || d->this_s > best->this_s) &&
		    evidence_counts(e, d->this_s, d->expired_from_s) &&
		    crl_is_genuine(q, d, e->issuer, e->root, &e->until_s))
			best = d;
	}
	return best;
}

/* A complete list has the certificate in its scope: does it acquit? */
static void
acquit(struct question *q, struct evidence *e, const struct smime_crl *c, struct listing l,
    unsigned reasons)
{
	const struct smime_crl *delta = find_delta(q, e, c);
	struct listing now = delta == NULL ? (struct listing){ 0 } : look_up(delta, e);

	if (!l.is_listed)
		evidence_good(e, c->this_s, c->next_s, reasons);
	if (delta != NULL && !now.is_listed && (!l.is_listed || (l.is_held && now.is_removed)))
		evidence_good(e, delta->this_s, delta->next_s, reasons);
}

void
crl_testify(struct question *q, struct evidence *e)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(e->cert, NID_crl_distribution_points, NULL,
	    NULL);

	for (unsigned i = 0; i < q->t->crls_n; i++) {
		struct smime_crl *c = &q->t->crls[i];
		unsigned reasons;

		if (!may_speak(c, e, points) ||
		    !crl_is_genuine(q, c, e->issuer, e->root, &e->until_s))
			continue;
		struct listing l = look_up(c, e);

		reasons = covered(c, e, points);
		if (control_off("smime-crl-scope"))
			reasons = REASONS_ALL;
		if (!c->delta && c->sound && reasons != 0 &&
		    evidence_counts(e, c->this_s, c->expired_from_s))
			acquit(q, e, c, l, reasons);
	}
	CRL_DIST_POINTS_free(points);
	ERR_clear_error();
}
