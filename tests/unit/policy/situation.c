/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/policy/situation_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/cms.h>
#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/base64.h"
#include "common/wire.h"

enum { KEYS_MAX = 64, ENTITIES_MAX = 64 };

/* Sections that values of extensions may name. */
static const char sections[] =
    "[dpA]\nfullname=URI:http://a.example/a.crl\n"
    "[dpB]\nfullname=URI:http://b.example/b.crl\n"
    "[dpKey]\nfullname=URI:http://a.example/a.crl\nreasons=keyCompromise,CACompromise\n"
    "[dpRest]\nfullname=URI:http://b.example/b.crl\nreasons=affiliationChanged,superseded,"
    "cessationOfOperation,certificateHold,privilegeWithdrawn,AACompromise\n"
    "[dpFullRel]\nfullname=dirName:nameArel\n"
    "[dpX]\nfullname=URI:http://x.example/x.crl\nCRLissuer=dirName:nameX\n"
    "[dpXonly]\nCRLissuer=dirName:nameX\n"
    "[dpName]\nfullname=dirName:nameA\n"
    "[dpRel]\nrelativename=rel\n"
    "[dpRelX]\nrelativename=rel\nCRLissuer=dirName:nameX\n"
    "[idpRel]\nrelativename=rel\n"
    "[idpA]\nfullname=URI:http://a.example/a.crl\n"
    "[idpB]\nfullname=URI:http://b.example/b.crl\n"
    "[idpX]\nfullname=URI:http://x.example/x.crl\nindirectCRL=TRUE\n"
    "[idpXdirect]\nfullname=URI:http://x.example/x.crl\n"
    "[idpIndirect]\nindirectCRL=TRUE\n"
    "[idpSome]\nonlysomereasons=keyCompromise,CACompromise\n"
    "[idpRest]\nonlysomereasons=affiliationChanged,superseded,cessationOfOperation,"
    "certificateHold,privilegeWithdrawn,AACompromise\n"
    "[idpName]\nfullname=dirName:nameA\n"
    "[idpFullRel]\nfullname=dirName:nameArel\n"
    "[nameA]\nC=VN\nO=Thu\nCN=A\n"
    "[nameX]\nC=VN\nO=Thu\nCN=X\n"
    "[nameArel]\nC=VN\nO=Thu\n1.CN=A\n2.CN=rel\n"
    "[rel]\nCN=rel\n"
    "[ubnd]\nC=VN\nO=UBND\n"
    "[ubndSo]\nC=VN\nO=UBND\nOU=So\n"
    "[boNoiVu]\nC=VN\nO=Bo Noi vu\n"
    "[alt]\ndirName=boNoiVu\n"
    "[altIn]\ndirName=ubndSo\n"
    "[cps]\npolicyIdentifier=1.3.9.1\nuserNotice.1=@notice\n"
    "[notice]\nexplicitText=\"Chinh sach thu\"\n";

struct key {
	char	  name[64];
	EVP_PKEY *pkey;
};

static struct key keys[KEYS_MAX];
static unsigned keys_n;
static struct entity entities[ENTITIES_MAX];
static unsigned entities_n;
static long next_serial;
static int64_t now_s;

/* ---- words of a line ---- */

static void
split(struct line *l, const char *text, size_t n)
{
	char *p = l->text;

	if (n >= sizeof l->text)
		fail_msg("line too long: %.*s", (int)n, text);
	memcpy(p, text, n);
	p[n] = '\0';
	l->words_n = l->options_n = 0;
	for (p = l->text; p != NULL && *p != '\0';) {
		char *end = strstr(p, " | ");

		if (end != NULL)
			*end = '\0';
		if (p == l->text) {
			char *save = NULL;

			for (char *w = strtok_r(p, " ", &save); w != NULL && l->words_n < WORDS_MAX;
			    w = strtok_r(NULL, " ", &save))
				l->words[l->words_n++] = w;
		} else {
			assert_true(l->options_n < OPTIONS_MAX);
			l->options[l->options_n++] = p;
		}
		p = end == NULL ? NULL : end + 3;
	}
}

/* The value of an option, "" for one without; NULL: it is not there. */
const char *
option(const struct line *l, const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < l->options_n; i++)
		if (strncmp(l->options[i], name, n) == 0 &&
		    (l->options[i][n] == '=' || l->options[i][n] == '\0'))
			return l->options[i] + n + (l->options[i][n] == '=');
	return NULL;
}

static int64_t
seconds(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return now_s + n * (*end == 'h' ? 3600 : 86400);
}

/* A time option, or days from now. */
void
set_time(ASN1_TIME *t, const char *text, const char *otherwise)
{
	if (text == NULL)
		text = otherwise;
	if (strlen(text) > 10) {
		assert_int_equal(ASN1_TIME_set_string(t, text), 1);
		return;
	}
	assert_non_null(ASN1_TIME_set(t, (time_t)seconds(text)));
}

ASN1_GENERALIZEDTIME *
general_time(const char *text, const char *otherwise)
{
	ASN1_TIME *t = ASN1_TIME_new();
	ASN1_GENERALIZEDTIME *g;

	set_time(t, text, otherwise);
	g = ASN1_TIME_to_generalizedtime(t, NULL);
	ASN1_TIME_free(t);
	assert_non_null(g);
	return g;
}

/* ---- keys and names ---- */

/* RSA whose exponents have changed places: making a signature is cheap, checking it is not. */
static EVP_PKEY *
slow_key(void)
{
	EVP_PKEY *usual = EVP_RSA_gen(3072), *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	BIGNUM *n = NULL, *e = NULL, *d = NULL;
	OSSL_PARAM *all;

	assert_int_equal(EVP_PKEY_get_bn_param(usual, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(usual, OSSL_PKEY_PARAM_RSA_E, &e), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(usual, OSSL_PKEY_PARAM_RSA_D, &d), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, d), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_D, e), 1);
	all = OSSL_PARAM_BLD_to_param(parts);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, all), 1);
	OSSL_PARAM_free(all);
	OSSL_PARAM_BLD_free(parts);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(usual);
	BN_free(n);
	BN_free(e);
	BN_free(d);
	return key;
}

static EVP_PKEY *
key_of(const char *name)
{
	struct key *k;

	for (unsigned i = 0; i < keys_n; i++)
		if (strcmp(keys[i].name, name) == 0)
			return keys[i].pkey;
	assert_true(keys_n < KEYS_MAX);
	k = &keys[keys_n++];
	snprintf(k->name, sizeof k->name, "%s", name);
	if (strncmp(name, "rsa1024:", 8) == 0)
		k->pkey = EVP_RSA_gen(1024);
	else if (strncmp(name, "rsa2048:", 8) == 0)
		k->pkey = EVP_RSA_gen(2048);
	else if (strncmp(name, "slow:", 5) == 0)
		k->pkey = slow_key();
	else if (strncmp(name, "ed:", 3) == 0)
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		k->pkey = EVP_EC_gen("P-256");
	assert_non_null(k->pkey);
	return k->pkey;
}

/* "/C=VN/CN=a"; a value that begins with "T:" is a TeletexString, with "P:" a PrintableString. */
X509_NAME *
name_of(const char *text)
{
	X509_NAME *name = X509_NAME_new();
	char copy[512], *save = NULL;

	snprintf(copy, sizeof copy, "%s", text);
	for (char *w = strtok_r(copy, "/", &save); w != NULL; w = strtok_r(NULL, "/", &save)) {
		char *value = strchr(w, '=');
		int type = MBSTRING_UTF8;

		assert_non_null(value);
		*value++ = '\0';
		if (strncmp(value, "P:", 2) == 0 || strncmp(value, "U:", 2) == 0) {
			type = value[0] == 'P' ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
			value += 2;
		}
		assert_int_equal(X509_NAME_add_entry_by_txt(name, w, type,
		    (const unsigned char *)value, -1, -1, 0), 1);
	}
	return name;
}

struct entity *
find(const char *id)
{
	for (unsigned i = 0; i < entities_n; i++)
		if (strcmp(entities[i].id, id) == 0)
			return &entities[i];
	fail_msg("no certificate \"%s\" in the script", id);
	return NULL;
}

const EVP_MD *
digest_for(const struct line *l, EVP_PKEY *key)
{
	const char *sha = option(l, "sha");

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
		return NULL;
	return sha == NULL ? EVP_sha256() : EVP_get_digestbyname(sha);
}

/* Flip a bit in the middle of a signature. */
void
spoil(const ASN1_BIT_STRING *signature)
{
	unsigned char *p = (unsigned char *)(uintptr_t)ASN1_STRING_get0_data(signature);

	p[ASN1_STRING_length(signature) - 3] ^= 1;
}

/* ---- extensions ---- */

/* Is this option an extension, and not one of ours? */
static bool
is_extension(const char *text)
{
	static const char *const ours[] = { "name", "issuer", "key", "serial", "from", "to", "sha",
		"this", "next", "number", "revoke", "sign", "entry", "moment", "hash",
		"signed" };
	size_t n = strcspn(text, "=");

	if (text[n] == '\0')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strlen(ours[i]) == n && strncmp(text, ours[i], n) == 0)
			return false;
	return true;
}

/* Is the default extension (NAME=VALUE) replaced or taken away by an option? */
static bool
is_overridden(const struct line *l, const char *extension)
{
	size_t n = strcspn(extension, "=");

	for (unsigned i = 0; i < l->options_n; i++) {
		const char *o = l->options[i] + (l->options[i][0] == '-');

		if (strncmp(o, extension, n) == 0 && (o[n] == '=' || o[n] == '\0'))
			return true;
	}
	return false;
}

/* By default an issuer without a key identifier is not named by one. */
static bool
is_possible(const char *extension, const X509 *issuer)
{
	return strncmp(extension, "authorityKeyIdentifier", 22) != 0 || issuer == NULL ||
	    X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) >= 0;
}

CONF *
conf_of(const struct line *l, const char *const *defaults, const X509 *issuer)
{
	BIO *text = BIO_new(BIO_s_mem());
	CONF *conf = NCONF_new(NULL);
	long at = 0;

	BIO_printf(text, "%s[x]\n", sections);
	for (; *defaults != NULL; defaults++)
		if (!is_overridden(l, *defaults) && is_possible(*defaults, issuer))
			BIO_printf(text, "%s\n", *defaults);
	for (unsigned i = 0; i < l->options_n; i++)
		if (is_extension(l->options[i]))
			BIO_printf(text, "%s\n", l->options[i]);
	assert_int_equal(NCONF_load_bio(conf, text, &at), 1);
	BIO_free(text);
	return conf;
}

void
tell_library_error(const char *what)
{
	ERR_print_errors_fp(stderr);
	fail_msg("%s", what);
}

/* ---- certificates ---- */

static void
add_extensions(X509 *x, X509 *issuer, const struct line *l, bool is_ee)
{
	static const char *const of_ca[] = { "basicConstraints=critical,CA:true",
		"keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
		"authorityKeyIdentifier=keyid", NULL };
	static const char *const of_ee[] = { "basicConstraints=critical,CA:false",
		"keyUsage=critical,digitalSignature,nonRepudiation",
		"authorityKeyIdentifier=keyid", "subjectAltName=email:an@tinh.example", NULL };
	CONF *conf = conf_of(l, is_ee ? of_ee : of_ca, issuer == x ? NULL : issuer);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	if (X509V3_EXT_add_nconf(conf, &ctx, "x", x) != 1)
		tell_library_error(l->words[1]);
	NCONF_free(conf);
}

static void
set_names(X509 *x, const struct line *l, const struct entity *issuer)
{
	char text[64];
	X509_NAME *name;

	snprintf(text, sizeof text, "/C=VN/O=Thu/CN=%s", l->words[1]);
	name = name_of(option(l, "name") == NULL ? text : option(l, "name"));
	assert_int_equal(X509_set_subject_name(x, name), 1);
	X509_NAME_free(name);
	if (option(l, "issuer") != NULL)
		name = name_of(option(l, "issuer"));
	else
		name = X509_NAME_dup(issuer == NULL ? X509_get_subject_name(x) :
		    X509_get_subject_name(issuer->x));
	assert_int_equal(X509_set_issuer_name(x, name), 1);
	X509_NAME_free(name);
}

/* What a reader sees: nothing of the making is left in it. */
static X509 *
read_again(X509 *x)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = i2d_X509(x, &der);
	X509 *fresh;

	assert_true(n > 0);
	p = der;
	fresh = d2i_X509(NULL, &p, n);
	assert_non_null(fresh);
	OPENSSL_free(der);
	X509_free(x);
	return fresh;
}

void
put(struct situation *s, enum smime_object kind, unsigned char *der, int n)
{
	assert_true(n > 0);
	assert_int_equal(smime_trust_add(&s->blob, kind,
	    (struct slice){ (const char *)der, (size_t)n }), OK);
	OPENSSL_free(der);
}

static void
put_certificate(struct situation *s, const struct entity *e, const struct line *l, bool is_root)
{
	unsigned char *der = NULL;
	int n = i2d_X509(e->x, &der);

	if (is_root || option(l, "anchor") != NULL)
		put(s, SMIME_ROOT, der, n);
	else if (!e->is_ee && !e->embed)
		put(s, SMIME_INTERMEDIATE, der, n);
	else
		OPENSSL_free(der);
}

static void
set_serial(X509 *x, const char *decimal)
{
	BIGNUM *n = NULL;

	if (decimal == NULL) {
		assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), next_serial++), 1);
		return;
	}
	assert_true(BN_dec2bn(&n, decimal) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
	BN_free(n);
}

static void
make_certificate(struct situation *s, const struct line *l)
{
	bool is_root = strcmp(l->words[0], "root") == 0;
	const char *key = option(l, "key"), *serial = option(l, "serial");
	struct entity *issuer = is_root ? NULL : find(l->words[2]), *e;
	const ASN1_BIT_STRING *signature;
	X509 *x = X509_new();
	EVP_PKEY *signer;

	assert_true(entities_n < ENTITIES_MAX);
	e = &entities[entities_n++];
	*e = (struct entity){ .issuer = issuer, .is_ee = strcmp(l->words[0], "ee") == 0,
		.embed = option(l, "embed") != NULL, .signs = option(l, "signs") != NULL };
	snprintf(e->id, sizeof e->id, "%s", l->words[1]);
	e->signed_s = option(l, "signed") == NULL ? now_s : seconds(option(l, "signed"));
	e->key = key_of(key == NULL ? e->id : key);
	signer = issuer == NULL ? e->key : issuer->key;
	if (issuer != NULL)
		issuer->is_issuer = true;
	set_serial(x, serial);
	set_names(x, l, issuer);
	set_time(X509_getm_notBefore(x), option(l, "from"), "-300");
	set_time(X509_getm_notAfter(x), option(l, "to"), "3000");
	assert_int_equal(X509_set_pubkey(x, e->key), 1);
	if (option(l, "v1") == NULL) {
		X509_set_version(x, X509_VERSION_3);
		add_extensions(x, issuer == NULL ? x : issuer->x, l, e->is_ee);
	}
	assert_true(X509_sign(x, signer, digest_for(l, signer)) > 0);
	X509_get0_signature(&signature, NULL, x);
	if (option(l, "badsig") != NULL)
		spoil(signature);
	e->x = read_again(x);
	put_certificate(s, e, l, is_root);
}

/* ---- the message ---- */

static void
add_embedded(CMS_ContentInfo *cms)
{
	for (unsigned i = 0; i < entities_n; i++)
		if (entities[i].embed)
			assert_int_equal(CMS_add1_cert(cms, entities[i].x), 1);
}

static void
set_signing_time(CMS_SignerInfo *si, int64_t s)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)s);

	assert_int_equal(CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime,
	    ASN1_STRING_type(t), t, -1), 1);
	ASN1_TIME_free(t);
}

static void
add_signer(CMS_ContentInfo *cms, const struct entity *signer, unsigned flags)
{
	CMS_SignerInfo *si = CMS_add1_signer(cms, signer->x, signer->key,
	    EVP_PKEY_get_base_id(signer->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256(), flags);

	if (si == NULL)
		tell_library_error("signer");
	set_signing_time(si, signer->signed_s);
}

static void
make_message(struct situation *s)
{
	static const char text[] = "Content-Type: text/plain\r\n\r\nKinh gui quy co quan.\r\n";
	const unsigned flags = CMS_BINARY | CMS_PARTIAL;
	BIO *content = BIO_new_mem_buf(text, -1);
	const struct entity *signer = NULL;
	unsigned char *der = NULL;
	CMS_ContentInfo *cms;
	struct buf message;
	int n;

	for (unsigned i = 0; i < entities_n; i++)
		if (entities[i].is_ee)
			signer = &entities[i];
	assert_non_null(signer);
	cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	for (unsigned i = 0; i < entities_n; i++)
		if (entities[i].signs || &entities[i] == signer)
			add_signer(cms, &entities[i], flags);
	add_embedded(cms);
	assert_int_equal(CMS_final(cms, content, NULL, flags), 1);
	n = i2d_CMS_ContentInfo(cms, &der);
	assert_true(n > 0);
	buf_init(&message, 1 << 20);
	buf_adds(&message, "From: an@tinh.example\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n");
	base64_encode_lines((struct slice){ (const char *)der, (size_t)n }, 76, &message);
	s->message = arena_copy(&s->arena, buf_slice(&message));
	buf_fini(&message);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
}

/* ---- the whole ---- */

static void
run_line(struct situation *s, const struct line *l)
{
	const char *verb = l->words_n > 0 ? l->words[0] : "";

	if (strcmp(verb, "root") == 0 || strcmp(verb, "ca") == 0 || strcmp(verb, "ee") == 0)
		make_certificate(s, l);
	else if (strcmp(verb, "crl") == 0)
		make_list(s, l);
	else if (strcmp(verb, "ocsp") == 0)
		make_response(s, l);
	else if (strcmp(verb, "nocrl") == 0)
		find(l->words[1])->has_crl = true;
	else
		fail_msg("no verb: %s", l->text);
}

static void
run(struct situation *s, const char *text, size_t n)
{
	struct line l;

	split(&l, text, n);
	run_line(s, &l);
}

static void
run_script(struct situation *s, const char *script)
{
	while (*script != '\0') {
		size_t n = strcspn(script, "\n");

		if (n > 0)
			run(s, script, n);
		script += n + (script[n] == '\n');
	}
}

static void
add_missing_lists(struct situation *s)
{
	for (unsigned i = 0; i < entities_n; i++)
		if (entities[i].is_issuer && !entities[i].has_crl) {
			char text[64];
			int n = snprintf(text, sizeof text, "crl %s", entities[i].id);

			run(s, text, (size_t)n);
		}
}

void
situation_init(struct situation *s, const char *script)
{
	*s = (struct situation){ .trust = NULL };
	now_s = (int64_t)time(NULL);
	next_serial = 4096;
	buf_init(&s->blob, 1 << 22);
	arena_init(&s->arena, 1 << 26);
	run_script(s, "root R\n");
	run_script(s, script);
	add_missing_lists(s);
	make_message(s);
	s->trust = situation_trust(s, NULL);
	for (unsigned i = 0; i < entities_n; i++)
		X509_free(entities[i].x);
	entities_n = 0;
}

void
situation_fini(struct situation *s)
{
	smime_trust_free(&s->trust);
	buf_fini(&s->blob);
	arena_clear(&s->arena);
}

struct smime_trust *
situation_trust(const struct situation *s, const struct buf *more)
{
	struct smime_trust *trust = NULL;
	struct buf all;

	buf_init(&all, 1 << 24);
	buf_add(&all, buf_slice(&s->blob));
	if (more != NULL)
		buf_add(&all, buf_slice(more));
	assert_int_equal(smime_trust_new(buf_slice(&all), &trust), OK);
	buf_fini(&all);
	return trust;
}

struct smime_result
situation_verify(struct situation *s, const struct smime_options *o)
{
	struct smime_result r;
	struct tree t;

	assert_int_equal(tree_parse(s->message, &s->arena, &t), OK);
	assert_int_equal(smime_verify(&t, s->trust, o, &s->arena, &r), OK);
	return r;
}

struct slice
situation_object(struct situation *s, enum smime_object kind, unsigned n)
{
	struct rd rd;

	rd_init(&rd, buf_slice(&s->blob));
	while (rd.s.n > 0) {
		unsigned is = rd_u8(&rd);
		struct slice der = rd_bytes(&rd, rd_u32(&rd));

		assert_int_equal(rd.err, OK);
		if (is == kind && n-- == 0)
			return der;
	}
	fail_msg("no such object");
	return (struct slice){ NULL, 0 };
}

int64_t
situation_now_s(void)
{
	return now_s;
}

int
situation_setup(void **state)
{
	(void)state;
	now_s = (int64_t)time(NULL);
	assert_int_equal(smime_init(), OK);
	return 0;
}

int
situation_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < keys_n; i++)
		EVP_PKEY_free(keys[i].pkey);
	keys_n = 0;
	return 0;
}
