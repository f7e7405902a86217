/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/rtf.h: the text of a document in Rich Text Format.
 *
 * Shape   pure. Lines of UTF-8, one per paragraph, and one per row of a table with its cells side by
 *         side. A paragraph with hidden or deleted text gives a line with it and one without.
 *         Headers, notes, text of shapes and fields are lines; titles and properties go to a
 *         list of their own.
 * Bounds  RTF_DEPTH_MAX groups in one another; linear time; the ceilings of the lists.
 * Source  Rich Text Format specification 1.9.1.
 */
#ifndef POLICY_EXTRACT_RTF_H
#define POLICY_EXTRACT_RTF_H

#include "common/buf.h"

enum { RTF_DEPTH_MAX = 256 };

enum rtf_flag {
	RTF_HAS_PICTURE = 1 << 0,
	RTF_HAS_OBJECT	= 1 << 1,	/* a file of another program inside */
};

/* OK; ERR_SYNTAX: groups do not end, or it is no RTF; ERR_LIMIT; ERR_NOMEM. What was understood
 * until then is in the lists. */
int rtf_text(struct slice octets, struct buf *text, struct buf *titles, unsigned *flags_out) MUST_USE;

#endif
