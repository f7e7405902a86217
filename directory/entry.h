/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/entry.h: what an LDAP entry says, checked before anybody believes it.
 *
 * Shape   a source fills struct entry with raw values; the functions here make accounts,
 *         addresses and certificates of them. They are pure.
 * Safety  everything in an entry is hostile. What cannot be understood gives the least: no
 *         clearance, no zone, an unknown status is "locked". (Absent means: no clearance, both
 *         zones, active; so the schema says.)
 * Bounds  ENTRY_VALUES_MAX values of an attribute are looked at, members DIR_MEMBERS_MAX.
 *         An administrator's lock of the password (ppolicy: pwdAccountLockedTime 000001010000Z) is
 *         "locked", too; one that strangers cause by guessing is not.
 * Source  schema/congvu.ldif; RFC 4517 3.3.13 (GeneralizedTime); RFC 4530 (entryUUID).
 */
#ifndef DIRECTORY_ENTRY_H
#define DIRECTORY_ENTRY_H

#include "common/conf.h"
#include "directory/proto.h"

enum { ENTRY_VALUES_MAX = 256, ENTRY_VALUE_OCTETS_MAX = 65536, ENTRY_CERTS_MAX = 16 };

enum entry_attr {
	ENTRY_CLASS, ENTRY_UUID, ENTRY_UID, ENTRY_MAIL, ENTRY_ALIAS, ENTRY_QUOTA, ENTRY_QUOTA_MESSAGES,
	ENTRY_STATUS,
	ENTRY_CLEARANCE, ENTRY_ZONES, ENTRY_SEND_AS, ENTRY_CERT, ENTRY_ROLE, ENTRY_NAME, ENTRY_CN,
	ENTRY_PASSWORD_CHANGED, ENTRY_PASSWORD_LOCKED, ENTRY_UNSIGNED_UNTIL, ENTRY_SUBJECT, ENTRY_CLERK, ENTRY_MEMBER, ENTRY_UNIQUE_MEMBER,
	ENTRY_MEMBER_UID, ENTRY_MEMBER_ADDRESS, ENTRY_MODIFIED,
	ENTRY_ATTR_COUNT
};

/* Sets of attributes to ask for, as bits. */
enum {
	ENTRY_WANT_ACCOUNT = (1u << ENTRY_UNSIGNED_UNTIL << 1) - 1 - (1u << ENTRY_CERT),
	ENTRY_WANT_AGENCY = 1u << ENTRY_CLASS | 1u << ENTRY_UUID | 1u << ENTRY_QUOTA |
	    1u << ENTRY_QUOTA_MESSAGES,
	ENTRY_WANT_CERTS = 1u << ENTRY_CERT | 1u << ENTRY_SUBJECT,
	ENTRY_WANT_MEMBERS = 1u << ENTRY_MEMBER | 1u << ENTRY_UNIQUE_MEMBER |
	    1u << ENTRY_MEMBER_UID | 1u << ENTRY_MEMBER_ADDRESS,
};

struct entry_values {
	struct slice *v;
	size_t	      n;
};

struct entry {
	struct slice	    dn;
	struct entry_values a[ENTRY_ATTR_COUNT];
};

/* The attribute's name in this directory. */
const char *entry_attr_name(const struct conf *conf, enum entry_attr attr);

/* A quota: 0 when there is none, or when it is no number. */
uint64_t entry_limit(const struct entry *e, enum entry_attr attr);

/* The first value, or the empty slice. */
struct slice entry_first(const struct entry *e, enum entry_attr attr);

bool entry_is_account(const struct conf *conf, const struct entry *e);
bool entry_is_group(const struct entry *e);

/* Does the entry own the (canonical) address, by mail or alias? */
bool entry_has_address(const struct entry *e, struct slice address, struct arena *arena);

/* The account of an entry, in arena memory. ERR_CORRUPT: the entry cannot be an account, and
 * *why_out (static) says what is wrong. */
int entry_account(const struct entry *e, struct arena *arena, struct dir_account *out,
    const char **why_out) MUST_USE;

/* All canonical addresses of an entry (mail first, then aliases, each once), at most max. */
size_t entry_addresses(const struct entry *e, struct arena *arena, struct slice *out, size_t max);

/* Digests of the certificates that the entry holds. What is not DER of a certificate's size is
 * left out. */
int entry_certs(const struct entry *e, struct arena *arena, struct dir_cert **out,
    size_t *n_out) MUST_USE;

/* "YYYYMMDDHHMMSSZ" in seconds since 1970; 0 for any other form of GeneralizedTime. */
uint64_t entry_time(struct slice text);

/* Text between 36-character and 16-octet form of entryUUID. */
int entry_guid_parse(struct slice text, uint8_t out[DIR_GUID_OCTETS]) MUST_USE;
void entry_guid_text(const uint8_t guid[DIR_GUID_OCTETS], char out[37]);

#endif
