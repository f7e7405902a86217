/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/backend.h: all that the IMAP engine asks of the world.
 *
 * Shape   reading is a plain call that copies out and never waits for another process; whatever
 *         changes something or needs another program is asked by ask() and answered later, once,
 *         by engine_answer(), never before ask() returned. A session has at most one ask that it
 *         waits for; those of `forget` are never answered.
 *         The worker implements it over mailstore/store.h and common/chan.h, tests in memory.
 * Zones   a backend of an internet session knows no mailbox of a mat keyset: it cannot name one.
 * Units   octets; seconds since 1970; UIDs as in RFC 3501 2.3.1.1.
 */
#ifndef IMAPD_BACKEND_H
#define IMAPD_BACKEND_H

#include "common/arena.h"
#include "common/words.h"

enum backend_flag {
	BACKEND_SEEN = 1 << 0, BACKEND_ANSWERED = 1 << 1, BACKEND_FLAGGED = 1 << 2,
	BACKEND_DELETED = 1 << 3, BACKEND_DRAFT = 1 << 4,
	BACKEND_FLAGS_ALL = (1 << 5) - 1
};

enum backend_use {
	BACKEND_USE_NONE, BACKEND_USE_DRAFTS, BACKEND_USE_SENT, BACKEND_USE_TRASH, BACKEND_USE_JUNK,
	BACKEND_USE_ARCHIVE
};

enum { BACKEND_KEYWORDS_MAX = 64, BACKEND_KEYWORD_OCTETS = 64, BACKEND_RANGES_MAX = 20000,
       BACKEND_NAME_OCTETS = 1000 };

struct backend_box {
	struct slice name;	/* UTF-8 in NFC, levels separated by "/" */
	uint32_t     id;	/* 0: the name is subscribed but does not exist */
	unsigned     use;	/* BACKEND_USE_* */
	bool	     subscribed;
	bool	     mat;	/* in the tree of classified mail */
};

struct backend_state {
	uint32_t uidvalidity, uidnext;
	uint32_t messages, unseen;
	uint32_t first_recent_uid;	/* from it on no session claimed the messages yet */
	uint64_t modseq;		/* raised by every change of the mailbox */
	unsigned used_percent;		/* of a quota: a mark that the account has reached; 0: none */
	unsigned group_used_percent;	/* the same of its agency */
};

struct backend_msg {
	uint32_t uid;
	unsigned flags;		/* BACKEND_* */
	uint64_t keywords;	/* bit i: the i-th of keywords() */
	uint64_t modseq;
	int64_t	 internal_date_s;
	uint64_t size_octets;
	bool	 withheld;	/* this session may see what it is, but not read its content */
};

struct backend_range { uint32_t lo, hi; };	/* both ends belong to it */

enum backend_ask_kind {
	BACKEND_ASK_AUTH,	/* data: "authzid NUL authcid NUL password" (RFC 4616) */
	BACKEND_ASK_DELAY,	/* answered after delay_ms */
	BACKEND_ASK_CREATE,	/* name, use */
	BACKEND_ASK_DELETE,	/* name */
	BACKEND_ASK_RENAME,	/* name, new_name */
	BACKEND_ASK_SUBSCRIBE,	/* name, on */
	BACKEND_ASK_ROOM,	/* size_octets: ERR_QUOTA, ERR_NOSPC, ERR_LIMIT */
	BACKEND_ASK_JUDGE,	/* the spooled message: reply.verdict ... */
	BACKEND_ASK_APPEND,	/* box, flags, keywords, date_s: the spooled message, as judged */
	BACKEND_ASK_REFUSED,	/* forget: write the refusal of the judged message to the audit */
	BACKEND_ASK_FLAGS,	/* box, ranges, op, flags, keywords */
	BACKEND_ASK_EXPUNGE,	/* box, ranges: those with BACKEND_DELETED go */
	BACKEND_ASK_COPY,	/* box, target, ranges, move */
	BACKEND_ASK_RECENT,	/* box: claim \Recent: reply.uid .. reply.end_uid - 1 are ours */
};

enum backend_op { BACKEND_OP_SET, BACKEND_OP_ADD, BACKEND_OP_REMOVE };

/* One request; everything in it lives during the call only. */
struct backend_ask {
	enum backend_ask_kind kind;
	uint32_t	      box, target;
	struct slice	      name, new_name, data;
	unsigned	      use;
	bool		      on, move;
	enum backend_op	      op;
	uint64_t	      known_modseq;	/* FLAGS: the session knows changes up to it */
	unsigned	      flags;
	const struct slice   *keywords;
	size_t		      keywords_n;
	const struct backend_range *ranges;
	size_t		      ranges_n;
	uint64_t	      size_octets;
	int64_t		      date_s;
	unsigned	      delay_ms;
};

enum backend_auth {
	BACKEND_AUTH_OK, BACKEND_AUTH_BAD, BACKEND_AUTH_DISABLED, BACKEND_AUTH_ZONE,
	BACKEND_AUTH_THROTTLED
};

struct backend_reply {
	int		 status;	/* OK or an error; ERR_UNAVAIL: nothing happened */
	enum backend_auth auth;
	unsigned	 verdict, level;	/* VERDICT_*, LEVEL_* */
	struct slice	 reason_vi, reason_en;
	uint32_t	 uidvalidity, uid, end_uid;
	uint64_t	 modseq;	/* of FLAGS: of records that only it changed, 0: none */
	const struct backend_range *from, *to;	/* of COPY, pairs in order; EXPUNGE: from */
	size_t		 from_n, to_n;
};

struct backend {
	/* ---- reading ---- */

	/* All mailboxes and subscriptions, in any order, strings in the arena. */
	int (*boxes)(void *ctx, struct arena *a, struct backend_box **out, size_t *n_out);

	/* One mailbox by name (the name in *out is the one given): OK, ERR_NOENT. */
	int (*box)(void *ctx, struct slice name, struct backend_box *out);

	int (*state)(void *ctx, uint32_t box, struct backend_state *out);

	/* Keyword names of the mailbox, by bit. */
	int (*keywords)(void *ctx, uint32_t box, struct arena *a, struct slice **out,
	    size_t *n_out);

	/* At most max records with uid >= first_uid, ascending. Fewer than max: the end. */
	int (*scan)(void *ctx, uint32_t box, uint32_t first_uid, struct backend_msg *out,
	    size_t max, size_t *n_out);

	/* The same, UIDs alone; and the lowest UID without \Seen, 0 for none. */
	int (*uids)(void *ctx, uint32_t box, uint32_t first_uid, uint32_t *out, size_t max,
	    size_t *n_out);
	int (*first_unseen)(void *ctx, uint32_t box, uint32_t *uid_out);

	/* As scan, only records with modseq > since; *next_uid_out: where to go on, 0 at the end. */
	int (*changes)(void *ctx, uint32_t box, uint64_t since, uint32_t first_uid,
	    struct backend_msg *out, size_t max, size_t *n_out, uint32_t *next_uid_out);

	/* The UIDs expunged after since, ascending (they may hold UIDs that never were).
	 * *complete_out false: so far back is not known. */
	int (*vanished)(void *ctx, uint32_t box, uint64_t since, struct arena *a,
	    struct backend_range **out, size_t *n_out, bool *complete_out);

	/* The summary (mime/summary.h), valid until the next call of summary or release. */
	int (*summary)(void *ctx, uint32_t box, uint32_t uid, struct slice *out);

	/* Octets of the message from begin on, at least one, at most up to end; valid until the
	 * next call of octets or release. begin < end <= its size. */
	int (*octets)(void *ctx, uint32_t box, uint32_t uid, uint64_t begin, uint64_t end,
	    struct slice *out);

	/* Forget what summary and octets hold. */
	void (*release)(void *ctx);

	/* ---- APPEND: one message at a time is received ---- */

	int (*spool_open)(void *ctx, uint64_t size_octets);
	int (*spool_add)(void *ctx, struct slice in);
	void (*spool_drop)(void *ctx);		/* twice is harmless */

	/* ---- the rest ---- */
	void (*ask)(void *ctx, const struct backend_ask *ask);
};

#endif
