/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/worker.h: the process that judges, and what its parent asks of it.
 *
 * Shape   a worker has one socket to be asked on, one to ask for signatures, and nothing else: no
 *         files, no network. The parent hands it the trust set and then one message at a time,
 *         each as a sealed memfd; the message is judged with judge() and answered, or the worker
 *         is killed.
 */
#ifndef POLICY_WORKER_H
#define POLICY_WORKER_H

#include "common/conf.h"
#include "policy/proto.h"

enum work_code { WORK_JUDGE = 0x0281, WORK_TRUST = 0x0282 };

/* Exit status of a worker whose sandbox could not be closed: no other would fare better. */
enum { WORKER_EXIT_SANDBOX = 78 };

#define WORK_TRUST_REPLY_FIELDS(F, L, T) \
	F(T, U32, roots, 0) \
	F(T, U32, crls, 0) \
	F(T, U64, crl_next_update_s, 0) \
	F(T, U64, crl_this_update_s, 0) \
	F(T, U64, root_end_s, 0) \
	F(T, U8, sandboxed, 1)
WIRE_STRUCT(work_trust_reply, WORK_TRUST_REPLY_FIELDS)

#define WORK_ROWS(X) \
	X(WORK_JUDGE, "judge", ROLE_POLICYD, 1, pol_judge_request, pol_judge_reply) \
	X(WORK_TRUST, "trust", ROLE_POLICYD, 1, dir_nothing, work_trust_reply)

const struct chan_row *work_rows(size_t *n_out);

/* Serve fd and ask on sign_fd (policy/sign_line.h), with nothing else of the parent's left open; does
 * not return. */
_Noreturn void worker_main(int fd, int sign_fd, const struct conf *conf);

#endif
