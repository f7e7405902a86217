/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/keep.h: what may replace what in the folder of CRLs.
 *
 * Shape   a list is kept under a name made from what it is a list of (its scope), OCSP responses
 *         are in one file. A new object replaces the old one of its scope, and nothing else, when
 *         its signer leads to one of our roots, it is not older, and not from the future. So
 *         somebody on the way can withhold news, which is noticed, and do nothing worse.
 * Controls "trust-genuine", "trust-newer", "trust-answers" (see control.h).
 * Bounds  KEEP_CRLS_MAX lists, KEEP_OCSP_MAX responses.
 */
#ifndef POLICY_FETCH_KEEP_H
#define POLICY_FETCH_KEEP_H

#include "policy/fetch/folder.h"
#include "policy/fetch/jobs.h"

enum { KEEP_CRLS_MAX = 200, KEEP_OCSP_MAX = 4096, KEEP_DAYS = 30 };

struct keep_response {
	struct smime_status status;
	struct buf	    der;
};

struct keep {
	struct folder	      folder;
	struct slice	      base;	/* blob: roots, intermediates, certificates met */
	struct smime_trust   *trust;	/* of it */
	struct smime_options  options;
	struct keep_response *responses; /* KEEP_OCSP_MAX */
	size_t		      responses_n;
	bool		      responses_changed;
	size_t		      crls_n;	/* files there */
};

/* Ready to keep; the folder is open. base must outlive it. */
int keep_init(struct keep *keep, const struct folder *folder, struct slice base,
    const struct smime_options *options) MUST_USE;
void keep_fini(struct keep *keep);	/* closes the folder */

/* Is there an answer to this OCSP question that has more than half of its time before it? */
bool keep_is_fresh(const struct keep *keep, const struct job *job);

/* Take what was fetched: 1 it replaced an older one or is new; 0 it is the one that is there.
 * ERR_SYNTAX: it is no such object; ERR_INVAL: not what was asked for; ERR_CRYPTO: not signed by
 * ours; ERR_EXIST: the one that is there is newer; ERR_LIMIT: no room; -errno. */
int keep_take(struct keep *keep, const struct job *job, struct slice content) MUST_USE;

/* At the end: write the responses, note what is revoked (*revoked_out: certificates known to be,
 * *grown_out: of these not before), remove lists that ended KEEP_DAYS ago. */
int keep_finish(struct keep *keep, size_t *revoked_out, size_t *grown_out) MUST_USE;

#endif
