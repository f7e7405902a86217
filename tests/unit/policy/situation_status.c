/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Lists and responses of a script. */
#include "tests/unit/policy/situation_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

/* ---- lists ---- */

static void
add_reason(X509_REVOKED *r, const char *reason)
{
	static const char *const names[] = { "unspecified", "keyCompromise", "CACompromise",
		"affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "",
		"removeFromCRL", "privilegeWithdrawn", "AACompromise" };
	ASN1_ENUMERATED *e;

	if (reason == NULL || strcmp(reason, "-") == 0)
		return;
	e = ASN1_ENUMERATED_new();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], reason) == 0)
			assert_int_equal(ASN1_ENUMERATED_set(e, (long)i), 1);
	assert_int_equal(X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, e, 0, 0), 1);
	ASN1_ENUMERATED_free(e);
}

static void
add_issuer(X509_REVOKED *r, X509 *cert)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *g = GENERAL_NAME_new();

	g->type = GEN_DIRNAME;
	g->d.directoryName = X509_NAME_dup(X509_get_issuer_name(cert));
	assert_true(sk_GENERAL_NAME_push(names, g) > 0);
	assert_int_equal(X509_REVOKED_add1_ext_i2d(r, NID_certificate_issuer, names, 1, 0), 1);
	GENERAL_NAMES_free(names);
}

static void
add_unknown_extension(X509_REVOKED *r)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.55555.9", 1);
	X509_EXTENSION *e;

	assert_int_equal(ASN1_OCTET_STRING_set(octets, (const unsigned char *)"\5\0", 2), 1);
	e = X509_EXTENSION_create_by_OBJ(NULL, id, 1, octets);
	assert_int_equal(X509_REVOKED_add_ext(r, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OBJECT_free(id);
	ASN1_OCTET_STRING_free(octets);
}

/* ID[:REASON[:T[:T]]]; is_told: the issuer is that of the entry before. */
static void
add_entry(X509_CRL *crl, const struct line *l, const char *text, bool is_told)
{
	char copy[128], *part[4] = { NULL }, *save = NULL;
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *t = ASN1_TIME_new();
	const struct entity *e;
	unsigned n = 0;

	snprintf(copy, sizeof copy, "%s", text);
	for (char *w = strtok_r(copy, ":", &save); w != NULL && n < 4;
	    w = strtok_r(NULL, ":", &save))
		part[n++] = w;
	e = find(part[0]);
	assert_int_equal(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(e->x)), 1);
	set_time(t, part[2], "-20");
	assert_int_equal(X509_REVOKED_set_revocationDate(r, t), 1);
	add_reason(r, part[1]);
	if (part[3] != NULL) {
		ASN1_GENERALIZEDTIME *g = general_time(part[3], NULL);

		assert_int_equal(X509_REVOKED_add1_ext_i2d(r, NID_invalidity_date, g, 0, 0), 1);
		ASN1_GENERALIZEDTIME_free(g);
	}
	if (X509_NAME_cmp(X509_get_issuer_name(e->x), X509_CRL_get_issuer(crl)) != 0 && !is_told)
		add_issuer(r, e->x);
	if (option(l, "entry") != NULL)
		add_unknown_extension(r);
	assert_int_equal(X509_CRL_add0_revoked(crl, r), 1);
	ASN1_TIME_free(t);
}

static void
add_list_extensions(X509_CRL *crl, X509 *issuer, const struct line *l)
{
	static const char *const of_list[] = { "authorityKeyIdentifier=keyid", NULL };
	CONF *conf = conf_of(l, of_list, issuer);
	const char *number = option(l, "number");
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	X509V3_set_nconf(&ctx, conf);
	if (X509V3_EXT_CRL_add_nconf(conf, &ctx, "x", crl) != 1)
		tell_library_error("list");
	NCONF_free(conf);
	assert_int_equal(ASN1_INTEGER_set(n, number == NULL ? 5 : atol(number)), 1);
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0), 1);
	ASN1_INTEGER_free(n);
}

void
make_list(struct situation *s, const struct line *l)
{
	struct entity *issuer = find(l->words[1]);
	struct entity *signer = option(l, "sign") == NULL ? issuer : find(option(l, "sign"));
	X509_NAME *name = option(l, "name") != NULL ? name_of(option(l, "name")) :
	    X509_NAME_dup(X509_get_subject_name(issuer->x));
	X509_CRL *crl = X509_CRL_new();
	const ASN1_BIT_STRING *signature;
	ASN1_TIME *t = ASN1_TIME_new();
	unsigned char *der = NULL;
	int n;

	issuer->has_crl = true;
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
	set_time(t, option(l, "this"), "-10");
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
	if (option(l, "next") == NULL || strcmp(option(l, "next"), "none") != 0) {
		set_time(t, option(l, "next"), "10");
		assert_int_equal(X509_CRL_set1_nextUpdate(crl, t), 1);
	}
	for (unsigned i = 0, entries = 0; i < l->options_n; i++)
		if (strncmp(l->options[i], "revoke=", 7) == 0)
			add_entry(crl, l, l->options[i] + 7,
			    entries++ > 0 && option(l, "silent") != NULL);
	add_list_extensions(crl, signer->x, l);
	assert_true(X509_CRL_sign(crl, signer->key, digest_for(l, signer->key)) > 0);
	X509_CRL_get0_signature(crl, &signature, NULL);
	if (option(l, "badsig") != NULL)
		spoil(signature);
	n = i2d_X509_CRL(crl, &der);
	put(s, SMIME_CRL, der, n);
	ASN1_TIME_free(t);
	X509_NAME_free(name);
	X509_CRL_free(crl);
}

/* ---- responses ---- */

static void
add_answer(OCSP_BASICRESP *basic, const struct line *l)
{
	const char *hash = option(l, "hash"), *answer = l->words[4];
	bool is_revoked = strcmp(answer, "revoked") == 0 || strcmp(answer, "hold") == 0;
	OCSP_CERTID *id = OCSP_cert_to_id(hash == NULL ? EVP_sha1() : EVP_get_digestbyname(hash),
	    find(l->words[3])->x, find(l->words[2])->x);
	ASN1_GENERALIZEDTIME *this = general_time(option(l, "this"), "-2"), *next = NULL;
	ASN1_GENERALIZEDTIME *moment = general_time(option(l, "moment"), "-20");

	if (option(l, "next") == NULL || strcmp(option(l, "next"), "none") != 0)
		next = general_time(option(l, "next"), "5");
	assert_non_null(OCSP_basic_add1_status(basic, id, is_revoked ? V_OCSP_CERTSTATUS_REVOKED :
	    strcmp(answer, "good") == 0 ? V_OCSP_CERTSTATUS_GOOD : V_OCSP_CERTSTATUS_UNKNOWN,
	    strcmp(answer, "hold") == 0 ? OCSP_REVOKED_STATUS_CERTIFICATEHOLD :
	    OCSP_REVOKED_STATUS_KEYCOMPROMISE, is_revoked ? moment : NULL, this, next));
	ASN1_GENERALIZEDTIME_free(this);
	ASN1_GENERALIZEDTIME_free(next);
	ASN1_GENERALIZEDTIME_free(moment);
	OCSP_CERTID_free(id);
}

void
make_response(struct situation *s, const struct line *l)
{
	const struct entity *signer = find(l->words[1]);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int n;

	add_answer(basic, l);
	assert_int_equal(OCSP_basic_sign(basic, signer->x, signer->key, digest_for(l, signer->key),
	    NULL, option(l, "with") != NULL ? 0 : OCSP_NOCERTS), 1);
	if (option(l, "badsig") != NULL)
		spoil(OCSP_resp_get0_signature(basic));
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	n = i2d_OCSP_RESPONSE(response, &der);
	put(s, SMIME_OCSP, der, n);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
}
