/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/run.h: one run: what is to be asked, asking, keeping, saying how it went.
 *
 * Order   lists first, then responses; then what is revoked is noted, last the state is written.
 */
#ifndef POLICY_FETCH_RUN_H
#define POLICY_FETCH_RUN_H

#include "common/conf.h"
#include "policy/fetch/folder.h"
#include "policy/proto.h"

struct run_input {
	const struct conf *conf;
	struct folder	   folder;	/* taken over */
	int		   fetcher;	/* socket */
	const struct pol_cert *seen;	/* what policyd told */
	size_t		   seen_n;
};

/* OK: *failed_out is how many objects could not be had. Negative, logged: the run could not be. */
int run_once(const struct run_input *input, size_t *failed_out) MUST_USE;

#endif
