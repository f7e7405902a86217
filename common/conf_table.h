/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/conf_table.h: conf.def as a table, for conf*.c only.
 */
#ifndef COMMON_CONF_TABLE_H
#define COMMON_CONF_TABLE_H

#include "common/conf_check.h"

enum conf_type { CONF_STR, CONF_PATH, CONF_U64, CONF_BOOL, CONF_CHOICE, CONF_LIST };

struct conf_key {
	enum conf_type	type;
	const char     *key;
	size_t		offset;
	const char     *value;	/* default; NULL = required */
	uint64_t	min, max;
	const char     *unit;	/* CHOICE: the words */
	conf_check_fn	check;
	const char     *text;
};

struct conf_section {
	const char	      *name;	/* "general" is the top of the file */
	bool		       multi;
	const char	      *text;
	const struct conf_key *keys;
	size_t		       keys_n;
	size_t		       size;	/* of its struct */
	size_t		       offset;	/* in struct conf */
	size_t		       offset_count; /* multi */
};

extern const struct conf_section conf_table[];
extern const size_t conf_table_n;

/* The index of word in "a|b|c", or -1. */
int conf_choice(const char *words, const char *word);

/* What is wrong with one value of the key (of a LIST: one item), or NULL. */
const char *conf_value_wrong(const struct conf_key *key, const char *value);

#endif
