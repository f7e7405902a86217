/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/oleps.h: properties of documents in compound files: titles, authors, and those
 * that people name themselves, among which labels are.
 *
 * Bounds  linear but for values that properties share, which end at the buffer's ceiling.
 * Source  [MS-OLEPS] 2.3.3 (names), 2.15 (values), 2.17 (dictionary), 2.21 (streams)
 */
#ifndef POLICY_EXTRACT_OLEPS_H
#define POLICY_EXTRACT_OLEPS_H

#include "policy/extract/cfb.h"

/* Texts of a folder's streams of properties, a line each, and "name: text" of those with a name.
 * OK; ERR_NOMEM; ERR_LIMIT. */
int oleps_text(struct cfb *c, uint32_t folder, struct buf *titles) MUST_USE;

#endif
