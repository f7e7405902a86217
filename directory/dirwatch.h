/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/dirwatch.h: hears from directoryd which accounts changed, for smtpd and imapd workers.
 *
 * Shape   one DIR_WATCH is always under way. When directoryd lost track (or was away, or
 *         restarted), the accounts of all sessions are asked about with DIR_ACCOUNT, a few at a
 *         time. directoryd or LDAP away changes nothing for open sessions: an account that could not
 *         be asked about is asked about again until there is an answer. An entry that makes no sense
 *         DIRWATCH_ODD times, LDAP being there, is no account any more.
 * Bounds  17 octets for each signed-in session while such a round lasts.
 */
#ifndef DIRECTORY_DIRWATCH_H
#define DIRECTORY_DIRWATCH_H

#include "directory/right.h"

enum { DIRWATCH_ODD = 3 };

struct dirwatch;

struct dirwatch_ops {
	/* The guids of all who are signed in, or about to be; the same may come several times.
	 * Writes at most max, returns how many there are. */
	size_t (*signed_in)(void *arg, uint8_t (*out)[DIR_GUID_OCTETS], size_t max);

	/* These are the rights of an account now. */
	void (*changed)(void *arg, const struct dir_right *now);
};

/* directory must outlive it. */
int dirwatch_new(struct loop *loop, struct chan_client *directory, const struct dirwatch_ops *ops,
    void *arg, struct dirwatch **out) MUST_USE;
void dirwatch_free(struct dirwatch **w);

#endif
