/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_backup.h: what the verbs that make and read backups share.
 */
#ifndef CONTROL_CTL_BACKUP_H
#define CONTROL_CTL_BACKUP_H

#include "control/control.h"
#include "mailstore/backup.h"

enum { CTL_WHY_MAX = 1 << 20 };

/* What is wrong, a line each, to standard error; CTL_USAGE. */
int ctl_backup_why(struct buf *why);

/* A time as people and snapshots write it: 20261122T065900Z, 2026-11-22T06:59:00Z,
 * 2026-11-22T13:59:00+07:00. ERR_SYNTAX. */
int ctl_backup_time(const char *text, uint64_t *out) MUST_USE;

/* "20261122T065900Z", in the arena. */
const char *ctl_backup_name(struct ctl *ctl, uint64_t time_s);

/* mailstored is asked to keep everything in place, again and again. While it does not run nothing
 * moves; it is asked when it is back, long before it may move anything. */
struct ctl_hold {
	struct ctl *ctl;
	uint64_t    hold;		/* of mailstored; 0: none */
	uint64_t    asked_ms, kept_ms;	/* tried last; known to be kept */
};

/* As struct backup_job's hold. */
int ctl_hold(void *arg);
void ctl_hold_end(struct ctl_hold *h);

#endif
