/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/datauri.h: contents that markup and cards carry in values: data: URIs in base64.
 *
 * Shape   pure. html_data() and card_text() collect them, one a line without "data:"; each is a
 *         file. What is called SVG and is none is EXTRACT_WHY_TYPE, bad base64
 *         is EXTRACT_WHY_BROKEN.
 * Bounds  linear; those of hand.h.
 * Source  RFC 2397
 */
#ifndef POLICY_EXTRACT_DATAURI_H
#define POLICY_EXTRACT_DATAURI_H

#include "policy/extract/extract.h"

/* Does a data: URI, of any kind, stand in it? Does it begin with one in base64? */
bool datauri_has(struct slice text);
bool datauri_is_base64(struct slice text);

/* As extract_run(), of such a list. */
int datauri_run(struct slice list, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
