/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Which keys and algorithms count: RSA of 2048 bits and more (PKCS #1, PSS) and ECDSA on the
 * curves P-256, P-384, P-521, each with SHA-256, SHA-384 or SHA-512 (for the mask of PSS, too).
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

#include "common/control.h"
#include "policy/smime/internal.h"

enum {
	RSA_BITS_MIN = 2048,
	EXPONENT_BITS_MAX = 64,	/* usual: 17; one as long as the modulus costs 100 times as much */
};

static unsigned
check_digest(int nid)
{
	switch (nid) {
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		return SIG_OK;
	case NID_md2:
	case NID_md4:
	case NID_md5:
	case NID_sha1:
	case NID_sha224:
	case NID_ripemd160:
		return control_off("smime-weak") ? SIG_OK : SIG_WEAK;
	default:
		return SIG_UNSUPPORTED;
	}
}

static unsigned
check_curve(EVP_PKEY *key)
{
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	char name[32] = "";

	/* Parameters written out, not named, have no name here. */
	if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1)
		for (size_t i = 0; i < ARRAY_LEN(curves); i++)
			if (strcmp(name, curves[i]) == 0)
				return SIG_OK;
	return SIG_UNSUPPORTED;
}

static bool
has_short_exponent(EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool is_short = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	    BN_num_bits(e) <= EXPONENT_BITS_MAX;

	BN_free(e);
	return is_short;
}

bool
algorithm_key_is_cheap(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return EVP_PKEY_get_bits(key) <= KEY_BITS_MAX && has_short_exponent(key);
	case EVP_PKEY_EC:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	default:
		return false;
	}
}

static unsigned
check_key(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		if (bits < RSA_BITS_MIN && !control_off("smime-weak"))
			return SIG_WEAK;
		return algorithm_key_is_cheap(key) ? SIG_OK : SIG_UNSUPPORTED;
	case EVP_PKEY_EC:
		return check_curve(key);
	default:
		return SIG_UNSUPPORTED;
	}
}

/* The structure in an algorithm's parameters; NULL: there is none, or another. */
static void *
parameter(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
	const void *value = NULL;
	int type = V_ASN1_UNDEF;

	if (algorithm != NULL)
		X509_ALGOR_get0(NULL, &type, &value, algorithm);
	return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

static int
algorithm_nid(const X509_ALGOR *algorithm, int otherwise)
{
	return algorithm == NULL ? otherwise : OBJ_obj2nid(algorithm->algorithm);
}

/* The digest of a PSS signature and that of its mask: no weaker one may stand in either place. */
static unsigned
check_pss(const X509_ALGOR *signature, int *digest_out)
{
	RSA_PSS_PARAMS *pss = parameter(signature, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	X509_ALGOR *mask = pss == NULL ? NULL :
	    parameter(pss->maskGenAlgorithm, ASN1_ITEM_rptr(X509_ALGOR));
	int named = algorithm_nid(pss == NULL ? NULL : pss->hashAlgorithm, NID_sha1);
	unsigned reason = pss == NULL ? SIG_MALFORMED : check_digest(named);

	if (reason == SIG_OK)
		reason = check_digest(algorithm_nid(mask, NID_sha1));
	X509_ALGOR_free(mask);
	RSA_PSS_PARAMS_free(pss);
	*digest_out = named;
	return reason;
}

bool
algorithm_signature_is_fit(const X509_ALGOR *signature)
{
	int nid = signature == NULL ? NID_undef : OBJ_obj2nid(signature->algorithm);
	int digest = NID_undef, key = NID_undef;

	if (nid == NID_rsassaPss)
		return check_pss(signature, &digest) == SIG_OK;
	if (OBJ_find_sigid_algs(nid, &digest, &key) != 1)
		return false;
	/* Without a digest of its own: Ed25519 and Ed448. */
	return digest == NID_undef || check_digest(digest) == SIG_OK;
}

/* For authorities also Ed25519 and Ed448, which OpenSSL only lacks in CMS. */
bool
algorithm_key_is_fit(EVP_PKEY *key)
{
	int id = EVP_PKEY_get_base_id(key);

	return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 || check_key(key) == SIG_OK;
}

/* The signature's own algorithm must fit the key and name no other digest. */
static unsigned
check_signature(const X509_ALGOR *signature, int digest, EVP_PKEY *key)
{
	int nid = OBJ_obj2nid(signature->algorithm);
	bool is_ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
	int named = NID_undef, of = NID_undef;

	if (nid == NID_rsassaPss && !is_ec) {
		unsigned reason = check_pss(signature, &named);

		return reason != SIG_OK || named == digest ? reason : SIG_MALFORMED;
	}
	if (nid == NID_rsaEncryption)
		return is_ec ? SIG_MALFORMED : SIG_OK;
	if (nid == NID_X9_62_id_ecPublicKey)
		return is_ec ? SIG_OK : SIG_MALFORMED;
	if (nid == NID_rsassaPss)
		return SIG_MALFORMED;
	if (OBJ_find_sigid_algs(nid, &named, &of) != 1)
		return SIG_UNSUPPORTED;
	if (check_digest(named) != SIG_OK)
		return check_digest(named);
	if (of != NID_rsaEncryption && of != NID_X9_62_id_ecPublicKey)
		return SIG_UNSUPPORTED;
	return named == digest && is_ec == (of == NID_X9_62_id_ecPublicKey) ? SIG_OK :
	    SIG_MALFORMED;
}

unsigned
algorithm_check(CMS_SignerInfo *si, X509 *cert)
{
	X509_ALGOR *digest = NULL, *signature = NULL;
	EVP_PKEY *key = X509_get0_pubkey(cert);
	unsigned reason;
	int nid;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &signature);
	if (digest == NULL || signature == NULL)
		return SIG_MALFORMED;
	if (key == NULL)
		return SIG_UNSUPPORTED;
	if ((reason = check_key(key)) != SIG_OK)
		return reason;
	nid = OBJ_obj2nid(digest->algorithm);
	if ((reason = check_digest(nid)) != SIG_OK)
		return reason;
	return check_signature(signature, nid, key);
}
