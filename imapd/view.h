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

#include "imapd/recent.h"

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
	struct recent recent;
	uint32_t  recent_told;	/* as in the RECENT response before */
	uint32_t *uids;		/* ascending */
	uint32_t  n, cap;
	uint64_t  modseq;	/* flags are told up to it */
	uint32_t  uidnext;	/* of the mailbox at that time */
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
	uint32_t       target_uidnext;
};

void view_close(struct view *v);

/* Is there a message that no session has claimed as \Recent, so that this one should try to before
 * it tells of it? Not in a mailbox opened by EXAMINE. */
bool view_wants_claim(struct session *s);

/* The answer to the claim. If it is not known whose they are, messages are recent. */
void view_claimed(struct session *s, const struct backend_reply *r);

/* Begin: 1 there is something to tell, 0 nothing, or an error (ERR_NOENT: the mailbox is gone). */
int view_sync_begin(struct session *s, enum view_mode mode) MUST_USE;

/* 1: call again, 0: done, or an error. */
int view_sync_step(struct session *s) MUST_USE;

/* Index of uid, or of the first greater one (v->n if none). */
uint32_t view_find(const struct view *v, uint32_t uid);

/* How many messages are \Recent to this session. */
uint32_t view_recent(const struct view *v);

/* "* FLAGS" and "PERMANENTFLAGS" with the present keywords; _tell_: if the client does not know
 * them all. */
int view_add_flag_names(struct session *s) MUST_USE;
int view_tell_flag_names(struct session *s) MUST_USE;

/* "* n EXISTS" and "* n RECENT"; or the latter alone, if it is not what the client was told. */
void view_add_counts(struct session *s);
void view_tell_recent(struct session *s);

#endif
