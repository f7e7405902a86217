/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/account.h: the accounts of this store, in memory, for mailstored.
 *
 * Shape   loaded whole at start (about 250 octets each), found by guid or number. Of a keyset only
 *         the public key is here. The wrapping keys of the running epoch are computed when first
 *         needed, and wiped when the segment changes.
 */
#ifndef MAILSTORE_ACCOUNT_H
#define MAILSTORE_ACCOUNT_H

#include "mailstore/box.h"
#include "mailstore/control.h"

enum account_class { ACCOUNT_OPEN, ACCOUNT_MAT, ACCOUNT_CLASSES };

struct account_keyset {
	uint32_t id;
	uint32_t mailbox;		/* class shared: the one that it is for */
	uint32_t successor;		/* 0: it is in use */
	uint32_t shared_segment;	/* 0: shared is not computed */
	uint8_t	 class;			/* KEYSET_* */
	uint8_t	 public[32];
	uint8_t	*shared;		/* in guarded memory; NULL: never computed */
	struct account_keyset *next;	/* private */
};

/* What is pending of an agency. */
struct account_group {
	uint8_t	       id[QUOTA_GROUP_OCTETS];
	struct box_use pending;
};

struct account {
	uint8_t	 guid[16];
	uint32_t number;
	struct account_keyset keysets[ACCOUNT_CLASSES];	/* in use for whole classes */
	struct account_keyset *more;	/* those of shared mailboxes, and those with a successor */
	size_t	 more_n;
	struct box_use pending;		/* accepted, not yet in the index; see quota.h */
	struct st_quota limit;		/* what the directory said last; known */
	struct account_group *group;	/* limit.group; NULL: none */
	bool	 known;
	bool	 joined;		/* the row in the index names that agency */
	uint8_t	 crossed, group_crossed;	/* percentages to be told of */
};

struct accounts;

/* Numbers are given out by counting, so a higher one can only be damage. */
enum { ACCOUNT_NUMBER_MAX = 1 << 26 };

int accounts_new(struct accounts **out) MUST_USE;
void accounts_free(struct accounts **as);

/* All rows of "account"; a transaction is open. */
int accounts_load(struct accounts *as, struct control *c) MUST_USE;

/* Pointers stay valid for the life of as. NULL: unknown. */
struct account *accounts_find(const struct accounts *as, struct slice guid);
struct account *accounts_number(const struct accounts *as, uint32_t number);
uint32_t accounts_count(const struct accounts *as);
/* No account has a higher number. */
uint32_t accounts_last(const struct accounts *as);

/* The keyset in use for a mailbox of that class (KEYSET_*). Valid until accounts_renew. */
struct account_keyset *account_keyset_for(struct account *a, uint32_t mailbox, uint8_t class);
/* A keyset by its number, also one with a successor; NULL. */
struct account_keyset *account_keyset_find(struct account *a, uint32_t id);
/* May mail wrapped for a keyset of that class lie in a mailbox of that one? Mat mail never lies
 * elsewhere, nor anything else where mat mail is. */
bool account_class_fits(uint8_t keyset, uint8_t mailbox);

/* The keysets of an account as its row says now. */
int accounts_renew(struct accounts *as, const struct control_account *row) MUST_USE;

/* Take a row in. ERR_CORRUPT: it lacks a keyset. ERR_EXIST. */
int accounts_add(struct accounts *as, const struct control_account *row) MUST_USE;

/* The wrapping key of a keyset in the epoch of the segment. */
int account_shared(struct accounts *as, struct account_keyset *ks, uint32_t segment,
    const uint8_t *epoch_secret, const uint8_t **out) MUST_USE;

/* The same in parts: as it is known, or NULL; as it was computed elsewhere
 * for a keyset (if the place is still that keyset's, and the epoch that one). */
const uint8_t *account_shared_known(struct accounts *as, const struct account_keyset *ks,
    uint32_t segment);
void account_shared_set(struct accounts *as, struct account_keyset *ks, uint32_t keyset,
    uint32_t segment, const uint8_t shared[32]);

/* The agency with that id (16 octets), made when it is not there. NULL: no memory. */
struct account_group *accounts_group(struct accounts *as, struct slice id);

/* Wipe all wrapping keys: the epoch is over. */
void accounts_end_epoch(struct accounts *as);

#endif
