/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * OCSP responses as files (RFC 6960): signed by the authority itself, or by a certificate that it
 * issued for that purpose. "Good" counts as long as nextUpdate and the signer's certificate do;
 * "unknown" says nothing.
 */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/control.h"
#include "policy/smime/internal.h"

OCSP_BASICRESP *
ocsp_parse(struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	OCSP_RESPONSE *response = der.n > LONG_MAX ? NULL :
	    d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	OCSP_BASICRESP *basic = NULL;

	if (response != NULL && (const char *)p == der.p + der.n &&
	    OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return basic;
}

/* ---- the response ---- */

static bool
response_is_understood(OCSP_BASICRESP *basic)
{
	for (int i = 0; i < OCSP_BASICRESP_get_ext_count(basic); i++) {
		X509_EXTENSION *e = OCSP_BASICRESP_get_ext(basic, i);

		if (X509_EXTENSION_get_critical(e) &&
		    OBJ_obj2nid(X509_EXTENSION_get_object(e)) != NID_id_pkix_OCSP_Nonce)
			return false;
	}
	return true;
}

/* Equal for answers to the same questions: what was asked about, in order. */
static bool
take_scope(OCSP_BASICRESP *basic, unsigned char out[32])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	for (int i = 0; ok && i < OCSP_resp_count(basic); i++) {
		const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(OCSP_resp_get0(basic, i));
		unsigned char *der = NULL;
		int n = i2d_OCSP_CERTID(id, &der);

		ok = n > 0 && EVP_DigestUpdate(md, der, (size_t)n) == 1;
		OPENSSL_free(der);
	}
	ok = ok && EVP_DigestFinal_ex(md, out, NULL) == 1;
	EVP_MD_CTX_free(md);
	return ok;
}

static int64_t
archive_cutoff(OCSP_BASICRESP *basic)
{
	int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_archiveCutoff, -1);
	ASN1_GENERALIZEDTIME *time;
	int64_t s;

	if (at < 0)
		return INT64_MAX;
	time = X509V3_EXT_d2i(OCSP_BASICRESP_get_ext(basic, at));
	if (!asn1_seconds(time, &s))
		s = INT64_MAX;
	ASN1_GENERALIZEDTIME_free(time);
	return s;
}

int
ocsp_init(struct smime_ocsp *o, OCSP_BASICRESP *basic)
{
	*o = (struct smime_ocsp){ .basic = basic };
	o->sound = response_is_understood(basic) &&
	    algorithm_signature_is_fit(OCSP_resp_get0_tbs_sigalg(basic));
	o->expired_from_s = archive_cutoff(basic);
	ERR_clear_error();
	if (take_scope(basic, o->scope))
		return OK;
	ocsp_fini(o);
	return ERR_NOMEM;
}

void
ocsp_fini(struct smime_ocsp *o)
{
	OCSP_BASICRESP_free(o->basic);
	*o = (struct smime_ocsp){ 0 };
}

/* ---- one answer ---- */

void
ocsp_answer_of(const struct smime_ocsp *o, int i, struct ocsp_answer *out)
{
	OCSP_SINGLERESP *single = OCSP_resp_get0(o->basic, i);
	ASN1_GENERALIZEDTIME *revoked = NULL, *this = NULL, *next = NULL;
	ASN1_INTEGER *serial = NULL;

	*out = (struct ocsp_answer){ .reason = -1, .sound = true };
	out->status = OCSP_single_get0_status(single, &out->reason, &revoked, &this, &next);
	(void)OCSP_id_get0_info(NULL, NULL, NULL, &serial,
	    (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single));
	out->serial = serial;
	if (serial == NULL || !asn1_seconds(this, &out->this_s))
		out->status = -1;
	if (!asn1_seconds(next, &out->next_s))
		out->next_s = out->this_s;
	if (out->reason < 0 || out->reason > CRL_REASON_AA_COMPROMISE)
		out->reason = CRL_REASON_UNSPECIFIED;
	if (!asn1_seconds(revoked, &out->moment_s))
		out->moment_s = 0;
	for (int n = 0; n < OCSP_SINGLERESP_get_ext_count(single); n++)
		if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(single, n)))
			out->sound = false;
}

static bool
is_digest(const EVP_MD *md, const void *octets, size_t n, const ASN1_OCTET_STRING *want)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned out_n = 0;

	return EVP_Digest(octets, n, out, &out_n, md, NULL) == 1 &&
	    ASN1_STRING_length(want) == (int)out_n &&
	    memcmp(ASN1_STRING_get0_data(want), out, out_n) == 0;
}

bool
ocsp_is_about(const struct smime_ocsp *o, int i, X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(OCSP_resp_get0(o->basic, i));
	ASN1_OCTET_STRING *name = NULL, *key = NULL;
	const ASN1_BIT_STRING *issuer_key = X509_get0_pubkey_bitstr(issuer);
	ASN1_OBJECT *digest = NULL;
	const unsigned char *der;
	const EVP_MD *md;
	size_t n;

	if (OCSP_id_get0_info(&name, &digest, &key, NULL, (OCSP_CERTID *)(uintptr_t)id) != 1 ||
	    (md = EVP_get_digestbyobj(digest)) == NULL || issuer_key == NULL ||
	    X509_NAME_get0_der(X509_get_subject_name(issuer), &der, &n) != 1)
		return false;
	return is_digest(md, der, n, name) && is_digest(md, ASN1_STRING_get0_data(issuer_key),
	    (size_t)ASN1_STRING_length(issuer_key), key);
}

/* ---- who signed it ---- */

static bool
is_signed_by(struct smime_ocsp *o, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	STACK_OF(X509) *only;
	struct key_memory *m;

	if (key == NULL || OCSP_resp_get0_respdata(o->basic) == NULL ||
	    (m = key_memory_of(o->keys, &o->keys_n, x)) == NULL)
		return false;
	if (m->known)
		return m->genuine;
	only = sk_X509_new_null();
	/* It looks for the responder in the stack, and verifies with what it finds. */
	m->genuine = only != NULL && sk_X509_push(only, x) > 0 && algorithm_key_is_fit(key) &&
	    OCSP_basic_verify(o->basic, only, NULL, OCSP_NOVERIFY | OCSP_NOINTERN) == 1;
	m->known = only != NULL;
	sk_X509_free(only);
	ERR_clear_error();
	return m->genuine;
}

/* RFC 6960 4.2.2.2: issued by the authority itself, for nothing less than this purpose. */
static bool
is_appointed(X509 *x, X509 *issuer)
{
	uint32_t usage = X509_get_extended_key_usage(x);

	bool is_meant = usage != UINT32_MAX && (usage & XKU_OCSP_SIGN) != 0 &&
	    (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0;

	if (!is_meant && !control_off("smime-ocsp-signer"))
		return false;
	return X509_check_issued(issuer, x) == X509_V_OK &&
	    (X509_get_extension_flags(x) & EXFLAG_CRITICAL) == 0 &&
	    algorithm_signature_is_fit(X509_get0_tbs_sigalg(x)) &&
	    X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

/* Its own state: RFC 6960 4.2.2.2.1. With nocheck, and without a root, where the object as such is
 * looked at, it is enough that nothing speaks against it. */
static bool
is_in_office(struct question *q, X509 *x, X509 *issuer, X509 *root, int64_t *until_s)
{
	bool no_check = X509_get_ext_by_NID(x, NID_id_pkix_OCSP_noCheck, -1) >= 0;
	enum revocation r = revocation_of(q, x, issuer, root, until_s);

	return r == REVOCATION_GOOD || r == REVOCATION_STALE ||
	    ((no_check || root == NULL) && r == REVOCATION_UNKNOWN);
}

bool
ocsp_is_genuine(struct question *q, struct smime_ocsp *o, X509 *issuer, X509 *root,
    int64_t *until_s, int64_t *end_s_out)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(o->basic);
	int n = certs == NULL ? 0 : sk_X509_num(certs);

	*end_s_out = INT64_MAX;
	if (is_signed_by(o, issuer))
		return true;
	for (int i = 0; i < n && i < SMIME_CERTS_MAX; i++) {
		X509 *x = sk_X509_value(certs, i);
		int64_t begin_s, produced_s;

		if (asn1_seconds(X509_get0_notAfter(x), end_s_out) &&
		    asn1_seconds(X509_get0_notBefore(x), &begin_s) &&
		    asn1_seconds(OCSP_resp_get0_produced_at(o->basic), &produced_s) &&
		    begin_s <= produced_s && produced_s <= *end_s_out && is_signed_by(o, x) &&
		    is_appointed(x, issuer) && is_in_office(q, x, issuer, root, until_s))
			return true;
	}
	return false;
}

/* ---- evidence ---- */

/* The end of a delegated signer's certificate is the end of what it said. */
static void
take_answer(struct evidence *e, const struct smime_ocsp *o, const struct ocsp_answer *a,
    int64_t end_s)
{
	int64_t next_s = a->next_s < end_s ? a->next_s : end_s;

	if (a->status == V_OCSP_CERTSTATUS_REVOKED &&
	    evidence_revoked(e, a->this_s, a->moment_s, a->reason))
		return;
	/* Revoked only later: good at the moment judged. */
	if (a->status != V_OCSP_CERTSTATUS_UNKNOWN && o->sound && a->sound &&
	    evidence_counts(e, a->this_s, o->expired_from_s))
		evidence_good(e, a->this_s, next_s, REASONS_ALL);
}

void
ocsp_testify(struct question *q, struct evidence *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(e->cert);

	for (unsigned i = 0; i < q->t->ocsp_n; i++) {
		struct smime_ocsp *o = &q->t->ocsp[i];

		for (int n = 0; n < OCSP_resp_count(o->basic); n++) {
			struct ocsp_answer a;
			int64_t end_s;

			ocsp_answer_of(o, n, &a);
			if (a.status >= 0 && ASN1_INTEGER_cmp(a.serial, serial) == 0 &&
			    ocsp_is_about(o, n, e->issuer) &&
			    ocsp_is_genuine(q, o, e->issuer, e->root, &e->until_s, &end_s))
				take_answer(e, o, &a, end_s);
		}
	}
	ERR_clear_error();
}
