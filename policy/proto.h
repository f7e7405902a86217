/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/proto.h: what policyd is asked, and what it answers.
 *
 * Shape   one request judges one message for all its recipients. policyd listens at
 *         chan_path(run_dir, "policy", role).
 * Octets  the message comes as a sealed memfd. What is stored and relayed is composed by the asker:
 *         reply.trace, then the message without the ranges in reply.removals. If the server signs
 *         (signed_by is not empty): reply.trace, reply.head, the message from reply.head_at on, where
 *         its body begins, reply.tail; the ranges are before head_at, and head lacks them already.
 *         The summary describes exactly those composed octets.
 * Errors  any status but OK, and no answer, mean "cannot decide now": defer.
 */
#ifndef POLICY_PROTO_H
#define POLICY_PROTO_H

#include "common/chan.h"
#include "common/words.h"
#include "directory/proto.h"

enum pol_code { POL_JUDGE = 0x0201, POL_STATUS = 0x0202, POL_SEEN = 0x0203 };

#define POL_RCPT_FIELDS(F, L, T) \
	F(T, STR, address, 320)		/* as the sender wrote it (a group by its own address) */ \
	F(T, U8, exit_zone, 2)		/* of this copy: ZONE_LOCAL for an account here */ \
	F(T, U8, clearance, 3)		/* of the account; LEVEL_THUONG when not local */
WIRE_STRUCT(pol_rcpt, POL_RCPT_FIELDS)

/* An officer, as the directory knows him or her at this moment. */
#define POL_OFFICER_FIELDS(F, L, T) \
	F(T, STR, guid, 16) \
	F(T, U8, status, 2)		/* DIR_ACTIVE, ... */ \
	F(T, U8, roles, 0)		/* DIR_ROLE_* */ \
	L(T, dir_identity, identities, 64)
WIRE_STRUCT(pol_officer, POL_OFFICER_FIELDS)

/* One signed statement: CMS signed-data, or a message that is one (policy/release.h). */
#define POL_STATEMENT_FIELDS(F, L, T) \
	F(T, STR, octets, 32768)
WIRE_STRUCT(pol_statement, POL_STATEMENT_FIELDS)

/* A release that may let this message pass; the n-th officer signed the n-th statement. */
#define POL_RELEASE_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	F(T, U64, used_s, 0)		/* RELAY: when it let this delivery in; SUBMIT: 0; STORE:
					 * when it was used, or 0 */ \
	L(T, pol_statement, statements, 2) \
	L(T, pol_officer, officers, 2)
WIRE_STRUCT(pol_release, POL_RELEASE_FIELDS)

#define POL_JUDGE_REQUEST_FIELDS(F, L, T) \
	F(T, U8, path, 4)		/* PATH_* */ \
	F(T, U8, arrival_zone, 2) \
	F(T, STR, account, 320)		/* main address of the signed-in account, or empty */ \
	F(T, STR, client, 64)		/* address literal */ \
	F(T, STR, mail_from, 320)	/* reverse-path, empty for <> */ \
	L(T, pol_rcpt, recipients, 21000) \
	L(T, dir_identity, identities, 64) \
	F(T, U64, unsigned_until_s, 0) \
	F(T, U8, level_min, 3)		/* known from before: at least this level */ \
	F(T, STR, trace, 4096)		/* fields the asker wants on top (Return-Path, Received) */ \
	F(T, U8, want_summary, 1) \
	F(T, STR, unit, 1024)		/* DN of the account's entry, or empty */ \
	F(T, U8, may_sign, 1)		/* the asker can compose with reply.head and reply.tail */ \
	L(T, pol_release, releases, 8)	/* that officers signed for this sender */
WIRE_STRUCT(pol_judge_request, POL_JUDGE_REQUEST_FIELDS)

/* Verdict for one recipient, in the order of the request. */
#define POL_RCPT_VERDICT_FIELDS(F, L, T) \
	F(T, U8, verdict, 2) \
	F(T, U8, releasable, 1) \
	F(T, STR, rule, 64)
WIRE_STRUCT(pol_rcpt_verdict, POL_RCPT_VERDICT_FIELDS)

#define POL_EVIDENCE_FIELDS(F, L, T) \
	F(T, STR, detector, 64) \
	F(T, STR, part, 128) \
	F(T, U32, position, 0) \
	F(T, U8, level, 3) \
	F(T, U8, asserted, 1)
WIRE_STRUCT(pol_evidence, POL_EVIDENCE_FIELDS)

#define POL_RANGE_FIELDS(F, L, T) \
	F(T, U64, offset, 0) \
	F(T, U64, octets, 0)
WIRE_STRUCT(pol_range, POL_RANGE_FIELDS)

/* One signature over the content of the message, as in struct facts_signer. */
#define POL_SIGNER_FIELDS(F, L, T) \
	F(T, U8, layer, 8) \
	F(T, U8, reason, 11)		/* SIG_* */ \
	F(T, U8, bound, 1) \
	F(T, STR, address, 320)		/* may be empty: an agency's certificate */ \
	F(T, STR, subject, 1024) \
	F(T, STR, sha256, 32)		/* of the certificate */
WIRE_STRUCT(pol_signer, POL_SIGNER_FIELDS)

/* A certificate of a chain that led to one of our roots. */
#define POL_CERT_FIELDS(F, L, T) \
	F(T, STR, der, 16384)
WIRE_STRUCT(pol_cert, POL_CERT_FIELDS)

#define POL_JUDGE_REPLY_FIELDS(F, L, T) \
	F(T, U8, verdict, 2)		/* the worst of all recipients */ \
	F(T, U8, releasable, 1)		/* class=review */ \
	F(T, STR, rule, 64) \
	F(T, STR, enhanced, 16)		/* "5.7.1" */ \
	F(T, STR, reason_vi, 500)	/* ASCII, no marks, no line ends */ \
	F(T, STR, reason_en, 500) \
	L(T, pol_rcpt_verdict, recipients, 21000) \
	F(T, U8, level, 3) \
	F(T, U8, opaque, 1) \
	F(T, U8, review, 1) \
	F(T, U8, partly_inspected, 1) \
	F(T, U8, kind, 5) \
	F(T, U8, sig, 3) \
	F(T, U8, sig_reason, 11) \
	F(T, STR, signer, 320) \
	F(T, STR, from, 320) \
	F(T, STR, sha256, 32)		/* of the message as received */ \
	L(T, pol_evidence, evidence, 64) \
	F(T, STR, trace, 16384) \
	L(T, pol_range, removals, 64) \
	F(T, STR, signed_by, 64)	/* title of the signer; empty: the server did not sign */ \
	F(T, U64, head_at, 0) \
	F(T, STR, head, 262144) \
	F(T, STR, tail, 131072) \
	L(T, pol_signer, signers, 8) \
	L(T, pol_cert, seen, 64)	/* from a worker to its parent, which keeps it to itself */ \
	F(T, U8, liftable, 1)		/* refused, and a fitting release would let it pass; STORE:
					 * or kept as it need not be then */ \
	F(T, STR, release, 16)		/* allowed by this one; empty: by none */ \
	F(T, U8, lift, 1)		/* LIFT_* of it */ \
	F(T, STR, unfit, 32)		/* why the last of the releases did not fit: static word */ \
	F(T, U8, kept_inside, 1)	/* a copy stored here is not to be read from the internet */
WIRE_STRUCT(pol_judge_reply, POL_JUDGE_REPLY_FIELDS)

/* "detector:part:position ...", as the audit keeps it: whole pieces only, in the arena. */
struct slice pol_evidence_text(const struct pol_judge_reply *r, struct arena *a);

/* What was done to the message, and who has signed it, as the audit keeps it (doc/design/audit.md). */
struct slice pol_detail_text(const struct pol_judge_reply *r, struct arena *a);

/* What stands in head and tail besides copies of the sender's fields (smtpd/composed.h). */
#define POL_SIGNED_TYPE "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n" \
	" micalg=\"sha-256\"; boundary=\""
#define POL_SIGNED_8BIT "Content-Transfer-Encoding: 8bit\r\n"
#define POL_SIGNED_PART "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n" \
	"Content-Transfer-Encoding: base64\r\n" \
	"Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n"
/* ... with the signer's title in between, twice. */
#define POL_SIGNED_TEXT_1 "May chu da ky thu nay ("
#define POL_SIGNED_TEXT_2 "); nguoi gui khong tu ky.\r\nThe server signed this message ("
#define POL_SIGNED_TEXT_3 "); its sender did not."

/* One descriptor with the reply when want_summary and the verdict is allow: the summary, sealed. */

#define POL_STATUS_REPLY_FIELDS(F, L, T) \
	F(T, U64, judged, 0) \
	F(T, U64, rejected, 0) \
	F(T, U64, deferred, 0) \
	F(T, U64, worker_deaths, 0) \
	F(T, U32, roots, 0) \
	F(T, U32, crls, 0) \
	F(T, U64, crl_next_update_s, 0)	/* the earliest of all CRLs */ \
	F(T, STR, profile, 32) \
	F(T, U8, sandboxed, 1)
WIRE_STRUCT(pol_status_reply, POL_STATUS_REPLY_FIELDS)

/* What signed mail lately, and what stood between it and our roots; newest first. */
#define POL_SEEN_REPLY_FIELDS(F, L, T) \
	L(T, pol_cert, certs, 4096)
WIRE_STRUCT(pol_seen_reply, POL_SEEN_REPLY_FIELDS)

#define POL_ROWS(X) \
	X(POL_JUDGE, "judge", ROLE_SMTPD | ROLE_RELAY | ROLE_IMAPD | ROLE_CONTROL_ROOT, 1, \
	    pol_judge_request, pol_judge_reply) \
	X(POL_STATUS, "status", ROLE_CONTROL, 0, dir_nothing, pol_status_reply) \
	X(POL_SEEN, "seen", ROLE_TRUST | ROLE_CONTROL_ROOT, 0, dir_nothing, pol_seen_reply)

const struct chan_row *pol_rows(size_t *n_out);

#endif
