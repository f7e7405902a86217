/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Revocation by the CRLs at hand. A CRL that is damaged in meaning (unknown critical extension,
 * partial scope, indirect) can still say "revoked", never "not revoked".
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/control.h"
#include "policy/smime/internal.h"

/* Are all critical extensions of the CRL ones that are understood here? */
static bool
is_understood(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *e = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));

		if (X509_EXTENSION_get_critical(e) && nid != NID_issuing_distribution_point &&
		    nid != NID_delta_crl)
			return false;
	}
	return true;
}

static bool
is_weakly_signed(const X509_CRL *crl)
{
	int digest = NID_undef, key = NID_undef;

	if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, &key) != 1)
		return true;
	return digest != NID_undef && algorithm_digest(digest) != SIG_OK;
}

int
crl_init(struct smime_crl *c, X509_CRL *crl)
{
	int critical = -1;

	*c = (struct smime_crl){ .crl = crl };
	c->idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
	c->delta = X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0;
	c->complete = is_understood(crl) && !c->delta && !is_weakly_signed(crl) &&
	    (c->idp != NULL || critical == -1);
	if (c->idp != NULL && (c->idp->onlysomereasons != NULL || c->idp->indirectCRL > 0 ||
	    c->idp->onlyattr > 0))
		c->complete = false;
	if (!asn1_seconds(X509_CRL_get0_lastUpdate(crl), &c->this_s)) {
		crl_fini(c);
		return ERR_SYNTAX;
	}
	if (!asn1_seconds(X509_CRL_get0_nextUpdate(crl), &c->next_s))
		c->complete = false;	/* RFC 5280 5.1.2.5: it must be there */
	return OK;
}

void
crl_fini(struct smime_crl *c)
{
	ISSUING_DIST_POINT_free(c->idp);
	X509_CRL_free(c->crl);
	*c = (struct smime_crl){ 0 };
}

/* Did issuer sign this CRL? Worked out once for each issuer certificate. */
static bool
is_genuine(struct smime_crl *c, X509 *issuer)
{
	unsigned char sha256[32];
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	if (!cert_sha256(issuer, sha256) || key == NULL)
		return false;
	if (c->checked && memcmp(sha256, c->issuer_sha256, sizeof sha256) == 0)
		return c->genuine;
	c->genuine = (X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0 &&
	    X509_CRL_verify(c->crl, key) == 1;
	c->checked = true;
	memcpy(c->issuer_sha256, sha256, sizeof sha256);
	ERR_clear_error();
	return c->genuine;
}

/* Has a CRL for one distribution point to do with this certificate? */
static bool
same_point(const DIST_POINT_NAME *idp, const CRL_DIST_POINTS *of_cert)
{
	if (idp->type != 0)
		return false;
	for (int i = 0; i < sk_DIST_POINT_num(of_cert); i++) {
		const DIST_POINT *dp = sk_DIST_POINT_value(of_cert, i);

		if (dp->distpoint == NULL || dp->distpoint->type != 0)
			continue;
		for (int j = 0; j < sk_GENERAL_NAME_num(idp->name.fullname); j++)
			for (int k = 0; k < sk_GENERAL_NAME_num(dp->distpoint->name.fullname); k++)
				if (GENERAL_NAME_cmp(
				    sk_GENERAL_NAME_value(idp->name.fullname, j),
				    sk_GENERAL_NAME_value(dp->distpoint->name.fullname, k)) == 0)
					return true;
	}
	return false;
}

/* Does the scope of the CRL contain the certificate? */
static bool
is_in_scope(const struct smime_crl *c, X509 *cert)
{
	bool is_ca = (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
	CRL_DIST_POINTS *points;
	bool same;

	if (c->idp == NULL)
		return true;
	if ((c->idp->onlyuser > 0 && is_ca) || (c->idp->onlyCA > 0 && !is_ca))
		return false;
	if (c->idp->distpoint == NULL)
		return true;
	points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	same = same_point(c->idp->distpoint, points);
	CRL_DIST_POINTS_free(points);
	return same;
}

static bool
is_listed(const struct smime_crl *c, X509 *cert)
{
	X509_REVOKED *entry = NULL;
	/* 2: on the list to be taken off it again. */
	int r = X509_CRL_get0_by_cert(c->crl, &entry, cert);

	return r == 1 || (r == 2 && !c->delta);
}

enum revocation
crl_look_up(struct smime_trust *t, X509 *cert, X509 *issuer, const struct smime_options *o,
    int64_t *until_s)
{
	int64_t grace_s = (int64_t)o->revocation_grace_s;
	int64_t best_s = INT64_MIN;

	for (unsigned i = 0; i < t->crls_n; i++) {
		struct smime_crl *c = &t->crls[i];

		if (X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_issuer_name(cert)) != 0 ||
		    !is_genuine(c, issuer))
			continue;
		if (is_listed(c, cert) && !control_off("smime-revoked"))
			return REVOCATION_REVOKED;
		if (c->complete && is_in_scope(c, cert) && c->next_s > best_s &&
		    c->this_s <= o->now_s + SMIME_CLOCK_SLACK_S)
			best_s = c->next_s;
	}
	if (best_s == INT64_MIN || (o->now_s > best_s && o->now_s - best_s > grace_s))
		return control_off("smime-revocation") ? REVOCATION_GOOD : REVOCATION_UNKNOWN;
	if (o->now_s > best_s) {
		*until_s = best_s + grace_s < *until_s ? best_s + grace_s : *until_s;
		return REVOCATION_STALE;
	}
	*until_s = best_s < *until_s ? best_s : *until_s;
	return REVOCATION_GOOD;
}
