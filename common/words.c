/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/words.h"

static const struct {
	enum word_set set;
	unsigned value;
	const char *name;
} rows[] = {
#define WORD_ROW(set, constant, value, name) { WORD_##set, value, name },
#include "common/words.def"
#undef WORD_ROW
};

const char *
word_name(enum word_set set, unsigned value)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].set == set && rows[i].value == value)
			return rows[i].name;
	return "?";
}

int
word_value(enum word_set set, struct slice name, unsigned *value_out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].set == set && slice_is(name, rows[i].name)) {
			*value_out = rows[i].value;
			return OK;
		}
	return ERR_NOENT;
}
