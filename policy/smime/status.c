/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What lists and responses say as such, not of one signer: for the fetcher, which looks at a new
 * one before it replaces an old one, and for the memory of what was once revoked.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "policy/smime/internal.h"

static struct question
new_question(struct smime_trust *t, const struct smime_options *o)
{
	return (struct question){ .t = t, .o = o, .edges = EDGES_MAX, .paths = PATHS_MAX };
}

/* Does it lead to a root? That nothing is known of its own revocation does not matter: it may be
 * its first list that is looked at. */
static bool
is_authority_of_ours(struct smime_trust *t, X509 *x, const struct smime_options *o)
{
	struct question q = new_question(t, o);
	struct path_state state;
	unsigned reason;

	if (X509_check_ca(x) == 0)
		return false;
	reason = path_find(&q, x, FOR_STATUS, &state);
	return reason == SIG_OK || reason == SIG_UNKNOWN_REVOCATION;
}

/* ---- one object ---- */

static int
crl_status(struct smime_trust *t, struct slice der, const struct smime_options *o,
    struct smime_status *out)
{
	X509_CRL *crl = crl_parse(der);
	struct question q = new_question(t, o);
	int64_t until_s = INT64_MAX;
	struct smime_crl c;
	int r;

	if (crl == NULL)
		return ERR_SYNTAX;
	if ((r = crl_init(&c, crl)) != OK)
		return r;
	out->genuine = crl_is_genuine(&q, &c, NULL, NULL, &until_s);
	out->delta = c.delta;
	out->complete = c.sound;
	out->this_s = c.this_s;
	out->next_s = c.next_s;
	out->entries = c.entries_n;
	memcpy(out->scope, c.scope, sizeof out->scope);
	if (c.delta)
		out->scope[0] ^= 1;	/* a delta is not an issue of its base */
	crl_fini(&c);
	return OK;
}

/* Every answer of it, by an authority of ours? Its moments are those of the oldest one. */
static bool
ocsp_is_ours(struct smime_trust *t, struct smime_ocsp *c, int i, const struct smime_options *o)
{
	struct question q = new_question(t, o);
	int64_t until_s = INT64_MAX, end_s;
	X509 *x;

	for (unsigned n = 0; (x = path_candidate(&q, n)) != NULL; n++)
		if (X509_check_ca(x) != 0 && ocsp_is_about(c, i, x) &&
		    ocsp_is_genuine(&q, c, x, NULL, &until_s, &end_s) &&
		    is_authority_of_ours(t, x, o))
			return true;
	return false;
}

static int
ocsp_status(struct smime_trust *t, struct slice der, const struct smime_options *o,
    struct smime_status *out)
{
	OCSP_BASICRESP *basic = ocsp_parse(der);
	struct smime_ocsp c;
	int n, r;

	if (basic == NULL)
		return ERR_SYNTAX;
	if ((r = ocsp_init(&c, basic)) != OK)
		return r;
	n = OCSP_resp_count(basic);
	*out = (struct smime_status){ .genuine = n > 0, .complete = c.sound && n > 0 };
	for (int i = 0; i < n; i++) {
		struct ocsp_answer a;

		ocsp_answer_of(&c, i, &a);
		out->genuine = out->genuine && a.status >= 0 && ocsp_is_ours(t, &c, i, o);
		out->complete = out->complete && a.sound;
		if (i == 0 || a.this_s < out->this_s)
			out->this_s = a.this_s;
		if (i == 0 || a.next_s < out->next_s)
			out->next_s = a.next_s;
	}
	out->entries = (unsigned)n;
	memcpy(out->scope, c.scope, sizeof out->scope);
	ocsp_fini(&c);
	return OK;
}

int
smime_status(struct smime_trust *trust, enum smime_object kind, struct slice der,
    const struct smime_options *o, struct smime_status *out)
{
	int r = ERR_SYNTAX;

	*out = (struct smime_status){ 0 };
	if (kind == SMIME_CRL)
		r = crl_status(trust, der, o, out);
	else if (kind == SMIME_OCSP)
		r = ocsp_status(trust, der, o, out);
	ERR_clear_error();
	return r;
}

/* ---- all that is revoked ---- */

/* What the source says counts from its own moment on, if that is earlier. */
static int
add(struct revoked_list *list, const unsigned char issuer[32], const ASN1_INTEGER *serial,
    int64_t moment_s, int reason)
{
	struct revoked_entry e = { .moment_s = moment_s, .reason = (unsigned char)reason };
	struct slice octets = serial_octets(serial);

	if (reason == CRL_REASON_CERTIFICATE_HOLD || reason == CRL_REASON_REMOVE_FROM_CRL ||
	    octets.n > sizeof e.serial)
		return OK;
	memcpy(e.issuer, issuer, sizeof e.issuer);
	memcpy(e.serial, octets.p, octets.n);
	e.serial_octets = (unsigned char)(octets.n > 0 ? octets.n : 1);
	/* Full of double ones, of an authority with several certificates? */
	if (list->count >= REVOKED_MAX)
		(void)revoked_settle(list);
	return revoked_add(list, &e);
}

/* The entries of a list about certificates of this name. */
static int
add_entries(const struct smime_crl *c, const X509_NAME *name, const unsigned char issuer[32],
    struct revoked_list *list)
{
	int r = OK;

	for (unsigned i = 0; r == OK && i < c->entries_n; i++) {
		const struct crl_entry *e = &c->entries[i];
		int64_t moment_s = e->moment_s < c->this_s ? e->moment_s : c->this_s;

		if (X509_NAME_cmp(crl_issuer_of(c, e), name) == 0)
			r = add(list, issuer, e->serial, moment_s, e->reason);
	}
	return r;
}

/* Of a list of its own, or of one that another makes for many. */
static int
add_crl(struct smime_trust *t, struct smime_crl *c, X509 *authority,
    const struct smime_options *o, struct revoked_list *list)
{
	struct question q = new_question(t, o);
	const X509_NAME *name = X509_get_subject_name(authority);
	const X509_NAME *list_issuer = X509_CRL_get_issuer(c->crl);
	bool is_own = X509_NAME_cmp(list_issuer, name) == 0;
	int64_t until_s = INT64_MAX;
	unsigned char issuer[32];

	if (c->entries_n == 0 || (!is_own && !c->indirect) ||
	    !crl_is_genuine(&q, c, is_own ? authority : NULL, NULL, &until_s) ||
	    !cert_issuer_id(authority, is_own ? NULL : list_issuer, issuer))
		return OK;
	return add_entries(c, name, issuer, list);
}

static int
add_ocsp(struct smime_trust *t, struct smime_ocsp *c, X509 *issuer, const struct smime_options *o,
    struct revoked_list *list)
{
	struct question q = new_question(t, o);
	int64_t until_s = INT64_MAX, end_s;
	unsigned char id[32];
	int r = OK;

	if (!cert_key_sha256(issuer, id))
		return OK;
	for (int i = 0; r == OK && i < OCSP_resp_count(c->basic); i++) {
		struct ocsp_answer a;

		ocsp_answer_of(c, i, &a);
		if (a.status == V_OCSP_CERTSTATUS_REVOKED && ocsp_is_about(c, i, issuer) &&
		    ocsp_is_genuine(&q, c, issuer, NULL, &until_s, &end_s))
			r = add(list, id, a.serial,
			    a.moment_s < a.this_s ? a.moment_s : a.this_s, a.reason);
	}
	return r;
}

int
smime_trust_revoked(struct smime_trust *trust, const struct smime_options *o,
    struct revoked_list *list)
{
	struct question all = new_question(trust, o);
	int r = OK;
	X509 *x;

	for (size_t i = 0; r == OK && i < trust->revoked.count; i++)
		r = revoked_add(list, &trust->revoked.entries[i]);
	for (unsigned n = 0; r == OK && (x = path_candidate(&all, n)) != NULL; n++) {
		if (!is_authority_of_ours(trust, x, o))
			continue;
		for (unsigned i = 0; r == OK && i < trust->crls_n; i++)
			r = add_crl(trust, &trust->crls[i], x, o, list);
		for (unsigned i = 0; r == OK && i < trust->ocsp_n; i++)
			r = add_ocsp(trust, &trust->ocsp[i], x, o, list);
	}
	ERR_clear_error();
	return r;
}
