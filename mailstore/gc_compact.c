/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Segments are emptied: those that are half dead; small ones, when there are many; and the one with
 * the most dead octets while all together take 1.4 times what lives.
 *
 * Which   gc_choose.c.
 * Order   frames are copied to the target and synced; then one transaction says where they are;
 *         then the old ones are dead. When none is left, the segment is condemned.
 * Finding frames that were first written here have neighbouring blob rows (MOVE_RANGE). What was
 *         moved here before is found by the headers in the file (MOVE_WALK) and, if those are
 *         damaged, among all blob rows (MOVE_ALL).
 */
#include "mailstore/gc_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"

enum { MOVE_RANGE, MOVE_WALK, MOVE_ALL, MOVE_END };

static int
get_row(struct engine *e, uint32_t number, struct record_segment *row)
{
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = index_segment_get(e->ix, number, row);
	index_abort(e->ix);
	return r;
}

/* ---- what is to be moved ---- */

static bool
is_damaged(const struct gc_compact *c, uint64_t offset)
{
	for (size_t i = 0; i < c->damaged_n; i++)
		if (c->damaged[i].offset == offset)
			return true;
	return false;
}

static void
add(struct gc_compact *c, uint64_t blob, const struct record_blob *row)
{
	if (row->segment != c->source || is_damaged(c, row->offset))
		return;
	c->batch[c->batch_n++] = (struct segment_moving){ .blob = blob, .from = row->offset,
		.octets = row->stored_octets, .size_octets = row->size_octets };
	c->batch_octets += row->stored_octets;
}

static bool
has_room(const struct gc_compact *c)
{
	return c->batch_n < GC_TXN_ROWS && c->batch_octets < GC_MOVE_OCTETS;
}

/* From c->next on: 1: there may be more, 0: that is all. */
static int
collect_rows(struct engine *e, struct gc_compact *c)
{
	struct record_key first = record_key_blob(c->next);
	struct record_blob row;
	struct env_cursor cur;
	int r = env_cursor_open(e->ix->t, INDEX_BLOB, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&first));
	for (unsigned i = 0; r == 1 && i < GC_LOOK_ROWS && has_room(c); i++) {
		uint64_t blob = record_key_read_u64(cur.key, 0);

		if (c->phase == MOVE_RANGE && blob >> 32 != c->source) {
			r = 0;
			break;
		}
		if (record_blob_get(cur.key, cur.val, &row) == OK)
			add(c, blob, &row);
		c->next = blob + 1;
		r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

static int
collect_headers(struct engine *e, struct gc_compact *c)
{
	char head[FRAME_HEADER_OCTETS];
	struct record_blob row;
	struct frame f;

	for (unsigned i = 0; i < GC_LOOK_ROWS && has_room(c); i++) {
		uint64_t blob;
		int r;

		if (segment_read(c->from_fd, c->next, head, sizeof head) != OK ||
		    frame_get_header((struct slice){ head, sizeof head }, &f) != OK)
			return 0;
		blob = frame_blob(f.segment, f.lsn);
		r = index_blob_get(e->ix, blob, &row);
		if (r == OK && row.offset == c->next)
			add(c, blob, &row);
		else if (r != OK && r != ERR_NOENT && r != ERR_CORRUPT)
			return r;
		c->next += frame_head_octets(f.chunks) + f.stored_octets;
	}
	return 1;
}

static int
collect(struct engine *e, struct gc_compact *c)
{
	int r = index_begin_read(e->ix);

	c->batch_n = 0;
	c->batch_octets = 0;
	if (r != OK)
		return r;
	r = c->phase == MOVE_WALK ? collect_headers(e, c) : collect_rows(e, c);
	index_abort(e->ix);
	return r;
}

/* ---- moving ---- */

/* The source's and the target's row while frames change over. */
struct rows {
	struct record_segment from, to;
};

static int
change_over(struct engine *e, const struct segment_moving *m, struct rows *rows)
{
	struct gc_compact *c = &e->gc->compact;
	struct record_blob row;
	int r = index_blob_get(e->ix, m->blob, &row);

	rows->to.total_octets += m->octets;
	if (r == ERR_NOENT || (r == OK && (row.segment != c->source || row.offset != m->from)))
		return OK;	/* dropped meanwhile */
	if (r != OK)
		return r;
	rows->from.live_frames -= rows->from.live_frames > 0;
	rows->from.live_octets -= row.stored_octets < rows->from.live_octets ? row.stored_octets :
	    rows->from.live_octets;
	rows->to.live_octets += m->octets;
	rows->to.frames++;
	rows->to.live_frames++;
	row.segment = c->target_number;
	row.offset = m->to;
	row.head_octets = m->head_octets;
	row.stored_octets = m->octets;
	return index_blob_put(e->ix, m->blob, &row);
}

static int
commit_batch(struct engine *e)
{
	struct gc_compact *c = &e->gc->compact;
	struct rows rows;
	int r = index_begin_write(e->ix);

	if (r == OK)
		r = index_segment_get(e->ix, c->source, &rows.from);
	if (r == OK)
		r = index_segment_get(e->ix, c->target_number, &rows.to);
	for (size_t i = 0; i < c->batch_n && r == OK; i++)
		if (c->batch[i].status == OK)
			r = change_over(e, &c->batch[i], &rows);
	if (r == OK)
		r = index_segment_put(e->ix, c->source, &rows.from);
	if (r == OK)
		r = index_segment_put(e->ix, c->target_number, &rows.to);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	return r;
}

static void
note_moved(struct engine *e)
{
	struct gc_compact *c = &e->gc->compact;
	struct gc_stats *s = &e->gc->stats;

	for (size_t i = 0; i < c->batch_n; i++) {
		const struct segment_moving *m = &c->batch[i];

		if (m->status == OK) {
			s->moved_frames++;
			s->moved_octets += m->octets;
			metric_add(METRIC_MOVED, 0, m->octets);
			continue;
		}
		s->damaged_frames++;
		metric_add(METRIC_FRAMES_DAMAGED, 0, 1);
		log_event(EV_STORE_FRAME_DAMAGED, F_U64("segment", c->source),
		    F_U64("offset", m->from), F_U64("blob", m->blob), F_ERR(m->status));
		if (c->damaged_n < GC_SKIP_MAX)
			c->damaged[c->damaged_n++] = (struct gc_extent){ m->from, m->octets };
	}
}

static void *
copy_main(void *arg)
{
	struct gc_copy *cp = arg;

	cp->status = segment_move(cp->from_fd, cp->to_fd, &cp->end, cp->batch, cp->batch_n);
	cp->took_us = clock_us() - cp->begun_us;
	atomic_store(&cp->done, true);
	return NULL;
}

/* Signals are the committer's. */
static bool
start_thread(struct gc_copy *cp)
{
	sigset_t all, was;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	ok = pthread_create(&cp->thread, NULL, copy_main, cp) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return ok;
}

static int
start_copy(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	struct gc_copy *cp = &c->copy;
	int r = gc_need_target(e, now_s);

	if (r != OK)
		return r;
	atomic_store(&cp->done, false);
	cp->from_fd = c->from_fd;
	cp->to_fd = c->target_fd;
	cp->end = c->target_end;
	cp->batch = c->batch;
	cp->batch_n = c->batch_n;
	cp->begun_us = clock_us();
	cp->running = e->conf.threads > 0 && start_thread(cp);
	if (!cp->running)
		copy_main(cp);
	return OK;
}

/* What was copied in vain is written over by the next. */
static int
take_over(struct engine *e)
{
	struct gc_compact *c = &e->gc->compact;
	int r = c->copy.status;

	if (r == OK)
		r = commit_batch(e);
	if (r != OK)
		return r;
	c->target_end = c->copy.end;
	note_moved(e);
	return OK;
}

/* ---- the end ---- */

static int
by_offset(const void *a, const void *b)
{
	const struct gc_extent *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Only damaged frames are left: around them is nothing that anybody needs. */
static void
punch_around(struct engine *e, struct gc_compact *c)
{
	uint64_t at = GC_FILE_HEAD;
	struct stat st;

	if (fstat(c->from_fd, &st) != 0)
		return;
	qsort(c->damaged, c->damaged_n, sizeof *c->damaged, by_offset);
	for (size_t i = 0; i <= c->damaged_n; i++) {
		uint64_t next = i < c->damaged_n ? c->damaged[i].offset : (uint64_t)st.st_size;

		if (next > at)
			gc_punch(e, c->from_fd, at, next - at);
		if (i < c->damaged_n)
			at = c->damaged[i].offset + c->damaged[i].octets;
	}
}

static int
finish(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;
	struct record_segment row;
	int r = index_begin_write(e->ix);

	if (r == OK)
		r = index_segment_get(e->ix, c->source, &row);
	if (r == OK && row.live_frames > 0) {
		gc_skip(c, c->source);
		if (row.live_frames == c->damaged_n) {
			punch_around(e, c);
			row.total_octets = row.live_octets;
			r = index_segment_put(e->ix, c->source, &row);
		}
	}
	if (r == OK)
		r = gc_condemn_empty(e, c->source, &row, now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	if (r != OK)
		return r;
	close(c->from_fd);
	c->from_fd = -1;
	c->source = 0;
	c->look = true;
	return 1;
}

/* All that this way of finding them gives was moved: is anything left for the next? */
static int
next_phase(struct engine *e, struct gc_compact *c)
{
	struct record_segment row;
	int r = get_row(e, c->source, &row);

	if (r != OK)
		return r;
	c->phase = row.live_frames <= c->damaged_n ? MOVE_END : c->phase + 1;
	c->next = c->phase == MOVE_WALK ? GC_FILE_HEAD : 0;
	return 1;
}

/* A copy is at its end: half of the time the disk is for others. */
static int
end_copy(struct engine *e, struct gc_compact *c)
{
	int r;

	if (c->copy.running) {
		pthread_join(c->copy.thread, NULL);
		c->copy.running = false;
		e->gc->rest_ms = c->copy.took_us / 1000;
	}
	r = take_over(e);
	if (r != OK) {
		c->next = c->was;
		return r;
	}
	return c->more ? 1 : next_phase(e, c);
}

static int
move_step(struct engine *e, struct gc_compact *c, int64_t now_s)
{
	int more, r;

	c->was = c->next;
	more = collect(e, c);
	if (more < 0) {
		c->next = c->was;
		return more;
	}
	c->more = more != 0;
	if (c->batch_n == 0)
		return c->more ? 1 : next_phase(e, c);
	r = start_copy(e, now_s);
	if (r != OK) {
		c->next = c->was;
		return r;
	}
	return c->copy.running ? 2 : end_copy(e, c);
}

int
gc_compact_step(struct engine *e, int64_t now_s)
{
	struct gc_compact *c = &e->gc->compact;

	if (c->source == 0 && !c->look)
		return 0;
	if (c->batch == NULL)
		c->batch = calloc(GC_TXN_ROWS, sizeof *c->batch);
	if (c->batch == NULL)
		return ERR_NOMEM;
	if (c->copy.running)
		return atomic_load(&c->copy.done) ? end_copy(e, c) : 2;
	if (c->source == 0)
		return gc_choose(e, now_s);
	return c->phase < MOVE_END ? move_step(e, c, now_s) : finish(e, now_s);
}

void
gc_compact_fini(struct gc_compact *c)
{
	if (c->copy.running)
		pthread_join(c->copy.thread, NULL);
	if (c->from_fd >= 0)
		close(c->from_fd);
	if (c->target_fd >= 0)
		close(c->target_fd);
	free(c->batch);
}
