/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * users.h: the users of tools/users.conf, for tests that start programs. Root must name some, and
 * then the test's own services must let them in; for anybody else both do nothing.
 */
#ifndef TESTS_UNIT_COMMON_USERS_H
#define TESTS_UNIT_COMMON_USERS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/identity.h"

/* Append the section to a configuration. */
static inline void
users_print(FILE *out)
{
	const char *top = getenv("srcdir");
	char path[512], line[256];
	FILE *in;

	if (geteuid() != 0)
		return;
	snprintf(path, sizeof path, "%s/tools/users.conf", top == NULL ? ".." : top);
	in = fopen(path, "r");
	if (in == NULL) {
		perror(path);
		abort();
	}
	while (fgets(line, sizeof line, in) != NULL)
		fputs(line, out);
	fclose(in);
}

/* Let the sockets that this process makes belong to the users of a configuration. */
static inline int
users_load(const char *conf_path)
{
	struct conf *conf = NULL;
	struct buf why;
	int r;

	buf_init(&why, 65536);
	r = conf_load(conf_path, &conf, &why);
	if (r == OK)
		r = identity_load(conf, 0, &why);
	conf_free(&conf);
	buf_fini(&why);
	return r;
}

#endif
