/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/circulate.h: stamps that are no level: for internal circulation, declassified, a
 * copy of a secret paper.
 *
 * Source  ND 30/2020/ND-CP (scope of circulation), forms 05, 07, 11 of TT 24/2020/TT-BCA,
 *         domain.md 2.5.
 */
#ifndef POLICY_LABEL_CIRCULATE_H
#define POLICY_LABEL_CIRCULATE_H

#include "policy/label/mark.h"

/* The stamp that the line is: its detector (static) and weight; NULL: none. */
const char *circulate_stamp(const struct fold *f, enum label_weight *weight_out);

#endif
