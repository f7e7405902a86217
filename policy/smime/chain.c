/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The way from a signer's certificate to a configured root, at a given moment. OpenSSL builds and
 * checks the chain (signatures, validity, CA flags, path length, name constraints, critical
 * extensions, strength); what it means for mail is decided here.
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
check_purposes(STACK_OF(X509) *chain, enum smime_purpose purpose)
{
	int last = sk_X509_num(chain) - 1;	/* the root: its usage is its own business */
	X509 *leaf = sk_X509_value(chain, 0);

	/* All bits are set when the extension is absent. */
	if ((X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0 &&
	    !control_off("smime-purpose"))
		return SIG_UNTRUSTED;
	for (int i = 0; i <= last; i++)
		if ((i == 0 || i < last) && !fits_purpose(sk_X509_value(chain, i), purpose, i == 0))
			return SIG_UNTRUSTED;
	return SIG_OK;
}

static unsigned
check_revocation(struct smime_trust *t, STACK_OF(X509) *chain, const struct smime_options *o,
    struct chain_verdict *v)
{
	unsigned reason = SIG_OK;

	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		switch (crl_look_up(t, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), o,
		    &v->until_s)) {
		case REVOCATION_REVOKED:
			return SIG_REVOKED;
		case REVOCATION_UNKNOWN:
			reason = SIG_UNKNOWN_REVOCATION;
			break;
		case REVOCATION_STALE:
			v->stale = true;
			break;
		case REVOCATION_GOOD:
			break;
		}
	return reason;
}

/* A verdict may be used again until the first certificate of the chain runs out. */
static void
limit_by_validity(STACK_OF(X509) *chain, struct chain_verdict *v)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end_s;

		if (!asn1_seconds(X509_get0_notAfter(sk_X509_value(chain, i)), &end_s))
			end_s = v->from_s;
		if (end_s < v->until_s)
			v->until_s = end_s;
	}
}

static unsigned
judge_chain(struct smime_trust *t, X509_STORE_CTX *ctx, const struct smime_options *o,
    struct chain_verdict *v)
{
	STACK_OF(X509) *chain;
	unsigned reason;
	int r = X509_verify_cert(ctx);

	if (r != 1 && !control_off("smime-chain")) {
		reason = reason_of(X509_STORE_CTX_get_error(ctx));
		return reason == SIG_OK ? SIG_INTERNAL : reason;
	}
	chain = X509_STORE_CTX_get0_chain(ctx);
	if (chain == NULL || sk_X509_num(chain) < 1)
		return SIG_INTERNAL;
	if (r == 1)
		seen_note(t, chain);
	if ((reason = check_purposes(chain, o->purpose)) != SIG_OK)
		return reason;
	limit_by_validity(chain, v);
	return check_revocation(t, chain, o, v);
}

static unsigned
verify(struct smime_trust *t, X509 *leaf, STACK_OF(X509) *embedded, const struct smime_options *o,
    struct chain_verdict *v)
{
	STACK_OF(X509) *untrusted = sk_X509_dup(t->pool);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	unsigned reason = SIG_INTERNAL;

	if (untrusted == NULL || ctx == NULL)
		goto out;
	for (int i = 0; i < sk_X509_num(embedded); i++)
		if (sk_X509_push(untrusted, sk_X509_value(embedded, i)) <= 0)
			goto out;
	if (X509_STORE_CTX_init(ctx, t->roots, leaf, untrusted) != 1)
		goto out;
	param = X509_STORE_CTX_get0_param(ctx);
	if (control_off("smime-expiry"))
		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)o->now_s);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
	if (!control_off("smime-weak"))
		X509_VERIFY_PARAM_set_auth_level(param, STRENGTH_112_BITS);
	reason = judge_chain(t, ctx, o, v);
out:
	X509_STORE_CTX_free(ctx);
	sk_X509_free(untrusted);
	ERR_clear_error();
	return reason;
}

static struct chain_verdict *
slot_of(struct smime_trust *t, const unsigned char sha256[32])
{
	return &t->cache[((unsigned)sha256[0] << 8 | sha256[1]) % CACHE_SLOTS];
}

unsigned
chain_verify(struct smime_trust *t, X509 *leaf, STACK_OF(X509) *embedded,
    const struct smime_options *o, bool *stale_out)
{
	struct chain_verdict v = { .purpose = o->purpose, .grace_s = o->revocation_grace_s,
		.from_s = o->now_s, .until_s = INT64_MAX };
	struct chain_verdict *slot;

	*stale_out = false;
	if (t == NULL)
		return SIG_UNTRUSTED;
	if (!cert_sha256(leaf, v.sha256))
		return SIG_INTERNAL;
	slot = slot_of(t, v.sha256);
	if (slot->until_s > slot->from_s && memcmp(slot->sha256, v.sha256, 32) == 0 &&
	    slot->purpose == o->purpose && slot->grace_s == o->revocation_grace_s &&
	    slot->from_s <= o->now_s && o->now_s < slot->until_s) {
		*stale_out = slot->stale;
		return slot->reason;
	}
	v.reason = verify(t, leaf, embedded, o, &v);
	*stale_out = v.stale;
	/* "Not trusted" may change with the certificates that the next message brings along. */
	if (v.reason == SIG_OK || v.reason == SIG_REVOKED)
		*slot = v;
	return v.reason;
}
