/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/stream.h: octets of a non-blocking socket, with TLS or without.
 *
 * Results are those of common/tls.h: > 0 octets; TLS_WANT_READ, TLS_WANT_WRITE: wait for that;
 * else the end: ERR_CLOSED (also for a proper end of input), ERR_TLS.
 */
#ifndef SMTPD_STREAM_H
#define SMTPD_STREAM_H

#include "common/tls.h"

/* tls may be NULL. n >= 1. */
int stream_read(int fd, struct tls_conn *tls, char *to, size_t n) MUST_USE;
int stream_write(int fd, struct tls_conn *tls, struct slice s) MUST_USE;

#endif
