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

/* What changed in the directory since the last answer of this helper, which may wait for it. */
#define JOB_WATCH_REQUEST_FIELDS(F, L, T) \
	L(T, dir_guid, signed_in, 16384)	/* whose deletion must be noticed, when polling */
WIRE_STRUCT(job_watch_request, JOB_WATCH_REQUEST_FIELDS)

#define JOB_WATCH_REPLY_FIELDS(F, L, T) \
	F(T, U8, how, 3)		/* DIR_WATCHED_* */ \
	F(T, U8, all, 1)		/* track was lost: anything may have changed */ \
	F(T, U8, other, 1)		/* an entry that is no account changed */ \
	F(T, U8, more, 1)		/* and there is more to tell: ask again at once */ \
	L(T, dir_right, changes, 1024)
WIRE_STRUCT(job_watch_reply, JOB_WATCH_REPLY_FIELDS)

enum { JOB_WATCH = 0x01f1 };

#define JOB_ROWS(X) \
	X(JOB_WATCH, "watch", ROLE_DIRECTORYD, 0, job_watch_request, job_watch_reply) \
	X(DIR_AUTH, "auth", ROLE_DIRECTORYD, 0, dir_auth_request, job_auth_reply) \
	X(DIR_RCPT, "rcpt", ROLE_DIRECTORYD, 0, dir_rcpt_request, dir_rcpt_reply) \
	X(DIR_ACCOUNT, "account", ROLE_DIRECTORYD, 0, dir_account_request, dir_account_reply) \
	X(DIR_TEST, "test", ROLE_DIRECTORYD, 0, dir_test_request, dir_test_reply) \
	X(DIR_STATUS, "status", ROLE_DIRECTORYD, 0, dir_nothing, dir_status_reply) \
	X(DIR_MECHANISMS, "mechanisms", ROLE_DIRECTORYD, 0, dir_nothing, dir_mechanisms_reply)

const struct chan_row *job_rows(size_t *n_out);

#endif
