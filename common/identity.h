/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/identity.h: whom each process becomes when the programs are started as root.
 *
 * Shape   identity_load() resolves the section "user" of the configuration, once, before anything
 *         else is opened. A process then prepares what only root can (sockets, folders, see
 *         common/place.h) and calls identity_take(), before it reads an octet that a peer, a file
 *         of the store or the directory could have chosen.
 *         A parent of processes of several roles stays root, calls identity_parent() and reads
 *         nothing but configuration, certificates and its children's deaths; each child calls
 *         identity_take() first of all.
 * Without the section, or when not started as root, every process stays who it is.
 * Control "identity" (see control.h) makes identity_take do nothing.
 */
#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include <sys/types.h>

#include "common/conf.h"

enum identity_role {
#define IDENTITY_ROW(id, field, extra) id,
#include "common/identity.def"
#undef IDENTITY_ROW
	IDENTITY_COUNT
};

#define IDENTITY_BIT(role)	(1u << (role))

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t extra;	/* a further group, 0: none */
};

/*
 * Resolve the section. own: IDENTITY_BITs of the roles that the calling program takes.
 * ERR_CONF, and in why one line naming the key: a name is unknown, two roles are one user, no
 * users are given to a program that is started as root and must close its sandbox, or a program
 * that is not started as root is to be somebody else. On error the former ones stay in force.
 */
int identity_load(const struct conf *conf, unsigned own, struct buf *why) MUST_USE;

/* The same, with the reason logged as EV_CONFIG_ERROR and said on standard error. */
int identity_load_or_say(const struct conf *conf, unsigned own) MUST_USE;

/* Whom a role becomes, NULL when everybody stays who they are. Static. */
const struct identity *identity_of(enum identity_role role);

/* The groups of administrators and of the store's readers; false: there is none. */
bool identity_admin_group(gid_t *out);
bool identity_store_group(gid_t *out);

/* The number of a group given by name or number; false: there is none of that name, or it is root's. */
bool identity_find_group(const char *value, gid_t *out);

/*
 * Become the role for good, without a capability. The signal at the parent's death stays set.
 * OK, also when there is nothing to do; ERR_SANDBOX (logged): the caller must exit.
 */
int identity_take(enum identity_role role) MUST_USE;

/* For the parent of several roles: keep of root's rights only those to bind ports, give sockets
 * away, become the children's users and signal them. OK or ERR_SANDBOX (logged). */
int identity_parent(void) MUST_USE;

/* The same without reading a configuration, for tests of single rows. */
int identity_become(const struct identity *who) MUST_USE;

#endif
