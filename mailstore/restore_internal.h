/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/restore_internal.h: what restore*.c share; nobody else includes it.
 */
#ifndef MAILSTORE_RESTORE_INTERNAL_H
#define MAILSTORE_RESTORE_INTERNAL_H

#include "mailstore/restore.h"

struct restoring {
	struct backup	   *b;
	const struct backup_manifest *m;
	struct restore_job *job;
	int		    state, dir, lock;	/* STATE, the folder being filled, its lock */
};

/* Both environments, from their streams. */
int restore_rows(struct restoring *s) MUST_USE;

#endif
