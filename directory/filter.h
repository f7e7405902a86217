/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/filter.h: the one place where LDAP search filters are written.
 *
 * Shape   filter_open(b, '|'); filter_equals(b, "mail", address); filter_close(b);
 *         Every value is escaped here; no other code may put a value into a filter.
 * Bounds  those of the buf: b->err is looked at once at the end.
 * Source  RFC 4515 3.
 */
#ifndef DIRECTORY_FILTER_H
#define DIRECTORY_FILTER_H

#include "common/buf.h"

enum { FILTER_OCTETS_MAX = 65536 };

/* Begin and end "(&...)", "(|...)" or "(!...)". */
void filter_open(struct buf *b, char op);
void filter_close(struct buf *b);

/* (attribute=value). attribute is a name from the configuration or from our code; its options
 * (";binary") are left out. A name with any other character than letters, digits, "-" and "."
 * makes b->err ERR_INVAL. */
void filter_equals(struct buf *b, const char *attribute, struct slice value);

/* (attribute>=value), as filter_equals. */
void filter_at_least(struct buf *b, const char *attribute, struct slice value);

#endif
