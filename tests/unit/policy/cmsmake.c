/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/policy/cmsmake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/base64.h"
#include "common/clock.h"

enum { CERTS_MAX = 64 };

/* NAME.KIND of the PKI, to be read once. */
static BIO *
open_pem(const char *name, const char *kind)
{
	char file[64];
	struct slice pem;

	(void)snprintf(file, sizeof file, "%s.%s", name, kind);
	pem = pki_read(file);
	return BIO_new_mem_buf(pem.p, (int)pem.n);
}

static X509 *
read_cert(const char *name)
{
	BIO *b = open_pem(name, "pem");
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	assert_non_null(x);
	return x;
}

static EVP_PKEY *
read_key(const char *name)
{
	BIO *b = open_pem(name, "key");
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

	BIO_free(b);
	assert_non_null(k);
	return k;
}

/* ---- attributes ---- */

/* SEQUENCE { SEQUENCE { SEQUENCE { [algorithm] OCTET STRING } } } */
static void
add_ess(CMS_SignerInfo *si, int nid, X509 *cert, const EVP_MD *md, bool algorithm, bool other)
{
	static const unsigned char sha512[] = { 0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4,
	    2, 3 };
	unsigned char hash[EVP_MAX_MD_SIZE], der[128];
	size_t a = algorithm ? sizeof sha512 : 0, n = 0;
	unsigned len;

	assert_int_equal(X509_digest(cert, md, hash, &len), 1);
	if (other)
		hash[0] ^= 1;
	for (size_t left = 4 + a + len + 2; n < 6; left -= 2) {
		der[n++] = 0x30;
		der[n++] = (unsigned char)left;
	}
	if (a > 0)
		memcpy(der + n, sha512, a);
	n += a;
	der[n++] = 4;
	der[n++] = (unsigned char)len;
	memcpy(der + n, hash, len);
	assert_int_equal(CMS_signed_add1_attr_by_NID(si, nid, V_ASN1_SEQUENCE, der, (int)(n + len)),
	    1);
}

static void
add_time(CMS_SignerInfo *si, int64_t seconds)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, seconds);

	assert_int_equal(CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime, ASN1_STRING_type(t),
	    ASN1_STRING_get0_data(t), ASN1_STRING_length(t)), 1);
	ASN1_TIME_free(t);
}

static void
add_attributes(CMS_SignerInfo *si, const struct cms_signer *s, X509 *cert)
{
	const int v1 = NID_id_smime_aa_signingCertificate,
	    v2 = NID_id_smime_aa_signingCertificateV2;

	add_time(si, s->signed_s != 0 ? s->signed_s : clock_real_s());
	if ((s->faults & (CMS_ESS_V2 | CMS_ESS_V2_OTHER)) != 0)
		add_ess(si, v2, cert, EVP_sha256(), false, (s->faults & CMS_ESS_V2_OTHER) != 0);
	if ((s->faults & (CMS_ESS_V1 | CMS_ESS_V1_OTHER)) != 0)
		add_ess(si, v1, cert, EVP_sha1(), false, (s->faults & CMS_ESS_V1_OTHER) != 0);
	if ((s->faults & CMS_ESS_512) != 0)
		add_ess(si, v2, cert, EVP_sha512(), true, false);
	if ((s->faults & CMS_ESS_BROKEN) != 0)
		assert_int_equal(CMS_signed_add1_attr_by_NID(si, v2, V_ASN1_SEQUENCE,
		    "\x30\x03\x30\x05\x30", 5), 1);
}

static void
remove_attribute(CMS_SignerInfo *si, int nid)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);

	assert_true(at >= 0);
	X509_ATTRIBUTE_free(CMS_signed_delete_attr(si, at));
}

static void
spoil_attributes(CMS_SignerInfo *si, unsigned faults)
{
	unsigned char other[32] = { 1 };

	if ((faults & CMS_NO_TIME) != 0)
		remove_attribute(si, NID_pkcs9_signingTime);
	if ((faults & CMS_TWO_TIMES) != 0)
		add_time(si, clock_real_s());
	if ((faults & (CMS_NO_TYPE | CMS_OTHER_TYPE)) != 0)
		remove_attribute(si, NID_pkcs9_contentType);
	if ((faults & CMS_OTHER_TYPE) != 0)
		assert_int_equal(CMS_signed_add1_attr_by_NID(si, NID_pkcs9_contentType,
		    V_ASN1_OBJECT,
		    OBJ_nid2obj(NID_pkcs7_signed), -1), 1);
	if ((faults & CMS_OTHER_DIGEST) != 0)
		remove_attribute(si, NID_pkcs9_messageDigest);
	if ((faults & (CMS_OTHER_DIGEST | CMS_TWO_DIGESTS)) != 0)
		assert_int_equal(CMS_signed_add1_attr_by_NID(si, NID_pkcs9_messageDigest,
		    V_ASN1_OCTET_STRING, other, sizeof other), 1);
}

/* ---- signing what the library would not sign ---- */

struct piece {
	unsigned char *p;
	int	       n;
};

static int
by_octets(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int r = memcmp(x->p, y->p, (size_t)(x->n < y->n ? x->n : y->n));

	return r != 0 ? r : x->n - y->n;
}

/* The DER of the signed attributes as they are signed: a SET OF, sorted. */
static void
encode_attributes(CMS_SignerInfo *si, struct buf *out)
{
	struct piece pieces[16];
	int n = CMS_signed_get_attr_count(si);
	size_t all = 0;

	assert_true(n > 0 && n <= 16);
	for (int i = 0; i < n; i++) {
		pieces[i].p = NULL;
		pieces[i].n = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(si, i), &pieces[i].p);
		assert_true(pieces[i].n > 0);
		all += (size_t)pieces[i].n;
	}
	qsort(pieces, (size_t)n, sizeof pieces[0], by_octets);
	assert_true(all < 65536);
	buf_addc(out, 0x31);
	if (all >= 256)
		buf_addc(out, (char)0x82);
	else if (all >= 128)
		buf_addc(out, (char)0x81);
	if (all >= 256)
		buf_addc(out, (char)(all >> 8));
	buf_addc(out, (char)all);
	for (int i = 0; i < n; i++) {
		buf_add(out, (struct slice){ (char *)pieces[i].p, (size_t)pieces[i].n });
		OPENSSL_free(pieces[i].p);
	}
}

static void
sign_again(CMS_SignerInfo *si, EVP_PKEY *key, const EVP_MD *md)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[1024];
	size_t n = sizeof sig;
	struct buf der;

	buf_init(&der, 1 << 16);
	encode_attributes(si, &der);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, (unsigned char *)der.p, der.n), 1);
	assert_int_equal(ASN1_STRING_set(CMS_SignerInfo_get0_signature(si), sig, (int)n), 1);
	EVP_MD_CTX_free(ctx);
	buf_fini(&der);
}

/* ---- the object ---- */

static void
add_extra(CMS_ContentInfo *cms, const char *names)
{
	struct slice rest = slice_of(names), one;

	while (rest.n > 0) {
		char name[32];
		X509 *x;

		slice_cut(&rest, ' ', &one);
		(void)snprintf(name, sizeof name, "%.*s", (int)one.n, one.p);
		x = read_cert(name);
		assert_int_equal(CMS_add1_cert(cms, x), 1);
		X509_free(x);
	}
}

static CMS_SignerInfo *
add_signer(CMS_ContentInfo *cms, const struct cms_signer *s, const EVP_MD *md)
{
	unsigned flags = CMS_PARTIAL | CMS_BINARY;
	X509 *cert = read_cert(s->name);
	EVP_PKEY *key = read_key(s->name);
	CMS_SignerInfo *si;

	if ((s->faults & CMS_BY_KEYID) != 0)
		flags |= CMS_USE_KEYID;
	if ((s->faults & CMS_NO_CERT) != 0)
		flags |= CMS_NOCERTS;
	if ((s->faults & (CMS_PSS | CMS_PSS_SHA1_MASK)) != 0)
		flags |= CMS_KEY_PARAM;
	si = CMS_add1_signer(cms, cert, key, md, flags);
	if (si == NULL)
		ERR_print_errors_fp(stderr);
	assert_non_null(si);
	if ((flags & CMS_KEY_PARAM) != 0) {
		EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

		assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
		if ((s->faults & CMS_PSS_SHA1_MASK) != 0)
			assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) > 0);
	}
	add_attributes(si, s, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	return si;
}

/* What the library cannot make: its signature is replaced by one of the key of ed.pem, which bears
 * the issuer and serial of twin.pem. */
static void
sign_ed25519(CMS_SignerInfo *si)
{
	EVP_PKEY *key = read_key("ed");
	X509_ALGOR *algorithm = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &algorithm);
	assert_int_equal(X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_ED25519), V_ASN1_UNDEF, NULL),
	    1);
	sign_again(si, key, NULL);
	EVP_PKEY_free(key);
}

/* Faults that need the finished signature, and a new one in most cases. */
static void
spoil(CMS_SignerInfo *si, const struct cms_signer *s, const EVP_MD *md)
{
	const unsigned again =
	    CMS_NO_TIME | CMS_TWO_TIMES | CMS_OTHER_DIGEST | CMS_TWO_DIGESTS | CMS_OTHER_TYPE |
	    CMS_NO_TYPE;

	if ((s->faults & again) != 0) {
		EVP_PKEY *key = read_key(s->name);

		spoil_attributes(si, s->faults);
		sign_again(si, key, md);
		EVP_PKEY_free(key);
	}
	if ((s->faults & CMS_ED25519) != 0)
		sign_ed25519(si);
	if ((s->faults & CMS_BROKEN) != 0) {
		ASN1_OCTET_STRING *sig = CMS_SignerInfo_get0_signature(si);

		((unsigned char *)(uintptr_t)ASN1_STRING_get0_data(sig))
		    [ASN1_STRING_length(sig) - 1] ^= 1;
	}
}

struct slice
cms_make(struct slice content, bool detached, const struct cms_signer *signers, size_t n,
    const char *extra)
{
	unsigned flags = CMS_PARTIAL | CMS_BINARY | (detached ? CMS_DETACHED : 0U);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	BIO *in = BIO_new_mem_buf(content.p, (int)content.n);
	CMS_SignerInfo *infos[16];
	const EVP_MD *md[16];
	unsigned char *der = NULL;
	struct slice out;
	int len;

	assert_true(n <= 16);
	add_extra(cms, extra);
	for (size_t i = 0; i < n; i++) {
		md[i] = EVP_get_digestbyname(signers[i].digest == NULL ? "sha256" :
		    signers[i].digest);
		infos[i] = add_signer(cms, &signers[i], md[i]);
	}
	if (CMS_final(cms, in, NULL, CMS_BINARY) != 1) {
		ERR_print_errors_fp(stderr);
		fail_msg("%s cannot sign", signers[0].name);
	}
	for (size_t i = 0; i < n; i++)
		spoil(infos[i], &signers[i], md[i]);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	pki_write("made.der", (struct slice){ (char *)der, (size_t)len });
	out = pki_read("made.der");
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return out;
}

/* ---- MIME ---- */

static struct slice
base64(struct slice der)
{
	struct slice out;
	struct buf b;

	buf_init(&b, 2 * der.n + 1024);
	base64_encode_lines(der, 64, &b);
	out = pki_text("%.*s", (int)b.n, b.p);
	buf_fini(&b);
	return out;
}

struct slice
cms_multipart(struct slice entity, struct slice der)
{
	static unsigned serial;
	struct slice b64 = base64(der);

	serial++;
	return pki_text("Content-Type: multipart/signed; micalg=\"sha-256, sha-384, sha-512\";\r\n"
	    " protocol=\"application/pkcs7-signature\"; boundary=\"ky%uso\"\r\n\r\n--ky%uso\r\n"
	    "%.*s\r\n--ky%uso\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
	    "Content-Disposition: attachment; filename=smime.p7s\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n%.*s--ky%uso--\r\n", serial, serial,
	    (int)entity.n, entity.p, serial, (int)b64.n, b64.p, serial);
}

struct slice
cms_opaque(struct slice der)
{
	struct slice b64 = base64(der);

	return pki_text("Content-Type: application/pkcs7-mime; smime-type=signed-data; "
	    "name=smime.p7m\r\nContent-Disposition: attachment; filename=smime.p7m\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n%.*s", (int)b64.n, b64.p);
}

struct slice
cms_sign(struct slice entity, bool detached, const struct cms_signer *signers, size_t n)
{
	struct slice der = cms_make(entity, detached, signers, n, "");

	return detached ? cms_multipart(entity, der) : cms_opaque(der);
}
