/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/source.h: where entries come from: LDAP (ldapc.h), or a table in a test.
 */
#ifndef DIRECTORY_SOURCE_H
#define DIRECTORY_SOURCE_H

#include "directory/entry.h"

struct entry_list {
	struct entry *v;
	size_t	      n;
};

struct source {
	void *arg;

	/* At most limit entries below the search base that match filter, with the attributes of
	 * want (ENTRY_WANT_*). OK; ERR_UNAVAIL; ERR_LIMIT: more than fits. */
	int (*search)(void *arg, const char *filter, unsigned want, size_t limit,
	    struct arena *arena, struct entry_list *out);

	/* The entries of these names, in any order; names that do not exist are left out. */
	int (*fetch)(void *arg, const struct slice *dns, size_t n, unsigned want,
	    struct arena *arena, struct entry_list *out);
};

#endif
