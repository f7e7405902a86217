/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/err.h"

#include <stddef.h>
#include <string.h>

static const struct {
	int err;
	enum err_class class;
	const char *text;
} rows[] = {
#define ERR_ROW(name, value, class, text) { name, ERR_CLASS_##class, text },
#include "common/err.def"
#undef ERR_ROW
};

const char *
err_text(int err)
{
	if (err >= 0)
		return "no error";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].err == err)
			return rows[i].text;
	if (err > -1000)
		return strerror(-err);
	return "unknown error";
}

enum err_class
err_class(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].err == err)
			return rows[i].class;
	return ERR_CLASS_TEMP;
}
