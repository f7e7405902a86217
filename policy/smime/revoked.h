/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/smime/revoked.h: certificates once seen revoked; they stay so when a later list forgets
 * them.
 *
 * Shape   a list of entries, kept sorted; its text is the file "revoked" among the CRLs.
 * Format  file = "congvu-revoked 1" LF *( entry LF | "#" *any LF )
 *         entry = issuer SP serial SP moment SP reason
 *         issuer = 64 hex digits: K, the SHA-256 of the DER of the issuer's SubjectPublicKeyInfo;
 *                  from an indirect list of another, named N in DER: SHA-256(K || SHA-256(N))
 *         serial = its hex digits, an even number, no leading zero octets but "00" itself
 *         moment = seconds since 1970; from then on it is revoked (revocationDate, or the earlier
 *                  invalidityDate); reason = CRLReason of RFC 5280 5.3.1, 0..10
 *         Lower case. certificateHold (6) and removeFromCRL (8) are never in it: they may end.
 * Pure    no files, no clock, no OpenSSL.
 * Bounds  REVOKED_MAX entries, double ones included; past them ERR_LIMIT.
 */
#ifndef POLICY_SMIME_REVOKED_H
#define POLICY_SMIME_REVOKED_H

#include "common/buf.h"

enum { REVOKED_MAX = 1 << 20, REVOKED_SERIAL_MAX = 32 };

struct revoked_entry {
	unsigned char issuer[32];
	unsigned char serial[REVOKED_SERIAL_MAX];	/* magnitude, big endian */
	unsigned char serial_octets;
	unsigned char reason;
	int64_t	      moment_s;
};

struct revoked_list {
	struct revoked_entry *entries;	/* sorted by issuer and serial after revoked_settle */
	size_t		      count, room;
	size_t		      settled;	/* so many are sorted, each there once */
};

void revoked_init(struct revoked_list *list);
void revoked_fini(struct revoked_list *list);

/* Append one entry, unsorted. ERR_LIMIT, ERR_NOMEM. */
int revoked_add(struct revoked_list *list, const struct revoked_entry *entry) MUST_USE;

/* Sort; of several entries for one certificate the earliest moment stays. Returns by how many
 * certificates the list has grown since the last time. */
size_t revoked_settle(struct revoked_list *list);

/* Add what another settled list knows that this one, settled, does not, or of an earlier moment;
 * settles it. ERR_LIMIT, ERR_NOMEM: some may be missing. */
int revoked_merge(struct revoked_list *list, const struct revoked_list *more) MUST_USE;

/* In a settled list; NULL: not there. */
const struct revoked_entry *revoked_find(const struct revoked_list *list,
    const unsigned char issuer[32], struct slice serial);

/* Does this file begin as one of this format does? */
bool revoked_is(struct slice text);

/* Append what a file holds; the caller settles. ERR_SYNTAX: nothing of it was taken. */
int revoked_parse(struct revoked_list *list, struct slice text) MUST_USE;

/* Write a settled list as a file. OK or out->err. */
int revoked_write(const struct revoked_list *list, struct buf *out) MUST_USE;

#endif
