/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/signeddoc.h: does a file bear a signature of its own?
 *
 * Shape   a look at octets; nothing is verified, and nothing follows but a note.
 * Kinds   PDF (PAdES and older), office packages (OOXML, ODF), compound files, XML (XML-DSig).
 * Bounds  linear in the octets.
 */
#ifndef POLICY_SIGNEDDOC_H
#define POLICY_SIGNEDDOC_H

#include "policy/extract/sniff.h"

/* NOTE_PDF_SIGNATURE, NOTE_OFFICE_SIGNATURE or NOTE_XML_SIGNATURE; NOTE_COUNT: none. kind is what
 * sniff() said of the octets. */
unsigned signeddoc_note(struct slice octets, enum sniff kind);

#endif
