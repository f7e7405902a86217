/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What is due in "gc". The rows are read first, then control is gone through for what they name,
 * then they are acted upon: control can only lose references to a frame that is committed, so what
 * it does not refer to after the rows were read it never will.
 */
#include "mailstore/gc_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control.h"
#include "common/metric.h"

enum { DROP_READ, DROP_SCAN, DROP_ACT };

static bool
is_segment(const struct gc_candidate *c)
{
	return (uint32_t)c->blob == 0;
}

static uint32_t
first_segment(uint64_t blob)
{
	return (uint32_t)(blob >> 32);
}

/* ---- reading ---- */

static int
by_blob(const void *a, const void *b)
{
	const struct gc_candidate *x = a, *y = b;

	return x->blob < y->blob ? -1 : x->blob > y->blob;
}

static int
take(struct engine *e, struct gc_drop *d, struct slice key)
{
	struct gc_candidate *c = &d->list[d->n];
	struct record_blob row;
	int r;

	*c = (struct gc_candidate){ .time_s = record_key_read_u32(key, 0),
		.blob = record_key_read_u64(key, 4) };
	d->n++;
	if (is_segment(c))
		return OK;
	r = index_blob_get(e->ix, c->blob, &row);
	c->unused = r == OK && row.refs == 0;
	return r == ERR_NOENT ? OK : r;
}

static int
read_due(struct engine *e, struct gc_drop *d, int64_t now_s)
{
	struct env_cursor c;
	int r = index_begin_read(e->ix);

	d->n = d->at = 0;
	if (r != OK)
		return r;
	r = env_cursor_open(e->ix->t, INDEX_GC, &c);
	if (r == OK) {
		r = env_cursor_seek(&c, (struct slice){ "", 1 });
		while (r == 1 && d->n < GC_CANDIDATES && record_key_read_u32(c.key, 0) <= now_s) {
			r = take(e, d, c.key);
			if (r == OK)
				r = env_cursor_next(&c);
		}
		env_cursor_close(&c);
	}
	index_abort(e->ix);
	qsort(d->list, d->n, sizeof *d->list, by_blob);
	return r < 0 ? r : OK;
}

/* ---- control ---- */

static bool
any_unused(const struct gc_drop *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].unused)
			return true;
	return false;
}

static int
mark(void *arg, const struct control_blob *body)
{
	struct gc_drop *d = arg;
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (d->list[mid].blob < body->blob)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < d->n && d->list[lo].blob == body->blob; lo++)
		d->list[lo].held = true;
	return OK;
}

/* ---- acting ---- */

/* Frames that died in this transaction and are long enough for a hole. */
struct holes {
	struct {
		uint32_t segment;
		uint64_t offset, octets;
	} v[GC_TXN_ROWS];
	size_t n;
};

/* The last that was first written to a segment that is gone: nobody needs its row any more. */
static int
forget_segment(struct engine *e, uint32_t number)
{
	struct record_key first = record_key_blob(frame_blob(number, 0));
	struct record_segment row;
	struct env_cursor c;
	int r = index_segment_get(e->ix, number, &row);

	if (r != OK || row.state != SEGMENT_GONE)
		return r == ERR_NOENT ? OK : r;
	r = env_cursor_open(e->ix->t, INDEX_BLOB, &c);
	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&first));
	if (r == 1 && first_segment(record_key_read_u64(c.key, 0)) != number)
		r = 0;
	env_cursor_close(&c);
	return r == 0 ? index_segment_del(e->ix, number) : r < 0 ? r : OK;
}

static int
uncount(struct engine *e, const struct record_blob *b, struct holes *holes, int64_t now_s)
{
	struct record_segment row;
	int r = index_segment_get(e->ix, b->segment, &row);

	if (r != OK)		/* not counted yet: then it will not be found */
		return r == ERR_NOENT ? OK : r;
	row.live_octets -= b->stored_octets < row.live_octets ? b->stored_octets : row.live_octets;
	row.live_frames -= row.live_frames > 0;
	if (b->stored_octets >= GC_PUNCH_OCTETS && b->stored_octets > b->head_octets) {
		uint64_t octets = b->stored_octets - b->head_octets;

		holes->v[holes->n].segment = b->segment;
		holes->v[holes->n].offset = b->offset + b->head_octets;
		holes->v[holes->n++].octets = octets;
		row.total_octets -= octets < row.total_octets ? octets : row.total_octets;
	}
	r = index_segment_put(e->ix, b->segment, &row);
	return r == OK ? gc_condemn_empty(e, b->segment, &row, now_s) : r;
}

static int
drop_blob(struct engine *e, const struct gc_candidate *c, struct holes *holes, int64_t now_s)
{
	struct record_blob row;
	int r = index_blob_get(e->ix, c->blob, &row);

	/* Referred to again: another row will come when that ends. */
	if (r != OK || row.refs > 0)
		return r == ERR_NOENT ? OK : r;
	if ((c->held && !control_off("gc-queue")) || !c->unused)
		return index_gc_put(e->ix, now_s + GC_DELAY_S, c->blob);
	r = uncount(e, &row, holes, now_s);
	if (r == OK)
		r = index_blob_del(e->ix, c->blob);
	if (r == OK)
		e->gc->stats.dropped_frames++;
	return r == OK ? forget_segment(e, first_segment(c->blob)) : r;
}

/* The file is gone; its row stays while it has to tell an epoch. */
static int
drop_segment(struct engine *e, uint32_t number)
{
	struct record_segment row;
	uint64_t last = 0;
	int r = index_segment_get(e->ix, number, &row);

	if (r != OK)
		return r == ERR_NOENT ? OK : r;
	if (row.state != SEGMENT_CONDEMNED || row.live_frames > 0)
		return OK;
	row.state = SEGMENT_GONE;
	row.total_octets = row.live_octets = 0;
	r = index_segment_put(e->ix, number, &row);
	if (r == OK)
		r = index_u64_get(e->ix, gc_meta_last, &last);
	if (r == ERR_NOENT || (r == OK && last < number))
		r = index_u64_put(e->ix, gc_meta_last, number);
	return r == OK ? forget_segment(e, number) : r;
}

static int
act_on(struct engine *e, const struct gc_candidate *c, struct holes *holes, int64_t now_s)
{
	struct record_key k = record_key_gc(c->time_s, c->blob);
	int r = env_del(e->ix->t, INDEX_GC, record_key_slice(&k));

	if (r != OK)
		return r;
	return is_segment(c) ? drop_segment(e, first_segment(c->blob)) :
	    drop_blob(e, c, holes, now_s);
}

/* Before the commit, since a file that is back after a crash is seen to be garbage. */
static int
unlink_segment(struct engine *e, uint32_t number)
{
	char path[SEGMENT_PATH_OCTETS];
	struct record_segment row;
	struct stat st;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = index_segment_get(e->ix, number, &row);
	index_abort(e->ix);
	if (r != OK || row.state != SEGMENT_CONDEMNED || row.live_frames > 0)
		return r == ERR_NOENT ? OK : r;
	r = segment_name(e->gc->dir, number, path);
	if (r != OK || stat(path, &st) != 0)
		return r;
	if (unlink(path) != 0)
		return errno == ENOENT ? OK : -errno;
	e->gc->stats.unlinked_segments++;
	e->gc->stats.unlinked_octets += (uint64_t)st.st_blocks * 512;
	metric_add(METRIC_RECLAIMED, 0, (uint64_t)st.st_blocks * 512);
	segment_cache_tidy(e->segments);
	return OK;
}

static void
punch_holes(struct engine *e, const struct holes *holes)
{
	for (size_t i = 0; i < holes->n; i++) {
		int fd;

		if (gc_open(e->gc, holes->v[i].segment, O_RDWR, &fd) != OK)
			continue;
		gc_punch(e, fd, holes->v[i].offset, holes->v[i].octets);
		close(fd);
	}
}

static int
act(struct engine *e, struct gc_drop *d, int64_t now_s)
{
	size_t end = d->n - d->at < GC_TXN_ROWS ? d->n : d->at + GC_TXN_ROWS;
	struct gc_stats was = e->gc->stats;
	struct holes holes = { .n = 0 };
	int r = OK;

	for (size_t i = d->at; i < end && r == OK; i++)
		if (is_segment(&d->list[i]))
			r = unlink_segment(e, first_segment(d->list[i].blob));
	if (r == OK)
		r = index_begin_write(e->ix);
	for (size_t i = d->at; i < end && r == OK; i++)
		r = act_on(e, &d->list[i], &holes, now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	if (r != OK) {
		e->gc->stats.dropped_frames = was.dropped_frames;
		return r;
	}
	punch_holes(e, &holes);
	d->at = end;
	e->gc->compact.look = true;
	return OK;
}

/* ---- */

int
gc_drop_step(struct engine *e, int64_t now_s)
{
	struct gc_drop *d = &e->gc->drop;
	int r;

	switch (d->phase) {
	case DROP_READ:
		r = read_due(e, d, now_s);
		if (r != OK || d->n == 0)
			return r;
		gc_scan_begin(&d->scan);
		d->phase = any_unused(d) ? DROP_SCAN : DROP_ACT;
		return 1;
	case DROP_SCAN:
		r = gc_scan_step(e, &d->scan, mark, d);
		if (r == 0)
			d->phase = DROP_ACT;
		break;
	default:
		r = act(e, d, now_s);
		if (r == OK && d->at == d->n)
			d->phase = DROP_READ;
		break;
	}
	if (r < 0)
		d->phase = DROP_READ;
	return r < 0 ? r : 1;
}
