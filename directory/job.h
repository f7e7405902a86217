/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/job.h: what directoryd asks its helper processes.
 *
 * Shape   the questions of proto.h handed on over a socketpair, one at a time for each helper;
 *         only a sign-in has more to tell than the client may know.
 */
#ifndef DIRECTORY_JOB_H
#define DIRECTORY_JOB_H

#include "directory/proto.h"

/* who: the name that was tried, "" before the client has told it. */
#define JOB_AUTH_REPLY_FIELDS(F, L, T) \
	F(T, STR, who, 320) \
	L(T, dir_auth_reply, reply, 1)
WIRE_STRUCT(job_auth_reply, JOB_AUTH_REPLY_FIELDS)

#define JOB_ROWS(X) \
	X(DIR_AUTH, "auth", ROLE_DIRECTORYD, 0, dir_auth_request, job_auth_reply) \
	X(DIR_RCPT, "rcpt", ROLE_DIRECTORYD, 0, dir_rcpt_request, dir_rcpt_reply) \
	X(DIR_ACCOUNT, "account", ROLE_DIRECTORYD, 0, dir_account_request, dir_account_reply) \
	X(DIR_TEST, "test", ROLE_DIRECTORYD, 0, dir_test_request, dir_test_reply) \
	X(DIR_STATUS, "status", ROLE_DIRECTORYD, 0, dir_nothing, dir_status_reply) \
	X(DIR_MECHANISMS, "mechanisms", ROLE_DIRECTORYD, 0, dir_nothing, dir_mechanisms_reply)

const struct chan_row *job_rows(size_t *n_out);

#endif
