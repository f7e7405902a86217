/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "common/control.h"
#include "policy/smime/internal.h"

/* The one value of an attribute that must be there once, with one value; NULL otherwise. */
static void *
single(CMS_SignerInfo *si, int nid, int type)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);
	X509_ATTRIBUTE *attr;

	if (at < 0 || CMS_signed_get_attr_by_NID(si, nid, at) >= 0)
		return NULL;
	attr = CMS_signed_get_attr(si, at);
	if (attr == NULL || X509_ATTRIBUTE_count(attr) != 1)
		return NULL;
	return X509_ATTRIBUTE_get0_data(attr, 0, type, NULL);
}

/* At most once: a second one would be somebody else's word. */
static bool
is_single(CMS_SignerInfo *si, int nid)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);

	return at < 0 || CMS_signed_get_attr_by_NID(si, nid, at) < 0;
}

unsigned
attribute_check(CMS_SignerInfo *si, const ASN1_OCTET_STRING **digest_out)
{
	const ASN1_OBJECT *type = single(si, NID_pkcs9_contentType, V_ASN1_OBJECT);
	const ASN1_OCTET_STRING *digest = single(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);

	*digest_out = digest;
	if (digest == NULL || type == NULL || OBJ_obj2nid(type) != NID_pkcs7_data)
		return SIG_MALFORMED;
	if (!is_single(si, NID_pkcs9_signingTime))
		return SIG_MALFORMED;
	return SIG_OK;
}

unsigned
attribute_signing_time(CMS_SignerInfo *si, int64_t now_s, struct smime_signer *s)
{
	const ASN1_TIME *t;

	if (CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1) < 0)
		return SIG_OK;		/* RFC 5652 11.3 does not ask for it */
	t = single(si, NID_pkcs9_signingTime, V_ASN1_UTCTIME);
	if (t == NULL)
		t = single(si, NID_pkcs9_signingTime, V_ASN1_GENERALIZEDTIME);
	if (t == NULL || !asn1_seconds(t, &s->signed_s))
		return SIG_MALFORMED;
	if (s->signed_s < s->begin_s - SMIME_CLOCK_SLACK_S)
		return control_off("smime-before") ? SIG_OK : SIG_EXPIRED;
	if (s->signed_s <= now_s + SMIME_CLOCK_SLACK_S)
		return SIG_OK;
	s->clock = true;
	if (s->signed_s <= now_s + SMIME_CLOCK_AHEAD_S + SMIME_CLOCK_SLACK_S)
		return SIG_OK;
	return control_off("smime-clock") ? SIG_OK : SIG_EXPIRED;
}

/* One element of a DER walk; the walk goes into constructed ones and ends where they end. */
struct element {
	const unsigned char *p, *end;	/* content */
	int		     tag;
};

/* Take the element at *p, before end, if it is a universal one with that tag. */
static bool
take(const unsigned char **p, const unsigned char *end, int tag, struct element *out)
{
	int class = 0;
	long n = 0;

	if (*p >= end || (ASN1_get_object(p, &n, &out->tag, &class, end - *p) & 0x81) != 0 ||
	    class != V_ASN1_UNIVERSAL || out->tag != tag)
		return false;
	out->p = *p;
	out->end = *p + n;
	*p = out->end;
	return true;
}

/* The digest that an ESSCertIDv2 names: *p is moved behind it. NULL: one that is not known. */
static const EVP_MD *
digest_of(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *whole;
	const EVP_MD *md = EVP_sha256();	/* DEFAULT */
	struct element algorithm;
	ASN1_OBJECT *oid;

	if (*p >= end || **p != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
		return md;
	if (!take(p, end, V_ASN1_SEQUENCE, &algorithm))
		return NULL;
	whole = algorithm.p;
	oid = d2i_ASN1_OBJECT(NULL, &whole, algorithm.end - algorithm.p);
	md = oid == NULL ? NULL : EVP_get_digestbyobj(oid);
	ASN1_OBJECT_free(oid);
	return md;
}

/*
 * SigningCertificateV2 ::= SEQUENCE { SEQUENCE OF ESSCertIDv2, ... }; the first names the signer's.
 * ESSCertIDv2 ::= SEQUENCE { AlgorithmIdentifier DEFAULT, OCTET STRING, ... }; version 1 has no
 * algorithm, it is SHA-1.
 */
static unsigned
names_cert(const ASN1_STRING *value, const EVP_MD *md, X509 *cert)
{
	const unsigned char *p = ASN1_STRING_get0_data(value);
	const unsigned char *end = p + ASN1_STRING_length(value);
	unsigned char got[EVP_MAX_MD_SIZE];
	struct element all, list, id, hash;
	unsigned n = 0;

	if (!take(&p, end, V_ASN1_SEQUENCE, &all) ||
	    !take(&all.p, all.end, V_ASN1_SEQUENCE, &list) ||
	    !take(&list.p, list.end, V_ASN1_SEQUENCE, &id))
		return SIG_MALFORMED;
	if (md == NULL)
		md = digest_of(&id.p, id.end);
	if (md == NULL)
		return SIG_UNSUPPORTED;
	if (!take(&id.p, id.end, V_ASN1_OCTET_STRING, &hash))
		return SIG_MALFORMED;
	if (X509_digest(cert, md, got, &n) != 1)
		return SIG_INTERNAL;
	return slice_eq((struct slice){ (const char *)hash.p, (size_t)(hash.end - hash.p) },
	    (struct slice){ (const char *)got, n }) ? SIG_OK : SIG_MALFORMED;
}

unsigned
attribute_certificate(CMS_SignerInfo *si, X509 *cert)
{
	const struct { int nid; const EVP_MD *md; } forms[] = {
		{ NID_id_smime_aa_signingCertificate, EVP_sha1() },
		{ NID_id_smime_aa_signingCertificateV2, NULL },
	};
	unsigned reason = SIG_OK;

	for (size_t i = 0; i < ARRAY_LEN(forms) && reason == SIG_OK; i++) {
		const ASN1_STRING *value;

		if (CMS_signed_get_attr_by_NID(si, forms[i].nid, -1) < 0)
			continue;
		value = single(si, forms[i].nid, V_ASN1_SEQUENCE);
		reason = value == NULL ? SIG_MALFORMED : names_cert(value, forms[i].md, cert);
	}
	return control_off("smime-signing-certificate") ? SIG_OK : reason;
}

/*
 * ESSSecurityLabel ::= SET { OBJECT IDENTIFIER, INTEGER OPTIONAL, ... } in any order: the
 * classification, -1 when there is none, -2 when it cannot be read.
 */
static int64_t
classification(const ASN1_STRING *set)
{
	const unsigned char *p = ASN1_STRING_get0_data(set);
	const unsigned char *end = p + ASN1_STRING_length(set);
	int tag, class;
	long len;

	if (ASN1_get_object(&p, &len, &tag, &class, end - p) != V_ASN1_CONSTRUCTED ||
	    tag != V_ASN1_SET)
		return -2;
	while (p < end) {
		int r = ASN1_get_object(&p, &len, &tag, &class, end - p);

		if ((r & 0x81) != 0)
			return -2;
		if (tag == V_ASN1_INTEGER && class == V_ASN1_UNIVERSAL)
			return len == 1 ? *p : -2;
		p += len;
	}
	return -1;
}

void
attribute_label(CMS_SignerInfo *si, struct smime_result *out)
{
	/* RFC 5035 3.2: 3 confidential, 4 secret, 5 top secret; our three levels in that order. */
	static const unsigned levels[] = { LEVEL_THUONG, LEVEL_THUONG, LEVEL_THUONG, LEVEL_MAT,
		LEVEL_TOI_MAT, LEVEL_TUYET_MAT };
	const ASN1_STRING *set;
	int64_t c;

	if (CMS_signed_get_attr_by_NID(si, NID_id_smime_aa_securityLabel, -1) < 0)
		return;
	out->has_label = true;
	set = single(si, NID_id_smime_aa_securityLabel, V_ASN1_SET);
	c = set == NULL ? -2 : classification(set);
	ERR_clear_error();
	if (c < -1 || c == 2 || c >= (int64_t)ARRAY_LEN(levels))
		out->label_review = true;
	else if (c >= 0 && levels[c] > out->label_level)
		out->label_level = levels[c];
}
