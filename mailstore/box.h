/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/box.h: what can happen to accounts and mailboxes, inside the write transaction of an
 * index.
 *
 * Shape   each function checks everything first and changes rows only then; counters, quota, modseq
 *         and mail change together. When a function fails after its first change (env_writes
 *         moved), the caller must abort the transaction.
 * Rules   UIDs strictly ascend and are never reused; modseq of a mailbox grows with each change;
 *         UIDVALIDITY grows over all mailboxes an account ever had.
 * Zones   box_scope.internet: mailboxes of a mat keyset do not exist (ERR_NOENT), and reserved
 *         names may not be made or subscribed (ERR_ACCESS). Nobody may make, rename or delete them.
 * Source  RFC 3501 6.3, RFC 7162 (modseq), RFC 4315 (UIDPLUS).
 */
#ifndef MAILSTORE_BOX_H
#define MAILSTORE_BOX_H

#include "mailstore/index.h"

/* Numbers of the first mailboxes of every account. */
enum {
	BOX_INBOX = 1, BOX_DRAFTS, BOX_SENT, BOX_TRASH, BOX_JUNK, BOX_ARCHIVE,
	BOX_MAT, BOX_MAT_DRAFTS, BOX_MAT_SENT, BOX_MAT_TRASH, BOX_FIRST_FREE
};

/* Accepted for an account or an agency, and not in the index yet. */
struct box_use {
	uint64_t octets, messages;
};

/* What an account may keep, and its agency. */
struct box_quota {
	struct st_quota limit;
	struct box_use	pending, group_pending;
	bool		check;		/* else it is only counted */
	const uint8_t  *percents;	/* of the limit, to warn at */
	size_t		percents_n;
	uint8_t		crossed, group_crossed;	/* out: one that was reached now; 0: none */
};

/* Who asks, and about what. */
struct box_scope {
	uint32_t account;
	bool	 internet;
	int64_t	 now_s;
	struct box_quota *quota;	/* NULL: what the directory says is not known */
};

/* Rows of a new account; does nothing when it is there. */
int box_account_make(struct index *ix, uint32_t account, struct slice guid, uint32_t keyset_open,
    uint32_t keyset_mat, int64_t now_s) MUST_USE;

/* A message to be put into a mailbox. */
struct box_message {
	struct record_blob place;	/* refs unused */
	uint64_t     blob;
	int64_t	     internal_date_s;
	int64_t	     save_date_s;	/* 0: now */
	uint16_t     flags;
	uint8_t	     level;
	uint8_t	     sig;
	uint8_t	     keyset_class;	/* KEYSET_*, of the keyset that its wrap is for */
	const uint8_t *email_id;	/* 16 */
	const uint8_t *thread_id;	/* 8, or NULL */
	const struct st_keyword *keywords;
	size_t	     keywords_n;
};

/* The blob row once for all mailboxes it goes to (before the first box_add). */
int box_blob(struct index *ix, const struct box_message *m, uint32_t refs) MUST_USE;

/* Add to a mailbox; wrapped is for a keyset of its account (the mailbox's own, or one that it
 * succeeded), whose class is checked (ERR_ACCESS). ERR_QUOTA; ERR_LIMIT: the mailbox has no uid
 * left. */
int box_add(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    const struct box_message *m, uint32_t keyset, const uint8_t *wrapped,
    uint32_t *uidvalidity_out, uint32_t *uid_out) MUST_USE;

/* A mailbox that the asker may see. */
int box_get(struct index *ix, const struct box_scope *sc, uint32_t mailbox, struct record_box *out)
    MUST_USE;

int box_flags(struct index *ix, const struct box_scope *sc, const struct st_flags_request *req,
    struct arena *a, struct st_flags_reply *out) MUST_USE;
int box_expunge(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    const struct st_range *uids, size_t n, struct arena *a, struct st_expunge_reply *out) MUST_USE;
int box_copy(struct index *ix, const struct box_scope *sc, const struct st_copy_request *req,
    struct arena *a, struct st_copy_reply *out) MUST_USE;
/* Shared mailboxes and metadata (box_share.c). */
int box_rights(struct index *ix, const struct box_scope *sc, const struct st_rights_request *req)
    MUST_USE;
int box_entry(struct index *ix, const struct box_scope *sc, const struct st_entry_request *req)
    MUST_USE;
int box_reader_seen(struct index *ix, const struct box_scope *sc,
    const struct st_reader_seen_request *req, struct arena *a, struct st_flags_reply *out)
    MUST_USE;
/* All rows of a kind and mailbox. */
int box_drop_rows(struct index *ix, const struct record_box *box, enum record_kind kind) MUST_USE;

int box_seen_recent(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    uint32_t *first_out, uint32_t *end_out) MUST_USE;

/* Names as the client gave them. */
int box_create(struct index *ix, const struct box_scope *sc, struct slice name,
    uint8_t special_use, uint32_t *mailbox_out) MUST_USE;
int box_delete(struct index *ix, const struct box_scope *sc, struct slice name) MUST_USE;
int box_rename(struct index *ix, const struct box_scope *sc, struct slice name,
    struct slice new_name, struct arena *a) MUST_USE;
int box_subscribe(struct index *ix, const struct box_scope *sc, struct slice name, bool on)
    MUST_USE;
int box_find_or_create(struct index *ix, const struct box_scope *sc, struct slice name,
    uint32_t *mailbox_out) MUST_USE;

/* ST_UNEXPUNGE. An unknown mailbox, or nothing to bring back: OK, with out->target 0. ERR_ACCESS:
 * the target is of another keyset. The quota is not looked at. */
int box_unexpunge(struct index *ix, const struct box_scope *sc,
    const struct st_unexpunge_request *req, struct st_unexpunge_reply *out) MUST_USE;
/* Let go of up to max of what was expunged until until_s. */
int box_expire(struct index *ix, uint32_t account, int64_t until_s, int64_t now_s, unsigned max,
    unsigned *n_out) MUST_USE;
/* Is there such a thing? 1, 0, or an error. */
int box_expires(struct index *ix, uint32_t account, int64_t until_s) MUST_USE;

/* What a request with that token was answered before: OK, or ERR_NOENT (also for an empty
 * token). */
int box_token_get(struct index *ix, const struct box_scope *sc, struct slice token,
    const struct wire_type *type, struct arena *a, void *reply_out) MUST_USE;
/* Note it, and forget a few old ones. */
int box_token_put(struct index *ix, const struct box_scope *sc, struct slice token,
    const struct wire_type *type, const void *reply) MUST_USE;

/* ---- shared by box*.c ---- */

struct box_owner;

/* A growing list of ranges of ascending uids. */
struct box_ranges {
	struct st_range *v;
	size_t		 n, cap;
	struct arena	*a;
};

int box_ranges_add(struct box_ranges *r, uint32_t uid) MUST_USE;

/*
 * The messages of a mailbox whose uids are in a set of ranges (in any order, overlapping or not)
 * and below bound, ascending. They are fetched in pages, so a message given out may be changed or
 * removed, and others with uids from bound on be added, before the next is asked for. One walk at a
 * time.
 */
struct box_set {
	struct index   *ix;
	uint32_t	account, mailbox, bound;
	struct st_range *ranges;
	size_t		ranges_n, range;
	uint32_t	from;
	size_t		page_n, page_at;
};

int box_set_open(struct index *ix, const struct record_box *box, const struct st_range *ranges,
    size_t n, struct arena *a, struct box_set *out) MUST_USE;
/* 1: *out is valid until the next call; 0: no more. */
int box_set_next(struct box_set *s, struct store_record **out) MUST_USE;

/* Note that uids are gone with box->modseq. */
int box_vanished(struct index *ix, struct record_box *box, int64_t now_s,
    const struct box_ranges *r) MUST_USE;
/* One message less: row, counters of box and account. What was not moved stays restorable. */
int box_remove(struct index *ix, struct record_box *box, struct box_owner *owner,
    const struct store_record *m, int64_t now_s, bool moved) MUST_USE;
/* A reference of a blob less; one without references is dropped a while later (gc.h). */
int box_unref(struct index *ix, uint64_t blob, int64_t now_s) MUST_USE;
/* Keep what is expunged, and the mailbox as it was before its deletion, as rows E and D, unless
 * nothing is kept. */
int box_keep(struct index *ix, const struct record_box *box, struct record_account *acct,
    const struct store_record *m, int64_t now_s) MUST_USE;
int box_keep_deleted(struct index *ix, const struct record_box *box, int64_t now_s) MUST_USE;
/* One message more or less in the counters of a mailbox. */
void box_count_in(struct record_box *box, const struct store_record *m);
void box_count_out(struct record_box *box, const struct store_record *m);
/* Can the mailbox take n messages more? ERR_LIMIT: it has not so many uids left, or no modseq. */
int box_numbers_left(const struct record_box *box, uint32_t n) MUST_USE;

/*
 * An account with its agency (box_quota.c): read, changed in memory, written back. Where the
 * directory says another agency than the row does, the account moves to it with all that it has.
 */
struct box_owner {
	struct record_account row;
	struct record_group   group, old;
	uint8_t		      old_group[QUOTA_GROUP_OCTETS];
	bool		      moves;
};

int box_owner_get(struct index *ix, const struct box_scope *sc, struct box_owner *out) MUST_USE;
/* Also notes what is to be warned of, in sc->quota. */
int box_owner_put(struct index *ix, const struct box_scope *sc, struct box_owner *o) MUST_USE;
/* ERR_QUOTA: so much more does not fit, with what is pending. */
int box_owner_room(const struct box_owner *o, const struct box_quota *q, uint64_t octets,
    uint64_t messages) MUST_USE;
void box_owner_add(struct box_owner *o, uint64_t octets, uint64_t messages);
void box_owner_sub(struct box_owner *o, uint64_t octets, uint64_t messages);
/* Only let it move to its agency. */
int box_join(struct index *ix, const struct box_scope *sc) MUST_USE;
/* Bits for keyword names; new names are added to box. ERR_LIMIT: no room for one. */
int box_keyword_bits(struct record_box *box, const struct st_keyword *kw, size_t n,
    uint64_t *bits_out) MUST_USE;

#endif
