/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/record.h: the rows of the environment "index", to and from their octets.
 *
 * Shape   one struct, one *_put (to octets) and one *_get (from octets, checked) per kind of row.
 *         All are pure. A row begins with its version and the CRC-32C of key and value, so that a
 *         row under a wrong key is found too. Integers are little-endian in rows and big-endian in
 *         keys.
 * Trees   "t" is clustered by account; after the account's number (4 octets) a letter:
 *             A                            account
 *             B mailbox4                   mailbox
 *             M mailbox4 uid4              message
 *             N hash16                     mailbox of a name
 *             S hash16                     subscribed name
 *             T token16                    what a request with that token was answered
 *             V mailbox4 modseq8 part2     uids expunged
 *             Y time4 token16              tokens by age
 *             E time4 mailbox4 uid4        message as it was expunged (restorable)
 *             D time4 mailbox4             mailbox as it was deleted (its messages are E)
 *             L mailbox4 identity16        rights of an identity (RFC 4314)
 *             X mailbox4 hash16            metadata entry (RFC 5464); mailbox 0: the account's
 *             P mailbox4 reader4           what a reader of a shared mailbox has seen
 *         "blob": blob8 -> where its frame is; "guid": guid16 -> account; "meta";
 *         "seg": segment4 -> segment; "gc": time4 blob8 -> nothing; "group": group16 -> what the
 *         accounts of an agency keep together.
 * Age     rows of version 1 (a store of format 1) are read as well; what they did not know is 0.
 * Errors  ERR_CORRUPT, ERR_VERSION (written by a newer congvu).
 */
#ifndef MAILSTORE_RECORD_H
#define MAILSTORE_RECORD_H

#include "mailstore/store.h"

enum {
	RECORD_VERSION = 1,		/* of a kind of row that never changed */
	RECORD_VERSION_2 = 2,		/* account, mailbox, message, blob, vanished */
	RECORD_HEAD_OCTETS = 5,		/* version, CRC */
	RECORD_KEY_MAX = 96,
	RECORD_HASH_OCTETS = 16,
	RECORD_MESSAGE_OCTETS = 129,
	RECORD_BOX_MAX = 8192,
	RECORD_VANISHED_MAX = 500,	/* ranges in one row */
	RECORD_SEEN_MAX = 2048,		/* the same */
};

enum record_kind {
	RECORD_ACCOUNT = 'A', RECORD_BOX = 'B', RECORD_MESSAGE = 'M', RECORD_NAME = 'N',
	RECORD_SUBSCRIBED = 'S', RECORD_TOKEN = 'T', RECORD_VANISHED = 'V', RECORD_TOKEN_AGE = 'Y',
	RECORD_EXPUNGED = 'E', RECORD_DELETED = 'D', RECORD_RIGHTS = 'L', RECORD_ENTRY = 'X',
	RECORD_SEEN = 'P'
};

struct record_key {
	unsigned char octets[RECORD_KEY_MAX];
	size_t	      n;
};

struct slice record_key_slice(const struct record_key *k);

struct record_key record_key(uint32_t account, enum record_kind kind);
void record_key_u16(struct record_key *k, uint16_t v);
void record_key_u32(struct record_key *k, uint32_t v);
void record_key_u64(struct record_key *k, uint64_t v);
void record_key_octets(struct record_key *k, struct slice s);

struct record_key record_key_box(uint32_t account, uint32_t mailbox);
struct record_key record_key_message(uint32_t account, uint32_t mailbox, uint32_t uid);
struct record_key record_key_vanished(uint32_t account, uint32_t mailbox, uint64_t modseq,
    uint16_t part);
/* By the BLAKE2b hash of a name, since a name may be longer than a key. */
struct record_key record_key_name(uint32_t account, enum record_kind kind, struct slice name);
struct record_key record_key_blob(uint64_t blob);
/* L and X, by a hash of the name; P. */
struct record_key record_key_named(uint32_t account, enum record_kind kind, uint32_t mailbox,
    struct slice name);
struct record_key record_key_seen(uint32_t account, uint32_t mailbox, uint32_t reader);
struct record_key record_key_segment(uint32_t segment);
struct record_key record_key_gc(uint32_t time_s, uint64_t blob);
struct record_key record_key_expunged(uint32_t account, uint32_t time_s, uint32_t mailbox,
    uint32_t uid);
struct record_key record_key_deleted(uint32_t account, uint32_t time_s, uint32_t mailbox);

/* Does key begin with all of prefix? */
bool record_key_under(struct slice key, const struct record_key *prefix);
uint32_t record_key_read_u32(struct slice key, size_t at);
uint64_t record_key_read_u64(struct slice key, size_t at);

struct record_account {
	uint8_t	 guid[16];
	uint64_t octets, messages;
	uint32_t next_mailbox;
	uint32_t last_uidvalidity;
	uint32_t keyset_open, keyset_mat;
	uint8_t	 group[16];		/* whose agency row counts it too; zeros: none */
	uint8_t	 warned;		/* of the quota, in percent: told already; 0: nothing */
	uint64_t expunged_octets, expunged_messages;	/* its rows E; not part of octets, messages */
};

/* What an identity may do in a mailbox (RFC 4314); the key has a hash of its name. */
struct record_rights {
	uint16_t     rights;		/* ST_RIGHT_* */
	struct slice identifier;	/* in the row */
};

/* A metadata entry (RFC 5464); both in the row. */
struct record_entry {
	struct slice name, value;
};

/* What a reader who is not the owner has seen of a shared mailbox: ranges that ascend and do not
 * meet; what lies in none was never touched. */
struct record_seen_range {
	uint32_t lo, hi;
	uint64_t modseq;		/* when that was set */
	bool	 seen;
};

struct record_seen {
	uint64_t modseq;		/* the highest of them */
	size_t	 n;
	struct record_seen_range v[RECORD_SEEN_MAX];
};

/* What the accounts of an agency keep together. */
struct record_group {
	uint64_t octets, messages;
	uint32_t accounts;
	uint8_t	 warned;
};

/*
 * A segment has no row while mail is being appended to it and until it was counted afterwards
 * (gc_count.c); one that frames are moved to (compact.c) has a row from the first on, OPEN. A
 * segment that is gone keeps its row as long as messages that were first written to it are
 * elsewhere: their keys need its epoch_public.
 */
enum record_segment_state { SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_CONDEMNED, SEGMENT_GONE };

struct record_segment {
	uint64_t total_octets;		/* that its frames take, dead ones too, holes not */
	uint64_t live_octets;		/* of whole frames that have a blob row with this place */
	uint32_t frames;		/* live when it was counted, or moved to it since */
	uint32_t live_frames;
	uint8_t	 state;				/* SEGMENT_* */
	int64_t	 born_s;
	uint8_t	 epoch_public[32];
};

enum { RECORD_HAS_RIGHTS = 1 << 0, RECORD_HAS_ENTRIES = 1 << 1, RECORD_HAS_SEEN = 1 << 2 };

/* Records of a mailbox that changed lately: those with these uids, up to that modseq. */
struct record_recent {
	uint64_t modseq;
	uint32_t lo, hi;
};

enum { RECORD_RECENT_MAX = 8 };

/* A mailbox with room for its texts; large, so by pointer. */
struct record_box {
	uint32_t account, id;		/* of the key */
	uint32_t uidvalidity, uidnext, exists, unseen, deleted, recent_uid, keyset;
	uint32_t vanished_rows;
	uint64_t octets, modseq, vanished_floor;
	uint8_t	 class, special_use;
	uint8_t	 has;		/* RECORD_HAS_*: rows of other kinds */
	uint8_t	 keywords_n;
	uint16_t name_octets;
	uint8_t	 keyword_octets[ST_KEYWORDS_MAX];
	/* All records with a modseq above recent_floor are in one of recent, if recent_top is
	 * modseq. The oldest come first. See index_box_put. */
	uint64_t recent_floor, recent_top;
	uint8_t	 recent_n;
	struct record_recent recent[RECORD_RECENT_MAX];
	char	 name[ST_NAME_MAX];
	char	 keywords[ST_KEYWORDS_MAX][ST_KEYWORD_OCTETS];
};

struct slice record_box_name(const struct record_box *box);
struct slice record_box_keyword(const struct record_box *box, size_t i);

struct record_blob {
	uint64_t offset;		/* of the frame in its segment */
	uint32_t segment;
	uint32_t head_octets;		/* of the frame: header, chunk table */
	uint32_t size_octets;		/* of the message */
	uint32_t refs;			/* messages that show it, also expunged ones */
	uint64_t stored_octets;		/* of the whole frame; 0: not known (version 1) */
};

/* Rows of wire-encoded messages (tokens, and everything in "control"). */
int record_wire_put(struct slice key, const struct wire_type *type, const void *msg,
    struct buf *out) MUST_USE;
int record_wire_get(struct slice key, struct slice val, const struct wire_type *type,
    struct arena *arena, void *msg_out) MUST_USE;
/* The same for a tree whose rows have come to a version of their own: what a row says it is, and
 * rows up to that version (ERR_VERSION beyond). */
uint8_t record_version(struct slice val);
/* Is the row under its key as it was written: OK, ERR_CORRUPT, ERR_VERSION (above newest)? */
int record_sound(struct slice key, struct slice val, uint8_t newest) MUST_USE;
/* If turning one bit of the value makes a row sound, which: 8 * octet + bit, else -1. The checksum
 * tells any other damage of up to three bits in rows of up to 650 octets from it. */
long record_one_bit(struct slice key, struct slice val, uint8_t newest);
int record_wire_put_as(struct slice key, uint8_t version, const struct wire_type *type,
    const void *msg, struct buf *out) MUST_USE;
int record_wire_get_as(struct slice key, struct slice val, uint8_t version,
    const struct wire_type *type, struct arena *arena, void *msg_out) MUST_USE;

/* The thread of a message that belongs to no other: of its own email_id (16). */
void record_thread_own(const uint8_t *email_id, uint8_t thread_id_out[8]);

/* *_put clear out and write the whole row; look at out->err. */
void record_account_put(struct slice key, const struct record_account *a, struct buf *out);
int record_account_get(struct slice key, struct slice val, struct record_account *out) MUST_USE;
void record_box_put(struct slice key, const struct record_box *box, struct buf *out);
int record_box_get(struct slice key, struct slice val, struct record_box *out) MUST_USE;
/* What a record says of the signature: the audit's verdict, and ST_KEPT_INSIDE. */
uint8_t record_sig(const struct st_audit *audit, size_t audit_n, bool kept_inside);

void record_message_put(struct slice key, const struct store_record *m, struct buf *out);
int record_message_get(struct slice key, struct slice val, struct store_record *out) MUST_USE;
/* Flags and modseq alone, without looking at the checksum: to pass over rows in a long walk, never
 * to believe what a row says. */
int record_message_peek(struct slice val, uint16_t *flags_out, uint64_t *modseq_out) MUST_USE;
void record_blob_put(struct slice key, const struct record_blob *b, struct buf *out);
int record_blob_get(struct slice key, struct slice val, struct record_blob *out) MUST_USE;
void record_vanished_put(struct slice key, uint32_t time_s, const struct st_range *r, size_t n,
    struct buf *out);
void record_segment_put(struct slice key, const struct record_segment *s, struct buf *out);
int record_segment_get(struct slice key, struct slice val, struct record_segment *out) MUST_USE;
void record_rights_put(struct slice key, const struct record_rights *r, struct buf *out);
int record_rights_get(struct slice key, struct slice val, struct record_rights *out) MUST_USE;
void record_entry_put(struct slice key, const struct record_entry *e, struct buf *out);
int record_entry_get(struct slice key, struct slice val, struct record_entry *out) MUST_USE;
void record_seen_put(struct slice key, const struct record_seen *s, struct buf *out);
int record_seen_get(struct slice key, struct slice val, struct record_seen *out) MUST_USE;
/* The number of the first range that does not end before uid. */
size_t record_seen_at(const struct record_seen *s, uint32_t uid);
/* The range of a uid: NULL if it is in none. */
const struct record_seen_range *record_seen_find(const struct record_seen *s, uint32_t uid);
void record_group_put(struct slice key, const struct record_group *g, struct buf *out);
int record_group_get(struct slice key, struct slice val, struct record_group *out) MUST_USE;
/* At most RECORD_VANISHED_MAX ranges. */
int record_vanished_get(struct slice key, struct slice val, struct st_range *out, size_t *n_out)
    MUST_USE;
/* When they vanished; 0: not known (version 1). */
int record_vanished_time(struct slice key, struct slice val, uint32_t *time_s_out) MUST_USE;
/* A row that is one text (a subscribed name) or one number. */
void record_text_put(struct slice key, struct slice text, struct buf *out);
int record_text_get(struct slice key, struct slice val, struct slice *out) MUST_USE;
void record_u64_put(struct slice key, uint64_t v, struct buf *out);
int record_u64_get(struct slice key, struct slice val, uint64_t *out) MUST_USE;

#endif
