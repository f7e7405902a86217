/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetched.h: how the last run of congvu-trust went, which it leaves beside the lists, as
 * metrics of policyd: congvu-trust itself is gone when somebody looks.
 */
#ifndef POLICY_FETCHED_H
#define POLICY_FETCHED_H

#include <sys/stat.h>

struct fetched {
	struct stat seen;	/* of the file when it was read last */
};

/* Look, and read if it has changed; a stat call when it has not. crls: signature.crls. */
void fetched_look(struct fetched *fetched, const char *crls);

#endif
