/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/view.h: other readings of a line of text that was decoded as something else.
 *
 * A legacy font text (TCVN3, VNI) that travelled as Latin-1 reaches us as "MËT"; its readers see
 * MẬT since their font says so. Each reading that can hold the syllable "mật" is made, and
 * matched like the line itself.
 * Bounds  VIEW_LINE_MAX octets of input; linear.
 * Source  domain.md 6.2, 6.3.
 */
#ifndef POLICY_LABEL_VIEW_H
#define POLICY_LABEL_VIEW_H

#include "common/buf.h"

enum { VIEW_LINE_MAX = 4096, VIEW_OUT_MAX = 4 * VIEW_LINE_MAX };

enum view {
	VIEW_TCVN3, VIEW_VNI, VIEW_VISCII, VIEW_VPS, VIEW_1258, VIEW_UTF8,
	VIEW_VIQR,	/* MA^.T */
	VIEW_ESCAPED,	/* M&#7852;T, M\u1EACT, M=E1=BA=ACT, M%E1%BA%ACT */
	VIEW_REVERSED,	/* right-to-left override */
	VIEW_COUNT
};

/* Which readings could say more than the line itself: a mask of 1 << enum view. */
unsigned view_which(struct slice line);

/* Octets as windows-1252, what has no meaning there as it is: nothing is lost, so that every legacy
 * reading can be made of it. */
void view_of_octets(struct slice octets, struct buf *out);

/* Write that reading of the line into out (cleared first) as UTF-8. False: there is none. */
bool view_make(enum view v, struct slice line, struct buf *out);

#endif
