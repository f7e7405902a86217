/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/watch.h: what is known of all entries, and what of it has changed.
 *
 * Shape   pure. Whoever talks to the server (watcher.c) tells of entries and of RFC 4533's words in
 *         the order they come; watch_take gives what is to be told to others. Of an entry only a hash
 *         of what matters is kept, so that a change that matters to nobody (a last sign-in) is
 *         told to nobody.
 *         The first time nothing is known: then `all` is told when it is complete.
 * Bounds  WATCH_ENTRIES_MAX entries of 32 octets; of those beyond it every word is told, and at the
 *         end of a refresh `all`. WATCH_CHANGES_MAX changes untaken; then watch_is_full.
 * Source  RFC 4533 3.3, 3.4.
 */
#ifndef DIRECTORY_WATCH_H
#define DIRECTORY_WATCH_H

#include "directory/entry.h"
#include "directory/job.h"
#include "directory/sync.h"

enum { WATCH_ENTRIES_MAX = 1000000, WATCH_CHANGES_MAX = 1024 };

struct watch {
	const struct conf *conf;
	struct guidmap	 seen;
	uint32_t	 mark;			/* of the refresh under way */
	bool		 fresh;			/* nothing is known yet */
	bool		 live;			/* no refresh is under way */
	bool		 full, present, overflow;	/* of the refresh */
	bool		 sweeping;		/* those not mentioned are gone */
	size_t		 sweep_at;
	struct buf	 cookie, next_cookie;	/* known, and valid when the refresh is over */
	bool		 all, other;
	struct dir_right changes[WATCH_CHANGES_MAX];
	uint8_t		 guids[WATCH_CHANGES_MAX][DIR_GUID_OCTETS];
	size_t		 changes_n;
};

void watch_init(struct watch *w, const struct conf *conf, size_t entries_max);
void watch_fini(struct watch *w);

/* Forget all: another server, or another way of asking. */
void watch_forget(struct watch *w);

/* A search for everything since w->cookie begins. */
void watch_begin(struct watch *w);

/* The server does not know the cookie. */
void watch_refused(struct watch *w);

/* An entry with its state; e is NULL for PRESENT and DELETE. */
void watch_entry(struct watch *w, const struct sync_state *state, const struct entry *e,
    struct arena *arena);

/* A word between entries. ERR_SYNTAX: it makes no sense. */
int watch_info(struct watch *w, const struct sync_info *info) MUST_USE;

/* Without synchronisation: an entry as it is now; an account that is no longer there; and the end
 * of one round of asking. */
void watch_polled(struct watch *w, const struct entry *e, struct arena *arena);
void watch_gone(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS]);
void watch_poll_over(struct watch *w);

/* Is there anything to tell? And so much that nothing may be added before watch_take? */
bool watch_has_news(const struct watch *w);
bool watch_is_full(const struct watch *w);

/* Everything to tell; valid until the next word, and forgotten with that. */
void watch_take(struct watch *w, struct job_watch_reply *out);

#endif
