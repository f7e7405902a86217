/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/smime/points.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "policy/smime/internal.h"

/* ---- what was met ---- */

void
seen_note(struct smime_trust *t, STACK_OF(X509) *chain)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);

		if (t->seen == NULL || sk_X509_num(t->seen) >= POINTS_SEEN_MAX ||
		    X509_up_ref(x) != 1)
			return;
		if (sk_X509_push(t->seen, x) <= 0) {
			X509_free(x);
			return;
		}
	}
}

static int
copy_der(X509 *x, struct arena *a, struct slice *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	if (n <= 0)
		return ERR_CRYPTO;
	*out = arena_copy(a, (struct slice){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	return a->err;
}

int
smime_seen_take(struct smime_trust *t, struct arena *a, size_t max, struct slice *ders_out,
    size_t *n_out)
{
	int r = OK;
	X509 *x;

	*n_out = 0;
	while (t->seen != NULL && (x = sk_X509_pop(t->seen)) != NULL) {
		if (r == OK && *n_out < max) {
			r = copy_der(x, a, &ders_out[*n_out]);
			*n_out += r == OK;
		}
		X509_free(x);
	}
	return r;
}

/* ---- where their state is told ---- */

struct naming {
	struct smime_trust	   *trust;
	const struct smime_options *options;
	smime_point_fn		    fn;
	void			   *arg;
};

static bool
is_url(const GENERAL_NAME *name, struct slice *out)
{
	if (name->type != GEN_URI)
		return false;
	*out = (struct slice){ (const char *)ASN1_STRING_get0_data(name->d.ia5),
		(size_t)ASN1_STRING_length(name->d.ia5) };
	return out->n > 0 && out->n <= POINTS_URL_MAX;
}

/* DER of a name, the caller's to OPENSSL_free. */
static struct slice
name_der(const X509_NAME *name)
{
	unsigned char *der = NULL;
	int n = i2d_X509_NAME(name, &der);

	return n <= 0 ? (struct slice){ NULL, 0 } : (struct slice){ (const char *)der, (size_t)n };
}

/* Who signs the CRLs of this point: another than the certificate's issuer if the point says so. */
static const X509_NAME *
issuer_at(const DIST_POINT *dp, const X509 *cert)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(dp->CRLissuer); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(dp->CRLissuer, i);

		if (name->type == GEN_DIRNAME)
			return name->d.directoryName;
	}
	return X509_get_issuer_name(cert);
}

static int
name_point(const struct naming *w, const DIST_POINT *dp, const X509 *cert, int *budget)
{
	struct smime_point p = { .ocsp = false };
	int r = OK;

	if (dp->distpoint == NULL || dp->distpoint->type != 0)
		return OK;
	p.asked = name_der(issuer_at(dp, cert));
	if (p.asked.p == NULL)
		return ERR_NOMEM;
	for (int i = 0; r == OK && i < sk_GENERAL_NAME_num(dp->distpoint->name.fullname); i++)
		if (is_url(sk_GENERAL_NAME_value(dp->distpoint->name.fullname, i), &p.url) &&
		    --*budget >= 0)
			r = w->fn(w->arg, &p);
	OPENSSL_free((void *)(uintptr_t)p.asked.p);
	return r;
}

static int
name_crls(const struct naming *w, X509 *cert, int nid)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, nid, NULL, NULL);
	int budget = POINTS_URLS_MAX;
	int r = OK;

	for (int i = 0; r == OK && i < sk_DIST_POINT_num(points); i++)
		r = name_point(w, sk_DIST_POINT_value(points, i), cert, &budget);
	CRL_DIST_POINTS_free(points);
	return r;
}

/* A request without a nonce: the answer is kept and read by others (RFC 5019 2.1.1; SHA-1 names
 * the issuer there, nothing rests on it). */
static int
make_request(X509 *cert, X509 *issuer, struct slice *out)
{
	OCSP_REQUEST *req = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
	unsigned char *der = NULL;
	int n = 0;

	if (req != NULL && id != NULL && OCSP_request_add0_id(req, id) != NULL) {
		id = NULL;	/* the request's now */
		n = i2d_OCSP_REQUEST(req, &der);
	}
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(req);
	*out = (struct slice){ (const char *)der, n > 0 ? (size_t)n : 0 };
	return n > 0 ? OK : ERR_NOMEM;
}

static int
name_responders(const struct naming *w, X509 *cert, X509 *issuer)
{
	AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
	struct smime_point p = { .ocsp = true };
	int budget = POINTS_URLS_MAX;
	int r = aia == NULL ? OK : make_request(cert, issuer, &p.asked);

	for (int i = 0; r == OK && i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(aia, i);

		if (OBJ_obj2nid(d->method) == NID_ad_OCSP && is_url(d->location, &p.url) &&
		    --budget >= 0)
			r = w->fn(w->arg, &p);
	}
	OPENSSL_free((void *)(uintptr_t)p.asked.p);
	AUTHORITY_INFO_ACCESS_free(aia);
	return r;
}

static int
name_all(const struct naming *w, X509 *cert, X509 *issuer)
{
	int r = name_crls(w, cert, NID_crl_distribution_points);

	if (r == OK)
		r = name_crls(w, cert, NID_freshest_crl);
	return r == OK ? name_responders(w, cert, issuer) : r;
}

/* Only who leads to a root may send us anywhere. */
static int
name_if_trusted(const struct naming *w, X509 *cert)
{
	struct question q = { .t = w->trust, .o = w->options, .edges = EDGES_MAX,
		.paths = PATHS_MAX };
	struct path_state state;
	unsigned reason = path_find(&q, cert, FOR_STATUS, &state);

	if (reason != SIG_OK && reason != SIG_UNKNOWN_REVOCATION && reason != SIG_REVOKED)
		return OK;
	return state.issuer == NULL ? OK : name_all(w, cert, state.issuer);
}

int
smime_points(struct smime_trust *trust, const struct slice *ders, size_t n,
    const struct smime_options *o, smime_point_fn fn, void *arg)
{
	struct naming w = { trust, o, fn, arg };
	int r = OK;

	for (int i = 0; r == OK && i < sk_X509_num(trust->pool); i++)
		r = name_if_trusted(&w, sk_X509_value(trust->pool, i));
	for (size_t i = 0; r == OK && i < n; i++) {
		const unsigned char *p = (const unsigned char *)ders[i].p;
		X509 *x = ders[i].n > LONG_MAX ? NULL : d2i_X509(NULL, &p, (long)ders[i].n);

		if (x != NULL)
			r = name_if_trusted(&w, x);
		X509_free(x);
		ERR_clear_error();
	}
	return r;
}

/* ---- is it what was asked for? ---- */

static bool
crl_answers(struct slice asked, struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509_CRL *crl = der.n > LONG_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);
	struct slice name = { NULL, 0 };
	bool same;

	if (crl != NULL)
		name = name_der(X509_CRL_get_issuer(crl));
	same = name.p != NULL && slice_eq(name, asked);
	OPENSSL_free((void *)(uintptr_t)name.p);
	X509_CRL_free(crl);
	return same;
}

static bool
response_answers(struct slice asked, struct slice der)
{
	const unsigned char *p = (const unsigned char *)asked.p;
	OCSP_REQUEST *req = d2i_OCSP_REQUEST(NULL, &p, (long)asked.n);
	OCSP_RESPONSE *resp;
	OCSP_BASICRESP *basic = NULL;
	OCSP_ONEREQ *one = req == NULL ? NULL : OCSP_request_onereq_get0(req, 0);
	bool same;

	p = (const unsigned char *)der.p;
	resp = der.n > LONG_MAX ? NULL : d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	if (resp != NULL)
		basic = OCSP_response_get1_basic(resp);
	same = basic != NULL && one != NULL &&
	    OCSP_resp_find(basic, OCSP_onereq_get0_id(one), -1) >= 0;
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(resp);
	OCSP_REQUEST_free(req);
	return same;
}

bool
smime_point_answers(const struct smime_point *point, struct slice der)
{
	bool same = point->ocsp ? response_answers(point->asked, der) :
	    crl_answers(point->asked, der);

	ERR_clear_error();
	return same;
}
