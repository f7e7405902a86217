/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/zip.h: the files of a zip, and the text of one that is a document.
 *
 * Bounds  zipdir.h decides whether it is opened at all; sizes are those of the directory, and a
 *         file that turns out longer or damaged is told as EXTRACT_WHY_BROKEN.
 */
#ifndef POLICY_EXTRACT_ZIP_H
#define POLICY_EXTRACT_ZIP_H

#include "policy/extract/extract.h"

/* As extract_run() for EXTRACT_ZIP. */
int zip_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
