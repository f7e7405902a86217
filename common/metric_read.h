/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/metric_read.h: read what other programs count of themselves.
 *
 * Shape   a whole file is copied, then checked, then looked at: its writers go on meanwhile.
 * Trust   a fallen worker may write anything into its program's file. Numbers are only ever
 *         numbers; names are shown only if they are short clean UTF-8 and there once; nothing in
 *         a file is an offset, a length or a process that anybody would signal.
 * Source  OpenMetrics 1.0.0; the Prometheus text format 0.0.4.
 */
#ifndef COMMON_METRIC_READ_H
#define COMMON_METRIC_READ_H

#include "common/buf.h"
#include "common/metric.h"

struct metric_copy;

/* "smtpd", ... static. */
const char *metric_program_name(enum metric_program program);

/* Octets of a file of this build. */
size_t metric_file_octets(void);

/* A checked copy of octets. ERR_SYNTAX: no metrics file of this program; ERR_VERSION: of another
 * build; ERR_NOMEM. */
int metric_copy_of(struct slice octets, enum metric_program program, struct metric_copy **out)
    MUST_USE;

/* The same of RUN_DIR/metrics/PROGRAM; also ERR_NOENT and other errors of the system. */
int metric_copy_read(const char *run_dir, enum metric_program program, struct metric_copy **out)
    MUST_USE;
void metric_copy_free(struct metric_copy **copy);

/* One series; of a PROCESS figure the sum of all shares; of a HISTOGRAM how many there were. */
uint64_t metric_copy_get(const struct metric_copy *copy, enum metric m, unsigned at);
/* All series of a row together. */
uint64_t metric_copy_sum(const struct metric_copy *copy, enum metric m);

uint64_t metric_copy_started_s(const struct metric_copy *copy);
uint64_t metric_copy_conf_mtime_ns(const struct metric_copy *copy);

/* The name behind an index of a label; NULL: there is none (or none that may be shown). */
const char *metric_copy_name(const struct metric_copy *copy, enum metric_label label, unsigned at);

/* What is known of one program: it runs or not; copy NULL: nothing could be read. */
struct metric_state {
	const struct metric_copy *copy;
	bool			  up;
};

/* All of it as text for Prometheus; states has METRIC_PROGRAM_COUNT of them. */
void metric_text(const struct metric_state *states, int64_t now_s, bool openmetrics,
    struct buf *out);

#endif
