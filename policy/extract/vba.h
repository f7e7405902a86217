/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/vba.h: the source of macros.
 *
 * Shape   pure. Lines of source, and each text between quotes as a line of its own, in windows-1252
 *         made UTF-8 (label/view reads older encodings from that).
 * Bounds  linear: a chunk is 4096 octets, each taken once.
 * Source  [MS-OVBA] 2.4.1 (compression), 2.3.4.3 (module streams)
 */
#ifndef POLICY_EXTRACT_VBA_H
#define POLICY_EXTRACT_VBA_H

#include "common/buf.h"

/* A module's stream. OK; ERR_CORRUPT: no source is in it, or it breaks off; text->err. */
int vba_source(struct slice stream, struct buf *text) MUST_USE;

#endif
