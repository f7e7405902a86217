/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/name.h: marks in subjects and in file names.
 *
 * Both are short and written in a hurry: brackets, prefixes, suffixes, and in file names mostly
 * no diacritics, where "mat" is as likely mặt, mất or mắt. So a bare "mat" counts in brackets, or
 * in capitals as a token of its own at an end of the name, and not behind a word it belongs to.
 * Source  domain.md 3.5, 6.5.
 */
#ifndef POLICY_LABEL_NAME_H
#define POLICY_LABEL_NAME_H

#include "policy/label/mark.h"

/* Marks in a decoded subject (UTF-8): detector "subject-mark" and those of field_in_line(). The
 * fold is scratch memory. */
void name_subject(struct fold *f, struct slice utf8, label_found_fn *found, void *arg);

/* Marks in a decoded file name, with or without folders and extensions: "filename-mark". */
void name_file(struct fold *f, struct slice utf8, label_found_fn *found, void *arg);

#endif
