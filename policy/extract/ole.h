/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/ole.h: files that lie in documents as objects.
 *
 * Source  [MS-OLEDS] 2.2.4, 2.2.5 (objects of OLE 1), 2.3.4 (presentations), 2.3.6 (native data)
 */
#ifndef POLICY_EXTRACT_OLE_H
#define POLICY_EXTRACT_OLE_H

#include "policy/extract/hand.h"

/* The stream "\1Ole10Native": a file with its name, or the data of some program. */
void ole_native(struct slice stream, struct hand *h);

/* A stream "\2OlePres000": the picture that a document shows in place of the object. */
void ole_picture(struct slice stream, struct hand *h);

/* An object of OLE 1, as RTF has it. */
void ole_object(struct slice octets, struct hand *h);

#endif
