/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/gc_internal.h: what gc*.c and compact*.c share; nobody else includes it.
 */
#ifndef MAILSTORE_GC_INTERNAL_H
#define MAILSTORE_GC_INTERNAL_H

#include "mailstore/engine.h"

enum { GC_HOLDS_MAX = 16 };

struct gc_hold {
	uint64_t id;			/* 0: free */
	uint64_t until_ms;		/* monotonic */
};

struct gc {
	struct gc_hold	holds[GC_HOLDS_MAX];
	struct gc_stats stats;
};

#endif
