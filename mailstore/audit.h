/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/audit.h: the record of every decision and act, as a chain.
 *
 * Shape   record n has the chain value BLAKE2b-256("congvu audit 1" | value of n-1 | n | time |
 *         record as encoded); value 0 is made of the node's number, a random one that a store is given
 *         with its first start (zeros in chains that are older). Checkpoints are Ed25519 signatures of
 *         keyd over a digest of node, number and value. Records are added in the control transaction
 *         of the act that they tell of. doc/design/audit.md has the octets.
 * Shows   a record altered, removed, inserted or put elsewhere breaks the chain at its place; a cut
 *         end is found when a checkpoint (or the head row) lies behind it; a chain made anew fails
 *         at its checkpoints, whose key is keyd's.
 */
#ifndef MAILSTORE_AUDIT_H
#define MAILSTORE_AUDIT_H

#include "mailstore/control.h"

enum { AUDIT_CHAIN_OCTETS = 32, AUDIT_NODE_OCTETS = 16, AUDIT_DIGEST_OCTETS = 32 };

struct audit_head {
	uint64_t serial;			/* of the last record, 0: none */
	uint8_t	 chain[AUDIT_CHAIN_OCTETS];
	uint8_t	 node[AUDIT_NODE_OCTETS];	/* zeros: none yet */
};

/* Head of the chain on disk; a transaction is open. */
int audit_load(struct control *c, struct arena *a, struct audit_head *out) MUST_USE;

bool audit_has_node(const struct audit_head *head);
/* Give a store without a node its number, in a write transaction. An empty chain begins with it. */
int audit_make_node(struct control *c, struct audit_head *head) MUST_USE;

/* Value 0 of the chain of a node. Pure. */
void audit_start(const uint8_t node[AUDIT_NODE_OCTETS], uint8_t out[AUDIT_CHAIN_OCTETS]);
/* The value of a record, from the one before it; its own is not looked at. Pure. */
int audit_next(const uint8_t last[AUDIT_CHAIN_OCTETS], const struct st_audit_record *rec,
    uint8_t out[AUDIT_CHAIN_OCTETS]) MUST_USE;
/* Does the checkpoint sign that place of the chain, by that key? Pure. */
bool audit_signed(const struct audit_head *at, const struct st_audit_checkpoint *cp,
    const uint8_t key[32]);

/* Add records at *head, which moves on: after an abort take the old one back. */
int audit_add(struct control *c, struct audit_head *head, int64_t now_ms,
    const struct st_audit *records, size_t n) MUST_USE;

/* Write the head row alone: for the repair of a damaged one. */
int audit_set_head(struct control *c, const struct audit_head *head) MUST_USE;

/* What keyd signs for a checkpoint at head; and the row that keeps the answer. */
void audit_digest(const struct audit_head *head, uint8_t digest_out[32]);
int audit_add_checkpoint(struct control *c, const struct audit_head *at, struct slice signature,
    struct slice public_key) MUST_USE;

/* Records from serial on, at most max and about max_octets of them; in the arena. */
int audit_list(struct control *c, uint64_t from, uint32_t max, size_t max_octets, struct arena *a,
    struct st_audit_list_reply *out) MUST_USE;

/* A verification in steps. */
struct audit_verify {
	struct audit_head at;		/* what is verified so far */
	uint8_t	 key[32];		/* of the checkpoints */
	bool	 has_key;
	uint64_t checkpoints, first_bad;
	uint64_t covered, covered_ms;	/* the newest checkpoint: of which record, and its time */
	bool	 done;
	char	 what[128];		/* empty: nothing wrong so far */
};

/* public_key: keyd's, 32 octets; empty: the one of the first checkpoint is taken. */
void audit_verify_begin(struct audit_verify *v, struct slice public_key);
/* Verify up to n records more, in the open transaction; v->done at the end or at the first
 * fault. */
int audit_verify_step(struct control *c, struct audit_verify *v, uint64_t n) MUST_USE;

/* The whole of it on a store that may be a copy, read-only, without mailstored. */
int audit_verify_dir(const char *state_dir, uint64_t map_octets, struct slice public_key,
    struct audit_verify *out) MUST_USE;

#endif
