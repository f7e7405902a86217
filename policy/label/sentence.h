/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/sentence.h: what somebody says of the paper at hand ("đây là tài liệu mật").
 *
 * Not said of it: what might be ("nếu văn bản này thuộc độ Mật"), what is denied, how such papers
 * are sent, and what companies write below all their mail.
 */
#ifndef POLICY_LABEL_SENTENCE_H
#define POLICY_LABEL_SENTENCE_H

#include "policy/label/mark.h"

/* Detector "sentence": asserted where a paper states its level, else for a person. */
void sentence_in_line(const struct fold *f, uint32_t position, label_found_fn *found, void *arg);

#endif
