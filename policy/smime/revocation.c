/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Is a certificate revoked? CRLs, OCSP responses and what was once seen are sources; each gives
 * evidence, and the evidence is added up:
 *
 *   revoked   by any source, however old
 *   on hold   when no source as new as the one that says so acquits it
 *   good      when for every reason of revocation some source acquits it; as long as the freshest
 *             of them says, and then for the time of grace (stale)
 *   unknown   otherwise
 *
 * At a moment in the past, with known_s later than now_s: what was revoked only after it counts as
 * not revoked, if the source is newer too; and a newer source may acquit, as long as authorities
 * list the certificate at all, which is until its end.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/control.h"
#include "policy/smime/internal.h"

static bool
is_past(const struct evidence *e, int64_t s)
{
	return s <= e->q->o->now_s + SMIME_CLOCK_SLACK_S;
}

/* Something will be so from s on. */
static void
will_change(struct evidence *e, int64_t s)
{
	if (s - SMIME_CLOCK_SLACK_S < e->until_s)
		e->until_s = s - SMIME_CLOCK_SLACK_S;
}

bool
evidence_revoked(struct evidence *e, int64_t this_s, int64_t moment_s, int reason)
{
	if (!is_past(e, moment_s) && !is_past(e, this_s)) {
		will_change(e, moment_s < this_s ? moment_s : this_s);
		return false;
	}
	if (reason != CRL_REASON_CERTIFICATE_HOLD)
		e->revoked = true;
	else if (this_s > e->held_s)
		e->held_s = this_s;
	return true;
}

bool
evidence_counts(struct evidence *e, int64_t this_s, int64_t expired_from_s)
{
	int64_t known_s = e->q->o->known_s, end_s;

	if (is_past(e, this_s))
		return true;
	if (known_s > e->q->o->now_s)
		return this_s <= known_s + SMIME_CLOCK_SLACK_S &&
		    asn1_seconds(X509_get0_notAfter(e->cert), &end_s) &&
		    (end_s >= this_s || end_s >= expired_from_s);
	will_change(e, this_s);
	return control_off("smime-future");
}

void
evidence_good(struct evidence *e, int64_t this_s, int64_t next_s, unsigned reasons)
{
	for (unsigned i = 0; i < REASONS_COUNT; i++)
		if ((reasons & 1U << i) != 0 && next_s > e->fresh_s[i])
			e->fresh_s[i] = next_s;
	if ((reasons & REASON_BIT_HOLD) != 0 && this_s > e->acquitted_s)
		e->acquitted_s = this_s;
}

static void
recall(struct evidence *e, const X509_NAME *list_issuer)
{
	struct slice serial = serial_octets(X509_get0_serialNumber(e->cert));
	const struct revoked_entry *entry;
	unsigned char id[32];

	if (!cert_issuer_id(e->issuer, list_issuer, id))
		return;
	entry = revoked_find(&e->q->t->revoked, id, serial);
	if (entry != NULL)
		(void)evidence_revoked(e, entry->moment_s, entry->moment_s, entry->reason);
}

/* What was once seen, in lists of the issuer and of those whom the certificate lets speak. */
static void
memory_testify(struct evidence *e)
{
	CRL_DIST_POINTS *points;

	if (e->q->t->revoked.count == 0 || control_off("smime-memory"))
		return;
	recall(e, NULL);
	points = X509_get_ext_d2i(e->cert, NID_crl_distribution_points, NULL, NULL);
	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		const GENERAL_NAMES *names = sk_DIST_POINT_value(points, i)->CRLissuer;

		for (int n = 0; n < sk_GENERAL_NAME_num(names); n++)
			if (sk_GENERAL_NAME_value(names, n)->type == GEN_DIRNAME)
				recall(e, sk_GENERAL_NAME_value(names, n)->d.directoryName);
	}
	CRL_DIST_POINTS_free(points);
}

/* The reason for which the evidence ends first. */
static int64_t
fresh_until(const struct evidence *e)
{
	int64_t fresh_s = INT64_MAX;

	for (unsigned i = 0; i < REASONS_COUNT; i++)
		if ((REASONS_ALL & 1U << i) != 0 && e->fresh_s[i] < fresh_s)
			fresh_s = e->fresh_s[i];
	return fresh_s;
}

static enum revocation
add_up(struct evidence *e)
{
	int64_t now_s = e->q->o->now_s, grace_s = (int64_t)e->q->o->revocation_grace_s;
	int64_t fresh_s = fresh_until(e);
	bool is_stale;

	if ((e->revoked || (e->held_s != INT64_MIN && e->held_s >= e->acquitted_s)) &&
	    !control_off("smime-revoked"))
		return REVOCATION_REVOKED;
	if (fresh_s == INT64_MIN || (now_s > fresh_s && now_s - fresh_s > grace_s))
		return control_off("smime-revocation") ? REVOCATION_GOOD : REVOCATION_UNKNOWN;
	is_stale = now_s > fresh_s;
	if (is_stale)
		fresh_s += grace_s;
	if (fresh_s < e->until_s)
		e->until_s = fresh_s;
	return is_stale ? REVOCATION_STALE : REVOCATION_GOOD;
}

enum revocation
revocation_of(struct question *q, X509 *cert, X509 *issuer, X509 *root, int64_t *until_s)
{
	struct evidence e = { .q = q, .cert = cert, .issuer = issuer, .root = root,
		.acquitted_s = INT64_MIN, .held_s = INT64_MIN, .until_s = *until_s };
	enum revocation r;

	if (q->depth >= QUESTION_DEPTH_MAX)
		return REVOCATION_UNKNOWN;
	for (unsigned i = 0; i < q->depth; i++)
		if (X509_cmp(q->asked[i], cert) == 0)
			return REVOCATION_UNKNOWN;	/* it would have to vouch for itself */
	for (unsigned i = 0; i < REASONS_COUNT; i++)
		e.fresh_s[i] = INT64_MIN;
	q->asked[q->depth++] = cert;
	memory_testify(&e);
	crl_testify(q, &e);
	ocsp_testify(q, &e);
	q->depth--;
	r = add_up(&e);
	*until_s = e.until_s;
	return r;
}

unsigned
revocation_ask(struct question *q, X509 *x, struct path_state *out)
{
	if (q->depth >= QUESTION_DEPTH_MAX)
		return SIG_UNKNOWN_REVOCATION;
	return path_find(q, x, FOR_STATUS, out);
}
