/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/generation.h: what one reading of the configuration gave a parent: the snapshot, the TLS
 * context, the sockets.
 *
 * Shape   made whole or not at all; whatever is wrong is logged, every line of it.
 * TLS     the ticket keys are the program's, not a generation's. A new one is made for a generation
 *         that comes GENERATION_KEY_MS after the last; the one before stays valid.
 */
#ifndef COMMON_GENERATION_H
#define COMMON_GENERATION_H

#include <sys/stat.h>

#include "common/listen.h"
#include "common/tls.h"

enum { GENERATION_KEY_MS = 12 * 3600 * 1000 };

/* Certificate and key files, as they were when looked at. */
struct generation_files {
	bool	    there;
	struct stat of[2];
};

/* What outlives generations. */
struct generation_keeps {
	const char		*path;		/* of the configuration file */
	const char *const	*alpn;
	unsigned		 listener_roles;
	unsigned		 identities;	/* IDENTITY_BITs of the children */
	struct listen_passed	 passed;
	uint8_t			 ticket_key[2][TLS_TICKET_KEY_OCTETS];	/* the newer one first */
	unsigned		 ticket_key_count;
	uint64_t		 ticket_key_ms;
};

struct generation {
	struct conf	       *conf;
	struct tls_ctx	       *tls;
	struct listen_set	sockets;
	struct generation_files loaded;		/* what tls was made of, or failed to be */
	struct generation_files seen;		/* at the last look */
};

/* Read the file and open what it names; sockets of old (may be empty) that it still names are
 * shared with it. On failure nothing has changed. */
int generation_open(struct generation_keeps *k, const struct generation *old,
    struct generation *out) MUST_USE;

/* Close what is not in next (may be empty) too. */
void generation_close(struct generation *g, const struct generation *next);

/* In a child that is of own (which may share sockets): it has nothing of g any more. */
void generation_leave(struct generation *g, const struct generation *own);

/* Look at the certificate files; true when they have changed, have then stayed the same from one
 * look to the next, are good, and g has a new TLS context made of them. Files that are not good
 * are logged once and leave g as it was. */
bool generation_renew(struct generation_keeps *k, struct generation *g);

#endif
