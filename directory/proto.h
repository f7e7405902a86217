/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/proto.h: what directoryd and keyd are asked, and what they answer.
 *
 * Shape   field lists for common/wire.h; directory/proto.c makes the tables. directoryd listens at
 *         chan_path(run_dir, "directory", role), keyd at chan_path(run_dir, "key", role).
 * Errors  a status of ERR_UNAVAIL means: LDAP (or keyd) is away, answer the peer with a temporary
 *         failure. "Unknown account" is an outcome, never an error. ERR_CORRUPT of DIR_ACCOUNT: LDAP is
 *         there, but what it says of the account makes no sense.
 */
#ifndef DIRECTORY_PROTO_H
#define DIRECTORY_PROTO_H

#include "common/chan.h"
#include "common/quota.h"
#include "common/words.h"

enum {
	DIR_GUID_OCTETS = 16, DIR_TOKEN_MAX = 1024, DIR_MEMBERS_MAX = 20000,
	DIR_CHANGES_MAX = 1024, DIR_SIGNED_IN_MAX = 16384,
	DIR_WATCH_MS = 20 * 1000,	/* DIR_WATCH is answered after so long at the latest */
};

enum dir_code {
	DIR_AUTH	= 0x0101,
	DIR_RCPT	= 0x0102,
	DIR_ACCOUNT	= 0x0103,
	DIR_TEST	= 0x0104,
	DIR_STATUS	= 0x0105,
	DIR_MECHANISMS	= 0x0106,
	DIR_WATCH	= 0x0107,
	KEY_NEW		= 0x0181,
	KEY_UNWRAP	= 0x0182,
	KEY_SPOOL	= 0x0183,
	KEY_AUDIT_SIGN	= 0x0184,
	KEY_OPEN	= 0x0185,
	KEY_REWRAP	= 0x0186,
	KEY_MASTER	= 0x0187,
	SIGN_CMS	= 0x01c1,
	SIGN_STATUS	= 0x01c2,
};

enum dir_auth_outcome {
	DIR_AUTH_OK, DIR_AUTH_CONTINUE, DIR_AUTH_BAD, DIR_AUTH_DISABLED, DIR_AUTH_ZONE,
	DIR_AUTH_MECHANISM, DIR_AUTH_THROTTLED
};
enum dir_rcpt_outcome {
	DIR_RCPT_LOCAL,		/* one account */
	DIR_RCPT_GROUP,		/* members expanded, loops cut, duplicates removed */
	DIR_RCPT_NOT_OURS,	/* the domain is not local: a route's business */
	DIR_RCPT_UNKNOWN, DIR_RCPT_DISABLED, DIR_RCPT_TOO_LARGE
};
enum dir_identity_kind { DIR_IDENTITY_OWN, DIR_IDENTITY_SEND_AS, DIR_IDENTITY_AGENCY };
enum dir_account_status { DIR_ACTIVE, DIR_LOCKED, DIR_WITHDRAWN };
enum { DIR_ZONE_INTERNAL = 1, DIR_ZONE_INTERNET = 2 };	/* bits of dir_account.zones */
/* How changes of accounts are noticed. */
enum dir_watched { DIR_WATCHED_OFF, DIR_WATCHED_AWAY, DIR_WATCHED_POLL, DIR_WATCHED_SYNC };
enum { DIR_ROLE_SECURITY_OFFICER = 1 };			/* bits of dir_account.roles */

/* SHA-256 of one certificate (DER) held in the directory. */
#define DIR_CERT_FIELDS(F, L, T) \
	F(T, STR, sha256, 32)
WIRE_STRUCT(dir_cert, DIR_CERT_FIELDS)

/* One account. guid is 16 octets made from entryUUID: it survives renames and moves. */
#define DIR_ACCOUNT_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128) \
	F(T, STR, address, 320) \
	F(T, STR, name, 256) \
	F(T, U8, clearance, 3) \
	F(T, QUOTA, quota, 0) \
	F(T, U8, zones, 3) \
	F(T, U8, status, 2) \
	F(T, U8, roles, 0) \
	F(T, U64, unsigned_until_s, 0)	/* may submit unsigned until then */ \
	F(T, U64, credentials, 0)	/* another number: name or password are others */ \
	F(T, STR, unit, 1024)		/* DN of its entry, by which rules know its unit; empty: longer */
WIRE_STRUCT(dir_account, DIR_ACCOUNT_FIELDS)

/* An address that the account may put in From, and the certificates bound to it. */
#define DIR_IDENTITY_FIELDS(F, L, T) \
	F(T, STR, address, 320) \
	F(T, U8, kind, 2) \
	F(T, STR, subject, 1024)	/* AGENCY: bound subject DN, RFC 4514 */ \
	L(T, dir_cert, certs, 16) \
	F(T, STR, guid, 16)		/* AGENCY: of its account, if it may be read now */ \
	F(T, U8, clearance, 3)		/* AGENCY: the lower one of the agency's and the clerk's */ \
	F(T, U8, zones, 3)		/* AGENCY: of its account */
WIRE_STRUCT(dir_identity, DIR_IDENTITY_FIELDS)

/* One step of a SASL exchange. conversation 0 begins one; the answer of CONTINUE names it, for the
 * same connection of the same program within two minutes; zone and client stay those of the first
 * step. A peer's "*" needs no message. BAD and THROTTLED come only after tenths of a second. */
#define DIR_AUTH_REQUEST_FIELDS(F, L, T) \
	F(T, U64, conversation, 0) \
	F(T, STR, service, 16)		/* "smtp" or "imap" */ \
	F(T, STR, mechanism, 64) \
	F(T, U8, has_data, 1)		/* an initial response may be present and empty */ \
	F(T, STR, data, 16384)		/* decoded from base64 */ \
	F(T, U8, zone, 2) \
	F(T, STR, client, 64)		/* address literal */ \
	F(T, STR, binding_type, 32)	/* "tls-exporter", "tls-unique" or empty */ \
	F(T, STR, binding, 64)
WIRE_STRUCT(dir_auth_request, DIR_AUTH_REQUEST_FIELDS)

#define DIR_AUTH_REPLY_FIELDS(F, L, T) \
	F(T, U8, outcome, 6) \
	F(T, U64, conversation, 0) \
	F(T, STR, challenge, 16384)	/* also the server's last word after success (SCRAM) */ \
	L(T, dir_account, account, 1)	/* of OK */ \
	L(T, dir_identity, identities, 64) \
	F(T, STR, token, 1024)		/* of OK: shown to keyd to unwrap keysets */
WIRE_STRUCT(dir_auth_reply, DIR_AUTH_REPLY_FIELDS)

#define DIR_RCPT_REQUEST_FIELDS(F, L, T) \
	F(T, STR, address, 320)
WIRE_STRUCT(dir_rcpt_request, DIR_RCPT_REQUEST_FIELDS)

#define DIR_EXTERNAL_FIELDS(F, L, T) \
	F(T, STR, address, 320)
WIRE_STRUCT(dir_external, DIR_EXTERNAL_FIELDS)

#define DIR_RCPT_REPLY_FIELDS(F, L, T) \
	F(T, U8, outcome, 5) \
	F(T, STR, group, 320)		/* GROUP: its own address */ \
	L(T, dir_account, accounts, 20000) \
	L(T, dir_external, externals, 20000)
WIRE_STRUCT(dir_rcpt_reply, DIR_RCPT_REPLY_FIELDS)

/* By guid or by address (the other empty). */
#define DIR_ACCOUNT_REQUEST_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, STR, address, 320)
WIRE_STRUCT(dir_account_request, DIR_ACCOUNT_REQUEST_FIELDS)

#define DIR_ACCOUNT_REPLY_FIELDS(F, L, T) \
	L(T, dir_account, account, 1)	/* none: unknown */ \
	L(T, dir_identity, identities, 64)	/* none: cannot be told now, or not active */
WIRE_STRUCT(dir_account_reply, DIR_ACCOUNT_REPLY_FIELDS)

/* What an account may do, as far as open sessions depend on it (directory/right.h). */
#define DIR_RIGHT_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, U8, there, 1)		/* 0: there is no such account any more */ \
	F(T, U8, status, 2) \
	F(T, U8, zones, 3) \
	F(T, U8, clearance, 3) \
	F(T, U64, credentials, 0) \
	F(T, QUOTA, quota, 0)
WIRE_STRUCT(dir_right, DIR_RIGHT_FIELDS)

#define DIR_GUID_FIELDS(F, L, T) \
	F(T, STR, guid, 16)
WIRE_STRUCT(dir_guid, DIR_GUID_FIELDS)

/* Which accounts changed since the point (generation, serial) of an earlier answer (0, 0 at first)?
 * Answered as soon as one has, and after DIR_WATCH_MS with none. all: what changed is not known
 * (the beginning, a restart, too much): ask DIR_ACCOUNT about everybody who is signed in.
 * signed_in: whose deletion must be noticed where the LDAP server cannot tell of it. A client that
 * uses it has directory/dirwatch.h. */
#define DIR_WATCH_REQUEST_FIELDS(F, L, T) \
	F(T, U64, generation, 0) \
	F(T, U64, serial, 0) \
	L(T, dir_guid, signed_in, 16384)
WIRE_STRUCT(dir_watch_request, DIR_WATCH_REQUEST_FIELDS)

#define DIR_WATCH_REPLY_FIELDS(F, L, T) \
	F(T, U64, generation, 0) \
	F(T, U64, serial, 0) \
	F(T, U8, all, 1) \
	L(T, dir_right, changes, 1024)
WIRE_STRUCT(dir_watch_reply, DIR_WATCH_REPLY_FIELDS)

/* "directory test USER": what was asked of LDAP, and what came back, step by step. */
#define DIR_TEST_REQUEST_FIELDS(F, L, T) \
	F(T, STR, user, 320)
WIRE_STRUCT(dir_test_request, DIR_TEST_REQUEST_FIELDS)

#define DIR_TEST_STEP_FIELDS(F, L, T) \
	F(T, STR, name, 64) \
	F(T, U8, ok, 1) \
	F(T, U32, ms, 0) \
	F(T, STR, detail, 1024)
WIRE_STRUCT(dir_test_step, DIR_TEST_STEP_FIELDS)

#define DIR_TEST_REPLY_FIELDS(F, L, T) \
	F(T, U8, ok, 1) \
	L(T, dir_test_step, steps, 32)
WIRE_STRUCT(dir_test_reply, DIR_TEST_REPLY_FIELDS)

#define DIR_NOTHING_FIELDS(F, L, T) \
	F(T, U8, nothing, 0)
WIRE_STRUCT(dir_nothing, DIR_NOTHING_FIELDS)

#define DIR_STATUS_REPLY_FIELDS(F, L, T) \
	F(T, U8, ldap_up, 1) \
	F(T, STR, server, 400) \
	F(T, U32, latency_ms, 0) \
	F(T, U64, sign_ins_ok, 0) \
	F(T, U64, sign_ins_bad, 0) \
	F(T, U64, unavailable, 0) \
	F(T, U8, keyd_up, 1) \
	F(T, U8, watch, 3)		/* DIR_WATCHED_* */ \
	F(T, U64, watch_changes, 0)	/* of accounts, told to smtpd and imapd */
WIRE_STRUCT(dir_status_reply, DIR_STATUS_REPLY_FIELDS)

/* Mechanisms to offer, separated by spaces, for a session that has TLS. */
#define DIR_MECHANISMS_REPLY_FIELDS(F, L, T) \
	F(T, STR, mechanisms, 256)
WIRE_STRUCT(dir_mechanisms_reply, DIR_MECHANISMS_REPLY_FIELDS)

/* Tokens end after 10 minutes (directory/token.h) and with directoryd: a worker unwraps the keysets
 * of a session at sign-in and keeps them as long as the session. */

/* A new keyset (class open, mat or shared) for an account, or a key of class spool (guid: zeros). The secret never leaves keyd but
 * wrapped, or to a token. */
#define KEY_NEW_REQUEST_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, U8, class, 3)		/* KEYSET_* */
WIRE_STRUCT(key_new_request, KEY_NEW_REQUEST_FIELDS)

#define KEY_NEW_REPLY_FIELDS(F, L, T) \
	F(T, STR, public_key, 32)	/* X25519 */ \
	F(T, STR, wrapped, 128)		/* 90 octets, bound to guid and class */
WIRE_STRUCT(key_new_reply, KEY_NEW_REPLY_FIELDS)

/* The token says whose session it is, in which zone, and of which agencies it is a clerk; a mat
 * keyset needs zone internal, in the token and in the socket's role; an agency's keyset must be
 * shared, or mat and the clerk cleared for it. ERR_ACCESS otherwise. */
#define KEY_UNWRAP_REQUEST_FIELDS(F, L, T) \
	F(T, STR, token, 1024) \
	F(T, STR, wrapped, 128)
WIRE_STRUCT(key_unwrap_request, KEY_UNWRAP_REQUEST_FIELDS)

#define KEY_UNWRAP_REPLY_FIELDS(F, L, T) \
	F(T, STR, secret, 32) \
	F(T, U8, class, 3)
WIRE_STRUCT(key_unwrap_reply, KEY_UNWRAP_REPLY_FIELDS)

/* The symmetric key of the queue; mailstored alone may have it. wrapped: what KEY_NEW made for class
 * spool; empty: the key that follows from the master key (a store's first). */
#define KEY_SPOOL_REQUEST_FIELDS(F, L, T) \
	F(T, STR, wrapped, 128)
WIRE_STRUCT(key_spool_request, KEY_SPOOL_REQUEST_FIELDS)

#define KEY_SPOOL_REPLY_FIELDS(F, L, T) \
	F(T, STR, key, 32)
WIRE_STRUCT(key_spool_reply, KEY_SPOOL_REPLY_FIELDS)

/* Ed25519 over a checkpoint of the audit chain. */
#define KEY_AUDIT_SIGN_REQUEST_FIELDS(F, L, T) \
	F(T, STR, digest, 32)
WIRE_STRUCT(key_audit_sign_request, KEY_AUDIT_SIGN_REQUEST_FIELDS)

#define KEY_AUDIT_SIGN_REPLY_FIELDS(F, L, T) \
	F(T, STR, signature, 64) \
	F(T, STR, public_key, 32)
WIRE_STRUCT(key_audit_sign_reply, KEY_AUDIT_SIGN_REPLY_FIELDS)

/* The secret of any keyset, for an administrator who exports, checks or re-wraps mail. Only root is
 * answered, who could read the master key from its file as well; the asker has had an audit
 * record made durable before (control/ctl_key.h). ERR_ACCESS: the keyset is not that of guid, or of
 * another class. */
#define KEY_OPEN_REQUEST_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, U8, class, 3) \
	F(T, STR, wrapped, 128)
WIRE_STRUCT(key_open_request, KEY_OPEN_REQUEST_FIELDS)

#define KEY_OPEN_REPLY_FIELDS(F, L, T) \
	F(T, STR, secret, 32)
WIRE_STRUCT(key_open_reply, KEY_OPEN_REPLY_FIELDS)

#define KEY_WRAPPED_FIELDS(F, L, T) \
	F(T, STR, wrapped, 128)
WIRE_STRUCT(key_wrapped, KEY_WRAPPED_FIELDS)

/* Secrets, as the master key wraps them, wrapped by the one that takes over from it (KEY_MASTER);
 * in the same order. ERR_BAD_STATE: none does. */
#define KEY_REWRAP_FIELDS(F, L, T) \
	L(T, key_wrapped, secrets, 64)
WIRE_STRUCT(key_rewrap, KEY_REWRAP_FIELDS)

/* A master key takes over: begin has it in this memory beside the old one, from a file that is
 * durable before (directory/keyfile.h); the end forgets the old one. Only root is answered. */
enum key_master_step { KEY_MASTER_BEGIN, KEY_MASTER_END };
#define KEY_MASTER_REQUEST_FIELDS(F, L, T) \
	F(T, U8, step, 1) \
	F(T, STR, key, 32)		/* begin */ \
	F(T, STR, seed, 32)		/* begin: of the key that signs the audit, which stays */
WIRE_STRUCT(key_master_request, KEY_MASTER_REQUEST_FIELDS)

/* A CMS signature (RFC 5652, detached, DER) of a section `signer` over an entity with this SHA-256. The
 * signed attributes are made by the process that holds the key: nothing but the content type "data",
 * this digest and the time, so that no certificate, list or handshake can ever be signed with it.
 * ERR_NOENT: no such signer; ERR_UNAVAIL: its key cannot be used now. */
#define SIGN_CMS_REQUEST_FIELDS(F, L, T) \
	F(T, STR, signer, 64) \
	F(T, STR, sha256, 32)
WIRE_STRUCT(sign_cms_request, SIGN_CMS_REQUEST_FIELDS)

#define SIGN_CMS_REPLY_FIELDS(F, L, T) \
	F(T, STR, cms, 49152) \
	F(T, STR, subject, 1024)	/* of its certificate, RFC 4514, UTF-8 */
WIRE_STRUCT(sign_cms_reply, SIGN_CMS_REPLY_FIELDS)

enum sign_state { SIGN_READY, SIGN_NO_CERTIFICATE, SIGN_NO_KEY, SIGN_NO_TOKEN, SIGN_BAD_PIN };

#define SIGN_SIGNER_FIELDS(F, L, T) \
	F(T, STR, title, 64) \
	F(T, U8, state, 4)		/* SIGN_* */ \
	F(T, U64, end_s, 0)		/* of its certificate; 0: it could not be read */ \
	F(T, U64, signatures, 0)	/* made by this process */
WIRE_STRUCT(sign_signer, SIGN_SIGNER_FIELDS)

#define SIGN_STATUS_REPLY_FIELDS(F, L, T) \
	L(T, sign_signer, signers, 64)
WIRE_STRUCT(sign_status_reply, SIGN_STATUS_REPLY_FIELDS)

/*
 * The tables, for both sides: X(code, name, roles, descriptors, request type, reply type). The service
 * puts its functions in with CHAN_SERVE(), a client takes the rows as they are.
 */
#define DIR_ROLES_ASK (ROLE_SMTPD | ROLE_IMAPD | ROLE_RELAY)
#define DIR_ROWS(X) \
	X(DIR_AUTH, "auth", ROLE_SMTPD | ROLE_IMAPD, 0, dir_auth_request, dir_auth_reply) \
	X(DIR_RCPT, "rcpt", ROLE_SMTPD | ROLE_RELAY | ROLE_CONTROL, 0, dir_rcpt_request, dir_rcpt_reply) \
	X(DIR_ACCOUNT, "account", DIR_ROLES_ASK | ROLE_CONTROL, 0, dir_account_request, \
	    dir_account_reply) \
	X(DIR_TEST, "test", ROLE_CONTROL, 0, dir_test_request, dir_test_reply) \
	X(DIR_STATUS, "status", ROLE_CONTROL, 0, dir_nothing, dir_status_reply) \
	X(DIR_MECHANISMS, "mechanisms", ROLE_SMTPD | ROLE_IMAPD, 0, dir_nothing, \
	    dir_mechanisms_reply) \
	X(DIR_WATCH, "watch", ROLE_SMTPD | ROLE_IMAPD, 0, dir_watch_request, dir_watch_reply)
#define KEY_ROWS(X) \
	X(KEY_NEW, "key-new", ROLE_MAILSTORED, 0, key_new_request, key_new_reply) \
	X(KEY_UNWRAP, "key-unwrap", ROLE_IMAPD, 0, key_unwrap_request, key_unwrap_reply) \
	X(KEY_SPOOL, "key-spool", ROLE_MAILSTORED, 0, key_spool_request, key_spool_reply) \
	X(KEY_AUDIT_SIGN, "key-audit-sign", ROLE_MAILSTORED, 0, key_audit_sign_request, \
	    key_audit_sign_reply) \
	X(KEY_OPEN, "key-open", ROLE_CONTROL_ROOT, 0, key_open_request, key_open_reply) \
	X(KEY_REWRAP, "key-rewrap", ROLE_MAILSTORED, 0, key_rewrap, key_rewrap) \
	X(KEY_MASTER, "key-master", ROLE_CONTROL_ROOT, 0, key_master_request, dir_nothing)

/* Of the process that holds the keys of section `signer`, at chan_path(run_dir, "sign", role). */
#define SIGN_ROWS(X) \
	X(SIGN_CMS, "sign-cms", ROLE_POLICYD, 0, sign_cms_request, sign_cms_reply) \
	X(SIGN_STATUS, "sign-status", ROLE_CONTROL, 0, dir_nothing, sign_status_reply)

/* The same rows without functions, for clients. */
const struct chan_row *dir_rows(size_t *n_out);
const struct chan_row *key_rows(size_t *n_out);
const struct chan_row *sign_rows(size_t *n_out);

#endif
