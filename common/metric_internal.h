/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/metric_internal.h: the layout of a metrics file; only metric*.c include it.
 */
#ifndef COMMON_METRIC_INTERNAL_H
#define COMMON_METRIC_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>

#include "common/metric.h"

#define METRIC_MAGIC	"congvu-metric\n"

enum { METRIC_VERSION = 1, METRIC_BUCKETS = 18 };

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_PROCESS, METRIC_TIME, METRIC_AGE,
    METRIC_HISTOGRAM };

/* Cells that one combination of labels takes, in the shared part and in a share. A histogram has
 * one per bucket, one above them all, and the sum of microseconds. */
#define METRIC_SHARED_COUNTER	1
#define METRIC_SHARED_GAUGE	1
#define METRIC_SHARED_PROCESS	0
#define METRIC_SHARED_TIME	1
#define METRIC_SHARED_AGE	1
#define METRIC_SHARED_HISTOGRAM	(METRIC_BUCKETS + 2)
#define METRIC_OWN_COUNTER	0
#define METRIC_OWN_GAUGE	0
#define METRIC_OWN_PROCESS	1
#define METRIC_OWN_TIME		0
#define METRIC_OWN_AGE		0
#define METRIC_OWN_HISTOGRAM	0

enum {
#define METRIC_N(kind, id, name, count, words) METRIC_N_##id = count,
	METRIC_LABELS(METRIC_N)
#undef METRIC_N
};

/* Names are kept label by label; the last value of a label, "other", needs no room. */
#define METRIC_KIND_WORDS	0
#define METRIC_KIND_SLOTS	1
#define METRIC_ROOM(kind, id, name, count, words) + METRIC_KIND_##kind * (count - 1)
enum { METRIC_SLOTS = 0 METRIC_LABELS(METRIC_ROOM) };

enum {
#define METRIC_BIT(id, name) P_##id = 1 << METRIC_PROGRAM_##id,
	METRIC_PROGRAMS(METRIC_BIT)
#undef METRIC_BIT
};

/* Where the cells of each row begin. */
enum {
#define METRIC_WIDTH(id, type, programs, name, unit, l1, l2, l3, help) \
	METRIC_FIRST_##id, METRIC_LAST_##id = METRIC_FIRST_##id - 1 + \
	    METRIC_SHARED_##type * METRIC_N_##l1 * METRIC_N_##l2 * METRIC_N_##l3,
	METRICS(METRIC_WIDTH)
#undef METRIC_WIDTH
	METRIC_CELLS
};

enum {
#define METRIC_WIDTH(id, type, programs, name, unit, l1, l2, l3, help) \
	METRIC_OWN_FIRST_##id, METRIC_OWN_LAST_##id = METRIC_OWN_FIRST_##id - 1 + \
	    METRIC_OWN_##type * METRIC_N_##l1 * METRIC_N_##l2 * METRIC_N_##l3,
	METRICS(METRIC_WIDTH)
#undef METRIC_WIDTH
	METRIC_OWN_CELLS
};

struct metric_slot {
	_Atomic uint32_t ready;			/* the name is whole */
	char		 name[METRIC_NAME_MAX + 1];
};

struct metric_share {
	_Atomic uint64_t taken;
	_Atomic uint64_t cells[METRIC_OWN_CELLS];
};

struct metric_file {
	char		    magic[16];
	uint32_t	    version, program;	/* enum metric_program */
	uint64_t	    table;		/* metric_table_hash() */
	uint64_t	    started_s;		/* real clock */
	_Atomic uint64_t    conf_mtime_ns;	/* of the file whose content is in force */
	_Atomic uint64_t    cells[METRIC_CELLS];
	struct metric_share shares[METRIC_SHARES];
	struct metric_slot  slots[METRIC_SLOTS];
};

struct metric_row {
	const char	 *name, *unit, *help;
	enum metric_type  type;
	unsigned	  programs;
	enum metric_label labels[3];
	unsigned	  first;	/* cell, in the shared part or in a share */
	unsigned	  series;	/* combinations of labels */
	unsigned	  width;	/* cells of one */
};

struct metric_label_row {
	const char *name, *words;	/* words NULL: slots */
	unsigned    count;
	unsigned    slot;		/* first of its slots */
};

struct metric_copy;

/* A cell of the shared part of a copy. */
uint64_t metric_copy_cell(const struct metric_copy *copy, unsigned cell);

extern const struct metric_row metric_rows[METRIC_COUNT];
extern const struct metric_label_row metric_label_rows[METRIC_LABEL_COUNT];
extern const char *const metric_program_names[METRIC_PROGRAM_COUNT];
extern const uint64_t metric_bounds_us[METRIC_BUCKETS];

/* Changes when a row, a label or the layout does: files of another build are not misread. */
uint64_t metric_table_hash(void);

#endif
