/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/compound.h: all documents of a compound file: doc, xls, ppt, msg, and what lies in
 * them as objects, macros, or objects of newer documents.
 *
 * Shape   pure. Each folder of the file that is a document gives its texts and titles, at the
 *         number of the folder (the outermost: 0). Each stream is known by its name, or it is a
 *         file to be looked at: so what this does not know is not passed over.
 *         Passed over: caches and settings of programs; equations, since the document shows them as
 *         pictures; compiled macros, since nothing runs them unasked and their source is read (a
 *         module without source, and forms, are files that nobody can read).
 * Bounds  those of cfb.h and hand.h.
 */
#ifndef POLICY_EXTRACT_COMPOUND_H
#define POLICY_EXTRACT_COMPOUND_H

#include "policy/extract/extract.h"

/* As extract_run(). */
int compound_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
