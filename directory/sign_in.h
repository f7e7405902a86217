/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/sign_in.h: sign-ins by Cyrus SASL over LDAP: the only file that speaks to Cyrus SASL.
 *
 * Shape   one step of a SASL exchange in, one answer out. The password callback looks the entry up
 *         and binds as it; what it found is kept with the conversation and decides the outcome,
 *         for SASL's own code cannot tell a dead directory from a wrong password.
 * Safety  options come from here alone: no configuration file, no saslauthd, no sasldb, and only
 *         the plugins of the mechanisms in the table are loaded. Unknown name and wrong password
 *         take the same way. The state of an account is told only to who knows its password.
 * Bounds  SIGN_IN_CONVERSATIONS unfinished exchanges, the oldest is forgotten.
 * Source  RFC 4422, RFC 4616 (PLAIN), RFC 4513 5.1 (simple bind).
 */
#ifndef DIRECTORY_SIGN_IN_H
#define DIRECTORY_SIGN_IN_H

#include "directory/agency.h"
#include "directory/job.h"
#include "directory/ldapc.h"

enum { SIGN_IN_CONVERSATIONS = 256, SIGN_IN_LIFE_MS = 120 * 1000 };

struct sign_in;

/* Load the library and its plugins: before the sandbox closes, once a process. */
int sign_in_new(const struct conf *conf, struct ldapc *ldap, struct agencies *agencies,
    struct sign_in **out) MUST_USE;
void sign_in_free(struct sign_in **s);

/* The mechanisms that work, separated by spaces; valid until the next call. */
struct slice sign_in_mechanisms(struct sign_in *s);

/* One step. ERR_UNAVAIL: it could not be decided. out lives in the arena. */
int sign_in_step(struct sign_in *s, const struct dir_auth_request *q, struct arena *arena,
    struct job_auth_reply *out) MUST_USE;

#endif
