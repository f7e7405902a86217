/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyd.h: the process that holds the master key.
 *
 * Shape   directoryd forks a keeper before it has read anything or opened a library; the keeper
 *         forks keyd, waits for it, and starts it again with back-off if it dies. The keeper
 *         reads nothing from anyone; it makes the sockets and the folder of the keys, and then becomes
 *         keyd's user. Neither directoryd nor its helpers ever hold the master key, and after its
 *         start keyd can open nothing at all. Where there are sections `signer`, the keeper keeps a
 *         second process that holds their keys (directory/keyd_sign.h).
 */
#ifndef DIRECTORY_KEYD_H
#define DIRECTORY_KEYD_H

#include <sys/types.h>

#include "common/conf.h"
#include "directory/token.h"

struct keyd_keeper {
	pid_t pid;
	int   life_fd;	/* the keeper and keyd end when it is closed; their users may be others */
};

/*
 * Start keeper and keyd and wait until keyd serves. token_key must be the one that server_new
 * gets; it is the caller's, and only what the keeper inherits of it is wiped. If the keeper ends,
 * keyd is gone for good and so should its parent be.
 * ERR_CONF: keyd has said why in the log.
 */
int keyd_start(const struct conf *conf, uint8_t token_key[TOKEN_KEY_OCTETS],
    struct keyd_keeper *out) MUST_USE;

#endif
