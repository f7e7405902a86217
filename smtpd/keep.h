/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* smtpd/keep.h: keep an answer of another program beyond its callback. */
#ifndef SMTPD_KEEP_H
#define SMTPD_KEEP_H

#include "common/wire.h"

/* A deep copy of *msg in mem, or NULL when mem cannot hold it. */
void *keep_message(const struct wire_type *type, const void *msg, struct arena *mem) MUST_USE;

#endif
