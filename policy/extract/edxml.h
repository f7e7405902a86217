/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/edxml.h: what the elements of an edXML package (or like XML) are for.
 *
 * Shape   pure. UTF-8 in. Of elements that hold text only: subjects and contents to titles, names
 *         of attachments to names, secrecy to lines "Độ mật: value" as documents write it. Prefixes
 *         and case of names do not matter. All text, and what stands encoded in it, is the caller's
 *         to read besides (html.h, uu.h): this only tells what some of it means.
 * Bounds  linear; those of hand.h.
 * Source  QCVN 102:2016/BTTTT and what programs write
 */
#ifndef POLICY_EXTRACT_EDXML_H
#define POLICY_EXTRACT_EDXML_H

#include "policy/extract/extract.h"

/* As extract_run(). */
int edxml_run(struct slice utf8, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
