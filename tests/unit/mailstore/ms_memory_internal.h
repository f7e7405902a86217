/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/ms_memory_internal.h: what the files of the engine in memory share.
 */
#ifndef TESTS_MAILSTORE_MS_MEMORY_INTERNAL_H
#define TESTS_MAILSTORE_MS_MEMORY_INTERNAL_H

#include "ms_memory.h"

enum { ARENA_OCTETS = 512 << 20, LIST_MAX = 6000 };

struct body {
	struct slice message, summary;
	uint8_t	     email_id[16];
	uint64_t     number;
};

struct gone {
	uint32_t uid;
	uint64_t modseq;
};

struct mbox {
	struct store_mailbox is;	/* counters are made when it is shown */
	struct slice keywords[ST_KEYWORDS_MAX];
	struct store_record m[LIST_MAX];
	size_t n;
	struct gone gone[LIST_MAX];
	size_t gone_n;
	bool deleted;
};

/* What a token was answered. */
struct answer {
	struct slice token;
	union ms_reply reply;
};

struct owner {
	struct slice guid;
	uint32_t next_mailbox, last_uidvalidity;
	struct mbox *box[LIST_MAX];
	size_t boxes_n;
	struct slice subs[LIST_MAX];
	size_t subs_n;
	struct answer answers[LIST_MAX];
	size_t answers_n;
	uint64_t pending_octets, pending_n, generation;
};

struct waiting {
	struct owner *to;
	uint32_t mailbox;
	uint64_t body;
	uint8_t level;
};

struct ms {
	struct arena a;
	struct owner *owners[64];
	size_t owners_n;
	struct body bodies[LIST_MAX];
	size_t bodies_n;
	struct waiting wait[LIST_MAX];
	size_t wait_n;
	struct slice done[LIST_MAX];
	size_t done_n;
};

struct owner *memory_owner(const struct ms *ms, uint32_t account);
/* NULL: there is none, or the internet may not see it. */
struct mbox *memory_box(struct owner *o, uint32_t mailbox, bool internet);
uint64_t memory_octets(const struct owner *o, uint64_t *messages_out);
/* One more in a list of ranges of ascending uids. */
void memory_add_uid(struct st_range *list, size_t *n, uint32_t uid);

/* The reading functions of the table. */
void memory_readers(struct ms_engine *out);

#endif
