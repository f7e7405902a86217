/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/check.h: is the store whole? And, offline, putting right what can be.
 *
 * Shape   check_run looks, in this order, at the pages of both environments, at every row and what
 *         it counts and names, at every frame that something refers to, with keys at the contents,
 *         and at the audit chain. Each finding has a kind of the table below.
 *         check_run_apart does it in a child, so that a file on which LMDB itself dies is a
 *         finding, too, and not the end of the asker.
 * Online  while mailstored runs, everything is compared within one snapshot of each environment;
 *         what may have changed since is looked up again before it becomes a finding. A snapshot
 *         is held while the rows are read (about 1 s per million messages), not while the
 *         segments are.
 * Repair  offline only: the caller holds engine_lock(). Rounds of: check, then put right in
 *         transactions of at most CHECK_BATCH acts; so it may be cut off anywhere and begun again,
 *         and the last round finds nothing that could still be put right. What is taken out of the
 *         store is in the report, synced, before the transaction that takes it out. An audit
 *         record stands before the first change.
 * Bounds  memory: 700 octets per account, 100 per segment, a bit per page; references and places
 *         are sorted in 32 MiB each and files in TMPDIR; findings kept for repair: CHECK_FIXES_MAX
 *         a round.
 */
#ifndef MAILSTORE_CHECK_H
#define MAILSTORE_CHECK_H

#include "common/arena.h"
#include "mailstore/proto.h"

enum { CHECK_BATCH = 64, CHECK_FIXES_MAX = 50000, CHECK_ROUNDS_MAX = 100 };

enum check_severity { CHECK_NOTE, CHECK_WARNING, CHECK_ERROR };

/* name, word for it, severity, what --repair does (NULL: nothing), what is wrong */
#define CHECK_KINDS(K) \
	K(OPEN, "open", ERROR, NULL, "the environment cannot be opened") \
	K(DIED, "died", ERROR, NULL, "looking at the store ended the process that looked") \
	K(PAGE, "page", ERROR, "the environment is made anew from the rows that can be read", \
	    "a page of the environment is damaged") \
	K(ROW, "row", ERROR, "one wrong bit is turned back, else the row is taken out", \
	    "a row is damaged") \
	K(ROW_VERSION, "row-version", ERROR, NULL, "a row was written by a newer congvu") \
	K(ROW_UNKNOWN, "row-unknown", ERROR, "the row is taken out", \
	    "a row is of a kind that is not known here") \
	K(BOX_COUNTER, "mailbox-counter", ERROR, "the counters are made anew", \
	    "a counter of a mailbox is wrong") \
	K(ACCOUNT_COUNTER, "account-counter", ERROR, "the counters are made anew", \
	    "a counter of an account is wrong") \
	K(GROUP_COUNTER, "agency-counter", WARNING, "the counters are made anew", \
	    "a counter of an agency is wrong") \
	K(BLOB_REFS, "references", ERROR, "the number is made anew", \
	    "the number of references of a body is wrong") \
	K(SEGMENT_COUNTER, "segment-counter", WARNING, "the counters are made anew", \
	    "a counter of a segment is wrong") \
	K(ACCOUNT_LOST, "account-lost", ERROR, "the row is made anew from the keysets", \
	    "an account has no row in the index") \
	K(ACCOUNT_UNKNOWN, "account-unknown", ERROR, NULL, \
	    "an account of the index has no keysets in control") \
	K(GUID, "guid", ERROR, "the row is written anew or taken out", \
	    "account and directory identity do not point to each other") \
	K(KEYSET, "keyset", ERROR, NULL, "a row names a keyset that is not its account's") \
	K(BOX_LOST, "mailbox-lost", ERROR, "the mailbox is made anew from its messages", \
	    "messages are of a mailbox that has no row") \
	K(BOX_NAME, "mailbox-name", ERROR, "the name is entered, or made unique", \
	    "a mailbox cannot be found by its name") \
	K(NAME, "name", ERROR, "the name is taken out", "a name points to no mailbox") \
	K(MESSAGE, "message", ERROR, "the message is put in order with its mailbox", \
	    "a message does not fit its mailbox") \
	K(VANISHED, "vanished", ERROR, "the row is taken out; clients compare their lists", \
	    "a row of expunged uids does not fit its mailbox") \
	K(ORPHAN, "orphan", WARNING, "the row is taken out", \
	    "a row belongs to something that is not there") \
	K(TOKEN, "token", WARNING, "it gets a new age, or its age is taken out", \
	    "a token and its age do not fit together") \
	K(BLOB_LOST, "body-lost", ERROR, \
	    "its row is made anew from the segment, else the message is taken out", \
	    "the body of a message has no row") \
	K(FRAME, "body-damaged", ERROR, \
	    "the message is taken out of its mailbox, unless the segment's header alone is wrong", \
	    "the stored body of a message is damaged") \
	K(FRAME_QUEUE, "queued-body-damaged", ERROR, NULL, \
	    "the stored body of queued mail is damaged") \
	K(SEGMENT, "segment", ERROR, NULL, "a segment cannot be read") \
	K(SEGMENT_HEADER, "segment-header", ERROR, \
	    "one wrong bit is turned back, or the header is made anew from the segment's row", \
	    "the header of a segment is damaged, and so nothing in it can be opened") \
	K(GC, "reclaim", WARNING, "the row is put right", \
	    "a row of what is to be reclaimed does not fit") \
	K(INTENT, "intent", ERROR, NULL, "an accepted delivery cannot be filed") \
	K(STUCK, "stuck", NOTE, NULL, "a delivery was set aside since it could not be filed") \
	K(DONE, "done", WARNING, "it gets a new age, or its age is taken out", \
	    "a delivery id and its age do not fit together") \
	K(QUEUE, "queue", ERROR, "the time is entered anew or taken out", \
	    "queued mail and its times do not fit together") \
	K(CONTENT, "content", ERROR, NULL, "a message cannot be opened with its key") \
	K(AUDIT, "audit", ERROR, NULL, "the chain of audit records is broken")

#define CHECK_KIND_ENUM(name, word, severity, repair, text)	CHECK_##name,
enum check_kind { CHECK_KINDS(CHECK_KIND_ENUM) CHECK_KIND_COUNT };

struct check_kind_row {
	const char	   *word;
	enum check_severity severity;
	const char	   *repair;
	const char	   *text;
};
const struct check_kind_row *check_kind_row(enum check_kind kind);
const char *check_severity_name(enum check_severity severity);
/* Of the row that a finding is about: "t", "queue", ... */
struct check_finding;
const char *check_tree_name(const struct check_finding *f);

/* Take the store until this process ends (engine_lock): *offline_out. False: mailstored has it.
 * ERR_NOENT: there is none. */
int check_take(const char *state_dir, bool *offline_out) MUST_USE;

/* LEFT: repair was asked for, in vain. */
enum check_state { CHECK_FOUND, CHECK_REPAIRED, CHECK_LEFT };

/* No pointers in it: it goes through a pipe as it is. What does not apply is 0. */
struct check_finding {
	enum check_kind	 kind;
	enum check_state state;
	uint32_t	 account, mailbox, uid, segment;
	uint64_t	 blob, offset, page;
	uint64_t	 is, should;		/* of counters */
	uint8_t		 tree;			/* of key */
	bool		 in_control, has_numbers;
	bool		 of_header;		/* of its segment: the body itself may be good */
	uint16_t	 key_octets;
	unsigned char	 key[120];		/* of the row */
	char		 what[96];		/* which counter, why it cannot be read */
	char		 user[64];		/* uid of the account when it was made */
};

enum { CHECK_SECRET_OCTETS = 32 };

struct check_keyset {
	uint32_t     account;
	struct slice guid;	/* 16 octets */
	struct slice address;
	const struct st_keyset *keyset;
};

/* secret_out is in guarded memory. ERR_NOENT: not this keyset; its messages are left out. */
typedef int (*check_secret_fn)(void *arg, const struct check_keyset *keyset, uint8_t *secret_out);
typedef void (*check_found_fn)(void *arg, const struct check_finding *f);
/* What is being looked at, how much of how much. */
typedef void (*check_step_fn)(void *arg, const char *what, uint64_t done, uint64_t total);

struct check_conf {
	const char *state_dir;
	uint64_t    map_octets;
	bool	    offline;	/* the caller holds engine_lock() */
	bool	    repair;	/* only with offline */
	const char *report;	/* file to append what is taken out to; needed with repair */
	const char *user;	/* only this account: uid or address; NULL: all of the store */
	const char *who;	/* does it, for the audit */
	check_secret_fn secret;	/* NULL: contents are not looked at */
	check_found_fn	found;
	check_step_fn	step;	/* may be NULL */
	void	   *arg;
};

struct check_result {
	uint64_t accounts, mailboxes, messages, bodies, segments, queued, audits;
	uint64_t frame_octets;		/* read and compared with their checksums */
	uint64_t opened, left_out;	/* messages whose contents were looked at, or not */
	uint64_t notes, warnings, errors;	/* found, of which repaired: */
	uint64_t repaired;
	uint32_t rounds;
};

/* OK: it ran to its end; what it found was told. ERR_NOENT: no store here, or no such user;
 * ERR_INVAL: repair, but not offline; any other error: it could not run. */
int check_run(const struct check_conf *conf, struct check_result *out) MUST_USE;
/* The same in a child process: a death of it is a finding. found, step and secret are called in the
 * child for secret, in this process for the others. */
int check_run_apart(const struct check_conf *conf, struct check_result *out) MUST_USE;

#endif
