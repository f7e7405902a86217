/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One path from a certificate to a configured root, at a given moment. OpenSSL checks it
 * (signatures, validity, path length, name constraints, policies, critical extensions, strength);
 * what it means for mail is decided here, and the verdict on a signer kept.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "common/control.h"
#include "policy/smime/internal.h"

enum { STRENGTH_112_BITS = 2 };	/* RSA >= 2048, no SHA-1 below the root */

static unsigned
reason_of(int x509_error)
{
	switch (x509_error) {
	case X509_V_OK:
		return SIG_OK;
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
		return SIG_EXPIRED;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return SIG_WEAK;
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_UNSPECIFIED:
		return SIG_INTERNAL;
	default:
		return SIG_UNTRUSTED;
	}
}

/* May a certificate with its extended key usage stand in a chain for mail? */
static bool
fits_purpose(X509 *x, enum smime_purpose purpose, bool is_leaf)
{
	uint32_t usage = X509_get_extended_key_usage(x);

	if (purpose == SMIME_ANY_PURPOSE || control_off("smime-purpose"))
		return true;
	if (usage == UINT32_MAX)	/* the extension is absent */
		return purpose == SMIME_EMAIL_OR_ABSENT || !is_leaf;
	return (usage & (XKU_SMIME | XKU_ANYEKU)) != 0;
}

static unsigned
check_purposes(STACK_OF(X509) *path, enum smime_purpose purpose)
{
	int last = sk_X509_num(path) - 1;	/* the root: its usage is its own business */
	X509 *leaf = sk_X509_value(path, 0);

	/* All bits are set when the extension is absent. */
	if ((X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0 &&
	    !control_off("smime-purpose"))
		return SIG_UNTRUSTED;
	for (int i = 0; i <= last; i++)
		if ((i == 0 || i < last) && !fits_purpose(sk_X509_value(path, i), purpose, i == 0))
			return SIG_UNTRUSTED;
	return SIG_OK;
}

static unsigned
check_revocation(struct question *q, STACK_OF(X509) *path, struct path_state *out)
{
	unsigned reason = SIG_OK;

	for (int i = 0; i + 1 < sk_X509_num(path); i++)
		switch (revocation_of(q, sk_X509_value(path, i), sk_X509_value(path, i + 1),
		    out->root, &out->until_s)) {
		case REVOCATION_REVOKED:
			out->leaf_revoked = i == 0;
			return SIG_REVOKED;
		case REVOCATION_UNKNOWN:
			reason = SIG_UNKNOWN_REVOCATION;
			break;
		case REVOCATION_STALE:
			out->stale = true;
			break;
		case REVOCATION_GOOD:
			break;
		}
	return reason;
}

/* A verdict may be used again until the first certificate of the path runs out. */
static void
limit_by_validity(STACK_OF(X509) *path, struct path_state *out)
{
	for (int i = 0; i < sk_X509_num(path); i++) {
		int64_t end_s;

		if (!asn1_seconds(X509_get0_notAfter(sk_X509_value(path, i)), &end_s))
			end_s = INT64_MIN;
		if (end_s < out->until_s)
			out->until_s = end_s;
	}
}

/* For OpenSSL: the issuer of each certificate is the next of the path, and no other. */
static int
is_next(X509_STORE_CTX *ctx, X509 *x, X509 *issuer)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get_app_data(ctx);

	for (int i = 0; i + 1 < sk_X509_num(path); i++)
		if (X509_cmp(sk_X509_value(path, i), x) == 0)
			return X509_cmp(sk_X509_value(path, i + 1), issuer) == 0;
	return 0;
}

X509_STORE *
chain_store_new(void)
{
	X509_STORE *store = X509_STORE_new();

	if (store != NULL)
		X509_STORE_set_check_issued(store, is_next);
	return store;
}

static bool
set_parameters(X509_VERIFY_PARAM *param, const struct smime_options *o)
{
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK;

	if (control_off("smime-policy"))
		flags &= ~(unsigned long)X509_V_FLAG_POLICY_CHECK;
	if (control_off("smime-expiry"))
		flags |= X509_V_FLAG_NO_CHECK_TIME;
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)o->now_s);
	X509_VERIFY_PARAM_set_flags(param, flags);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
	/* A common name is that of a person or an agency, never a host under a name constraint. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (!control_off("smime-weak"))
		X509_VERIFY_PARAM_set_auth_level(param, STRENGTH_112_BITS);
	/* Any policy will do; without this OpenSSL takes none where a path requires one. */
	return X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy)) == 1;
}

/* What OpenSSL says of this path. */
static unsigned
check_by_library(struct question *q, STACK_OF(X509) *path)
{
	STACK_OF(X509) *between = sk_X509_dup(path), *root = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	unsigned reason = SIG_INTERNAL;

	if (between == NULL || ctx == NULL || root == NULL ||
	    sk_X509_push(root, sk_X509_pop(between)) <= 0 ||
	    X509_STORE_CTX_init(ctx, q->t->store, sk_X509_value(path, 0), between) != 1)
		goto out;
	X509_STORE_CTX_set_app_data(ctx, path);
	X509_STORE_CTX_set0_trusted_stack(ctx, root);
	if (!set_parameters(X509_STORE_CTX_get0_param(ctx), q->o))
		goto out;
	if (X509_verify_cert(ctx) == 1 || control_off("smime-chain"))
		reason = SIG_OK;
	else if ((reason = reason_of(X509_STORE_CTX_get_error(ctx))) == SIG_OK)
		reason = SIG_INTERNAL;
out:
	X509_STORE_CTX_free(ctx);
	sk_X509_free(between);
	sk_X509_free(root);
	ERR_clear_error();
	return reason;
}

unsigned
chain_check(struct question *q, STACK_OF(X509) *path, enum path_use use, struct path_state *out)
{
	int last = sk_X509_num(path) - 1;
	unsigned reason = check_by_library(q, path);

	out->root = sk_X509_value(path, last);
	out->issuer = sk_X509_value(path, 1);
	if (reason != SIG_OK)
		return reason;
	if (use == FOR_MAIL && !control_off("smime-chain"))
		seen_note(q->t, path);
	if (use == FOR_MAIL && (reason = check_purposes(path, q->o->purpose)) != SIG_OK)
		return reason;
	limit_by_validity(path, out);
	return check_revocation(q, path, out);
}

static struct chain_verdict *
slot_of(struct smime_trust *t, const unsigned char sha256[32])
{
	return &t->cache[((unsigned)sha256[0] << 8 | sha256[1]) % CACHE_SLOTS];
}

/* Is what the slot holds an answer to this question? */
static bool
is_answer(const struct chain_verdict *slot, const unsigned char sha256[32],
    const struct smime_options *o)
{
	return slot->from_s <= o->now_s && o->now_s < slot->until_s &&
	    memcmp(slot->sha256, sha256, sizeof slot->sha256) == 0 &&
	    slot->purpose == o->purpose && slot->grace_s == o->revocation_grace_s;
}

/* Is the moment judged also the one up to which things are known? */
static bool
is_present(const struct smime_options *o)
{
	return o->known_s == 0 || o->known_s == o->now_s;
}

/* "Not trusted" may change with the certificates that the next message brings along, and so may
 * "revoked" of an authority. */
static bool
is_lasting(unsigned reason, const struct path_state *s)
{
	return reason == SIG_OK || (reason == SIG_REVOKED && s->leaf_revoked);
}

unsigned
chain_verify(struct smime_trust *t, X509 *leaf, STACK_OF(X509) *embedded,
    const struct smime_options *o, bool *stale_out)
{
	struct chain_verdict v = { .purpose = o->purpose, .grace_s = o->revocation_grace_s,
		.from_s = o->now_s };
	struct question q = { .t = t, .embedded = embedded, .o = o, .paths = PATHS_MAX };
	struct path_state state;
	struct chain_verdict *slot;

	*stale_out = false;
	if (t == NULL)
		return SIG_UNTRUSTED;
	if (!cert_sha256(leaf, v.sha256))
		return SIG_INTERNAL;
	slot = slot_of(t, v.sha256);
	if (is_present(o) && is_answer(slot, v.sha256, o)) {
		*stale_out = slot->stale;
		return slot->reason;
	}
	q.edges = t->edges < EDGES_MAX ? t->edges : EDGES_MAX;
	t->edges -= q.edges;
	v.reason = path_find(&q, leaf, FOR_MAIL, &state);
	t->edges += q.edges;
	v.until_s = state.until_s;
	v.stale = *stale_out = state.stale;
	if (is_present(o) && is_lasting(v.reason, &state))
		*slot = v;
	return v.reason;
}
