/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/listen.h: the listening sockets of the configuration.
 *
 * Shape   opened once by the parent, shared by all workers: each connection goes to one.
 */
#ifndef SMTPD_LISTEN_H
#define SMTPD_LISTEN_H

#include "smtpd/worker.h"

enum { LISTEN_BACKLOG = 1024 };

/* Open every listener that is ours (mx, submission), keeping those that old (may be NULL) already
 * has; *out (heap) and *n_out. why: what failed. ERR_CONF, or an error of the system. */
int listen_open(const struct conf *conf, const struct worker_socket *old, size_t old_n,
    struct worker_socket **out, size_t *n_out, struct buf *why) MUST_USE;

/* Close those of old that are not in now (may be NULL), and free old. */
void listen_close(struct worker_socket *old, size_t old_n, const struct worker_socket *now,
    size_t now_n);

#endif
