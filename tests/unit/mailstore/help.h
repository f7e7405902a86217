/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/help.h: a store in a temporary folder, driven without mailstored's sockets.
 *
 * keyd's part is played in the process: keysets are real X25519 pairs, whose secrets are kept here.
 */
#ifndef TESTS_MAILSTORE_HELP_H
#define TESTS_MAILSTORE_HELP_H

#include "mailstore/engine.h"

enum { HELP_ACCOUNTS = 64, HELP_MAP = 256 * 1024 * 1024,
	HELP_ROOM = 512 * 1024 * 1024 };

struct help {
	char	       dir[64];		/* <dir>/state, <dir>/run */
	char	       state[80], run[80];
	struct engine *e;
	uint8_t	       secrets[HELP_ACCOUNTS][ACCOUNT_CLASSES][32];
	uint8_t	       spool[32];
};

/* Is everything to be tried, as ./check --long demands? Not with sanitizers, which take ten times as long. */
bool help_long(void);

void help_folders(struct help *h);	/* empty ones; nothing is open */
void help_begin(struct help *h);	/* with an open engine */
void help_open(struct help *h);
void help_close(struct help *h);
void help_end(struct help *h);		/* removes the folder */

struct slice help_guid(unsigned who, char out[16]);
uint32_t help_account(struct help *h, unsigned who);	/* made when it is not there */
const uint8_t *help_secret(const struct help *h, unsigned who, uint8_t class);

/* Deliver to n accounts; the id is made of `id`. Returns the status; applied at once. */
int help_deliver(struct help *h, unsigned id, const unsigned *who, size_t n, uint8_t place,
    struct slice message);
/* Any delivery request; message and summary as given; not applied. */
int help_deliver_request(struct help *h, const struct st_deliver_request *req,
    struct slice message, struct slice summary);

/* Text that compresses, of any length; to be freed. */
struct slice help_text(size_t n);

/* One act in the index, in an own group. */
int help_index(struct help *h, int (*fn)(struct engine *e, void *arg), void *arg);
int help_control(struct help *h, int (*fn)(struct engine *e, void *arg), void *arg);

/* Every counter of mailboxes, accounts, agencies and references equals a recount. */
void help_invariant(struct help *h);
/* `store check` finds nothing, also not in segments; the store is closed and opened again for it. */
void help_check(struct help *h);

struct store *help_reader(const struct help *h, unsigned flags);

/* The octets of a message, checked to be what is expected. */
void help_expect(struct help *h, struct store *s, unsigned who, uint32_t mailbox, uint32_t uid,
    uint8_t class, struct slice message);

#endif
