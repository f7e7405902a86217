/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/queue_help.h: the queue of a store, as its tests drive it at their own time.
 */
#ifndef TESTS_MAILSTORE_QUEUE_HELP_H
#define TESTS_MAILSTORE_QUEUE_HELP_H

#include "help.h"
#include "mailstore/queue_internal.h"

/* The time of the store, in ms since 1970; queue_begin sets it to the real one. */
void queue_now_set(int64_t ms);
int64_t queue_now(void);

/* Of a cmocka test: a store with an open engine as *state. */
int queue_begin(void **state);
int queue_end(void **state);

struct claim {
	struct st_claim_request req;
	struct control_queue q;
	struct arena a;		/* initialised by the test */
	int64_t now, next;
	int r;
};

/* Claim what is due after_ms later; expect 1 (there is something) or 0. */
void queue_claim_at(struct help *h, struct claim *c, int64_t after_ms, int expect);

/* Acts in control for help_control: arg is the request of that name. */
int queue_result_fn(struct engine *e, void *arg);
int queue_act_fn(struct engine *e, void *arg);
int queue_told_fn(struct engine *e, void *arg);

#endif
