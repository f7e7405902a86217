/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_import.h: what brings messages into the store.
 *
 * Shape   messages go through a window of slots in order: policyd judges several at a time, mailstored
 *         takes them in the order of the source, many in one commit. What cannot be decided or stored
 *         now is tried again for some seconds; then the import ends, to be run again.
 * Tokens  each message has one, made of account, kind and place of the source, folder and id. It is
 *         the message's email id in the store and stands in a file of the import once it is
 *         stored. What the account has an email id of, and what is in the file, is passed over.
 */
#ifndef CONTROL_CTL_IMPORT_H
#define CONTROL_CTL_IMPORT_H

#include <stdio.h>

#include "common/loop.h"
#include "control/ctl_mailbox.h"
#include "control/idset.h"
#include "control/import.h"
#include "control/progress.h"
#include "policy/proto.h"

enum { IMPORT_SLOTS = 32, IMPORT_OCTETS = 64 << 20, IMPORT_TRIES = 6 };

struct import;

enum slot_state { SLOT_FREE, SLOT_JUDGING, SLOT_JUDGED, SLOT_STORING, SLOT_OVER };

struct import_slot {
	struct import	 *im;
	enum slot_state	  state;
	struct loop_timer again;
	unsigned	  tries;
	int		  fd, summary_fd;
	uint64_t	  octets;
	uint8_t		  token[ID_OCTETS];
	int64_t		  date_s;
	unsigned	  flags, level_min;
	struct st_keyword keywords[ST_KEYWORDS_MAX];
	size_t		  keywords_n;
	struct slice	  id;
	/* of the judgement */
	uint8_t		  verdict, level, sig, sig_reason;
	bool		  kept_inside;
	struct slice	  rule, sha256, evidence, detail, reason;
	struct arena	  a;
};

struct import {
	struct ctl	     *ctl;
	struct import_source *source;
	struct dir_account    user;
	uint32_t	      account;
	bool		      dry_run;
	const char	     *into, *prefix;
	struct store	     *store;
	struct loop	     *loop;
	struct chan_client   *policy, *mailstore;
	struct idset	     *done;
	FILE		     *state;
	struct progress	      progress;
	/* the folder at hand */
	const struct import_folder *folder;
	struct store_mailbox  box;
	struct arena	      box_arena;
	const char	     *no_box;	/* why its messages cannot be stored anywhere */
	/* the window */
	struct import_slot    slots[IMPORT_SLOTS];
	size_t		      first, used, sent;	/* of the ring; sent: how many from first on */
	uint64_t	      in_flight;
	int		      failed;	/* for good: nothing more is sent */
	char		      why[IMPORT_WHY_OCTETS];
	uint64_t	      stored_n, stored_octets, known_n, refused_n;
};

/* The command line. */
struct import_words {
	const char *user, *from, *password_file, *ca;
	bool	    insecure;
};

/* im->source from an IMAP server. An error has been told. */
int import_open_imap(struct import *im, const struct import_words *w) MUST_USE;

/* Connect to policyd and mailstored. */
int import_run_start(struct import *im) MUST_USE;
void import_run_stop(struct import *im);
/* Send a message on its way; waits for a free slot. An error ends the import. */
int import_run_add(struct import *im, const struct import_message *m) MUST_USE;
/* Wait until nothing is on its way. */
int import_run_drain(struct import *im) MUST_USE;

/* The token of a message of the folder at hand. */
void import_token(const struct import *im, struct slice id, uint8_t out[ID_OCTETS]);
/* Is stored: note it, so that another run passes over it. */
int import_note_done(struct import *im, const uint8_t token[ID_OCTETS]) MUST_USE;
/* Say that a message is left out. */
void import_refused(struct import *im, struct slice id, const char *reason, struct slice rule);

#endif
