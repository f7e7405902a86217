/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/ask.h: the keeper's way to the fetcher.
 *
 * Shape   blocking. A server that did not answer twice is not asked again in this run, and after
 *         ASK_RUN_MS nobody is: a run must end.
 */
#ifndef POLICY_FETCH_ASK_H
#define POLICY_FETCH_ASK_H

#include "policy/fetch/jobs.h"

enum { ASK_RUN_MS = 600000, ASK_SERVERS_MAX = 64, ASK_OCSP_OCTETS_MAX = 64 << 10 };

struct ask_server {
	struct slice name;
	unsigned     silent;	/* so many times in a row */
};

struct ask {
	int			 fd;	/* to the fetcher; not ours to close */
	const struct conf_trust *conf;
	uint64_t		 end_ms;
	struct ask_server	 servers[ASK_SERVERS_MAX];
	size_t			 servers_n;
};

void ask_init(struct ask *ask, int fd, const struct conf_trust *conf);

/* Fetch one: OK and the content, to be undone with memfd_unmap; else why not, as http_get, and
 * *status_out. ERR_UNKNOWN: the fetcher has died; nothing more can be asked. */
int ask_for(struct ask *ask, const struct job *job, struct slice *out, unsigned *status_out)
    MUST_USE;

#endif
