/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/crash/acts.h: what is done to a store, what must then be in it, and what is.
 *
 * Act     one request as a program would send it, with all its parameters, so that its effect can be
 *         told without the store.
 * State   what readers can see: mailboxes, messages (by the number of the act that made them), queue.
 * Ledger  the notes of a run up to some point: what was seen last, what was acknowledged since, what
 *         was begun and is open. ledger_check says whether a store is what the ledger allows.
 */
#ifndef TESTS_CRASH_ACTS_H
#define TESTS_CRASH_ACTS_H

#include "mailstore/engine.h"
#include "mailstore/queue.h"
#include "mailstore/store.h"
#include "shim.h"

enum {
	ACCOUNTS = 4, ROUTES = 2, KEYWORDS = 4, GROUP_MAX = 10, NAME_MAX_OCTETS = 40,
	NAMES = 6, BOXES_MAX = 120, ROWS_MAX = 1200, QUEUE_MAX = 100, ACTS_MAX = 4000,
	BODY_MAX = 3 << 19, MAP_OCTETS = 64 << 20, SEGMENT_OCTETS = 96 << 10,
};

enum act_kind {
	ACT_ACCOUNT, ACT_DELIVER, ACT_AGAIN, ACT_APPEND, ACT_FLAGS, ACT_EXPUNGE, ACT_COPY, ACT_MOVE,
	ACT_CREATE, ACT_RENAME, ACT_DELETE, ACT_SUBSCRIBE, ACT_CLAIM, ACT_RESULT, ACT_QUEUE_DELETE,
	ACT_CHECKPOINT, ACT_KINDS
};

struct act {
	uint32_t kind, id;		/* id: of the act; for ACT_AGAIN of the first */
	uint32_t who;			/* one account, 0.. */
	uint32_t accounts, routes;	/* ACT_DELIVER: bits */
	uint32_t account, mailbox, target;	/* numbers in the store */
	struct st_range uids;
	uint16_t flags;
	uint8_t	 op, on, mat, outcome, route;
	uint8_t	 keywords;		/* bits */
	uint32_t entry;			/* ACT_RESULT, ACT_QUEUE_DELETE: id of the delivery */
	char	 name[NAME_MAX_OCTETS], new_name[NAME_MAX_OCTETS];
};

/* Made once, before any run: what keyd would keep. */
struct keys {
	uint8_t secret[ACCOUNTS][ACCOUNT_CLASSES][32], public[ACCOUNTS][ACCOUNT_CLASSES][32];
	uint8_t spool[32], audit_public[32], audit_secret[64];
};

void keys_make(struct keys *k, uint64_t seed);

struct slice act_guid(uint32_t who, char out[16]);
struct slice act_route(uint32_t route);
struct slice act_id_text(uint32_t id, char out[17]);	/* delivery id, token */
void act_name(uint32_t n, char out[NAME_MAX_OCTETS]);	/* n < NAMES */
uint32_t act_name_bit(struct slice name);		/* 0: not one of ours */
uint32_t act_id_of(struct slice text);			/* 0: not one of ours */
/* The octets of the message of an act; valid until the next call. */
struct slice act_body(uint32_t id);

struct row {
	uint32_t who, mailbox, uid, id;		/* uid 0: some uid that nobody has seen */
	uint16_t flags, keywords;
	uint64_t modseq;			/* 0: unknown */
};

struct mbox {
	uint32_t who, id, uidvalidity, uidnext;	/* id 0: unknown */
	uint64_t modseq;
	char	 name[NAME_MAX_OCTETS];
};

struct entry_state {
	uint32_t id, route;
};

struct state {
	uint32_t boxes_n, rows_n, queue_n;
	uint32_t number[ACCOUNTS];		/* of the account in the store; 0: it is not there */
	uint32_t subscribed[ACCOUNTS];		/* names, as bits (act_name); no mailbox need bear them */
	struct entry_state queue[QUEUE_MAX];
	struct mbox	   boxes[BOXES_MAX];
	struct row	   rows[ROWS_MAX];	/* last: a note holds only those that are there */
};

/* A store that is open: engine, reader, and what was read of bodies. */
struct site {
	struct engine *e;
	struct store  *s;
	const struct keys *keys;
	char	       state[200], run[200];	/* folders; the engine keeps their names */
	uint64_t       map_octets;		/* before site_open; 0: MAP_OCTETS */
	bool	       whole;			/* read every message each time */
	char	       why[400];
	struct { uint64_t blob; uint32_t id; } known[ROWS_MAX];
	size_t	       known_n;
};

/* With so many threads that seal. OK, or an error with site->why. */
int site_open(struct site *t, const struct keys *k, const char *dir, unsigned threads) MUST_USE;
void site_close(struct site *t);
/* What can be seen; checks on the way that contents and counters are right. */
int site_look(struct site *t, struct state *out) MUST_USE;
/* The audit: whole, and every id at most once; present[id] is set. */
int site_audit(struct site *t, bool present[ACTS_MAX]) MUST_USE;
/* Every queue entry can be read, with the right octets. */
int site_spool(struct site *t) MUST_USE;

/* Every counter is what a recount says. */
int site_recount(struct site *t) MUST_USE;

/* Do the acts as one group; status_out[i] is what the asker was told. */
void site_group(struct site *t, struct act *acts, size_t n, int *status_out);

/* The effect of an act on a state. */
void state_apply(struct state *s, const struct act *a);

enum note { NOTE_BEGIN = 1, NOTE_END, NOTE_SEEN, NOTE_CLOCK };

struct note_end {
	uint32_t index;
	int32_t	 status;
};

struct pending {
	uint32_t id, who, mat;
};

struct ledger {
	struct state   seen;
	struct act     group[GROUP_MAX];
	uint32_t       group_n;
	bool	       open[GROUP_MAX];		/* may have happened, or not */
	bool	       done[GROUP_MAX];		/* acknowledged, not seen yet */
	struct pending pending[ROWS_MAX];	/* delivered, not seen yet */
	uint32_t       pending_n;
	bool	       audited[ACTS_MAX];	/* acknowledged: must be in the audit */
	uint32_t       maybe;			/* accounts that could not be made in full, as bits */
	int64_t	       clock_s;			/* ahead of the true one */
};

void ledger_note(struct ledger *l, uint32_t note, const void *data, size_t n);
/* true: what is seen is what the ledger allows; else why says what is wrong. */
bool ledger_check(const struct ledger *l, const struct state *is, char why[400]);

/* ---- a run ---- */

struct run {
	const char *dir;		/* with folders state, run */
	const struct keys *keys;
	uint64_t    seed;
	uint32_t    groups, first_id;
	int64_t	    clock_s;
	unsigned    threads;
	/* It fails now and then: that ends nothing. After an error that leaves the outcome open the
	 * store is opened again, and then nothing fails any more. */
	struct shim_fault *fault;
	uint32_t    failed, restarts;	/* out: acts that failed; for that reason */
};

/* Open the store, do random acts, with notes for the tape. 0, or the error that ended it. */
int run_acts(struct run *r);

#endif
