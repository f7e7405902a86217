/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/reader.h: the accounts of a store, with their keysets (wrapped), for administrators.
 *
 * Shape   reads the environment "control" beside a running mailstored, which only root and its user
 *         may open. Everything is copied to the arena.
 * Errors  ERR_UNAVAIL: there is no store yet; ERR_ACCESS, ERR_VERSION, ERR_CORRUPT, ERR_IO.
 */
#ifndef MAILSTORE_READER_H
#define MAILSTORE_READER_H

#include "mailstore/store.h"

struct reader_account {
	uint32_t	   number;
	struct slice	   guid;		/* 16 octets */
	struct slice	   uid, address;	/* as they were when it was made */
	struct st_keyset  *keysets;
	size_t		   keysets_n;
};

/* All of them, by address. */
int reader_accounts(const char *state_dir, uint64_t map_octets, struct arena *a,
    struct reader_account **list_out, size_t *n_out) MUST_USE;

/* A mailbox of an account by its name, as people write it; when there is none, the one of that name
 * that was deleted last and whose mail may still be brought back. ERR_NOENT, ERR_INVAL. */
int reader_mailbox(const char *state_dir, uint64_t map_octets, uint32_t account,
    struct slice name, uint32_t *mailbox_out) MUST_USE;

#endif
