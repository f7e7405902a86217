/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/jobs.h: what a run is to fetch, and how each went.
 *
 * Shape   the same address for the same question is one job. A failure is forgiven when another
 *         address answered the same question.
 * Bounds  JOBS_MAX jobs; what comes after is passed over.
 */
#ifndef POLICY_FETCH_JOBS_H
#define POLICY_FETCH_JOBS_H

#include "common/arena.h"
#include "policy/fetch/url.h"
#include "policy/smime/points.h"

enum { JOBS_MAX = 4096, JOBS_ARENA_OCTETS = 64 << 20 };

struct job {
	struct smime_point point;	/* asked is empty where no certificate asks */
	const char	  *at;		/* the address that is asked, after rewriting */
	bool		   anywhere;	/* it is the administrator's */
	bool		   named;	/* a certificate named it in this run */
	unsigned char	   group[32];	/* SHA-256 of point.asked; all 0: not known */
	int		   outcome;	/* OK, or why not */
};

struct jobs {
	const struct conf_trust *conf;
	struct arena		 arena;
	struct job		*v;	/* JOBS_MAX */
	size_t			 n;
};

int jobs_init(struct jobs *jobs, const struct conf_trust *conf) MUST_USE;
void jobs_fini(struct jobs *jobs);

/* Add what a certificate named (copied). What cannot be fetched or is turned off is passed over:
 * OK. Fits smime_point_fn, with jobs as arg. */
int jobs_add_point(void *arg, const struct smime_point *point) MUST_USE;

/* Add the address of a CRL: of the configuration (group is NULL), or one that a certificate of
 * that group named once. */
int jobs_add_url(struct jobs *jobs, struct slice url, const unsigned char group[32]) MUST_USE;

/* How many failed, and how many questions had an answer or needed none. */
size_t jobs_failed(const struct jobs *jobs);

#endif
