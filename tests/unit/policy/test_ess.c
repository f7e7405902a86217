/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * ESS security labels in signed attributes; made with the library, since no tool writes them.
 */
#include "tests/unit/policy/pki.h"

#include <stdio.h>

#include <openssl/cms.h>
#include <openssl/pem.h>

#include "common/clock.h"

static const struct {
	const char *name;
	struct slice set;
	bool has_label, review;
	unsigned level;
} labels[] = {
	{ "none", { NULL, 0 }, false, false, LEVEL_THUONG },
	{ "policy alone", SLICE("\x31\x04\x06\x02\x2a\x03"), true, false, LEVEL_THUONG },
	{ "unclassified", SLICE("\x31\x07\x02\x01\x01\x06\x02\x2a\x03"), true, false,
	    LEVEL_THUONG },
	{ "restricted", SLICE("\x31\x07\x02\x01\x02\x06\x02\x2a\x03"), true, true, LEVEL_THUONG },
	{ "confidential", SLICE("\x31\x07\x02\x01\x03\x06\x02\x2a\x03"), true, false, LEVEL_MAT },
	{ "secret", SLICE("\x31\x07\x02\x01\x04\x06\x02\x2a\x03"), true, false, LEVEL_TOI_MAT },
	{ "top secret", SLICE("\x31\x07\x02\x01\x05\x06\x02\x2a\x03"), true, false,
	    LEVEL_TUYET_MAT },
	{ "policy first", SLICE("\x31\x07\x06\x02\x2a\x03\x02\x01\x05"), true, false,
	    LEVEL_TUYET_MAT },
	{ "beyond", SLICE("\x31\x07\x02\x01\x06\x06\x02\x2a\x03"), true, true, LEVEL_THUONG },
	{ "negative", SLICE("\x31\x07\x02\x01\xff\x06\x02\x2a\x03"), true, true, LEVEL_THUONG },
	{ "wide", SLICE("\x31\x08\x02\x02\x01\x00\x06\x02\x2a\x03"), true, true, LEVEL_THUONG },
	{ "empty", SLICE("\x31\x00"), true, false, LEVEL_THUONG },
};

static void *
read_pem(const char *name, bool key)
{
	char path[256];
	void *got;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", pki_dir(), name);
	f = fopen(path, "r");
	assert_non_null(f);
	got = key ? (void *)PEM_read_PrivateKey(f, NULL, NULL, NULL) :
	    (void *)PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(got);
	return got;
}

/* Sign the body with the label into label.der. */
static void
sign(struct slice set)
{
	X509 *cert = read_pem("an.pem", false);
	EVP_PKEY *key = read_pem("an.key", true);
	struct slice body = pki_read("body");
	BIO *in = BIO_new_mem_buf(body.p, (int)body.n);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	CMS_SignerInfo *si = CMS_add1_signer(cms, cert, key, EVP_sha256(), CMS_PARTIAL);
	unsigned char *der = NULL;
	int n;

	assert_non_null(si);
	if (set.n > 0)
		assert_int_equal(CMS_signed_add1_attr_by_NID(si, NID_id_smime_aa_securityLabel,
		    V_ASN1_SET, set.p, (int)set.n), 1);
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	n = i2d_CMS_ContentInfo(cms, &der);
	assert_true(n > 0);
	pki_write("label.der", (struct slice){ (char *)der, (size_t)n });
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	EVP_PKEY_free(key);
	X509_free(cert);
}

static void
labels_become_levels(void **state)
{
	struct smime_options o = { .now_s = clock_real_s() };
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		struct smime_result r;
		struct arena a;
		struct slice b64;
		struct tree t;

		sign(labels[i].set);
		pki_run("openssl base64 -in label.der > label.b64");
		b64 = pki_read("label.b64");
		arena_init(&a, 64 << 20);
		assert_int_equal(tree_parse(pki_text("From: an@tinh.example\r\nContent-Type: "
		    "application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n%.*s",
		    (int)b64.n, b64.p), &a, &t), OK);
		assert_int_equal(smime_verify(&t, trust, &o, &a, &r), OK);
		if (r.sig != SIG_VALID || r.has_label != labels[i].has_label ||
		    r.label_review != labels[i].review || r.label_level != labels[i].level)
			fail_msg("%s: %s %s %d %d %u", labels[i].name, sig_name(r.sig),
			    sig_reason_name(r.reason), r.has_label, r.label_review, r.label_level);
		arena_clear(&a);
	}
	smime_trust_free(&trust);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(labels_become_levels) };

	return cmocka_run_group_tests(tests, pki_setup, pki_teardown);
}
