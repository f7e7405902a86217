/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/watcher.h: follows the LDAP server for changes, in a helper process of its own.
 *
 * Shape   watcher_step is called again and again; it returns what changed since it returned
 *         last, at once when something did, else after up to WATCHER_IDLE_MS. With synchronisation (RFC
 *         4533) the server says what changed. Without, every step asks for entries by
 *         modifyTimestamp, and whether those who are signed in are still there; the caller leaves
 *         time between the steps.
 * Errors  what cannot be asked is DIR_WATCHED_AWAY; when the server is back, what changed meanwhile
 *         is told (by the cookie, or by comparing everything), or `all`.
 */
#ifndef DIRECTORY_WATCHER_H
#define DIRECTORY_WATCHER_H

#include "directory/job.h"
#include "directory/ldapc.h"

enum { WATCHER_IDLE_MS = 10 * 1000 };

struct watcher;

int watcher_new(const struct conf *conf, struct ldapc *ldap, struct watcher **out) MUST_USE;
void watcher_free(struct watcher **w);

/* *out is valid until the next step. */
void watcher_step(struct watcher *w, const struct job_watch_request *q,
    struct job_watch_reply *out);

#endif
