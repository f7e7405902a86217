/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/civil.h"
#include "policy/smime/internal.h"

/* All that congvu-trust can have: the people whom policyd met (SEEN_MAX), responses, lists. */
enum { OBJECTS_MAX = 16384 };

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
cert_key_sha256(const X509 *x, unsigned char out[32])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = n > 0 && smime_sha256((struct slice){ (const char *)der, (size_t)n }, out) == OK;

	OPENSSL_free(der);
	return ok;
}

bool
cert_issuer_id(const X509 *authority, const X509_NAME *list_issuer, unsigned char out[32])
{
	unsigned char both[64];
	const unsigned char *der;
	size_t n;

	if (list_issuer == NULL)
		return cert_key_sha256(authority, out);
	return cert_key_sha256(authority, both) &&
	    X509_NAME_get0_der(list_issuer, &der, &n) == 1 &&
	    smime_sha256((struct slice){ (const char *)der, n }, both + 32) == OK &&
	    smime_sha256((struct slice){ (const char *)both, sizeof both }, out) == OK;
}

struct slice
serial_octets(const ASN1_INTEGER *serial)
{
	struct slice s = { (const char *)ASN1_STRING_get0_data(serial),
		(size_t)ASN1_STRING_length(serial) };

	while (s.n > 1 && s.p[0] == '\0')
		s = slice_from(s, 1);
	return s;
}

struct key_memory *
key_memory_of(struct key_memory *keys, unsigned *keys_n, const X509 *x)
{
	unsigned char sha256[32];
	struct key_memory *m;

	if (!cert_key_sha256(x, sha256))
		return NULL;
	for (unsigned i = 0; i < *keys_n && i < KEYS_MAX; i++)
		if (memcmp(keys[i].sha256, sha256, sizeof sha256) == 0)
			return &keys[i];
	m = &keys[(*keys_n)++ % KEYS_MAX];	/* the oldest makes room */
	*m = (struct key_memory){ .known = false };
	memcpy(m->sha256, sha256, sizeof sha256);
	return m;
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

static bool
is_revoked_text(struct slice text)
{
	struct revoked_list list;
	bool ok;

	revoked_init(&list);
	ok = revoked_parse(&list, text) == OK;
	revoked_fini(&list);
	return ok;
}

static bool
well_formed(enum smime_object kind, struct slice s)
{
	X509_CRL *crl = NULL;
	OCSP_BASICRESP *basic = NULL;
	X509 *x = NULL;
	bool ok;

	switch (kind) {
	case SMIME_REVOKED:
		return is_revoked_text(s);
	case SMIME_CRL:
		ok = (crl = crl_parse(s)) != NULL;
		break;
	case SMIME_OCSP:
		ok = (basic = ocsp_parse(s)) != NULL;
		break;
	default:
		ok = (x = parse_cert(s)) != NULL;
		break;
	}
	X509_CRL_free(crl);
	OCSP_BASICRESP_free(basic);
	X509_free(x);
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

	if (sk_X509_push(t->roots, x) <= 0)
		return ERR_NOMEM;
	if (asn1_seconds(X509_get0_notAfter(x), &end_s))
		keep_earlier(&t->info.root_end_s, end_s);
	t->info.roots++;
	return OK;
}

static int
add_intermediate(struct smime_trust *t, X509 *x)
{
	if (sk_X509_push(t->pool, x) <= 0)
		return ERR_NOMEM;
	t->info.intermediates++;
	return OK;
}

static int
add_cert(struct smime_trust *t, enum smime_object kind, struct slice der)
{
	X509 *x = parse_cert(der);
	int r;

	if (x == NULL)
		return ERR_SYNTAX;
	r = kind == SMIME_ROOT ? add_root(t, x) : add_intermediate(t, x);
	if (r != OK)
		X509_free(x);
	return r;
}

static int
add_crl(struct smime_trust *t, struct slice der)
{
	X509_CRL *crl = crl_parse(der);
	int r;

	if (crl == NULL)
		return ERR_SYNTAX;
	if ((r = crl_init(&t->crls[t->crls_n], crl)) != OK)
		return r;
	t->crls_n++;
	t->info.crls++;
	return OK;
}

static int
add_ocsp(struct smime_trust *t, struct slice der)
{
	OCSP_BASICRESP *basic = ocsp_parse(der);
	int r;

	if (basic == NULL)
		return ERR_SYNTAX;
	if ((r = ocsp_init(&t->ocsp[t->ocsp_n], basic)) != OK)
		return r;
	t->ocsp_n++;
	t->info.ocsp++;
	return OK;
}

static int
add_object(struct smime_trust *t, enum smime_object kind, struct slice s)
{
	switch (kind) {
	case SMIME_ROOT:
	case SMIME_INTERMEDIATE:
		return add_cert(t, kind, s);
	case SMIME_CRL:
		return add_crl(t, s);
	case SMIME_OCSP:
		return add_ocsp(t, s);
	case SMIME_REVOKED:
		return revoked_parse(&t->revoked, s);
	default:
		return ERR_SYNTAX;
	}
}

/* Issues of one list lie together. */
static int
compare_lists(const struct smime_crl *a, const struct smime_crl *b)
{
	return a->delta != b->delta ? (a->delta ? 1 : -1) :
	    memcmp(a->scope, b->scope, sizeof a->scope);
}

/* ... the newest first. */
static int
compare_issues(const void *x, const void *y)
{
	const struct smime_crl *a = *(struct smime_crl *const *)x, *b = *(struct smime_crl *const *)y;
	int r = compare_lists(a, b);

	return r != 0 ? r : (a->this_s < b->this_s) - (a->this_s > b->this_s);
}

/* Where there is a newer issue of the same list, an old one's age is nobody's business. */
static int
sum_up(struct smime_trust *t)
{
	const struct smime_crl **all = calloc(t->crls_n + 1, sizeof *all), *newest = NULL;

	if (all == NULL)
		return ERR_NOMEM;
	(void)revoked_settle(&t->revoked);
	t->info.revoked = (unsigned)t->revoked.count;
	for (unsigned i = 0; i < t->crls_n; i++)
		all[i] = &t->crls[i];
	qsort(all, t->crls_n, sizeof *all, compare_issues);
	for (unsigned i = 0; i < t->crls_n; i++) {
		if (newest == NULL || compare_lists(newest, all[i]) != 0)
			newest = all[i];
		if (all[i]->this_s < newest->this_s)
			continue;
		keep_earlier(&t->info.crl_next_update_s, all[i]->next_s);
		keep_earlier(&t->info.crl_this_update_s, all[i]->this_s);
	}
	free(all);
	return OK;
}

static int
fill(struct smime_trust *t, struct slice blob)
{
	struct rd rd;
	int r = OK;

	rd_init(&rd, blob);
	for (unsigned n = 0; r == OK && rd.s.n > 0; n++) {
		unsigned kind = rd_u8(&rd);
		struct slice s = rd_bytes(&rd, rd_u32(&rd));

		if (rd.err != OK)
			return ERR_SYNTAX;
		if (n >= OBJECTS_MAX)
			return ERR_LIMIT;
		r = add_object(t, (enum smime_object)kind, s);
	}
	return r == OK ? sum_up(t) : r;
}

int
smime_trust_new(struct slice blob, struct smime_trust **out)
{
	struct smime_trust *t = calloc(1, sizeof *t);
	int r = ERR_NOMEM;

	if (t == NULL)
		return ERR_NOMEM;
	revoked_init(&t->revoked);
	t->roots = sk_X509_new_null();
	t->pool = sk_X509_new_null();
	t->seen = sk_X509_new_null();
	t->store = chain_store_new();
	t->crls = calloc(OBJECTS_MAX, sizeof *t->crls);
	t->ocsp = calloc(OBJECTS_MAX, sizeof *t->ocsp);
	t->cache = calloc(CACHE_SLOTS, sizeof *t->cache);
	if (t->roots != NULL && t->pool != NULL && t->store != NULL && t->seen != NULL &&
	    t->crls != NULL && t->ocsp != NULL && t->cache != NULL)
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
	X509_STORE_free(t->store);
	sk_X509_pop_free(t->roots, X509_free);
	sk_X509_pop_free(t->pool, X509_free);
	sk_X509_pop_free(t->seen, X509_free);
	for (unsigned i = 0; i < t->crls_n; i++)
		crl_fini(&t->crls[i]);
	for (unsigned i = 0; i < t->ocsp_n; i++)
		ocsp_fini(&t->ocsp[i]);
	revoked_fini(&t->revoked);
	free(t->crls);
	free(t->ocsp);
	free(t->cache);
	free(t);
	*trust = NULL;
}

void
smime_trust_info(const struct smime_trust *trust, struct smime_trust_info *out)
{
	*out = trust->info;
}
