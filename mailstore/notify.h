/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/notify.h: telling readers that accounts changed (the writing side of store_watch_*).
 *
 * Shape   <run_dir>/store.generations is an array of counters, shared by mapping, one for every
 *         account modulo their number. <run_dir>/watch/ holds a datagram socket per reader: after a
 *         commit each gets one octet. A ring that does not fit is no loss: the reader has one
 *         waiting.
 */
#ifndef MAILSTORE_NOTIFY_H
#define MAILSTORE_NOTIFY_H

#include "common/slice.h"

enum { NOTIFY_COUNTERS = 65536, NOTIFY_PATH_OCTETS = 300 };

struct notify;

/* Where the sockets of readers and the counters are. */
int notify_paths(const char *run_dir, char watch_out[NOTIFY_PATH_OCTETS],
    char counters_out[NOTIFY_PATH_OCTETS]) MUST_USE;

/* Before sandbox_enter; afterwards run_dir/watch must be readable and writable. */
int notify_open(const char *run_dir, struct notify **out) MUST_USE;
void notify_close(struct notify **n);

/* After the commit: count for each account, then ring once. */
void notify_touch(struct notify *n, uint32_t account);
void notify_ring(struct notify *n);

#endif
