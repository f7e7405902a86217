/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/recent.h: the UIDs of the selected mailbox that are \Recent to this session.
 *
 * Shape   every message is claimed by the first session that may tell its client of it, in runs of
 *         UIDs; runs that touch become one.
 * Bounds  RECENT_RUNS_MAX runs; past it the oldest run is forgotten.
 * Source  RFC 3501 2.3.2.
 */
#ifndef IMAPD_RECENT_H
#define IMAPD_RECENT_H

#include "imapd/backend.h"

enum { RECENT_RUNS_MAX = 1024 };

struct recent {
	struct backend_range *v;	/* ascending, lo..hi */
	size_t	 n, cap;
	uint32_t end;			/* whose the UIDs below it are is decided */
};

void recent_fini(struct recent *r);

/* It is decided up to end: first .. end - 1 are this session's (none if first >= end). Without
 * memory they are nobody's. */
void recent_add(struct recent *r, uint32_t first, uint32_t end);

bool recent_has(const struct recent *r, uint32_t uid);

#endif
