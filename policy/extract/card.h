/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/card.h: the text of iCalendar (RFC 5545) and vCard (RFC 2426, 6350, vCard 2.1).
 *
 * Bounds  linear; the text is no longer than the input, and one line end for every property.
 */
#ifndef POLICY_EXTRACT_CARD_H
#define POLICY_EXTRACT_CARD_H

#include "common/buf.h"

enum card_flag {
	CARD_HAS_EMBEDDED = 1 << 0,	/* a property whose value is a data: URI that is not base64 */
	CARD_HAS_HTML	  = 1 << 1	/* a property says that its value is HTML */
};

/* Does it begin like one of them? */
bool card_is(struct slice octets);

/* Append the values of all properties, unfolded and unescaped, each as lines of their own;
 * titles_out gets those that people read first (SUMMARY, ...), data_out contents in base64 (PHOTO,
 * ATTACH, ...) for datauri.h, flags_out gets CARD_*. OK or the error of a buffer. */
int card_text(struct slice octets, struct buf *out, struct buf *titles_out, struct buf *data_out,
    unsigned *flags_out) MUST_USE;

#endif
