/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/civil.h"
#include "policy/smime/internal.h"

enum { OBJECTS_MAX = 4096 };

int
smime_init(void)
{
	unsigned char out[32];
	OPENSSL_INIT_SETTINGS *none = NULL;
	int ok = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
	    OPENSSL_INIT_LOAD_CRYPTO_STRINGS, none);

	return ok == 1 ? smime_sha256(SLICE("x"), out) : ERR_CRYPTO;
}

int
smime_sha256(struct slice s, unsigned char out[32])
{
	return EVP_Digest(s.n > 0 ? s.p : "", s.n, out, NULL, EVP_sha256(), NULL) == 1 ? OK :
	    ERR_CRYPTO;
}

bool
cert_sha256(const X509 *x, unsigned char out[32])
{
	unsigned n = 0;

	return X509_digest(x, EVP_sha256(), out, &n) == 1 && n == 32;
}

bool
asn1_seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = civil_seconds(&tm);
	return true;
}

/* ---- objects ---- */

static X509 *
parse_cert(struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = der.n > LONG_MAX ? NULL : d2i_X509(NULL, &p, (long)der.n);

	ERR_clear_error();
	if (x != NULL && (const char *)p != der.p + der.n) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static X509_CRL *
parse_crl(struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509_CRL *crl = der.n > LONG_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);

	ERR_clear_error();
	if (crl != NULL && (const char *)p != der.p + der.n) {
		X509_CRL_free(crl);
		return NULL;
	}
	return crl;
}

static bool
well_formed(enum smime_object kind, struct slice der)
{
	bool ok;

	if (kind == SMIME_CRL) {
		X509_CRL *crl = parse_crl(der);

		ok = crl != NULL;
		X509_CRL_free(crl);
	} else {
		X509 *x = parse_cert(der);

		ok = x != NULL;
		X509_free(x);
	}
	return ok;
}

int
smime_trust_add(struct buf *blob, enum smime_object kind, struct slice der)
{
	if (der.n > UINT32_MAX || !well_formed(kind, der))
		return ERR_SYNTAX;
	buf_add_u8(blob, (uint8_t)kind);
	buf_add_u32(blob, (uint32_t)der.n);
	buf_add(blob, der);
	return blob->err;
}

int
smime_der_next(struct slice s, size_t *n_out)
{
	const unsigned char *p = (const unsigned char *)s.p;
	long len;
	int tag, class, r;

	if (s.n == 0)
		return 0;
	if (s.n > LONG_MAX)
		return ERR_SYNTAX;
	r = ASN1_get_object(&p, &len, &tag, &class, (long)s.n);
	ERR_clear_error();
	/* Bit 7: an error; bit 0: an indefinite length, which certificates never have. */
	if ((r & 0x81) != 0 || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL)
		return ERR_SYNTAX;
	*n_out = (size_t)((const char *)p - s.p) + (size_t)len;
	return 1;
}

/* ---- the set ---- */

/* Keep the earlier of two moments; 0 is none. */
static void
keep_earlier(int64_t *kept, int64_t s)
{
	if (s != 0 && (*kept == 0 || s < *kept))
		*kept = s;
}

static int
add_root(struct smime_trust *t, X509 *x)
{
	int64_t end_s;

	if (X509_STORE_add_cert(t->roots, x) != 1)
		return ERR_NOMEM;
	if (asn1_seconds(X509_get0_notAfter(x), &end_s))
		keep_earlier(&t->info.root_end_s, end_s);
	t->info.roots++;
	return OK;
}

static int
add_cert(struct smime_trust *t, enum smime_object kind, struct slice der)
{
	X509 *x = parse_cert(der);
	int r;

	if (x == NULL)
		return ERR_SYNTAX;
	if (kind == SMIME_ROOT) {
		r = add_root(t, x);
		X509_free(x);
		return r;
	}
	if (sk_X509_push(t->pool, x) <= 0) {
		X509_free(x);
		return ERR_NOMEM;
	}
	t->info.intermediates++;
	return OK;
}

static int
add_crl(struct smime_trust *t, struct slice der)
{
	X509_CRL *crl = parse_crl(der);
	struct smime_crl *c;
	int r;

	if (crl == NULL)
		return ERR_SYNTAX;
	c = &t->crls[t->crls_n];
	if ((r = crl_init(c, crl)) != OK)
		return r;
	t->crls_n++;
	t->info.crls++;
	keep_earlier(&t->info.crl_next_update_s, c->next_s);
	keep_earlier(&t->info.crl_this_update_s, c->this_s);
	return OK;
}

static int
fill(struct smime_trust *t, struct slice blob)
{
	struct rd rd;
	int r = OK;

	rd_init(&rd, blob);
	while (r == OK && rd.s.n > 0) {
		unsigned kind = rd_u8(&rd);
		struct slice der = rd_bytes(&rd, rd_u32(&rd));

		if (rd.err != OK || kind < SMIME_ROOT || kind > SMIME_CRL)
			return ERR_SYNTAX;
		if (t->info.roots + t->info.intermediates + t->info.crls >= OBJECTS_MAX)
			return ERR_LIMIT;
		r = kind == SMIME_CRL ? add_crl(t, der) : add_cert(t, (enum smime_object)kind, der);
	}
	return r;
}

int
smime_trust_new(struct slice blob, struct smime_trust **out)
{
	struct smime_trust *t = calloc(1, sizeof *t);
	int r = ERR_NOMEM;

	if (t == NULL)
		return ERR_NOMEM;
	t->roots = X509_STORE_new();
	t->pool = sk_X509_new_null();
	t->seen = sk_X509_new_null();
	t->crls = calloc(OBJECTS_MAX, sizeof *t->crls);
	t->cache = calloc(CACHE_SLOTS, sizeof *t->cache);
	if (t->roots != NULL && t->pool != NULL && t->seen != NULL && t->crls != NULL &&
	    t->cache != NULL)
		r = fill(t, blob);
	if (r != OK)
		smime_trust_free(&t);
	*out = t;
	ERR_clear_error();
	return r;
}

void
smime_trust_free(struct smime_trust **trust)
{
	struct smime_trust *t = *trust;

	if (t == NULL)
		return;
	X509_STORE_free(t->roots);
	sk_X509_pop_free(t->pool, X509_free);
	sk_X509_pop_free(t->seen, X509_free);
	for (unsigned i = 0; i < t->crls_n; i++)
		crl_fini(&t->crls[i]);
	free(t->crls);
	free(t->cache);
	free(t);
	*trust = NULL;
}

void
smime_trust_info(const struct smime_trust *trust, struct smime_trust_info *out)
{
	*out = trust->info;
}
