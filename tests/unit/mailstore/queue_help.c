/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/clock.h"
#include "queue_help.h"

static int64_t now_ms;

void
queue_now_set(int64_t ms)
{
	now_ms = ms;
}

int64_t
queue_now(void)
{
	return now_ms;
}

int
queue_begin(void **state)
{
	struct help *h = malloc(sizeof *h);

	assert_non_null(h);
	help_begin(h);
	now_ms = clock_real_ms();
	*state = h;
	return 0;
}

int
queue_end(void **state)
{
	help_end(*state);
	free(*state);
	return 0;
}

static int
claim_fn(struct engine *e, void *arg)
{
	struct claim *c = arg;

	c->req.lease_ms = 60000;
	c->r = queue_claim(e->ctl, &c->req, c->now, &c->a, &c->q, &c->next);
	return c->r < 0 ? c->r : OK;
}

void
queue_claim_at(struct help *h, struct claim *c, int64_t after_ms, int expect)
{
	arena_clear(&c->a);
	c->now = now_ms + after_ms;
	assert_int_equal(help_control(h, claim_fn, c), OK);
	assert_int_equal(c->r, expect);
}

#define ACT(name, call) \
	int \
	name(struct engine *e, void *arg) \
	{ \
		struct arena a; \
		int r; \
\
		arena_init(&a, 1 << 20); \
		r = call(e->ctl, arg, now_ms, &a); \
		arena_clear(&a); \
		return r; \
	}

ACT(queue_result_fn, queue_result)
ACT(queue_act_fn, queue_act)
ACT(queue_told_fn, queue_told)
