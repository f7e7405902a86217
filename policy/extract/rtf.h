/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/rtf.h: the text of a document in Rich Text Format.
 *
 * Shape   pure. Lines of UTF-8, one per paragraph, and one per row of a table with its cells side
 *         by side. A paragraph with hidden or deleted text gives a line with it and one without.
 *         Headers, notes, text of shapes and fields are lines; titles and properties go to a
 *         list of their own.
 * Bounds  RTF_DEPTH_MAX groups in one another; linear time; the ceilings of the lists.
 * Source  Rich Text Format specification 1.9.1.
 */
#ifndef POLICY_EXTRACT_RTF_H
#define POLICY_EXTRACT_RTF_H

#include "common/buf.h"
#include "policy/extract/hand.h"

enum { RTF_DEPTH_MAX = 256 };

/* Pictures and objects are handed out while they are read. OK; ERR_SYNTAX: groups do not end, or it is
 * no RTF; ERR_LIMIT; ERR_NOMEM. What was understood until then is in the lists. */
int rtf_text(struct slice octets, struct hand *h, struct buf *text, struct buf *titles) MUST_USE;

/* As extract_run(). */
int rtf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
