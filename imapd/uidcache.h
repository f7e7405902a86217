/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/uidcache.h: the UIDs of large mailboxes that sessions of this worker looked at lately.
 *
 * Shape   UIDs are never given twice, and those below uidnext can only go. So uidvalidity, uidnext
 *         and the number of messages say which UIDs there are: a list that was right for the three
 *         is right while they stay the same. If there are more messages, those from the old uidnext
 *         on are put behind it, and the number tells whether it is right again.
 * Bounds  UIDCACHE_LISTS lists of UIDCACHE_FEWEST to UIDCACHE_MOST UIDs, about UIDCACHE_UIDS in
 *         all; the one that was not used for longest goes first.
 */
#ifndef IMAPD_UIDCACHE_H
#define IMAPD_UIDCACHE_H

#include "imapd/backend.h"

enum {
	UIDCACHE_LISTS = 32,
	UIDCACHE_FEWEST = 2000,
	UIDCACHE_MOST = 150000,		/* as many as are read within 5 ms */
	UIDCACHE_UIDS = 4 * 1024 * 1024,
};

struct uidlist {
	uint32_t  account, box, uidvalidity, uidnext;
	uint32_t *v;		/* ascending; NULL: free */
	uint32_t  n;		/* all messages of the mailbox */
	uint64_t  used;
};

struct uidcache {
	struct uidlist lists[UIDCACHE_LISTS];
	uint64_t       clock;
};

/* UIDs from first on, at most cap, ascending, as the store has them now. */
typedef int (*uidcache_read_fn)(void *ctx, uint32_t box, uint32_t first, uint32_t *out, size_t cap,
    size_t *n_out);

void uidcache_fini(struct uidcache *c);

/* The list of a mailbox as it was when the cache last made sure of it; NULL: there is none. */
const struct uidlist *uidcache_find(struct uidcache *c, uint32_t account, uint32_t box);

/* The list as it is now, st being the present state; read is asked for what is missing. NULL: none,
 * because the mailbox is small or very large, memory is out, or it changed meanwhile. */
const struct uidlist *uidcache_get(struct uidcache *c, uint32_t account, uint32_t box,
    const struct backend_state *st, uidcache_read_fn read, void *ctx);

/* Copy at most cap UIDs >= first: how many. */
size_t uidlist_copy(const struct uidlist *l, uint32_t first, uint32_t *out, size_t cap);

#endif
