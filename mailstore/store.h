/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/store.h: reading the store, for imapd and tools. Changing it goes through mailstored
 * (mailstore/proto.h).
 *
 * Shape   everything is copied out: no pointer into the store's map, no open transaction outlives a
 *         call. Each call sees one consistent moment; two calls may see two. So a session keeps its
 *         own list of UIDs and brings it up to date with store_changes and store_vanished.
 * Use     one struct store per process, opened after fork(), not shared by threads. Before
 *         sandbox_enter: store_open, store_watch_new. The sandbox needs
 *             SANDBOX_RO  <state_dir>/store/index   SANDBOX_RO  <state_dir>/store/seg
 *             SANDBOX_RW  <state_dir>/store/index/lock.mdb
 * Bounds  pages are as large as the caller's array; texts and lists are in the caller's arena.
 * Errors  ERR_NOENT (account, mailbox, uid), ERR_CORRUPT (a checksum or a seal is wrong),
 *         ERR_VERSION (store of a newer congvu), ERR_UNAVAIL (store_open: mailstored has not made
 *         the store yet, try again), ERR_IO.
 * Zones   a store opened with STORE_INTERNET behaves as if mailboxes of a mat keyset did not exist.
 */
#ifndef MAILSTORE_STORE_H
#define MAILSTORE_STORE_H

#include "common/arena.h"
#include "mailstore/proto.h"

enum store_flag { STORE_INTERNET = 1 << 0 };

enum { STORE_WALK_MAX = 4096 };

struct store;

/* map_octets is conf.store.map_octets. */
int store_open(const char *state_dir, const char *run_dir, uint64_t map_octets, unsigned flags,
    struct store **out) MUST_USE;
void store_close(struct store **store);

struct index;

/* A reader on an index that this process has open already: LMDB must not be opened twice in one. ix
 * stays the caller's and outlives the store. */
int store_open_on(struct index *ix, const char *state_dir, struct store **out) MUST_USE;

/* ---- accounts and mailboxes ---- */

struct store_account {
	uint8_t	 guid[16];
	uint64_t octets, messages;	/* of all mailboxes, also of the hidden ones */
	uint8_t	 warned;		/* percentage of the quota that was reached; 0: none */
	uint8_t	 group_warned;		/* the same of the agency */
};

int store_account(struct store *s, uint32_t account, struct store_account *out) MUST_USE;

struct store_mailbox {
	uint32_t      id;
	uint32_t      uidvalidity, uidnext;
	uint32_t      exists, unseen, deleted;
	uint32_t      recent_uid;	/* messages with this uid or a higher one are \Recent */
	uint64_t      octets;
	uint64_t      highestmodseq;	/* at least 1 */
	bool	      shared;		/* somebody else was given rights */
	uint8_t	      special_use;	/* ST_USE_* */
	uint8_t	      keyset_class;	/* KEYSET_OPEN, KEYSET_MAT, ... */
	uint32_t      keyset;		/* id, as in st_keyset.id and store_record.keyset */
	bool	      subscribed;
	struct slice  name;		/* UTF-8, NFC, levels by "/"; "INBOX" in capitals */
	struct slice *keywords;		/* names; bit i of store_record.keywords is keywords[i] */
	size_t	      keywords_n;
};

/* All mailboxes of an account, ordered by name (octets). A level above a mailbox need not exist. */
int store_mailboxes(struct store *s, uint32_t account, struct arena *a,
    struct store_mailbox **list_out, size_t *n_out) MUST_USE;

/* One, by number; by name (NFC; INBOX in any case). */
int store_mailbox(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_mailbox *out) MUST_USE;
int store_mailbox_find(struct store *s, uint32_t account, struct slice name, struct arena *a,
    struct store_mailbox *out) MUST_USE;

/* Subscribed names, ordered; they need not exist as mailboxes. */
int store_subscriptions(struct store *s, uint32_t account, struct arena *a,
    struct slice **names_out, size_t *n_out) MUST_USE;

/* Lowest uid without \Seen, 0 if there is none. */
int store_first_unseen(struct store *s, uint32_t account, uint32_t mailbox, uint32_t *uid_out)
    MUST_USE;

/* Is the first level of name the reserved one (Mật in any Unicode form, case or composition)? */
bool store_name_is_mat(struct slice name);

/* ---- messages ---- */

struct store_record {
	uint32_t uid;
	uint32_t size_octets;		/* RFC822.SIZE */
	uint64_t modseq;
	uint64_t keywords;		/* bits, see store_mailbox.keywords */
	int64_t	 internal_date_s;
	int64_t	 save_date_s;
	uint64_t blob;			/* the stored body; equal for copies of one delivery */
	uint32_t keyset;
	uint16_t flags;			/* ST_SEEN ... ST_DRAFT; ST_RECENT is never here */
	uint8_t	 level;
	uint8_t	 sig;			/* verdict on its signature: WORD_sig; ST_KEPT_INSIDE */
	uint8_t	 thread_id[8];		/* zeros: its thread is not known (RFC 8474) */
	uint8_t	 email_id[16];		/* the same in every copy (RFC 8474) */
	uint8_t	 wrapped_key[48];
};

/* Records with uid >= from_uid in ascending order, at most cap. *n_out < cap: there are no more. */
int store_page(struct store *s, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out) MUST_USE;

/* As store_page, uids alone: the fast way to a session's list. */
int store_uids(struct store *s, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    uint32_t *uids, size_t cap, size_t *n_out) MUST_USE;

int store_record(struct store *s, uint32_t account, uint32_t mailbox, uint32_t uid,
    struct store_record *out) MUST_USE;

/* As store_page, only records with modseq > since; at most STORE_WALK_MAX are looked at in a call.
 * *next_uid_out: where to go on, 0 when all are through (then *n_out may be less than cap). */
int store_changes(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
    uint32_t *next_uid_out) MUST_USE;

/* Ranges of uids expunged with modseq > since, ascending, joined. *complete_out false: so far back
 * is not known any more; compare the whole list of uids instead. */
int store_vanished(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since,
    struct arena *a, struct st_range **ranges_out, size_t *n_out, bool *complete_out) MUST_USE;

/* ---- shared mailboxes ---- */

/* As the functions above, for a reader who is not the owner (number of his account; 0: the owner):
 * \Seen is his own, and modseq is raised where that changed later than the rest. */
int store_page_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out) MUST_USE;
int store_record_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t uid, struct store_record *out) MUST_USE;
int store_changes_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint64_t since, uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
    uint32_t *next_uid_out) MUST_USE;
/* How many he has not seen, and the lowest of them (0: none). */
int store_unseen_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t *unseen_out, uint32_t *first_uid_out) MUST_USE;

/* Who may do what (ST_RIGHT_*). */
struct store_rights {
	struct slice identifier;
	uint16_t     rights;
};

int store_rights_list(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_rights **list_out, size_t *n_out) MUST_USE;
/* What somebody with these identifiers may do: all that is given to any of them, without what is
 * taken from any ("-" before an identifier). The owner's rights are not in here: he has all. */
int store_rights_of(struct store *s, uint32_t account, uint32_t mailbox,
    const struct slice *identifiers, size_t n, uint16_t *rights_out) MUST_USE;

/* ---- metadata ---- */

struct store_entry {
	struct slice name, value;
};

/* Of a mailbox, or of the account (0); ordered by name. */
int store_entries(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_entry **list_out, size_t *n_out) MUST_USE;

/* ---- octets ---- */

struct store_message;

/*
 * Open the message of a record. secret is the secret (X25519, 32 octets) of the keyset
 * record->keyset. *m is NULL, or a message opened before that is used again: listing thousands
 * costs no allocation. ERR_CRYPTO: the secret is not the right one or the wrap is damaged. On
 * failure *m stays valid for another store_message_open or for store_message_close, and holds
 * nothing.
 */
int store_message_open(struct store *s, const struct store_record *record,
    const uint8_t secret[32], struct store_message **m) MUST_USE;
void store_message_close(struct store_message **m);

uint64_t store_message_octets(const struct store_message *m);

/* The summary blob given at delivery (mime/summary.h); valid until the next open or close of m. */
int store_message_summary(struct store_message *m, struct slice *out) MUST_USE;

/* Copy up to n octets from offset on; *n_out < n only at the end of the message. Up to 64 KiB
 * around offset stay decrypted in m, so reading in order is cheap at any n. */
int store_message_read(struct store_message *m, uint64_t offset, char *dst, size_t n,
    size_t *n_out) MUST_USE;

/* The key of a record's message, wrapped for another keyset (of that number): secret is that of
 * record->keyset, to_secret that of keyset. Errors as of store_message_open. */
int store_rewrap(struct store *s, const struct store_record *record, const uint8_t secret[32],
    uint32_t keyset, const uint8_t to_secret[32], uint8_t wrapped_out[48]) MUST_USE;

/* Wipe what is cached for a keyset; call it when the last session that may use its secret ends. */
void store_forget(struct store *s, uint32_t keyset);

/* Now and then: let go of files that are there no more, whose space cannot be given back before. */
void store_tidy(struct store *s);

/* ---- changes ---- */

/*
 * A hint that something changed. After fd gets readable (or now and then, every 30 s, since a ring
 * may get lost): store_watch_clear, then for each account of interest compare
 * store_watch_generation with the value seen before; if it differs, read what changed. Take the
 * generation before reading.
 */
struct store_watch;

/* Before sandbox_enter; one per process is enough. */
int store_watch_new(struct store *s, struct store_watch **out) MUST_USE;
void store_watch_free(struct store_watch **w);
int store_watch_fd(const struct store_watch *w);
void store_watch_clear(struct store_watch *w);
uint64_t store_watch_generation(const struct store_watch *w, uint32_t account);

#endif
