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

unsigned
attribute_check(CMS_SignerInfo *si, const ASN1_OCTET_STRING **digest_out)
{
	const ASN1_OBJECT *type = single(si, NID_pkcs9_contentType, V_ASN1_OBJECT);
	const ASN1_OCTET_STRING *digest = single(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);

	*digest_out = digest;
	if (digest == NULL || type == NULL || OBJ_obj2nid(type) != NID_pkcs7_data)
		return SIG_MALFORMED;
	return SIG_OK;
}

unsigned
attribute_signing_time(CMS_SignerInfo *si, int64_t now_s, bool *clock_out)
{
	const ASN1_TIME *t;
	int64_t signed_s;

	*clock_out = false;
	if (CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1) < 0)
		return SIG_OK;		/* RFC 5652 11.3 does not ask for it */
	t = single(si, NID_pkcs9_signingTime, V_ASN1_UTCTIME);
	if (t == NULL)
		t = single(si, NID_pkcs9_signingTime, V_ASN1_GENERALIZEDTIME);
	if (t == NULL || !asn1_seconds(t, &signed_s))
		return SIG_MALFORMED;
	if (signed_s <= now_s + SMIME_CLOCK_SLACK_S)
		return SIG_OK;
	*clock_out = true;
	if (signed_s <= now_s + SMIME_CLOCK_AHEAD_S + SMIME_CLOCK_SLACK_S)
		return SIG_OK;
	return control_off("smime-clock") ? SIG_OK : SIG_EXPIRED;
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
