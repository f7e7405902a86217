/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/probe.h: "congvuctl directory test USER": ask everything, and tell each step.
 */
#ifndef DIRECTORY_PROBE_H
#define DIRECTORY_PROBE_H

#include "directory/agency.h"
#include "directory/ldapc.h"

/* budget_ms for each server and for the questions behind. agencies may be NULL. out is in the
 * arena. */
int probe_run(const struct conf *conf, struct ldapc *ldap, struct agencies *agencies,
    struct slice user, uint64_t budget_ms, struct arena *arena, struct dir_test_reply *out)
    MUST_USE;

#endif
