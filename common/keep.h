/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* common/keep.h: keep an answer of another program beyond its callback. */
#ifndef COMMON_KEEP_H
#define COMMON_KEEP_H

#include "common/wire.h"

/* A deep copy of *msg in mem, or NULL when mem cannot hold it. */
void *keep_message(const struct wire_type *type, const void *msg, struct arena *mem) MUST_USE;

#endif
