/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/words.h: the words that every part of congvu uses in one meaning (DESIGN §1).
 *
 * Shape   words.def has the rows; here they become enums, and a table from value to name.
 */
#ifndef COMMON_WORDS_H
#define COMMON_WORDS_H

#include "common/slice.h"

enum word_constants {
#define WORD_ROW(set, constant, value, name) constant = value,
#include "common/words.def"
#undef WORD_ROW
};

enum word_set {
	WORD_level, WORD_zone, WORD_kind, WORD_verdict, WORD_path, WORD_sig, WORD_sig_reason,
	WORD_keyset, WORD_profile, WORD_lift
};

/* The name of a value, static; "?" for a value that the set does not have. */
const char *word_name(enum word_set set, unsigned value);

/* The value of a name: OK, or ERR_NOENT. */
int word_value(enum word_set set, struct slice name, unsigned *value_out) MUST_USE;

#define level_name(v)	word_name(WORD_level, (v))
#define zone_name(v)	word_name(WORD_zone, (v))
#define kind_name(v)	word_name(WORD_kind, (v))
#define verdict_name(v)	word_name(WORD_verdict, (v))
#define path_name(v)	word_name(WORD_path, (v))
#define sig_name(v)	word_name(WORD_sig, (v))
#define lift_name(v)	word_name(WORD_lift, (v))
#define keyset_name(v)	word_name(WORD_keyset, (v))
#define sig_reason_name(v) word_name(WORD_sig_reason, (v))

#endif
