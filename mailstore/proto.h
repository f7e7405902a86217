/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/proto.h: what mailstored is asked, and what it answers. Reading does not come here:
 * imapd reads by mailstore/store.h.
 *
 * Shape   mailstored listens at chan_path(run_dir, "store", role). A reply of OK means durable.
 * Errors  ERR_QUOTA, ERR_NOSPC (disk), ERR_NOENT (mailbox, account), ERR_EXIST, ERR_ACCESS,
 *         ERR_UNAVAIL: nothing happened. ERR_UNKNOWN, ERR_TIMEOUT at the client: it may have
 *         happened; ask again with the same id or token, the second time does nothing new.
 * Zones   a request from ROLE_IMAPD_INTERNET can neither name nor touch a mailbox of a mat keyset:
 *         it gets ERR_NOENT, and creating one of the reserved names ERR_ACCESS.
 */
#ifndef MAILSTORE_PROTO_H
#define MAILSTORE_PROTO_H

#include "common/chan.h"
#include "common/quota.h"
#include "common/words.h"

enum st_code {
	ST_DELIVER	= 0x0301,
	ST_ROOM		= 0x0302,
	ST_AUDIT	= 0x0303,
	ST_OPEN		= 0x0311,
	ST_CREATE	= 0x0312,
	ST_DELETE	= 0x0313,
	ST_RENAME	= 0x0314,
	ST_SUBSCRIBE	= 0x0315,
	ST_APPEND	= 0x0316,
	ST_FLAGS	= 0x0317,
	ST_EXPUNGE	= 0x0318,
	ST_COPY		= 0x0319,
	ST_SEEN_RECENT	= 0x031a,
	ST_IMPORT	= 0x031b,
	ST_RIGHTS	= 0x031c,
	ST_ENTRY	= 0x031d,
	ST_READER_SEEN	= 0x031e,
	ST_CLAIM	= 0x0321,
	ST_RESULT	= 0x0322,
	ST_QUEUE_LIST	= 0x0331,
	ST_AUDIT_LIST	= 0x0332,
	ST_AUDIT_VERIFY	= 0x0333,
	ST_STATUS	= 0x0334,
	ST_QUEUE_ACT	= 0x0335,
	ST_TOLD		= 0x0323,
	ST_QUEUE_SHOW	= 0x0336,
	ST_RENEW	= 0x0324,
	ST_INCIDENTS	= 0x0325,
	ST_HOLD		= 0x0341,
	ST_UNEXPUNGE	= 0x0342,
	ST_RESTORE	= 0x034f,
	ST_KEYS		= 0x0351,
	ST_KEY_ROTATE	= 0x0352,
	ST_REWRAP	= 0x0353,
	ST_KEY_DROP	= 0x0354,
	ST_SPOOL_ROTATE	= 0x0355,
	ST_MASTER	= 0x0356,
	ST_RELEASE_ADD	= 0x0361,
	ST_RELEASE_LIST	= 0x0362,
	ST_RELEASE_REVOKE = 0x0363,
	ST_RELEASE_FIND	= 0x0364,
};

enum { ST_ID_OCTETS = 16, ST_NAME_MAX = 1000, ST_KEYWORDS_MAX = 64, ST_KEYWORD_OCTETS = 64 };

/* Rights in a mailbox (RFC 4314 2.1), as bits: "lrswipkxtea". */
enum st_right {
	ST_RIGHT_LOOKUP = 1 << 0, ST_RIGHT_READ = 1 << 1, ST_RIGHT_SEEN = 1 << 2,
	ST_RIGHT_WRITE = 1 << 3, ST_RIGHT_INSERT = 1 << 4, ST_RIGHT_POST = 1 << 5,
	ST_RIGHT_CREATE = 1 << 6, ST_RIGHT_DELETE = 1 << 7, ST_RIGHT_DELETED = 1 << 8,
	ST_RIGHT_EXPUNGE = 1 << 9, ST_RIGHT_ADMIN = 1 << 10, ST_RIGHTS_ALL = (1 << 11) - 1
};
enum st_rights_op { ST_RIGHTS_SET, ST_RIGHTS_ADD, ST_RIGHTS_REMOVE };
enum {
	ST_IDENTIFIER_MAX = 320, ST_IDENTIFIERS_MAX = 500,	/* of a mailbox */
	ST_ENTRY_NAME_MAX = 256, ST_ENTRY_VALUE_MAX = 8192, ST_ENTRIES_MAX = 100
};

/* System flags, as bits. */
enum st_flag {
	ST_SEEN = 1 << 0, ST_ANSWERED = 1 << 1, ST_FLAGGED = 1 << 2, ST_DELETED = 1 << 3,
	ST_DRAFT = 1 << 4, ST_RECENT = 1 << 5
};
enum st_flags_op { ST_FLAGS_SET, ST_FLAGS_ADD, ST_FLAGS_REMOVE };
/* Where a delivery is filed. */
enum st_place { ST_PLACE_INBOX, ST_PLACE_MAT, ST_PLACE_MAT_SENT };
enum st_special_use {
	ST_USE_NONE, ST_USE_DRAFTS, ST_USE_SENT, ST_USE_TRASH, ST_USE_JUNK, ST_USE_ARCHIVE
};
enum st_outcome { ST_DELIVERED, ST_DEFERRED, ST_FAILED };
enum st_queue_state { ST_QUEUE_WAITING, ST_QUEUE_CLAIMED, ST_QUEUE_HELD, ST_QUEUE_GIVEN_UP };
enum st_queue_act { ST_ACT_RETRY, ST_ACT_HOLD, ST_ACT_DELETE };
/* What the sender asked to be told about a recipient (RFC 3461 4.1), as bits; 0: nothing was said. */
enum st_notify {
	ST_NOTIFY_NEVER = 1 << 0, ST_NOTIFY_SUCCESS = 1 << 1, ST_NOTIFY_FAILURE = 1 << 2,
	ST_NOTIFY_DELAY = 1 << 3
};
enum st_ret { ST_RET_NONE, ST_RET_FULL, ST_RET_HDRS };
/* What the sender of a queued message is owed a notice of (RFC 3464 2.3.3). */
enum st_tell {
	ST_TELL_NOTHING, ST_TELL_FAILED, ST_TELL_DELAYED, ST_TELL_DELIVERED, ST_TELL_RELAYED,
	ST_TELL_EXPANDED
};
enum { ST_ENVID_MAX = 100, ST_ORCPT_MAX = 500, ST_ATTEMPTS_KEPT = 12, ST_ROUTES_MAX = 64 };

/* Of a release. One that was not used in time stays open. */
enum st_release_state { ST_RELEASE_OPEN, ST_RELEASE_USED, ST_RELEASE_REVOKED };
enum {
	ST_RELEASES_OPEN_MAX = 8,	/* of one sender */
	ST_RELEASES_MAX = 4096,		/* in all, the last month's */
};

/* Beside the verdict on the signature in a record: content that is not to be read from the internet,
 * for it came from inside and nobody could look into it. */
enum { ST_KEPT_INSIDE = 0x80 };

/* Everything the audit keeps of a decision or an act. Never subject, text or file names. */
#define ST_ADDRESS_FIELDS(F, L, T) \
	F(T, STR, address, 320)
WIRE_STRUCT(st_address, ST_ADDRESS_FIELDS)

#define ST_AUDIT_FIELDS(F, L, T) \
	F(T, STR, event, 32)		/* "submit", "receive", "relay", "append", "start", ... */ \
	F(T, STR, account, 320) \
	F(T, STR, client, 64) \
	F(T, STR, mail_from, 320) \
	L(T, st_address, recipients, 21000) \
	F(T, U64, size_octets, 0) \
	F(T, STR, sha256, 32) \
	F(T, U8, verdict, 2) \
	F(T, STR, rule, 64) \
	F(T, U8, level, 3) \
	F(T, U8, sig, 3) \
	F(T, U8, sig_reason, 11) \
	F(T, U8, arrival_zone, 2) \
	F(T, STR, evidence, 4096)	/* "detector:part:position" separated by spaces */ \
	F(T, STR, reference, 64)	/* the one shown to the peer */ \
	F(T, STR, detail, 1024)		/* "legal-basis=...", removals, ...: administrative text */
WIRE_STRUCT(st_audit, ST_AUDIT_FIELDS)

/* A local copy. */
#define ST_LOCAL_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128) \
	F(T, STR, address, 320) \
	F(T, U8, place, 2)		/* ST_PLACE_* */ \
	F(T, QUOTA, quota, 0)
WIRE_STRUCT(st_local, ST_LOCAL_FIELDS)

/* A copy that leaves; one queue entry for all recipients of one route. */
#define ST_REMOTE_FIELDS(F, L, T) \
	F(T, STR, address, 320) \
	F(T, STR, route, 64)		/* title of the route in the configuration */ \
	F(T, U8, zone, 2) \
	F(T, U8, notify, 15)		/* ST_NOTIFY_* */ \
	F(T, STR, orcpt, 500)		/* ORCPT as it came, in xtext */
WIRE_STRUCT(st_remote, ST_REMOTE_FIELDS)

/* A recipient whose copies are all filed here, and whose sender asked to be told so. */
#define ST_FILED_FIELDS(F, L, T) \
	F(T, STR, address, 320) \
	F(T, STR, orcpt, 500) \
	F(T, U8, tell, 5)		/* ST_TELL_DELIVERED, or _EXPANDED for a group */
WIRE_STRUCT(st_filed, ST_FILED_FIELDS)

/* The notice that this delivery is: it settles what the entry owes its sender, in one commit. */
#define ST_SETTLES_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, route, 64)
WIRE_STRUCT(st_settles, ST_SETTLES_FIELDS)

/* The release that lets this delivery in: it is used up in the same commit. */
#define ST_RELEASE_USE_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, sender, 320)
WIRE_STRUCT(st_release_use, ST_RELEASE_USE_FIELDS)

/* The notice of incidents that this delivery is: it tells of those in the audit records behind after
 * up to upto. ERR_NOENT, and nothing happened, unless after is where the last one ended. */
#define ST_INCIDENTS_TOLD_FIELDS(F, L, T) \
	F(T, U64, after, 0) \
	F(T, U64, upto, 0)
WIRE_STRUCT(st_incidents_told, ST_INCIDENTS_TOLD_FIELDS)

/* Two descriptors: the composed message, its summary; both sealed. ERR_ACCESS also: the release is
 * used, revoked, over or another sender's; nothing happened. */
#define ST_DELIVER_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16)		/* random, made by the asker: the idempotency token */ \
	F(T, STR, mail_from, 320) \
	F(T, U8, arrival_zone, 2) \
	F(T, U8, level, 3) \
	F(T, U8, opaque, 1) \
	F(T, U8, kind, 5) \
	F(T, U8, utf8, 1)		/* SMTPUTF8 was asked for */ \
	F(T, U8, body8, 1)		/* BODY=8BITMIME */ \
	F(T, U32, relay_skip, 0)	/* octets of the leading Return-Path field, not relayed */ \
	L(T, st_local, local, 21000) \
	L(T, st_remote, remote, 21000) \
	F(T, U8, ret, 2)		/* ST_RET_* */ \
	F(T, STR, envid, 100)		/* ENVID as it came, in xtext */ \
	L(T, st_filed, filed, 21000) \
	L(T, st_settles, settles, 1)	/* ROLE_RELAY: exactly one, or incidents; others: none */ \
	L(T, st_audit, audit, 1) \
	L(T, st_release_use, release, 1)	/* ROLE_SMTPD */ \
	F(T, U8, kept_inside, 1)	/* see ST_KEPT_INSIDE */ \
	L(T, st_incidents_told, incidents, 1)	/* ROLE_RELAY; then no settles, and local only */
WIRE_STRUCT(st_deliver_request, ST_DELIVER_REQUEST_FIELDS)

#define ST_NOTHING_FIELDS(F, L, T) \
	F(T, U8, nothing, 0)
WIRE_STRUCT(st_nothing, ST_NOTHING_FIELDS)

/* Would a message of that size fit into that account's quota and onto the disk? */
#define ST_ROOM_REQUEST_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, QUOTA, quota, 0) \
	F(T, U64, size_octets, 0)
WIRE_STRUCT(st_room_request, ST_ROOM_REQUEST_FIELDS)

#define ST_AUDIT_REQUEST_FIELDS(F, L, T) \
	L(T, st_audit, audit, 1)
WIRE_STRUCT(st_audit_request, ST_AUDIT_REQUEST_FIELDS)

/* Make sure that the account exists with its keysets and first mailboxes. */
#define ST_OPEN_REQUEST_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128) \
	F(T, STR, address, 320) \
	F(T, QUOTA, quota, 0)
WIRE_STRUCT(st_open_request, ST_OPEN_REQUEST_FIELDS)

#define ST_KEYSET_FIELDS(F, L, T) \
	F(T, U32, id, 0)		/* as named in records */ \
	F(T, U8, class, 3) \
	F(T, STR, public_key, 32) \
	F(T, STR, wrapped, 128) \
	F(T, U32, mailbox, 0)		/* shared: the one mailbox that it is for; else 0 */ \
	F(T, U32, successor, 0)		/* 0: mail is wrapped for it; else the keyset that took over */
WIRE_STRUCT(st_keyset, ST_KEYSET_FIELDS)

#define ST_OPEN_REPLY_FIELDS(F, L, T) \
	F(T, U32, account, 0)		/* number within this store */ \
	L(T, st_keyset, keysets, 64)	/* mat ones only for ROLE_IMAPD_INTERNAL */
WIRE_STRUCT(st_open_reply, ST_OPEN_REPLY_FIELDS)

/* Names are UTF-8, NFC, levels separated by "/". */
#define ST_NAME_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, STR, name, 1000) \
	F(T, STR, new_name, 1000)	/* RENAME */ \
	F(T, U8, special_use, 5)	/* CREATE */ \
	F(T, U8, on, 1)			/* SUBSCRIBE */
WIRE_STRUCT(st_name_request, ST_NAME_REQUEST_FIELDS)

#define ST_NAME_REPLY_FIELDS(F, L, T) \
	F(T, U32, mailbox, 0)
WIRE_STRUCT(st_name_reply, ST_NAME_REPLY_FIELDS)

#define ST_KEYWORD_FIELDS(F, L, T) \
	F(T, STR, name, 64)
WIRE_STRUCT(st_keyword, ST_KEYWORD_FIELDS)

#define ST_RANGE_FIELDS(F, L, T) \
	F(T, U32, lo, 0)		/* both ends belong to it */ \
	F(T, U32, hi, 0)
WIRE_STRUCT(st_range, ST_RANGE_FIELDS)

/* Two descriptors as with ST_DELIVER. ST_IMPORT is the same for an administrator, who may have many
 * under way on one connection: they are taken in the order in which they come, in large groups. */
#define ST_APPEND_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, STR, token, 16) \
	F(T, U64, internal_date_s, 0) \
	F(T, U16, flags, 31) \
	L(T, st_keyword, keywords, 64) \
	F(T, U8, level, 3) \
	F(T, QUOTA, quota, 0) \
	L(T, st_audit, audit, 1) \
	F(T, STR, email_id, 16)		/* IMPORT: the one to give; empty: a new one */ \
	F(T, U8, kept_inside, 1)	/* see ST_KEPT_INSIDE */
WIRE_STRUCT(st_append_request, ST_APPEND_REQUEST_FIELDS)

#define ST_APPEND_REPLY_FIELDS(F, L, T) \
	F(T, U32, uidvalidity, 0) \
	F(T, U32, uid, 0)
WIRE_STRUCT(st_append_reply, ST_APPEND_REPLY_FIELDS)

#define ST_FLAGS_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	L(T, st_range, uids, 20000) \
	F(T, U8, op, 2)			/* ST_FLAGS_* */ \
	F(T, U16, flags, 31)		/* never ST_RECENT */ \
	L(T, st_keyword, keywords, 64) \
	F(T, U64, unchanged_since, 0)	/* 0 = no condition (CONDSTORE) */ \
	F(T, U64, known_modseq, 0)	/* the asker knows changes up to it; 0 = does not say */
WIRE_STRUCT(st_flags_request, ST_FLAGS_REQUEST_FIELDS)

#define ST_FLAGS_REPLY_FIELDS(F, L, T) \
	F(T, U64, modseq, 0)		/* of the changed records that the asker knew, 0: none */ \
	L(T, st_range, modified, 20000)	/* not done: changed since unchanged_since */
WIRE_STRUCT(st_flags_reply, ST_FLAGS_REPLY_FIELDS)

/* Removes those of uids that have ST_DELETED. */
#define ST_EXPUNGE_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	L(T, st_range, uids, 20000)
WIRE_STRUCT(st_expunge_request, ST_EXPUNGE_REQUEST_FIELDS)

#define ST_EXPUNGE_REPLY_FIELDS(F, L, T) \
	F(T, U64, modseq, 0) \
	L(T, st_range, expunged, 20000)	/* the first ones of more */
WIRE_STRUCT(st_expunge_reply, ST_EXPUNGE_REPLY_FIELDS)

/* The key of one message, wrapped anew by somebody who holds both secrets. */
#define ST_WRAP_FIELDS(F, L, T) \
	F(T, U32, uid, 0) \
	F(T, U64, blob, 0) \
	F(T, U32, keyset, 0)		/* that it was wrapped for */ \
	F(T, STR, wrapped_key, 48)
WIRE_STRUCT(st_wrap, ST_WRAP_FIELDS)

/* Within one account. COPY is all or nothing. From mat into any other class: ERR_ACCESS. Where the
 * classes differ or the target is shared, every message needs a wrap for the target's keyset (in
 * order of uid): ERR_CRYPTO without. ERR_AGAIN: a message or the target's keyset is not any more
 * what the wraps were made for; nothing was copied. */
#define ST_COPY_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, U32, target, 0) \
	F(T, STR, token, 16) \
	F(T, U8, move, 1) \
	L(T, st_range, uids, 20000) \
	F(T, QUOTA, quota, 0)		/* a move needs none */ \
	F(T, U32, keyset, 0)		/* of the target, that wraps are for */ \
	L(T, st_wrap, wraps, 20000)
WIRE_STRUCT(st_copy_request, ST_COPY_REQUEST_FIELDS)

/* The n-th uid of from became the n-th uid of to. */
#define ST_COPY_REPLY_FIELDS(F, L, T) \
	F(T, U32, uidvalidity, 0)	/* of the target */ \
	L(T, st_range, from, 20000) \
	L(T, st_range, to, 20000)
WIRE_STRUCT(st_copy_reply, ST_COPY_REPLY_FIELDS)

/* Rights of an identity in a mailbox; none left: it is forgotten. An identifier that begins with "-"
 * takes rights away (RFC 4314 2). Not in mailboxes of a mat keyset (ERR_ACCESS). ERR_LIMIT. */
#define ST_RIGHTS_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, STR, identifier, 320)	/* canonical: an address, "anyone", ... */ \
	F(T, U8, op, 2) \
	F(T, U16, rights, 2047)		/* ST_RIGHT_* */
WIRE_STRUCT(st_rights_request, ST_RIGHTS_REQUEST_FIELDS)

/* A metadata entry of a mailbox, or of the account (mailbox 0). ERR_LIMIT: too many. */
#define ST_ENTRY_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, STR, name, 256)		/* "/private/comment", in lower case */ \
	F(T, STR, value, 8192) \
	F(T, U8, remove, 1)
WIRE_STRUCT(st_entry_request, ST_ENTRY_REQUEST_FIELDS)

/* What a reader who is not the owner has seen of a shared mailbox. The reply is that of ST_FLAGS;
 * modseq is of the reader's view. ERR_NOENT: there is no such reader. */
#define ST_READER_SEEN_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0)		/* owner of the mailbox */ \
	F(T, U32, mailbox, 0) \
	F(T, U32, reader, 0)		/* number of the reader's account */ \
	L(T, st_range, uids, 20000) \
	F(T, U8, seen, 1) \
	F(T, U64, unchanged_since, 0)
WIRE_STRUCT(st_reader_seen_request, ST_READER_SEEN_REQUEST_FIELDS)

/* A session that selected read-write claims \Recent: uids first_recent_uid <= uid < end_uid are
 * recent to it, and to no other session (RFC 3501 2.3.2). */
#define ST_SEEN_RECENT_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0)
WIRE_STRUCT(st_seen_recent_request, ST_SEEN_RECENT_REQUEST_FIELDS)

#define ST_SEEN_RECENT_REPLY_FIELDS(F, L, T) \
	F(T, U32, first_recent_uid, 0) \
	F(T, U32, end_uid, 0)
WIRE_STRUCT(st_seen_recent_reply, ST_SEEN_RECENT_REPLY_FIELDS)

#define ST_ROUTE_FIELDS(F, L, T) \
	F(T, STR, title, 64)
WIRE_STRUCT(st_route, ST_ROUTE_FIELDS)

/* Ask for one entry that is due; the answer waits for one up to wait_ms. */
#define ST_CLAIM_REQUEST_FIELDS(F, L, T) \
	F(T, U32, wait_ms, 60000) \
	F(T, U32, lease_ms, 3600000)	/* not answered by then: due again */ \
	L(T, st_route, without, 64)	/* routes that can take no more now */
WIRE_STRUCT(st_claim_request, ST_CLAIM_REQUEST_FIELDS)

#define ST_QUEUE_RCPT_FIELDS(F, L, T) \
	F(T, U32, index, 0) \
	F(T, STR, address, 320) \
	F(T, U8, outcome, 2)		/* of the last attempt */ \
	F(T, STR, text, 512)		/* what the next hop said last */ \
	F(T, U8, remote, 1)		/* text is the next hop's, not ours */ \
	F(T, U8, passed, 1)		/* the next hop took over the duty to tell */ \
	F(T, U8, tell, 5)		/* ST_TELL_*: the notice that is owed */ \
	F(T, U8, notify, 15)		/* ST_NOTIFY_* */ \
	F(T, STR, orcpt, 500)
WIRE_STRUCT(st_queue_rcpt, ST_QUEUE_RCPT_FIELDS)

/* One attempt, for the administrator. */
#define ST_ATTEMPT_FIELDS(F, L, T) \
	F(T, U64, time_s, 0) \
	F(T, U32, delivered, 0)		/* recipients */ \
	F(T, U32, deferred, 0) \
	F(T, U32, failed, 0) \
	F(T, STR, text, 200)		/* of the first that was not delivered */
WIRE_STRUCT(st_attempt, ST_ATTEMPT_FIELDS)

#define ST_QUEUE_ENTRY_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, mail_from, 320) \
	F(T, STR, route, 64) \
	F(T, U8, zone, 2)		/* exit zone */ \
	F(T, U8, arrival_zone, 2) \
	F(T, U8, level, 3) \
	F(T, U8, utf8, 1) \
	F(T, U8, body8, 1) \
	F(T, U8, state, 3) \
	F(T, U32, attempts, 0) \
	F(T, U64, arrived_s, 0) \
	F(T, U64, due_s, 0) \
	F(T, U64, size_octets, 0)	/* of what is relayed */ \
	F(T, U8, kind, 5) \
	F(T, U8, ret, 2) \
	F(T, STR, envid, 100) \
	F(T, U64, age_s, 0)		/* how long it was really tried; no clock can make it jump */ \
	F(T, U8, delay_told, 1) \
	F(T, U32, notices, 0)		/* sent so far */ \
	F(T, U32, notice_tries, 0)	/* of the notice that is owed now */ \
	F(T, STR, notice_id, 16)	/* claim: the delivery id of that notice; else empty */ \
	L(T, st_attempt, history, 12)	/* the last ones */ \
	L(T, st_queue_rcpt, recipients, 21000)	/* those still to do */
WIRE_STRUCT(st_queue_entry, ST_QUEUE_ENTRY_FIELDS)

/* With an entry comes one descriptor: the octets to relay (relay_skip already taken off). An entry
 * with a notice_id is claimed for its notice: its recipients are those with something to tell, and
 * ST_DELIVER (settles) or ST_TOLD ends it. Any other is claimed for an attempt: its recipients are
 * those still deferred, and ST_RESULT ends it. Notices come first. */
#define ST_CLAIM_REPLY_FIELDS(F, L, T) \
	L(T, st_queue_entry, entry, 1)
WIRE_STRUCT(st_claim_reply, ST_CLAIM_REPLY_FIELDS)

#define ST_RESULT_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, route, 64) \
	F(T, U64, due_s, 0)		/* next attempt of what is deferred; 0 = give up */ \
	F(T, U8, delayed, 1)		/* it waits for long: its sender may be told, once */ \
	L(T, st_queue_rcpt, results, 21000)	/* index, outcome, text, remote, passed */ \
	L(T, st_audit, audit, 1)
WIRE_STRUCT(st_result_request, ST_RESULT_REQUEST_FIELDS)

/* An entry is still being worked on: its lease ends later. ERR_NOENT: it is claimed no more. */
#define ST_RENEW_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, route, 64) \
	F(T, U32, lease_ms, 3600000)
WIRE_STRUCT(st_renew_request, ST_RENEW_REQUEST_FIELDS)

/* The notice that an entry owes: not now (due_s), or never (0: it may not or cannot be sent). */
#define ST_TOLD_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, route, 64) \
	F(T, STR, notice_id, 16) \
	F(T, U64, due_s, 0) \
	L(T, st_audit, audit, 1)
WIRE_STRUCT(st_told_request, ST_TOLD_REQUEST_FIELDS)

#define ST_SHOW_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16)
WIRE_STRUCT(st_show_request, ST_SHOW_REQUEST_FIELDS)

#define ST_LIST_REQUEST_FIELDS(F, L, T) \
	F(T, U64, from, 0)	/* first serial (audit) or how many to pass over (queue) */ \
	F(T, U32, max, 1000)
WIRE_STRUCT(st_list_request, ST_LIST_REQUEST_FIELDS)

#define ST_QUEUE_LIST_REPLY_FIELDS(F, L, T) \
	L(T, st_queue_entry, entries, 1000) \
	F(T, U8, more, 1)
WIRE_STRUCT(st_queue_list_reply, ST_QUEUE_LIST_REPLY_FIELDS)

#define ST_QUEUE_ACT_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, U8, act, 2)		/* ST_ACT_* */ \
	F(T, U8, notify, 1)		/* DELETE: tell the sender first */
WIRE_STRUCT(st_queue_act_request, ST_QUEUE_ACT_REQUEST_FIELDS)

#define ST_AUDIT_RECORD_FIELDS(F, L, T) \
	F(T, U64, serial, 0)		/* 1, 2, 3, ... without a gap */ \
	F(T, U64, time_ms, 0)		/* since 1970 */ \
	L(T, st_audit, audit, 1) \
	F(T, STR, chain, 32)		/* BLAKE2b over the previous chain value and this record */
WIRE_STRUCT(st_audit_record, ST_AUDIT_RECORD_FIELDS)

/* keyd's signature over the chain up to a record. Version 1 did not name the node. */
#define ST_AUDIT_CHECKPOINT_FIELDS(F, L, T) \
	F(T, U64, serial, 0) \
	F(T, U8, version, 2) \
	F(T, STR, node, 16) \
	F(T, STR, signature, 64) \
	F(T, STR, public_key, 32)
WIRE_STRUCT(st_audit_checkpoint, ST_AUDIT_CHECKPOINT_FIELDS)

#define ST_AUDIT_LIST_REPLY_FIELDS(F, L, T) \
	L(T, st_audit_record, records, 1000) \
	F(T, U8, more, 1) \
	L(T, st_audit_checkpoint, checkpoints, 1000)	/* of those records */ \
	F(T, STR, node, 16) \
	F(T, STR, before, 32)		/* the chain value before the first record */
WIRE_STRUCT(st_audit_list_reply, ST_AUDIT_LIST_REPLY_FIELDS)

/* What security officers are told of: a refusal because of level mat or above, an act with a
 * release. Only what the audit has. */
#define ST_INCIDENT_FIELDS(F, L, T) \
	F(T, U64, time_ms, 0) \
	F(T, STR, event, 32) \
	F(T, STR, account, 320) \
	F(T, STR, client, 64) \
	F(T, STR, mail_from, 320) \
	F(T, U32, recipients, 0) \
	F(T, STR, rule, 64) \
	F(T, U8, level, 3) \
	F(T, STR, reference, 64) \
	F(T, STR, evidence, 4096) \
	F(T, STR, detail, 1024)		/* of releases */
WIRE_STRUCT(st_incident, ST_INCIDENT_FIELDS)

/* Audit records from serial on; 0: behind those that were told of. idle: none before it waits to
 * be told of. */
#define ST_INCIDENTS_REQUEST_FIELDS(F, L, T) \
	F(T, U64, from, 0) \
	F(T, U8, idle, 1)
WIRE_STRUCT(st_incidents_request, ST_INCIDENTS_REQUEST_FIELDS)

#define ST_INCIDENTS_REPLY_FIELDS(F, L, T) \
	F(T, U64, told, 0)		/* where the last notice ended */ \
	F(T, U64, upto, 0)		/* the last record looked at */ \
	F(T, U8, more, 1) \
	L(T, st_incident, items, 64)	/* the first ones */ \
	F(T, U64, mat, 0)		/* how many there are, with those */ \
	F(T, U64, toi_mat, 0) \
	F(T, U64, tuyet_mat, 0) \
	F(T, U64, releases, 0)
WIRE_STRUCT(st_incidents_reply, ST_INCIDENTS_REPLY_FIELDS)

#define ST_AUDIT_VERIFY_REPLY_FIELDS(F, L, T) \
	F(T, U8, ok, 1) \
	F(T, U64, records, 0) \
	F(T, U64, checkpoints, 0)	/* Ed25519 signatures checked */ \
	F(T, U64, first_bad, 0) \
	F(T, STR, what, 256) \
	F(T, U64, covered, 0)		/* the newest checkpoint signs all up to this record */ \
	F(T, U64, covered_ms, 0)	/* whose time is this */ \
	F(T, STR, node, 16)
WIRE_STRUCT(st_audit_verify_reply, ST_AUDIT_VERIFY_REPLY_FIELDS)

#define ST_STATUS_REPLY_FIELDS(F, L, T) \
	F(T, U64, accounts, 0) \
	F(T, U64, messages, 0) \
	F(T, U64, queue_entries, 0) \
	F(T, U64, intents_open, 0) \
	F(T, U64, commits, 0) \
	F(T, U64, syncs, 0) \
	F(T, U64, commit_p50_us, 0) \
	F(T, U64, commit_p99_us, 0) \
	F(T, U64, free_octets, 0) \
	F(T, U64, audit_records, 0) \
	F(T, U8, relay_up, 1) \
	F(T, U8, keyd_up, 1)		/* the spool key is here: mail is accepted */
WIRE_STRUCT(st_status_reply, ST_STATUS_REPLY_FIELDS)

/*
 * Nothing that was removed is dropped, and no frame moved, punched out or unlinked, for lease_ms
 * from now: what a snapshot of the index names stays where it says. Ask again before the time is
 * over to make it longer; ERR_NOENT: the hold is over (or mailstored was started anew), and what
 * was copied under it may lack frames.
 */
#define ST_HOLD_REQUEST_FIELDS(F, L, T) \
	F(T, U64, hold, 0)		/* 0: a new one */ \
	F(T, U32, lease_ms, 3600000)	/* 0: give it up */
WIRE_STRUCT(st_hold_request, ST_HOLD_REQUEST_FIELDS)

#define ST_HOLD_REPLY_FIELDS(F, L, T) \
	F(T, U64, hold, 0)
WIRE_STRUCT(st_hold_reply, ST_HOLD_REPLY_FIELDS)

/*
 * Bring messages back that were expunged from a mailbox, or deleted with it, from from_s to to_s
 * (both belong to it): with new uids, without \Deleted, everything else as it was. Not more than
 * max at once: ask again from next_s while more is 1. It may be asked twice: what is back is not
 * brought back again.
 */
#define ST_UNEXPUNGE_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0)		/* its number, also when it was deleted */ \
	F(T, U64, from_s, 0) \
	F(T, U64, to_s, 0)		/* 0: no end */ \
	L(T, st_range, uids, 20000)	/* that they had; none: all */ \
	F(T, STR, name, 1000)		/* mailbox to put them into, made when it is not there; empty: \
					   where they were, or one of the name that it had */ \
	F(T, U32, max, 1000) \
	L(T, st_audit, audit, 1)
WIRE_STRUCT(st_unexpunge_request, ST_UNEXPUNGE_REQUEST_FIELDS)

#define ST_UNEXPUNGE_REPLY_FIELDS(F, L, T) \
	F(T, U32, target, 0)		/* mailbox that they are in; 0: nothing to bring back */ \
	F(T, U32, uidvalidity, 0) \
	F(T, U32, restored, 0) \
	F(T, U32, first_uid, 0)		/* of the new ones, which follow each other */ \
	F(T, U8, more, 1) \
	F(T, U64, next_s, 0)
WIRE_STRUCT(st_unexpunge_reply, ST_UNEXPUNGE_REPLY_FIELDS)

/* ---- keysets, for the administrator ---- */

/* The keysets of one account: the one that has this sign-in name or address in the store, or when
 * name is empty the first whose number is not below `from`. ERR_NOENT. */
#define ST_KEYS_REQUEST_FIELDS(F, L, T) \
	F(T, STR, name, 320) \
	F(T, U32, from, 0)
WIRE_STRUCT(st_keys_request, ST_KEYS_REQUEST_FIELDS)

#define ST_KEYS_REPLY_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128) \
	F(T, STR, address, 320) \
	L(T, st_keyset, keysets, 64)
WIRE_STRUCT(st_keys_reply, ST_KEYS_REPLY_FIELDS)

/* A new keyset from now on: for all mailboxes of a class (open, mat), or for one mailbox (shared),
 * which becomes a shared one if it was open. What is there stays readable by the old keyset. The
 * audit record is written in the same commit. ERR_ACCESS: the mailbox is mat. ERR_LIMIT: too many
 * keysets; drop old ones. */
#define ST_KEY_ROTATE_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U8, class, 2)		/* KEYSET_OPEN, _MAT, _SHARED */ \
	F(T, U32, mailbox, 0)		/* shared */ \
	F(T, STR, by, 100)		/* who did it: "by-uid=0" */
WIRE_STRUCT(st_key_rotate_request, ST_KEY_ROTATE_REQUEST_FIELDS)

#define ST_KEY_ROTATE_REPLY_FIELDS(F, L, T) \
	F(T, U32, keyset, 0)
WIRE_STRUCT(st_key_rotate_reply, ST_KEY_ROTATE_REPLY_FIELDS)

/* Wraps for messages of one mailbox, for the keyset that it has now (ERR_AGAIN: it has another).
 * Messages that are gone, or changed since the wraps were made, are passed over. */
#define ST_REWRAP_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, U32, keyset, 0) \
	L(T, st_wrap, wraps, 1000)
WIRE_STRUCT(st_rewrap_request, ST_REWRAP_REQUEST_FIELDS)

#define ST_REWRAP_REPLY_FIELDS(F, L, T) \
	F(T, U32, done, 0)
WIRE_STRUCT(st_rewrap_reply, ST_REWRAP_REPLY_FIELDS)

/* Destroy the secret of a keyset that has a successor; done 0: mail still needs it. */
#define ST_KEY_DROP_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, keyset, 0) \
	F(T, STR, by, 100)
WIRE_STRUCT(st_key_drop_request, ST_KEY_DROP_REQUEST_FIELDS)

/* A new key for the queue: everything in it is wrapped anew, then the old key is destroyed. Answered
 * when that is done. ERR_AGAIN: another rotation is under way. */
#define ST_SPOOL_ROTATE_REQUEST_FIELDS(F, L, T) \
	F(T, STR, by, 100)
WIRE_STRUCT(st_spool_rotate_request, ST_SPOOL_ROTATE_REQUEST_FIELDS)

#define ST_SPOOL_ROTATE_REPLY_FIELDS(F, L, T) \
	F(T, U64, entries, 0)
WIRE_STRUCT(st_spool_rotate_reply, ST_SPOOL_ROTATE_REPLY_FIELDS)

/* Have keyd wrap the secrets of the accounts from number `from` on by the next master key (its
 * KEY_MASTER came before). next 0: all are done. */
#define ST_MASTER_REQUEST_FIELDS(F, L, T) \
	F(T, U32, from, 0) \
	F(T, STR, by, 100)
WIRE_STRUCT(st_master_request, ST_MASTER_REQUEST_FIELDS)

#define ST_MASTER_REPLY_FIELDS(F, L, T) \
	F(T, U32, next, 0) \
	F(T, U32, keysets, 0)		/* wrapped anew by this request */
WIRE_STRUCT(st_master_reply, ST_MASTER_REPLY_FIELDS)

/* A message as a backup has it. What wraps its key stays as it is: it holds for the keyset and for the
 * segment that the message was first written to, which its blob's number names. */
#define ST_RESTORE_ITEM_FIELDS(F, L, T) \
	F(T, U64, blob, 0) \
	F(T, U32, size_octets, 0) \
	F(T, U32, frame_octets, 0)	/* of its frame, behind those of the items before it */ \
	F(T, STR, epoch_public, 32)	/* of that segment */ \
	F(T, U32, keyset, 0) \
	F(T, STR, keyset_public, 32) \
	F(T, STR, wrapped_key, 48) \
	F(T, STR, email_id, 16) \
	F(T, STR, thread_id, 8) \
	F(T, U64, internal_date_s, 0) \
	F(T, U64, save_date_s, 0) \
	F(T, U16, flags, 31) \
	L(T, st_keyword, keywords, 64) \
	F(T, U8, level, 3) \
	F(T, U8, sig, 0x83)		/* as in the record: with ST_KEPT_INSIDE */
WIRE_STRUCT(st_restore_item, ST_RESTORE_ITEM_FIELDS)

/*
 * Put messages of a backup into a mailbox, all or none, with new uids. One descriptor: their frames, still
 * sealed, one behind the other. An item whose keyset is not the account's, or whose blob's number
 * is another message's here (a store that was restored went on beside the one that was lost), is
 * passed over. ERR_QUOTA; ERR_ACCESS: of a class that the mailbox is not.
 */
#define ST_RESTORE_REQUEST_FIELDS(F, L, T) \
	F(T, U32, account, 0) \
	F(T, U32, mailbox, 0) \
	F(T, STR, token, 16) \
	F(T, QUOTA, quota, 0) \
	L(T, st_restore_item, items, 500) \
	L(T, st_audit, audit, 1)
WIRE_STRUCT(st_restore_request, ST_RESTORE_REQUEST_FIELDS)

#define ST_RESTORE_REPLY_FIELDS(F, L, T) \
	F(T, U32, restored, 0) \
	F(T, U32, passed_over, 0) \
	F(T, U32, uidvalidity, 0) \
	F(T, U32, last_uid, 0)
WIRE_STRUCT(st_restore_reply, ST_RESTORE_REPLY_FIELDS)

/* ---- releases (doc/design/release.md) ---- */

#define ST_STATEMENT_FIELDS(F, L, T) \
	F(T, STR, octets, 32768)
WIRE_STRUCT(st_statement, ST_STATEMENT_FIELDS)

#define ST_RELEASE_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, sender, 320)		/* From of the message */ \
	F(T, U8, lift, 1)		/* LIFT_* */ \
	F(T, U64, expires_s, 0) \
	L(T, st_address, recipients, 100) \
	L(T, st_address, officers, 2)	/* the n-th signed the n-th statement */ \
	F(T, STR, reason, 512) \
	F(T, STR, reference, 64)	/* of the refusal */ \
	L(T, st_statement, statements, 2)	/* not in lists */ \
	F(T, U8, state, 2)		/* from here on mailstored's */ \
	F(T, U64, added_s, 0) \
	F(T, U64, settled_s, 0)		/* when it was used or revoked */ \
	F(T, STR, delivery, 16)		/* that used it */
WIRE_STRUCT(st_release, ST_RELEASE_FIELDS)

/* ERR_EXIST: that id was there before, in whatever state; ERR_LIMIT: too many. */
#define ST_RELEASE_ADD_REQUEST_FIELDS(F, L, T) \
	L(T, st_release, release, 1) \
	F(T, STR, by, 100)
WIRE_STRUCT(st_release_add_request, ST_RELEASE_ADD_REQUEST_FIELDS)

/* The open ones of a sender; or, delivery not empty, the one that this delivery used. used: before
 * the open ones the four that were used last and are not over, for the sender's own copy. */
#define ST_RELEASE_FIND_REQUEST_FIELDS(F, L, T) \
	F(T, STR, sender, 320) \
	F(T, STR, delivery, 16) \
	F(T, U8, used, 1)
WIRE_STRUCT(st_release_find_request, ST_RELEASE_FIND_REQUEST_FIELDS)

/* Behind the one with id `after` (empty: from the start), in order of id. */
#define ST_RELEASE_LIST_REQUEST_FIELDS(F, L, T) \
	F(T, STR, after, 16) \
	F(T, U32, max, 1000)
WIRE_STRUCT(st_release_list_request, ST_RELEASE_LIST_REQUEST_FIELDS)

#define ST_RELEASE_LIST_REPLY_FIELDS(F, L, T) \
	L(T, st_release, releases, 1000) \
	F(T, U8, more, 1)
WIRE_STRUCT(st_release_list_reply, ST_RELEASE_LIST_REPLY_FIELDS)

/* ERR_NOENT; ERR_BAD_STATE: it is not open any more. */
#define ST_RELEASE_REVOKE_REQUEST_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, STR, by, 100)
WIRE_STRUCT(st_release_revoke_request, ST_RELEASE_REVOKE_REQUEST_FIELDS)

#define ST_ROWS(X) \
	X(ST_DELIVER, "deliver", ROLE_SMTPD | ROLE_RELAY, 2, st_deliver_request, st_nothing) \
	X(ST_ROOM, "room", ROLE_SMTPD | ROLE_IMAPD, 0, st_room_request, st_nothing) \
	X(ST_AUDIT, "audit", ROLE_SMTPD | ROLE_RELAY | ROLE_IMAPD | ROLE_POLICYD | ROLE_CONTROL, \
	    0, st_audit_request, st_nothing) \
	X(ST_OPEN, "open", ROLE_IMAPD | ROLE_CONTROL_ROOT, 0, st_open_request, st_open_reply) \
	X(ST_CREATE, "create", ROLE_IMAPD | ROLE_CONTROL_ROOT, 0, st_name_request, st_name_reply) \
	X(ST_DELETE, "delete", ROLE_IMAPD, 0, st_name_request, st_nothing) \
	X(ST_RENAME, "rename", ROLE_IMAPD, 0, st_name_request, st_nothing) \
	X(ST_SUBSCRIBE, "subscribe", ROLE_IMAPD | ROLE_CONTROL_ROOT, 0, st_name_request, st_nothing) \
	X(ST_APPEND, "append", ROLE_IMAPD, 2, st_append_request, st_append_reply) \
	X(ST_IMPORT, "import", ROLE_CONTROL_ROOT, 2, st_append_request, st_append_reply) \
	X(ST_FLAGS, "flags", ROLE_IMAPD, 0, st_flags_request, st_flags_reply) \
	X(ST_EXPUNGE, "expunge", ROLE_IMAPD, 0, st_expunge_request, st_expunge_reply) \
	X(ST_COPY, "copy", ROLE_IMAPD, 0, st_copy_request, st_copy_reply) \
	X(ST_SEEN_RECENT, "seen-recent", ROLE_IMAPD, 0, st_seen_recent_request, \
	    st_seen_recent_reply) \
	X(ST_RIGHTS, "rights", ROLE_IMAPD | ROLE_CONTROL, 0, st_rights_request, st_nothing) \
	X(ST_ENTRY, "entry", ROLE_IMAPD | ROLE_CONTROL, 0, st_entry_request, st_nothing) \
	X(ST_READER_SEEN, "reader-seen", ROLE_IMAPD, 0, st_reader_seen_request, \
	    st_flags_reply) \
	X(ST_CLAIM, "claim", ROLE_RELAY, 0, st_claim_request, st_claim_reply) \
	X(ST_RESULT, "result", ROLE_RELAY, 0, st_result_request, st_nothing) \
	X(ST_RENEW, "renew", ROLE_RELAY, 0, st_renew_request, st_nothing) \
	X(ST_TOLD, "told", ROLE_RELAY, 0, st_told_request, st_nothing) \
	X(ST_INCIDENTS, "incidents", ROLE_RELAY, 0, st_incidents_request, st_incidents_reply) \
	X(ST_QUEUE_SHOW, "queue-show", ROLE_CONTROL, 0, st_show_request, st_queue_list_reply) \
	X(ST_QUEUE_LIST, "queue-list", ROLE_CONTROL, 0, st_list_request, st_queue_list_reply) \
	X(ST_QUEUE_ACT, "queue-act", ROLE_CONTROL, 0, st_queue_act_request, st_nothing) \
	X(ST_AUDIT_LIST, "audit-list", ROLE_CONTROL, 0, st_list_request, st_audit_list_reply) \
	X(ST_AUDIT_VERIFY, "audit-verify", ROLE_CONTROL, 0, st_nothing, st_audit_verify_reply) \
	X(ST_HOLD, "hold", ROLE_CONTROL, 0, st_hold_request, st_hold_reply) \
	X(ST_RESTORE, "restore", ROLE_CONTROL_ROOT, 1, st_restore_request, st_restore_reply) \
	X(ST_UNEXPUNGE, "unexpunge", ROLE_CONTROL, 0, st_unexpunge_request, st_unexpunge_reply) \
	X(ST_KEYS, "keys", ROLE_CONTROL_ROOT, 0, st_keys_request, st_keys_reply) \
	X(ST_KEY_ROTATE, "key-rotate", ROLE_CONTROL_ROOT, 0, st_key_rotate_request, \
	    st_key_rotate_reply) \
	X(ST_REWRAP, "rewrap", ROLE_CONTROL_ROOT, 0, st_rewrap_request, \
	    st_rewrap_reply) \
	X(ST_KEY_DROP, "key-drop", ROLE_CONTROL_ROOT, 0, st_key_drop_request, \
	    st_rewrap_reply) \
	X(ST_SPOOL_ROTATE, "spool-rotate", ROLE_CONTROL_ROOT, 0, \
	    st_spool_rotate_request, st_spool_rotate_reply) \
	X(ST_MASTER, "master", ROLE_CONTROL_ROOT, 0, st_master_request, \
	    st_master_reply) \
	X(ST_RELEASE_ADD, "release-add", ROLE_CONTROL, 0, st_release_add_request, st_nothing) \
	X(ST_RELEASE_LIST, "release-list", ROLE_CONTROL, 0, st_release_list_request, \
	    st_release_list_reply) \
	X(ST_RELEASE_REVOKE, "release-revoke", ROLE_CONTROL, 0, st_release_revoke_request, \
	    st_nothing) \
	X(ST_RELEASE_FIND, "release-find", ROLE_SMTPD | ROLE_RELAY | ROLE_IMAPD, 0, \
	    st_release_find_request, st_release_list_reply) \
	X(ST_STATUS, "status", ROLE_CONTROL, 0, st_nothing, st_status_reply)

const struct chan_row *st_rows(size_t *n_out);

#endif
