/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/server.h: directoryd itself: asks come in, helpers answer, nothing blocks.
 *
 * Shape   one pool of helpers for sign-ins and one for look-ups, so that one cannot starve the
 *         other; a cache of positive answers; the throttle; the key that signs tokens.
 */
#ifndef DIRECTORY_SERVER_H
#define DIRECTORY_SERVER_H

#include <sys/types.h>

#include "common/conf.h"
#include "common/loop.h"
#include "directory/token.h"

struct server;

/* Make the sockets; nothing is read yet. token_key is copied. */
int server_new(struct loop *loop, const struct conf *conf,
    const uint8_t token_key[TOKEN_KEY_OCTETS], struct server **out) MUST_USE;
void server_free(struct server **s);

/* Start the helpers, look for keyd. They run as the caller does by then. */
int server_start(struct server *s) MUST_USE;

/* Take over a new configuration, which must outlive the server; what directoryd.c names as fixed is
 * as it was. Sign-ins that have begun go on as they began. */
void server_reload(struct server *s, const struct conf *conf);

/* A child was reaped: false if it is none of the helpers. */
bool server_reaped(struct server *s, pid_t pid, int status);

#endif
