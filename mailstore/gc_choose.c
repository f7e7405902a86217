/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Which segment is emptied next, and which one its frames go to. */
#include "mailstore/gc_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metric.h"

enum { SMALL_PART = 8, SMALL_MANY = 8, WORTH_PART = 10 };

static uint64_t
dead_octets(const struct record_segment *row)
{
	return row->total_octets > row->live_octets ? row->total_octets - row->live_octets : 0;
}

/* ---- targets ---- */

static int
seal_target(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	struct record_segment row;
	int r = index_begin_write(e->ix);

	if (r == OK)
		r = index_segment_get(e->ix, c->target_number, &row);
	if (r == OK) {
		row.state = SEGMENT_SEALED;
		r = index_segment_put(e->ix, c->target_number, &row);
	}
	if (r == OK)
		r = gc_condemn_empty(e, c->target_number, &row, now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	if (r != OK)
		return r;
	close(c->target_fd);
	c->target_fd = -1;
	c->target_number = 0;
	return OK;
}

/* Its row comes first, so that it is known for what it is whatever happens then. */
static int
new_target(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	struct record_segment row = { .state = SEGMENT_OPEN, .born_s = now_s };
	uint32_t number;
	int fd, r = segment_writer_number(e->seg, &number);

	if (r == OK)
		r = segment_target_new(e->gc->dir, number, row.epoch_public, &fd);
	if (r != OK)
		return r;
	r = index_begin_write(e->ix);
	if (r == OK)
		r = index_segment_put(e->ix, number, &row);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	if (r != OK) {
		close(fd);	/* without a row it is found at the next start */
		return r;
	}
	c->target_fd = fd;
	c->target_number = number;
	c->target_end = SEGMENT_HEADER_OCTETS;
	return OK;
}

int
gc_need_target(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	int r = OK;

	if (c->target_number != 0 && c->target_end >= e->conf.segment_octets)
		r = seal_target(e, now_s);
	return r == OK && c->target_number == 0 ? new_target(e, now_s) : r;
}

/* ---- choosing ---- */

/* What a look at all segments found. */
struct choice {
	uint32_t half, small, worst;	/* 0: none */
	uint64_t half_dead, worst_parts, total, live;
	unsigned segments, small_n;
	bool	 seal;			/* the target is what is half dead */
};

static bool
is_skipped(const struct gc_compact *c, uint32_t number)
{
	for (size_t i = 0; i < c->skip_n; i++)
		if (c->skip[i] == number)
			return true;
	return false;
}

static void
consider(struct engine *e, uint32_t number, const struct record_segment *row, struct choice *ch)
{
	struct gc_compact *c = &e->gc->compact;
	uint64_t dead = dead_octets(row), parts;
	bool half = dead > 0 && dead >= row->total_octets / 2;

	ch->segments += row->state != SEGMENT_GONE;
	ch->total += row->total_octets;
	ch->live += row->live_octets;
	if (number == c->target_number) {
		ch->seal = half && row->total_octets >= e->conf.segment_octets / SMALL_PART;
		return;
	}
	if (row->state != SEGMENT_SEALED || is_skipped(c, number))
		return;
	if (half && dead >= ch->half_dead) {
		ch->half = number;
		ch->half_dead = dead;
	}
	parts = row->total_octets == 0 ? 0 : dead * 1000 / row->total_octets;
	if (parts > ch->worst_parts && parts >= 1000 / WORTH_PART) {
		ch->worst = number;
		ch->worst_parts = parts;
	}
	if (row->total_octets < e->conf.segment_octets / SMALL_PART) {
		ch->small_n++;
		if (ch->small == 0)
			ch->small = number;
	}
}

static int
look_at_all(struct engine *e, struct choice *ch)
{
	struct record_segment row;
	struct env_cursor cur;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = env_cursor_open(e->ix->t, INDEX_SEG, &cur);
	if (r == OK) {
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
		while (r == 1) {
			if (record_segment_get(cur.key, cur.val, &row) == OK)
				consider(e, record_key_read_u32(cur.key, 0), &row, ch);
			r = env_cursor_next(&cur);
		}
		env_cursor_close(&cur);
	}
	index_abort(e->ix);
	return r;
}

static uint32_t
choose(struct gc_compact *c, const struct choice *ch)
{
	if (ch->half != 0)
		return ch->half;
	c->merging = ch->small_n >= SMALL_MANY || (c->merging && ch->small_n > 0);
	if (c->merging)
		return ch->small;
	return ch->total * 5 > ch->live * 7 ? ch->worst : 0;
}

void
gc_skip(struct gc_compact *c, uint32_t number)
{
	if (c->skip_n < GC_SKIP_MAX)
		c->skip[c->skip_n++] = number;
}

int
gc_choose(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	struct choice ch = { 0 };
	uint32_t number;
	int r = look_at_all(e, &ch);

	if (r != OK)
		return r;
	if (ch.seal) {
		r = seal_target(e, now_s);
		return r == OK ? 1 : r;
	}
	metric_set(METRIC_SEGMENTS, 0, ch.segments);
	metric_set(METRIC_STORE_LIVE, 0, ch.live);
	metric_set(METRIC_STORE_DEAD, 0, ch.total > ch.live ? ch.total - ch.live : 0);
	number = choose(c, &ch);
	c->look = number != 0;
	c->looked_s = now_s;
	if (number == 0)
		return 0;
	r = gc_open(e->gc, number, O_RDWR, &c->from_fd);
	if (r != OK) {
		log_event(EV_STORE_FRAME_DAMAGED, F_U64("segment", number), F_ERR(r));
		gc_skip(c, number);
		return 1;
	}
	c->source = number;
	c->phase = 0;
	c->next = frame_blob(number, 0);
	c->damaged_n = 0;
	return 1;
}
