/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/systemd.h: what the service manager wants to know (sd_notify), and what it passes in.
 *
 * Shape   systemd_open() at the start of main(), before any sandbox: it connects to NOTIFY_SOCKET
 *         once, since later the process may not open sockets. Without NOTIFY_SOCKET all of it
 *         does nothing. Children call systemd_close().
 * Source  systemd, sd_notify(3), sd_listen_fds(3).
 */
#ifndef COMMON_SYSTEMD_H
#define COMMON_SYSTEMD_H

#include "common/slice.h"

void systemd_open(void);
void systemd_close(void);

/* READY=1: when clients and other programs are really served; also after a reload. */
void systemd_ready(void);

/* RELOADING=1: to be followed by systemd_ready(), also when the reload failed. */
void systemd_reloading(void);

/* STOPPING=1: no new work is taken. */
void systemd_stopping(void);

/* STATUS=: one line for people, at most 200 octets. */
void systemd_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The descriptors passed in, from 3 on; their names are taken out of the environment. 0 for none,
 * negative for an error. */
int systemd_listen_fds(void) MUST_USE;

#endif
