/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/measure.h: sizes, places and colours of styles that nobody sees.
 *
 * Shape   pure; small letters, white space as single spaces (css.c).
 * Source  CSS 2.2 (4.3 values), CSS Color 4 (4.2 hexadecimal, 5 rgb, 7 hsl).
 */
#ifndef POLICY_EXTRACT_MEASURE_H
#define POLICY_EXTRACT_MEASURE_H

#include "common/slice.h"

/* "0", ".0px". */
bool measure_is_nothing(struct slice v);

/* Letters too small to be seen. */
bool measure_is_tiny(struct slice v);

/* "font: 0/0 a", "font: bold 1px x": some size in it. */
bool measure_has_tiny(struct slice v);

/* A place outside of the page. */
bool measure_is_far(struct slice v);

/* White is the colour of the paper; what is seen through is no colour. */
bool measure_is_pale(struct slice v);

#endif
