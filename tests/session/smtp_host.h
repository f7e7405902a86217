/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/smtp_host.h: the host of the engine in a transcript: it notes what it is asked, and
 * answers when the transcript says so.
 */
#ifndef TESTS_SMTP_HOST_H
#define TESTS_SMTP_HOST_H

#include "smtpd/engine.h"

enum { MAYS = ENGINE_MAY_ERR + 1 };

struct run {
	struct engine engine;
	struct buf    out, in, requests, body;
	size_t	      out_at, requests_at;
	bool	      body_open, over[MAYS];
	unsigned      counts[MAYS];
	uint64_t      now_ms;
	char	      why[2048];
	struct slice  identities[8];
	char	      account[2048];
};

const struct engine_ops *smtp_host_ops(void);

/* What an A-line says: false if it is none. */
bool smtp_host_answer(struct run *r, struct slice text);

#endif
