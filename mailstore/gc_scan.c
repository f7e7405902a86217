/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/clock.h"
#include "mailstore/gc_internal.h"
#include "mailstore/queue.h"

enum { SCAN_ROWS = 256, SCAN_US = 5000, SCAN_ARENA = 64 << 20 };

static const enum control_tree trees[] = { CONTROL_INTENT, CONTROL_STUCK, CONTROL_QUEUE };

void
gc_scan_begin(struct gc_scan *s)
{
	s->tree = 0;
	s->at.n = 0;
}

static int
look_at_row(struct control *c, enum control_tree tree, const struct env_cursor *cur,
    struct arena *a, gc_body_fn fn, void *arg)
{
	struct control_intent intent = { .body_n = 0 };
	struct control_queue q = { .body_n = 0 };
	int r;

	if (tree == CONTROL_QUEUE) {
		r = queue_load(c, cur->key, a, &q);
		return r == OK && q.body_n > 0 ? fn(arg, &q.body[0]) : r;
	}
	r = control_intent_get(cur->key, cur->val, a, &intent);
	return r == OK && intent.body_n > 0 ? fn(arg, &intent.body[0]) : r;
}

/* Rows of one tree: 1: there are more, 0: that was the last. A row that cannot be read may refer to
 * anything, so it ends the walk. */
static int
look_at_tree(struct engine *e, struct gc_scan *s, struct arena *a, gc_body_fn fn, void *arg)
{
	struct slice first = s->at.n == 0 ? (struct slice){ "", 1 } : record_key_slice(&s->at);
	uint64_t end_us = clock_us() + SCAN_US;
	struct env_cursor cur;
	int r = env_cursor_open(e->ctl->t, trees[s->tree], &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, first);
	for (unsigned i = 0; r == 1 && i < SCAN_ROWS && clock_us() < end_us; i++) {
		r = look_at_row(e->ctl, trees[s->tree], &cur, a, fn, arg);
		arena_clear(a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	s->at.n = 0;
	if (r == 1)
		record_key_octets(&s->at, slice_sub(cur.key, 0, RECORD_KEY_MAX));
	env_cursor_close(&cur);
	return r;
}

int
gc_scan_step(struct engine *e, struct gc_scan *s, gc_body_fn fn, void *arg)
{
	struct arena a;
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, SCAN_ARENA);
	do {
		r = look_at_tree(e, s, &a, fn, arg);
		if (r == 0)
			s->tree++;
	} while (r == 0 && s->tree < ARRAY_LEN(trees));
	arena_clear(&a);
	control_abort(e->ctl);
	return r;
}
