/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/view.h: the mailbox as the client knows it: UIDs in the order of its message numbers.
 *
 * Shape   the store may have moved on; view_sync asks it what vanished and what changed, and writes
 *         the untagged responses that tell the client, in steps. Numbers change nowhere else.
 *         Flags are not kept: what changed is found by modseq.
 * Bounds  4 octets a message, VIEW_MESSAGES_MAX messages.
 * Source  RFC 3501 7.3.1, 7.3.2, 7.4.1, 5.5.
 */
#ifndef IMAPD_VIEW_H
#define IMAPD_VIEW_H

#include "imapd/backend.h"

enum { VIEW_MESSAGES_MAX = 16 * 1024 * 1024 };

struct session;

enum view_mode {
	VIEW_LOAD,	/* fill an empty view, write nothing */
	VIEW_KEEP,	/* tell of new messages and flags; expunged ones keep their numbers */
	VIEW_ALL,	/* tell of everything */
};

struct view {
	uint32_t  box;		/* 0: none selected */
	bool	  readonly, mat;
	uint32_t  uidvalidity;
	uint32_t  first_recent_uid;
	uint32_t *uids;		/* ascending */
	uint32_t  n, cap;
	uint64_t  modseq;	/* flags are told up to it */
	uint64_t  modseq_gone;	/* expunges are told up to it */
	uint64_t  skip_modseq;	/* changed by this session's own command, told already */
	size_t	  keywords;	/* how many the client knows */

	/* a sync that is under way */
	enum view_phase {
		VIEW_QUIET, VIEW_LOADING, VIEW_COMPARING, VIEW_TELLING
	}	       phase;
	enum view_mode mode;
	bool	       cut;	/* numbers were told in part */
	uint32_t       at, kept, added, next_uid;
	uint64_t       target;
};

void view_close(struct view *v);

/* Begin: 1 there is something to tell, 0 nothing, or an error (ERR_NOENT: the mailbox is gone). */
int view_sync_begin(struct session *s, enum view_mode mode) MUST_USE;

/* 1: call again, 0: done, or an error. */
int view_sync_step(struct session *s) MUST_USE;

/* Index of uid, or of the first greater one (v->n if none). */
uint32_t view_find(const struct view *v, uint32_t uid);

/* How many messages are \Recent to this session. */
uint32_t view_recent(const struct view *v);

/* "* FLAGS" and "PERMANENTFLAGS" with the present keywords. */
int view_add_flag_names(struct session *s) MUST_USE;

#endif
