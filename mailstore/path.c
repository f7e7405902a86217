/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/path.h"

#include <stdio.h>

int
path_store(const char *state_dir, const char *below, char out[PATH_OCTETS])
{
	int n = snprintf(out, PATH_OCTETS, "%s/store%s%s", state_dir,
	    below[0] != '\0' ? "/" : "", below);

	return n > 0 && n < PATH_OCTETS ? OK : ERR_LIMIT;
}
