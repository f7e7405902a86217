/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/pack.h: the files of archives other than zip: 7z, rar, tar, cab, iso, and single
 * files compressed by gzip, bzip2, xz or zstd.
 *
 * Shape   EXTRACT_NAME and EXTRACT_FILE of each file. Links, devices and paths that lead out of the
 *         folder are EXTRACT_OPAQUE, as is all that libarchive complains of: other programs may
 *         see something else there.
 * Bounds  struct extract_limits, while it is read, since most of these do not say sizes beforehand.
 */
#ifndef POLICY_EXTRACT_PACK_H
#define POLICY_EXTRACT_PACK_H

#include "policy/extract/extract.h"

/* As extract_run() for EXTRACT_PACK. */
int pack_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
