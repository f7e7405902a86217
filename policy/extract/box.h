/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/box.h: extract_run() in a process of its own that can do nothing else.
 *
 * Shape   fork; the child closes everything but one pipe, sets its resource limits, closes a
 *         seccomp filter (write to the pipe, memory, exit) and answers with a stream of frames.
 *         The parent reads them under a deadline and believes nothing that it has not checked.
 * Needs   clone/fork, pipe2, poll, read, close, wait4, kill and clock_gettime in the parent; in
 *         the child, before its own filter, close_range, prctl, prlimit64 and seccomp.
 * Bounds  the answer is at most limits->out_octets_max octets and some for the framing; the
 *         child is killed at limits->deadline_ms.
 * Test    in builds with --enable-controls CONGVU_BOX_FAULT=crash|hang|lie|short|flood|open|late
 *         makes the child misbehave.
 */
#ifndef POLICY_EXTRACT_BOX_H
#define POLICY_EXTRACT_BOX_H

#include "policy/extract/extract.h"

/*
 * As extract_run(). The sink sees pieces only after the child has answered in full and died in
 * order. ERR_TIMEOUT: killed at the deadline; ERR_FRAME: it died, or its answer is not well
 * formed, or too large; ERR_SANDBOX: the child could not lock itself in; ERR_NOMEM, -errno of
 * fork or pipe. Each of these means: the container was not inspected.
 */
int box_extract(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg) MUST_USE;

#endif
