/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/metric.h: figures that a program keeps of itself, for others to read.
 *
 * Shape   RUN_DIR/metrics/PROGRAM holds them: the parent makes it before its sandbox closes and
 *         maps it shared, children inherit the map. Counting is one relaxed atomic addition: no
 *         call to the kernel, no lock, no message; what a dead worker counted stays. Until
 *         metric_open() (in unit tests: always) the figures go to memory of the process.
 * Labels  rows of metric.def have up to three; metric_at() makes one index of theirs. Names from
 *         the configuration get their index by metric_slot().
 * Shares  a PROCESS figure (sessions open) is the sum of what each process holds. The parent takes
 *         a share before it forks and gives it back when it has reaped the child, so nothing is
 *         wrong for ever after a kill.
 * Secrets none: any local user may read it, as whoever reaches the port of metricsd may.
 * Bounds  a file of fixed size, about 60 KiB; METRIC_SHARES processes.
 * Reading common/metric_read.h.
 */
#ifndef COMMON_METRIC_H
#define COMMON_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/metric.def"

enum metric {
#define METRIC_ID(id, type, programs, name, unit, l1, l2, l3, help) METRIC_##id,
	METRICS(METRIC_ID)
#undef METRIC_ID
	METRIC_COUNT
};

enum metric_label {
#define METRIC_LABEL_ID(kind, id, name, count, words) METRIC_LABEL_##id,
	METRIC_LABELS(METRIC_LABEL_ID)
#undef METRIC_LABEL_ID
	METRIC_LABEL_COUNT
};

enum metric_program {
#define METRIC_PROGRAM_ID(id, name) METRIC_PROGRAM_##id,
	METRIC_PROGRAMS(METRIC_PROGRAM_ID)
#undef METRIC_PROGRAM_ID
	METRIC_PROGRAM_COUNT
};

enum {
	METRIC_SHARES = 256,
	METRIC_NAME_MAX = 63,	/* octets of a name that metric_slot() keeps */
};

/* Indexes of labels with words, in their order. */
enum { METRIC_OK, METRIC_BAD, METRIC_UNAVAILABLE };		/* SIGN_IN; also RELOAD, SCRAPE */
enum { METRIC_ACCEPTED, METRIC_REFUSED, METRIC_DEFERRED };	/* MESSAGE */
enum { METRIC_DELIVERED, METRIC_RELAY_DEFERRED, METRIC_RELAY_FAILED };	/* RELAYED */
enum { METRIC_SIGNED, METRIC_NOT_SIGNED };			/* SIGNATURE */
enum { METRIC_SENT, METRIC_NOTICE_REFUSED, METRIC_DROPPED, METRIC_NOTICE_DEFERRED };	/* NOTICE */
enum { METRIC_IN, METRIC_OUT };					/* DIRECTION */
enum { METRIC_INDEX, METRIC_CONTROL };				/* ENV */

/*
 * Make RUN_DIR/metrics/PROGRAM anew and count there from now on. Once, in the parent, before it
 * forks or closes its sandbox. ERR_NOENT: no such program; else the reason why the file could not
 * be made: the program may go on, its figures are then its own.
 */
int metric_open(const char *run_dir, const char *program) MUST_USE;

/* In a child that has nothing to count and reads hostile octets: let go of the file. */
void metric_leave(void);

/* The index of label values a, b, c (0 for those that the row does not have). */
unsigned metric_at(enum metric m, unsigned a, unsigned b, unsigned c);

/* Count. An index that the row does not have counts nowhere. */
void metric_add(enum metric m, unsigned at, uint64_t n);
void metric_sub(enum metric m, unsigned at, uint64_t n);	/* of GAUGE and PROCESS */
void metric_set(enum metric m, unsigned at, uint64_t value);	/* of GAUGE, TIME and AGE */
void metric_observe_us(enum metric m, unsigned at, uint64_t us);	/* of HISTOGRAM */
/* A session of a kind (SESSIONS_OPEN's labels) begins or ends. */
void metric_session(unsigned at, bool begins);
uint64_t metric_get(enum metric m, unsigned at);	/* own share of a PROCESS figure */

/* The index of a configured name; the first call with it gives it one, and that only the parent
 * may do. metric_slot_find() never does: an unknown name is "other". */
unsigned metric_slot(enum metric_label label, const char *name);
unsigned metric_slot_find(enum metric_label label, const char *name, size_t n);

/* A share for a child: take before the fork (-1: none left, it counts nowhere), enter in the
 * child, give back when it has been reaped. */
int metric_share_take(void);
void metric_share_enter(int share);
void metric_share_give(int share);

/* The configuration file at path came into force; or it was wrong and the old one stays. */
void metric_config_loaded(const char *path);
void metric_config_failed(void);

#endif
