/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A CRL as it is needed for look-ups: entries sorted, moments in seconds, each with the issuer
 * whose certificate it is about (RFC 5280 5.3.3: an entry takes over the issuer of the one before).
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "policy/smime/internal.h"

X509_CRL *
crl_parse(struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509_CRL *crl = der.n > LONG_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);
	int64_t this_s;

	ERR_clear_error();
	/* A list of no moment can be used for nothing; it must not spoil a whole set later. */
	if (crl != NULL && ((const char *)p != der.p + der.n ||
	    !asn1_seconds(X509_CRL_get0_lastUpdate(crl), &this_s))) {
		X509_CRL_free(crl);
		return NULL;
	}
	return crl;
}

/* ---- the list ---- */

/* Are all critical extensions of the list ones that are understood here? */
static bool
is_understood(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *e = X509_CRL_get_ext(crl, i);

		if (X509_EXTENSION_get_critical(e) == 0)
			continue;
		switch (OBJ_obj2nid(X509_EXTENSION_get_object(e))) {
		case NID_issuing_distribution_point:
		case NID_delta_crl:
		case NID_crl_number:
		case NID_authority_key_identifier:
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool
is_well_signed(const X509_CRL *crl)
{
	const X509_ALGOR *signature = NULL;

	X509_CRL_get0_signature(crl, NULL, &signature);
	return algorithm_signature_is_fit(signature);
}

/* An extension of a kind, or NULL; *sound is false from then on if it is there but broken. */
static void *
extension(const X509_CRL *crl, int nid, bool *sound)
{
	int critical = -1;
	void *value = X509_CRL_get_ext_d2i(crl, nid, &critical, NULL);

	if (value == NULL && critical != -1)
		*sound = false;
	return value;
}

/* X.509 (2019) 9.5.2.8: expiredCertsOnCRL, a GeneralizedTime. */
static int64_t
expired_from(const X509_CRL *crl)
{
	ASN1_OBJECT *id = OBJ_txt2obj("2.5.29.60", 1);
	int at = id == NULL ? -1 : X509_CRL_get_ext_by_OBJ(crl, id, -1);
	int64_t s = INT64_MAX;

	if (at >= 0) {
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
		const unsigned char *p = ASN1_STRING_get0_data(value);
		ASN1_GENERALIZEDTIME *time = d2i_ASN1_GENERALIZEDTIME(NULL, &p,
		    ASN1_STRING_length(value));

		if (!asn1_seconds(time, &s))
			s = INT64_MAX;
		ASN1_GENERALIZEDTIME_free(time);
	}
	ASN1_OBJECT_free(id);
	return s;
}

static void
add_extension(EVP_MD_CTX *md, const X509_CRL *crl, int nid)
{
	int at = X509_CRL_get_ext_by_NID(crl, nid, -1);
	const ASN1_OCTET_STRING *value = at < 0 ? NULL :
	    X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
	uint32_t n = value == NULL ? 0 : (uint32_t)ASN1_STRING_length(value);

	(void)EVP_DigestUpdate(md, &n, sizeof n);
	if (n > 0)
		(void)EVP_DigestUpdate(md, ASN1_STRING_get0_data(value), n);
}

static bool
take_scope(const X509_CRL *crl, unsigned char out[32])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const unsigned char *name;
	size_t n;
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	    X509_NAME_get0_der(X509_CRL_get_issuer(crl), &name, &n) == 1 &&
	    EVP_DigestUpdate(md, name, n) == 1;

	if (ok) {
		add_extension(md, crl, NID_authority_key_identifier);
		add_extension(md, crl, NID_issuing_distribution_point);
		ok = EVP_DigestFinal_ex(md, out, NULL) == 1;
	}
	EVP_MD_CTX_free(md);
	return ok;
}

static void
take_extensions(struct smime_crl *c)
{
	DIST_POINT_NAME *point;

	c->idp = extension(c->crl, NID_issuing_distribution_point, &c->sound);
	c->akid = extension(c->crl, NID_authority_key_identifier, &c->sound);
	c->number = extension(c->crl, NID_crl_number, &c->sound);
	c->base = extension(c->crl, NID_delta_crl, &c->sound);
	c->delta = X509_CRL_get_ext_by_NID(c->crl, NID_delta_crl, -1) >= 0;
	c->indirect = c->idp != NULL && c->idp->indirectCRL > 0;
	c->expired_from_s = expired_from(c->crl);
	point = c->idp == NULL ? NULL : c->idp->distpoint;
	if (point != NULL && DIST_POINT_set_dpname(point, X509_CRL_get_issuer(c->crl)) != 1)
		c->sound = false;
}

/* ---- entries ---- */

static bool
entry_is_understood(const X509_REVOKED *r)
{
	for (int i = 0; i < X509_REVOKED_get_ext_count(r); i++) {
		X509_EXTENSION *e = X509_REVOKED_get_ext(r, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));

		if (X509_EXTENSION_get_critical(e) && nid != NID_crl_reason &&
		    nid != NID_invalidity_date && nid != NID_certificate_issuer)
			return false;
	}
	return true;
}

/* Without a readable date it is revoked since ever. */
static int64_t
moment_of(const X509_REVOKED *r)
{
	ASN1_GENERALIZEDTIME *invalid = X509_REVOKED_get_ext_d2i(r, NID_invalidity_date, NULL,
	    NULL);
	int64_t moment_s, invalid_s;

	if (!asn1_seconds(X509_REVOKED_get0_revocationDate(r), &moment_s))
		moment_s = 0;
	if (asn1_seconds(invalid, &invalid_s) && invalid_s < moment_s)
		moment_s = invalid_s;
	ASN1_GENERALIZEDTIME_free(invalid);
	return moment_s;
}

static int
reason_of(const X509_REVOKED *r)
{
	ASN1_ENUMERATED *e = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
	int64_t reason = CRL_REASON_UNSPECIFIED;

	if (e != NULL && (ASN1_ENUMERATED_get_int64(&reason, e) != 1 || reason < 0 ||
	    reason > CRL_REASON_AA_COMPROMISE))
		reason = CRL_REASON_UNSPECIFIED;
	ASN1_ENUMERATED_free(e);
	return (int)reason;
}

/* The issuer from here on, or NULL when this entry does not name one. ERR_SYNTAX, ERR_NOMEM. */
static int
take_issuer(struct smime_crl *c, const X509_REVOKED *r, X509_NAME **issuer)
{
	GENERAL_NAMES *names, **more;

	if (X509_REVOKED_get_ext_by_NID(r, NID_certificate_issuer, -1) < 0)
		return OK;
	names = X509_REVOKED_get_ext_d2i(r, NID_certificate_issuer, NULL, NULL);
	if (names == NULL)
		return ERR_SYNTAX;
	more = reallocarray(c->issuers, c->issuers_n + 1, sizeof *more);
	if (more == NULL) {
		GENERAL_NAMES_free(names);
		return ERR_NOMEM;
	}
	c->issuers = more;
	c->issuers[c->issuers_n++] = names;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DIRNAME) {
			*issuer = g->d.directoryName;
			return OK;
		}
	}
	return ERR_SYNTAX;
}

static int
compare_entries(const void *va, const void *vb)
{
	const struct crl_entry *a = va, *b = vb;

	return ASN1_INTEGER_cmp(a->serial, b->serial);
}

/* Must run before OpenSSL looks anything up in the list, which would change the order. */
static int
take_entries(struct smime_crl *c)
{
	STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(c->crl);
	int n = all == NULL ? 0 : sk_X509_REVOKED_num(all);
	X509_NAME *issuer = NULL;

	if (n > 0 && (c->entries = calloc((size_t)n, sizeof *c->entries)) == NULL)
		return ERR_NOMEM;
	for (int i = 0; i < n; i++) {
		const X509_REVOKED *r = sk_X509_REVOKED_value(all, i);
		int err = take_issuer(c, r, &issuer);

		if (err == ERR_NOMEM)
			return err;
		/* From an issuer that cannot be read on, nobody knows whom entries are about. */
		if (err != OK || (issuer != NULL && !c->indirect) || !entry_is_understood(r))
			c->sound = false;
		if (err != OK)
			break;
		c->entries[c->entries_n++] = (struct crl_entry){ X509_REVOKED_get0_serialNumber(r),
			issuer, moment_of(r), reason_of(r) };
	}
	if (c->entries_n > 0)
		qsort(c->entries, c->entries_n, sizeof *c->entries, compare_entries);
	return OK;
}

int
crl_init(struct smime_crl *c, X509_CRL *crl)
{
	int r;

	*c = (struct smime_crl){ .crl = crl, .sound = true };
	take_extensions(c);
	c->sound &= is_understood(crl) && is_well_signed(crl);
	if (!asn1_seconds(X509_CRL_get0_nextUpdate(crl), &c->next_s))
		c->sound = false;	/* RFC 5280 5.1.2.5: it must be there */
	r = take_entries(c);
	if (r == OK && !asn1_seconds(X509_CRL_get0_lastUpdate(crl), &c->this_s))
		r = ERR_SYNTAX;
	if (r == OK && !take_scope(crl, c->scope))
		r = ERR_NOMEM;
	if (r != OK)
		crl_fini(c);
	ERR_clear_error();
	return r;
}

void
crl_fini(struct smime_crl *c)
{
	ISSUING_DIST_POINT_free(c->idp);
	AUTHORITY_KEYID_free(c->akid);
	ASN1_INTEGER_free(c->number);
	ASN1_INTEGER_free(c->base);
	for (unsigned i = 0; i < c->issuers_n; i++)
		GENERAL_NAMES_free(c->issuers[i]);
	free(c->issuers);
	free(c->entries);
	X509_CRL_free(c->crl);
	*c = (struct smime_crl){ 0 };
}
