/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/lookup.h: questions about addresses and accounts, answered from a source.
 *
 * Errors  ERR_UNAVAIL: the source is away. ERR_CORRUPT: the directory contradicts itself (two owners of
 *         one address, an account without entryUUID): that is logged, and nothing is guessed.
 * Bounds  by those of the messages in proto.h; replies live in the arena.
 */
#ifndef DIRECTORY_LOOKUP_H
#define DIRECTORY_LOOKUP_H

#include "directory/agency.h"

struct lookup {
	const struct conf *conf;
	struct source	   source;
	struct arena	  *arena;
	struct agencies	  *agencies;	/* NULL: nobody asks for them */
};

int lookup_rcpt(struct lookup *l, struct slice address, struct dir_rcpt_reply *out) MUST_USE;
/* No identities: it is not active, or the directory contradicts itself about them. */
int lookup_account(struct lookup *l, const struct dir_account_request *q,
    struct dir_account_reply *out) MUST_USE;

/* The one account entry with this sign-in name or mail address. ERR_NOENT: none, or several. */
int lookup_sign_in(struct lookup *l, struct slice name, struct entry *out) MUST_USE;

/* What the account may put in From: own addresses, send-as addresses, agency mailboxes. */
int lookup_identities(struct lookup *l, const struct entry *account,
    struct dir_identity **out, size_t *n_out) MUST_USE;

/* Expand a group into out (group.c). */
int lookup_group(struct lookup *l, const struct entry *group, struct dir_rcpt_reply *out) MUST_USE;

/* entry_account, with the quota of its agency. */
int lookup_make_account(struct lookup *l, const struct entry *e, struct dir_account *out,
    const char **why_out) MUST_USE;

/* Log that the directory contradicts itself; ERR_CORRUPT. */
int lookup_odd(const struct entry *e, const char *why);

#endif
