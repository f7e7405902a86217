/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/ldapc_sync.h: content synchronisation over the search connection of an ldapc, and
 * ordinary searches whose entries are taken one by one.
 *
 * Shape   ldapc_sync_start opens the search, ldapc_sync_next gives one word after the other, as the
 *         server says them. When the connection breaks the search is over, too.
 * Source  RFC 4533.
 */
#ifndef DIRECTORY_LDAPC_SYNC_H
#define DIRECTORY_LDAPC_SYNC_H

#include "directory/ldapc.h"
#include "directory/sync.h"

enum ldapc_sync_kind { LDAPC_SYNC_ENTRY, LDAPC_SYNC_INFO, LDAPC_SYNC_DONE };

/* How a search ended, as far as it matters. */
enum ldapc_sync_end {
	LDAPC_SYNC_OVER,	/* an ordinary search: that was all */
	LDAPC_SYNC_BROKEN,	/* try again later */
	LDAPC_SYNC_STALE,	/* the cookie is not known: start without */
	LDAPC_SYNC_REFUSED,	/* not here, or not to us */
};

struct ldapc_sync_word {
	enum ldapc_sync_kind kind;
	struct sync_state    state;	/* ENTRY */
	struct entry	     entry;
	struct sync_info     info;	/* INFO */
	enum ldapc_sync_end  end;	/* DONE */
	const char	    *why;	/* ... and LDAP's words (static) */
};

/* Does the server offer it? */
int ldapc_sync_offered(struct ldapc *c, struct arena *arena, bool *out) MUST_USE;

/* Begin; the cookie may be empty, NULL: an ordinary search, whose entries have no state. The
 * attributes of want come with the entries. */
int ldapc_sync_start(struct ldapc *c, const char *filter, unsigned want,
    const struct slice *cookie) MUST_USE;
bool ldapc_sync_open(const struct ldapc *c);

/* 1: a word, in arena memory; 0: none within wait_ms; ERR_UNAVAIL: the connection is gone. */
int ldapc_sync_next(struct ldapc *c, unsigned want, uint64_t wait_ms, struct arena *arena,
    struct ldapc_sync_word *out) MUST_USE;

/* Ask the server for a sign of life. ldapc_sync_alive is true when it came. */
int ldapc_sync_probe(struct ldapc *c) MUST_USE;
bool ldapc_sync_alive(const struct ldapc *c);

/* It does not come: give the connection up. */
void ldapc_sync_dead(struct ldapc *c);

/* Which server the search connection goes to. */
size_t ldapc_sync_server(const struct ldapc *c);

#endif
