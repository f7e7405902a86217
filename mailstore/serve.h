/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/serve.h: mailstored as a service: requests become jobs of the engine, those that arrive
 * together become one group.
 */
#ifndef MAILSTORE_SERVE_H
#define MAILSTORE_SERVE_H

#include "common/conf.h"
#include "common/loop.h"

struct server;

/* Lock the store and make what needs the starter's rights: its folder, the readers' and the sockets.
 * Nothing is read yet. error_out: what to tell the administrator, static, or in why when that is
 * not empty. */
int server_new(struct loop *loop, const struct conf *conf, struct server **out,
    const char **error_out, struct buf *why) MUST_USE;

/* Open the store, look for keyd (which may come later). */
int server_open(struct server *sv, const char **error_out) MUST_USE;

/* Take over a new configuration, which must outlive the server; those keys of it that are fixed in
 * mailstored.c are as they were. */
void server_reload(struct server *sv, const struct conf *conf);

/* Finish what has been taken on, then let go of everything. */
void server_free(struct server **sv);

/* OK, or the error after which the program should end and be started again. */
int server_broken(const struct server *sv);

#endif
