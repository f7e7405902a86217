/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/store_internal.h: what the files behind store.h share; nobody else includes it.
 */
#ifndef MAILSTORE_STORE_INTERNAL_H
#define MAILSTORE_STORE_INTERNAL_H

#include "mailstore/index.h"
#include "mailstore/path.h"
#include "mailstore/segment.h"

enum { STORE_SHARED_SLOTS = 1024 };

/* The wrapping key of one keyset and one segment, kept since computing it takes 40 us. */
struct store_shared {
	uint32_t keyset, segment;	/* segment 0: free */
	uint8_t	 secret[32];		/* that it was made from: who brings another gets nothing */
	uint8_t	 key[32];
};

struct store {
	struct index	     *ix;
	bool		      ix_is_lent;
	struct segment_cache *segments;
	struct crypt_zip     *zip;
	unsigned	      flags;
	char		      run_dir[PATH_OCTETS];
	struct store_shared  *shared;	/* STORE_SHARED_SLOTS, in guarded memory */
	struct crypt_vault   *keys;	/* of messages that are open */
};

/* The key of a message. ERR_CRYPTO: the secret is not that of its keyset. */
int store_unwrap(struct store *s, const struct store_record *m, const uint8_t secret[32],
    uint8_t key_out[32]) MUST_USE;

/* A mailbox that this reader may see, in s->ix->box; a transaction is open. */
int store_get_box(struct store *s, uint32_t account, uint32_t mailbox) MUST_USE;

#endif
