/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/field.h: levels stated inside a line: fields, boxes to tick, the number line;
 * sentences of somebody about the paper at hand; other stamps.
 *
 *   field = ["mức" | "cấp" | ...] "độ mật" [brackets] [<= 5 words] ":" level
 *
 * Not a level: a choice of several, a range ("trở lên"), an empty box, "mật" in another word.
 */
#ifndef POLICY_LABEL_FIELD_H
#define POLICY_LABEL_FIELD_H

#include "policy/label/mark.h"

/* Detectors "field", "ticked-box", "number-mark" (asserted), "sentence", "declassified",
 * "copy-stamp" (for a person), "internal-only". The whole-line mark is not looked at here. */
void field_in_line(const struct fold *f, uint32_t position, label_found_fn *found, void *arg);

/* Detector "aside", for a person, since text about marks may do the same: "[MẬT] …",
 * "BÁO CÁO - MẬT", in a short line, in capitals, set apart. */
void field_asides(const struct fold *f, uint32_t position, label_found_fn *found, void *arg);

#endif
