/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/place.h: the folders that several users share, made or checked at start.
 *
 * Shape   place_shared: a folder of the starter's (run-dir, state-dir) in which each service has
 *         things of its own, so nobody else may write in it. place_own: what a role owns in there.
 *         Called before identity_take() by the only process that starts then.
 *         What is wrong is told with the command that mends it; only a mode of our own is mended
 *         here, since somebody else's files have come there in some way that a person should know.
 */
#ifndef COMMON_PLACE_H
#define COMMON_PLACE_H

#include <sys/stat.h>

#include "common/identity.h"

/* It is there, its owner is root or we, nobody else may write in it and, where roles have users
 * of their own, all may pass through. OK, or ERR_CONF with one line in why. */
int place_shared(const char *path, struct buf *why) MUST_USE;

/*
 * A folder at path with that mode, owner who (NULL: we) and group gid (0: the owner's); made if it
 * is missing. One that gives group and others less is right, too.
 * OK, or ERR_CONF with one line in why.
 */
int place_own(const char *path, mode_t mode, const struct identity *who, gid_t gid,
    struct buf *why) MUST_USE;

/* The same for a file of octets, made empty. */
int place_own_file(const char *path, mode_t mode, const struct identity *who, gid_t gid,
    struct buf *why) MUST_USE;

#endif
