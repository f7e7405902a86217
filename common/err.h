/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/err.h: the one list of errors.
 *
 * Shape   functions return int: 0 (OK), a row of err.def (negative), or for iterators 1 = item,
 *         0 = end or "more input needed", negative = error.
 * Source  err.def holds the rows.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <errno.h>

#define MUST_USE	__attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)	(sizeof(a) / sizeof *(a))

enum err {
	OK = 0,
#define ERR_ROW(name, value, class, text) name = value,
#include "common/err.def"
#undef ERR_ROW
};

enum err_class { ERR_CLASS_PERM, ERR_CLASS_TEMP, ERR_CLASS_PROTO, ERR_CLASS_BUG };

/* Human text of an error for logs, static. An -errno without a row gets strerror's text. */
const char *err_text(int err);

/* What the edge may say of it. An -errno without a row is TEMP: an error is never a "yes". */
enum err_class err_class(int err);

#endif
