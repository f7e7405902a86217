/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/deliver.h: untagged FETCH responses for a set of messages, for FETCH and STORE.
 */
#ifndef IMAPD_DELIVER_H
#define IMAPD_DELIVER_H

#include "imapd/fetch.h"
#include "imapd/session.h"

enum { DELIVER_AHEAD = 64 };

struct deliver {
	struct fetch_items items;
	struct seqset	   set;		/* indices of the view */
	uint64_t	   own_modseq;	/* of what this command changed, 0 for nothing */

	size_t		   seen_range;	/* setting \Seen: how far it is */
	uint32_t	   seen_uid;
	struct seqset	   unseen;

	size_t		   range;	/* where it is: range of the set, index of the view, */
	uint32_t	   index;
	size_t		   item;	/* next item of the message */
	bool		   in_message, done;
	bool		   withheld;	/* some message was left out for it */
	uint64_t	   begin, end;	/* octets of a literal still to come */
	int		   failed;	/* why some message was left out */
	struct backend_msg msg;
	struct summary	   summary;
	struct backend_msg ahead[DELIVER_AHEAD];
	size_t		   ahead_n, ahead_at;
};

/* Start with the set and the items, d is the work of the command. */
enum session_next deliver_start(struct session *s, struct deliver *d);

#endif
