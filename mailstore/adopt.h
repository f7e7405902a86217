/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/adopt.h: messages of a backup come back into a store that has lost them (ST_RESTORE).
 *
 * Shape   steps of one job: adopt_seal writes the frames that the store has not got any more into a
 *         segment of their own, durable with its name; adopt_index puts the messages into their
 *         mailbox, and makes that segment's row. adopt_undo, when a step failed: without a row the
 *         segment is garbage.
 * Safety  what comes in is checked: frames by their checksums, a blob's number by the epoch of the
 *         segment that it names, a keyset by its public key.
 */
#ifndef MAILSTORE_ADOPT_H
#define MAILSTORE_ADOPT_H

#include "mailstore/engine.h"

struct adopt {
	struct adopt_item {
		struct record_blob place;
		uint8_t		   class;	/* of its keyset */
		bool		   has;		/* place: written now */
		bool		   pass;	/* cannot come back here */
	} *items;
	uint32_t segment;	/* made for them; 0: none was needed */
	uint8_t	 epoch_public[32];
	int	 fd;
	uint64_t end;		/* of what is written */
	bool	 repeated;
	struct st_restore_reply reply;
};

int adopt_seal(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    struct slice frames, struct arena *a, struct adopt *out) MUST_USE;
int adopt_index(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    struct arena *a, struct adopt *ad) MUST_USE;
void adopt_undo(struct engine *e, struct adopt *ad);

#endif
