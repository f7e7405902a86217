/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/stamp.h: a mark among noisy readings of something that looks like a stamp.
 *
 * Shape   readings in (UTF-8, a line each, of the same framed or red thing in a picture), findings
 *         out. All of a reading has to be the level; its letters count and not its diacritics,
 *         which are the first to be misread, and strokes of the frame that came to be read as
 *         letters are passed over. Only for such regions: in running text "MẶT" is no "MẬT".
 * Weight  asserted when the letters are those of a level, or nearly those of a long one; review
 *         when a short one is only likely.
 */
#ifndef POLICY_LABEL_STAMP_H
#define POLICY_LABEL_STAMP_H

#include "policy/label/mark.h"

/* Report at most one finding, the highest, at position 0; f is scratch. */
void stamp_mark(struct fold *f, struct slice readings, label_found_fn *found, void *arg);

#endif
