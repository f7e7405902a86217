/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/smime/points.h: which certificates were met, and where their state is told.
 *
 * Shape   a trust set notes the certificates of chains that led to its roots, until they are taken
 *         out; smime_points names the CRLs and OCSP responders of such certificates.
 * Pure    nothing is fetched here.
 * Bounds  POINTS_SEEN_MAX certificates wait to be taken out, what comes after is not noted;
 *         POINTS_URLS_MAX addresses of one certificate, of POINTS_URL_MAX octets.
 * Source  RFC 5280 4.2.1.13 (CRL distribution points), 4.2.1.15 (freshest CRL), 4.2.2.1 (OCSP);
 *         RFC 6960 4.1 (requests).
 */
#ifndef POLICY_SMIME_POINTS_H
#define POLICY_SMIME_POINTS_H

#include "policy/smime/smime.h"

enum { POINTS_SEEN_MAX = 64, POINTS_URLS_MAX = 8, POINTS_URL_MAX = 1024 };

/* Move what was noted since the last time into a: at most max certificates, DER. Negative:
 * a->err. Roots are not among them. */
int smime_seen_take(struct smime_trust *trust, struct arena *a, size_t max, struct slice *ders_out,
    size_t *n_out) MUST_USE;

struct smime_point {
	bool	     ocsp;
	struct slice url;	/* as the certificate has it, not checked at all */
	struct slice asked;	/* CRL: DER of the name of its issuer. OCSP: the request */
};

/* Anything but OK ends smime_points with that value. */
typedef int (*smime_point_fn)(void *arg, const struct smime_point *point);

/*
 * Name the points of each intermediate of the set, and of each of n further certificates (DER; what
 * cannot be parsed is passed over), that leads to a root at now_s. OK, ERR_NOMEM, or fn's.
 */
int smime_points(struct smime_trust *trust, const struct slice *ders, size_t n,
    const struct smime_options *o, smime_point_fn fn, void *arg) MUST_USE;

/* Is der, well-formed and of that kind, what was asked for at the point? */
bool smime_point_answers(const struct smime_point *point, struct slice der);

#endif
