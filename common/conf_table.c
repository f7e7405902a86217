/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/conf_table.h"

#define ROW(section, type, field, key, def, min, max, unit, check, text) \
	{ CONF_##type, key, offsetof(struct conf_##section, field), def, min, max, unit, check, text },
#define KEYS(section, many, text) \
	static const struct conf_key section##_keys[] = { CONF_##section(ROW) };
CONF_SECTIONS(KEYS)

#define COUNT_SINGLE(section)	0
#define COUNT_MULTI(section)	offsetof(struct conf, section##_n)
#define IS_SINGLE		false
#define IS_MULTI		true
#define SECTION(section, many, text) \
	{ #section, IS_##many, text, section##_keys, ARRAY_LEN(section##_keys), \
	    sizeof(struct conf_##section), offsetof(struct conf, section), COUNT_##many(section) },

const struct conf_section conf_table[] = { CONF_SECTIONS(SECTION) };
const size_t conf_table_n = ARRAY_LEN(conf_table);

int
conf_choice(const char *words, const char *word)
{
	struct slice all = slice_of(words), one;
	int i = 0;
	bool more;

	do {
		more = slice_cut(&all, '|', &one);
		if (slice_is(one, word))
			return i;
		i++;
	} while (more);
	return -1;
}

static const char *
number_wrong(const struct conf_key *key, const char *value)
{
	uint64_t v;
	int r = slice_u64(slice_of(value), UINT64_MAX, &v);

	if (r == ERR_SYNTAX)
		return "is not a whole number";
	if (r != OK || v < key->min || v > key->max)
		return "is out of range";
	return NULL;
}

const char *
conf_value_wrong(const struct conf_key *key, const char *value)
{
	size_t n = slice_of(value).n;

	switch (key->type) {
	case CONF_U64:
		return number_wrong(key, value);
	case CONF_BOOL:
		return conf_choice("false|true", value) < 0 ? "is neither true nor false" : NULL;
	case CONF_CHOICE:
		return conf_choice(key->unit, value) < 0 ? "is not one of the allowed words" : NULL;
	case CONF_PATH:
		if (value[0] != '/')
			return "is not an absolute path";
		/* FALLTHROUGH */
	case CONF_STR:
		if (n < key->min || n > key->max)
			return n < key->min ? "is too short" : "is too long";
		break;
	case CONF_LIST:
		if (n > 1000)
			return "is too long";
		break;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ')
			return "has a control character";
	return key->check != NULL ? key->check(value) : NULL;
}
