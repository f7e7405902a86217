/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/conform.h: does an engine do what mailstore/ms.h demands?
 *
 * Shape   four clients do thousands of random acts, on the engine and on the one in memory
 *         (ms_memory.h). Replies, mailboxes, messages, counters and octets must be the same; what
 *         an engine may choose (numbers, UIDVALIDITY, EMAILID) must keep its rules. Each client
 *         keeps a list of its mailbox by changes and vanished alone, and it must be the true one.
 */
#ifndef TESTS_MAILSTORE_CONFORM_H
#define TESTS_MAILSTORE_CONFORM_H

#include "mailstore/ms.h"

struct conform {
	const struct ms_engine *engine;
	const struct ms_conf   *conf;
	uint32_t seed;
	unsigned rounds;	/* of one to four acts each */
	bool	 lasting;	/* what was done is there after close and open */
};

/* NULL, or what differed first (static text). */
const char *conform(const struct conform *what);

#endif
