/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/policy/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/x509v3.h>

enum { PEOPLE_MAX = 16, KEPT_MAX = 400, DAY_S = 86400 };

struct mint_person {
	X509	     *cert;
	EVP_PKEY     *key;
	unsigned char sha256[32];
};

static struct {
	struct mint_person ca, other, people[PEOPLE_MAX];
	X509_CRL	  *crl;
	unsigned	   people_n, kept_n;
	unsigned char	  *kept[KEPT_MAX];
	long		   serial;
} mint;

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509 *
certificate(const char *name, EVP_PKEY *key, const struct mint_person *issuer)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);

	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++mint.serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), 30L * DAY_S);
	assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(x, issuer == NULL ? n :
	    X509_get_subject_name(issuer->cert)), 1);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	return x;
}

static void
finish(struct mint_person *p, const struct mint_person *issuer)
{
	unsigned n;

	assert_true(X509_sign(p->cert, issuer->key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(p->cert, EVP_sha256(), p->sha256, &n), 1);
}

static void
authority(struct mint_person *p, const char *name)
{
	p->key = EVP_EC_gen("P-256");
	assert_non_null(p->key);
	p->cert = certificate(name, p->key, NULL);
	extend(p->cert, NID_basic_constraints, "critical,CA:true");
	extend(p->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	finish(p, p);
}

static void
make_crl(void)
{
	ASN1_TIME *t = ASN1_TIME_new();

	mint.crl = X509_CRL_new();
	assert_int_equal(X509_CRL_set_version(mint.crl, X509_CRL_VERSION_2), 1);
	assert_int_equal(X509_CRL_set_issuer_name(mint.crl,
	    X509_get_subject_name(mint.ca.cert)), 1);
	X509_gmtime_adj(t, -DAY_S);
	X509_CRL_set1_lastUpdate(mint.crl, t);
	X509_gmtime_adj(t, 30L * DAY_S);
	X509_CRL_set1_nextUpdate(mint.crl, t);
	ASN1_TIME_free(t);
	assert_true(X509_CRL_sign(mint.crl, mint.ca.key, EVP_sha256()) > 0);
}

void
mint_start(void)
{
	authority(&mint.ca, "Goc thu");
	authority(&mint.other, "Goc la");
	make_crl();
}

static void
person_free(struct mint_person *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
}

void
mint_stop(void)
{
	for (unsigned i = 0; i < mint.people_n; i++)
		person_free(&mint.people[i]);
	for (unsigned i = 0; i < mint.kept_n; i++)
		OPENSSL_free(mint.kept[i]);
	person_free(&mint.ca);
	person_free(&mint.other);
	X509_CRL_free(mint.crl);
	mint.people_n = mint.kept_n = 0;
}

static struct slice
keep(unsigned char *der, int n)
{
	assert_true(n > 0 && mint.kept_n < KEPT_MAX);
	mint.kept[mint.kept_n++] = der;
	return (struct slice){ (const char *)der, (size_t)n };
}

struct smime_trust *
mint_trust(void)
{
	unsigned char *cert = NULL, *crl = NULL;
	struct smime_trust *t = NULL;
	struct buf blob;
	int cert_n = i2d_X509(mint.ca.cert, &cert), crl_n = i2d_X509_CRL(mint.crl, &crl);

	buf_init(&blob, 1 << 20);
	assert_int_equal(smime_trust_add(&blob, SMIME_ROOT, keep(cert, cert_n)), OK);
	assert_int_equal(smime_trust_add(&blob, SMIME_CRL, keep(crl, crl_n)), OK);
	assert_int_equal(smime_trust_new(buf_slice(&blob), &t), OK);
	buf_fini(&blob);
	return t;
}

struct mint_person *
mint_person(const char *address, bool foreign)
{
	const struct mint_person *issuer = foreign ? &mint.other : &mint.ca;
	struct mint_person *p = &mint.people[mint.people_n];
	char san[400];

	assert_true(mint.people_n < PEOPLE_MAX);
	mint.people_n++;
	snprintf(san, sizeof san, "email:%s", address);
	p->key = EVP_EC_gen("P-256");
	assert_non_null(p->key);
	p->cert = certificate(address, p->key, issuer);
	extend(p->cert, NID_basic_constraints, "critical,CA:false");
	extend(p->cert, NID_key_usage, "critical,digitalSignature");
	extend(p->cert, NID_ext_key_usage, "emailProtection");
	extend(p->cert, NID_subject_alt_name, san);
	finish(p, issuer);
	return p;
}

const unsigned char *
mint_sha256(const struct mint_person *p)
{
	return p->sha256;
}

struct slice
mint_sign(const struct mint_person *p, struct slice text)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	CMS_ContentInfo *cms = CMS_sign(p->cert, p->key, NULL, in, CMS_BINARY);
	unsigned char *der = NULL;
	int n;

	assert_non_null(cms);
	n = i2d_CMS_ContentInfo(cms, &der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return keep(der, n);
}
