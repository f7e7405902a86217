/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/emf.h: drawings of Windows: WMF, EMF, and EMF+ inside; those of LibreOffice (SVM),
 * which stand for charts and objects in OpenDocument.
 *
 * Shape   pure. Each text that is drawn as a line, and those drawn at one height side by side, once
 *         with blanks between and once without; bitmaps as files. Text by numbers of glyphs, and
 *         bitmaps of kinds that nothing here knows, are EXTRACT_WHY_TYPE. Lines and areas are not
 *         read.
 * Bounds  linear; those of hand.h.
 * Source  [MS-EMF] 2.3, [MS-WMF] 2.3, [MS-EMFPLUS] 2.3.4.14
 */
#ifndef POLICY_EXTRACT_EMF_H
#define POLICY_EXTRACT_EMF_H

#include "policy/extract/extract.h"

/* EMF, SVM, or WMF with or without the head that files have. */
bool emf_is(struct slice octets);

/* As extract_run(). */
int emf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg) MUST_USE;

#endif
