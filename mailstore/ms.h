/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/ms.h: what an engine of the mailstore must be able to do.
 *
 * Shape   struct ms_engine is a table of functions over mailboxes: acts that change (ms_call), and
 *         functions that read. It knows no environment, transaction or cursor, so that a
 *         distributed engine can fill it as well as LMDB does (ms_lmdb(), engine_act.h). Requests
 *         and replies of acts are those of mailstore/proto.h, what is read those of
 *         mailstore/store.h.
 * Atomic  one act on one mailbox, with the account's counters. A delivery to several accounts
 *         is durable as a whole, and becomes visible account by account.
 * Order   acts given together may run in any order where they touch different mailboxes, and in the
 *         order given where they touch one. A mailbox that an act makes, and octets that it
 *         frees, are there for acts that are given later.
 * Results OK means durable. ERR_NOENT, ERR_EXIST, ERR_ACCESS, ERR_QUOTA, ERR_LIMIT, ERR_INVAL,
 *         ERR_NOSPC, ERR_UNAVAIL: nothing happened. ERR_UNKNOWN: it may have; the same act with
 *         the same token (delivery id) again does nothing twice, and gets the first answer. What
 *         may never be is refused also then.
 * Must    UIDs of a mailbox strictly ascend and are never given twice; UIDVALIDITY ascends over all
 *         mailboxes that an account ever had; what is visible is durable; every change gives its
 *         records a modseq above all before it; counters are those of a recount.
 *         tests/unit/mailstore/conform.c asks an engine for all of this.
 * Source  STORE.md §9 and "Distributed"; RFC 3501 2.3.1, RFC 7162, RFC 4315.
 */
#ifndef MAILSTORE_MS_H
#define MAILSTORE_MS_H

#include "mailstore/store.h"

struct ms;	/* an open store, as its engine has it */

struct ms_conf {
	const char *state_dir, *run_dir;	/* outlive the store */
	uint64_t    map_octets, reserve_octets, segment_octets;
	bool	    compress;
};

enum ms_act {
	MS_DELIVER,	/* st_deliver_request: local copies */
	MS_APPEND, MS_FLAGS, MS_EXPUNGE, MS_COPY, MS_CREATE, MS_DELETE, MS_RENAME, MS_SUBSCRIBE,
	MS_SEEN_RECENT, MS_ACTS
};

union ms_reply {
	struct st_append_reply	    append;
	struct st_flags_reply	    flags;
	struct st_expunge_reply	    expunge;
	struct st_copy_reply	    copy;
	struct st_name_reply	    name;
	struct st_seen_recent_reply recent;
};

/* An act on its way. What it points to lives until it is done. */
struct ms_call {
	struct ms_call *next;
	enum ms_act	act;
	const void     *req;		/* the st_*_request of that act */
	struct slice	message, summary;	/* MS_DELIVER, MS_APPEND */
	bool		internet;	/* mailboxes of a mat keyset do not exist for the asker */
	bool		unlimited;	/* MS_APPEND: the request says nothing of a quota */
	int64_t		now_s;
	struct arena   *a;		/* for lists in the reply */
	union ms_reply	reply;		/* of OK */
	int		status;
};

/* A new account: public keys (X25519) of its keysets, and their secrets wrapped. */
struct ms_account {
	struct slice guid, uid, address;
	struct slice public_open, public_mat, wrapped_open, wrapped_mat;
};

struct ms_engine {
	const char *name;

	/* One opener at a time: ERR_EXIST. */
	int  (*open)(const struct ms_conf *conf, struct ms **out);
	void (*close)(struct ms **ms);

	/* Find an account, or make it with its first mailboxes. */
	int  (*account)(struct ms *ms, const struct ms_account *who, uint32_t *number_out);

	/* Do the acts of a list; each has its status when this returns. */
	void (*submit)(struct ms *ms, struct ms_call *calls);
	/* Bring everything that was delivered into its mailboxes; else it follows by itself. */
	int  (*settle)(struct ms *ms);

	/* As the functions of mailstore/store.h with these names. */
	int  (*counters)(struct ms *ms, uint32_t account, struct store_account *out);
	int  (*mailboxes)(struct ms *ms, uint32_t account, bool internet, struct arena *a,
	    struct store_mailbox **list_out, size_t *n_out);
	int  (*subscriptions)(struct ms *ms, uint32_t account, bool internet, struct arena *a,
	    struct slice **names_out, size_t *n_out);
	int  (*page)(struct ms *ms, uint32_t account, uint32_t mailbox, uint32_t from_uid,
	    struct store_record *page, size_t cap, size_t *n_out);
	int  (*changes)(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
	    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
	    uint32_t *next_uid_out);
	int  (*vanished)(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
	    struct arena *a, struct st_range **ranges_out, size_t *n_out, bool *complete_out);
	/* Message and summary, whole, in the arena; secret of the record's keyset. */
	int  (*read)(struct ms *ms, const struct store_record *record, const uint8_t secret[32],
	    struct arena *a, struct slice *message_out, struct slice *summary_out);
	/* Grows with every change of the account that a reader may see (store_watch_generation). */
	uint64_t (*generation)(struct ms *ms, uint32_t account);
};

/* LMDB with segments: what mailstored runs. */
const struct ms_engine *ms_lmdb(void);

#endif
