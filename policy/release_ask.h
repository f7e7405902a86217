/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/release_ask.h: what officers signed for a message that the gate refused, gathered.
 *
 * Shape   the store gives the releases of a sender (or the one that a delivery used), the directory
 *         says who their officers are now, and what addresses the account has that stores its copy;
 *         then the asker is called back, and asks the gate again.
 * Bounds  ST_RELEASES_OPEN_MAX releases, two officers each, asked for one after the other.
 */
#ifndef POLICY_RELEASE_ASK_H
#define POLICY_RELEASE_ASK_H

#include "common/chan.h"
#include "mailstore/proto.h"
#include "policy/proto.h"

enum { RELEASE_ASK_MEM = 4 << 20 };	/* statements and officers */

struct release_ask;

/* Not OK: they cannot be told now. */
typedef void release_ask_fn(void *arg, int status);

struct release_ask {
	struct chan_client *store, *directory;
	struct slice	    account;		/* guid of it; empty: it is not asked for */
	release_ask_fn	   *done;
	void		   *arg;
	struct arena	    mem;		/* what is below lies there */
	struct chan_client *asked;		/* NULL: nothing is open */
	uint32_t	    call;
	struct st_release_list_reply *found;
	struct pol_release *releases;
	size_t		    releases_n;
	size_t		    at;			/* officer being asked about, of all */
	struct dir_identity *identities;	/* of the account */
	size_t		    identities_n;
	bool		    begun;		/* it was asked for this message */
};

/* store, directory, done and arg are set. done may be called before it returns. */
void release_ask_start(struct release_ask *a, const struct st_release_find_request *what);

/* Nobody waits any more, and what was found is not needed. a may be zeros. */
void release_ask_drop(struct release_ask *a);

#endif
