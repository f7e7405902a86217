/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A segment that has come to its end is counted once: what lives in it is what has a blob row.
 * Bodies that only the queue or an intent refers to get such a row, without references, to be
 * looked at again by and by; everything else in the file is dead, whether it lost its last message
 * before or never had one (a crash before the intent, a job that failed).
 */
#include "mailstore/gc_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

enum { COUNT_SCAN, COUNT_BODIES, COUNT_SUM, COUNT_END };

/* ---- arrays that grow ---- */

static int
grow(void **v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 256 : 2 * *cap;
	void *p;

	if (n < *cap)
		return OK;
	p = realloc(*v, more * size);
	if (p == NULL)
		return ERR_NOMEM;
	*v = p;
	*cap = more;
	return OK;
}

void
gc_count_fini(struct gc_count *c)
{
	free(c->bodies);
	free(c->live);
	if (c->segment != 0 && c->fd >= 0)
		close(c->fd);
	*c = (struct gc_count){ .fd = -1 };
}

uint64_t
gc_frame_octets(int fd, uint64_t blob, const struct record_blob *place)
{
	char head[FRAME_HEADER_OCTETS];
	struct frame f;
	int r = segment_read(fd, place->offset, head, sizeof head);

	if (r == OK)
		r = frame_get_header((struct slice){ head, sizeof head }, &f);
	if (r == OK && frame_blob(f.segment, f.lsn) == blob)
		return frame_head_octets(f.chunks) + f.stored_octets;
	return place->head_octets + (uint64_t)place->size_octets +
	    (uint64_t)CRYPT_TAG_OCTETS * frame_chunks(place->size_octets);
}

/* ---- bodies of control ---- */

static int
take_body(void *arg, const struct control_blob *body)
{
	struct gc_count *c = arg;
	int r;

	if (body->segment != c->segment)
		return OK;
	r = grow((void **)&c->bodies, c->bodies_n, &c->bodies_cap, sizeof *c->bodies);
	if (r == OK)
		c->bodies[c->bodies_n++] = *body;
	return r;
}

static int
give_row(struct engine *e, const struct gc_count *c, const struct control_blob *b, int64_t now_s)
{
	struct record_blob row;
	int r = index_blob_get(e->ix, b->blob, &row);

	if (r != ERR_NOENT)
		return r;
	row = (struct record_blob){ .offset = b->offset, .segment = b->segment,
		.head_octets = b->head_octets, .size_octets = b->size_octets };
	row.stored_octets = gc_frame_octets(c->fd, b->blob, &row);
	r = index_blob_put(e->ix, b->blob, &row);
	return r == OK ? index_gc_put(e->ix, now_s + GC_DELAY_S, b->blob) : r;
}

static int
give_rows(struct engine *e, struct gc_count *c, int64_t now_s)
{
	size_t end = c->bodies_n - c->bodies_at < GC_TXN_ROWS ? c->bodies_n :
	    c->bodies_at + GC_TXN_ROWS;
	int r;

	if (c->bodies_at == c->bodies_n)
		return OK;
	r = index_begin_write(e->ix);
	for (size_t i = c->bodies_at; i < end && r == OK; i++)
		r = give_row(e, c, &c->bodies[i], now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	if (r == OK)
		c->bodies_at = end;
	return r;
}

/* ---- the sum ---- */

/* Rows of format 1: without the frame's length, or without references and not waiting in "gc". */
struct fixes {
	uint64_t blob[GC_TXN_ROWS];
	size_t	 n;
};

static int
add_live(struct gc_count *c, const struct record_blob *row)
{
	int r = grow((void **)&c->live, c->live_n, &c->live_cap, sizeof *c->live);

	if (r != OK)
		return r;
	c->live[c->live_n++] = (struct gc_extent){ row->offset, row->stored_octets };
	c->live_octets += row->stored_octets;
	return OK;
}

static int
sum_row(struct gc_count *c, const struct env_cursor *cur, struct fixes *fix)
{
	struct record_blob row;
	int r = record_blob_get(cur->key, cur->val, &row);

	if (r != OK || row.segment != c->segment)
		return r;
	if (row.stored_octets == 0 || row.refs == 0)
		fix->blob[fix->n++] = c->next;
	if (row.stored_octets == 0)
		row.stored_octets = gc_frame_octets(c->fd, c->next, &row);
	return add_live(c, &row);
}

/* 1: there are more. */
static int
sum_rows(struct engine *e, struct gc_count *c, struct fixes *fix)
{
	struct record_key first = record_key_blob(c->next);
	struct env_cursor cur;
	int r = env_cursor_open(e->ix->t, INDEX_BLOB, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&first));
	for (unsigned i = 0; r == 1 && i < GC_LOOK_ROWS && fix->n < GC_TXN_ROWS; i++) {
		c->next = record_key_read_u64(cur.key, 0);
		if (c->next >> 32 != c->segment) {
			r = 0;
			break;
		}
		r = sum_row(c, &cur, fix);
		c->next++;
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

static int
fix_row(struct engine *e, const struct gc_count *c, uint64_t blob, int64_t now_s)
{
	struct record_blob row;
	int r = index_blob_get(e->ix, blob, &row);

	if (r == OK && row.stored_octets == 0) {
		row.stored_octets = gc_frame_octets(c->fd, blob, &row);
		r = index_blob_put(e->ix, blob, &row);
	}
	if (r == OK && row.refs == 0)
		r = index_gc_put(e->ix, now_s + GC_DELAY_S, blob);
	return r;
}

static int
fix_rows(struct engine *e, const struct gc_count *c, const struct fixes *fix, int64_t now_s)
{
	int r = fix->n == 0 ? OK : index_begin_write(e->ix);

	for (size_t i = 0; i < fix->n && r == OK; i++)
		r = fix_row(e, c, fix->blob[i], now_s);
	if (r == OK && fix->n > 0)
		r = gc_commit(e);
	index_abort(e->ix);
	return r;
}

static int
sum(struct engine *e, struct gc_count *c, int64_t now_s)
{
	struct gc_count was = *c;
	struct fixes fix = { .n = 0 };
	int more, r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	more = sum_rows(e, c, &fix);
	index_abort(e->ix);
	r = more < 0 ? more : fix_rows(e, c, &fix, now_s);
	if (r != OK) {		/* the same piece again, later */
		c->next = was.next;
		c->live_n = was.live_n;
		c->live_octets = was.live_octets;
		return r;
	}
	return more;
}

/* ---- the end ---- */

static int
by_offset(const void *a, const void *b)
{
	const struct gc_extent *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Long stretches of nothing but dead frames: how many octets became holes. */
static uint64_t
punch_gaps(struct engine *e, struct gc_count *c, uint64_t size)
{
	uint64_t at = GC_FILE_HEAD, punched = 0;

	if (c->live_n > 1)
		qsort(c->live, c->live_n, sizeof *c->live, by_offset);
	for (size_t i = 0; i <= c->live_n; i++) {
		uint64_t next = i < c->live_n ? c->live[i].offset : size;

		if (next > at && next - at >= GC_PUNCH_OCTETS) {
			gc_punch(e, c->fd, at, next - at);
			punched += next - at;
		}
		if (i < c->live_n && c->live[i].offset + c->live[i].octets > at)
			at = c->live[i].offset + c->live[i].octets;
	}
	return punched;
}

/* When it is counted again, all that was first written to it may live elsewhere, and need its
 * epoch. */
static int
known_epoch(struct engine *e, uint32_t segment, uint8_t out[32])
{
	struct record_segment row;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = index_segment_get(e->ix, segment, &row);
	index_abort(e->ix);
	if (r == OK)
		memcpy(out, row.epoch_public, sizeof row.epoch_public);
	return r == ERR_NOENT ? OK : r;
}

static int
finish(struct engine *e, struct gc_count *c, int64_t now_s)
{
	struct record_segment row = { .state = SEGMENT_SEALED };
	char head[SEGMENT_HEADER_OCTETS];
	struct stat st;
	int r = fstat(c->fd, &st) != 0 ? -errno : OK;

	if (r != OK)
		return r;
	r = known_epoch(e, c->segment, row.epoch_public);
	if (r == OK && c->live_n > 0)
		r = segment_read(c->fd, 0, head, sizeof head);
	if (r == OK && c->live_n > 0)
		r = frame_get_segment((struct slice){ head, sizeof head }, c->segment,
		    row.epoch_public);
	if (r != OK)
		return r;
	row.born_s = st.st_mtime;
	row.live_octets = c->live_octets;
	row.frames = row.live_frames = (uint32_t)c->live_n;
	row.total_octets = st.st_size > GC_FILE_HEAD ? (uint64_t)st.st_size - GC_FILE_HEAD : 0;
	if (c->live_n > 0 && !engine_held(e))
		row.total_octets -= punch_gaps(e, c, (uint64_t)st.st_size);
	r = index_begin_write(e->ix);
	if (r == OK && c->live_n > 0)
		r = index_segment_put(e->ix, c->segment, &row);
	if (r == OK)
		r = gc_condemn_empty(e, c->segment, &row, now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	return r;
}

/* ---- which one ---- */

static int
begin_count(struct engine *e, uint32_t number)
{
	struct gc_count *c = &e->gc->count;
	int fd, r = gc_open(e->gc, number, O_RDWR, &fd);

	if (r != OK)
		return r == -ENOENT ? OK : r;
	*c = (struct gc_count){ .segment = number, .fd = fd,
		.next = frame_blob(number, 0) };
	gc_scan_begin(&c->scan);
	return OK;
}

/* Holes that a crash prevented: the segment is counted again, if it is one that mail came to. */
static bool
lacks_holes(struct engine *e, uint32_t number, const struct record_segment *row)
{
	char head[SEGMENT_HEADER_OCTETS];
	uint8_t public[32];
	struct stat st;
	bool lacks = false;
	int fd;

	if (gc_open(e->gc, number, O_RDONLY, &fd) != OK)
		return false;
	if (fstat(fd, &st) == 0 && segment_read(fd, 0, head, sizeof head) == OK &&
	    frame_get_segment((struct slice){ head, sizeof head }, number, public) == OK)
		lacks = !frame_segment_is_target(head) && (uint64_t)st.st_blocks * 512 >
		    row->total_octets + 2 * (uint64_t)GC_PUNCH_OCTETS;
	close(fd);
	return lacks;
}

/* A row that a crash left as it is. */
static int
settle_row(struct engine *e, uint32_t number, struct record_segment *row, int64_t now_s)
{
	char path[SEGMENT_PATH_OCTETS];
	struct stat st;
	int r = segment_name(e->gc->dir, number, path);

	if (r == OK && row->state == SEGMENT_GONE)
		return unlink(path) != 0 && errno != ENOENT ? -errno : OK;
	if (r == OK && row->state == SEGMENT_SEALED && lacks_holes(e, number, row))
		return begin_count(e, number);
	if (r != OK || row->state != SEGMENT_OPEN)
		return r;
	if (stat(path, &st) != 0)
		return -errno;
	row->state = SEGMENT_SEALED;
	if (st.st_size > GC_FILE_HEAD)
		row->total_octets = (uint64_t)st.st_size - GC_FILE_HEAD;
	r = index_begin_write(e->ix);
	if (r == OK)
		r = index_segment_put(e->ix, number, row);
	if (r == OK)
		r = gc_condemn_empty(e, number, row, now_s);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	return r;
}

static int
look_at(struct engine *e, uint32_t number, bool old, int64_t now_s)
{
	struct record_segment row;
	int r;

	if (number == e->gc->compact.target_number)
		return OK;
	r = index_begin_read(e->ix);
	if (r != OK)
		return r;
	r = index_segment_get(e->ix, number, &row);
	index_abort(e->ix);
	if (r == ERR_NOENT)
		return begin_count(e, number);
	return r == OK && old ? settle_row(e, number, &row, now_s) : r;
}

static int
next_segment(struct engine *e, int64_t now_s)
{
	struct gc *gc = e->gc;
	int r = OK;

	while (gc->count.segment == 0 && gc->files_at < gc->files_n && r == OK) {
		r = look_at(e, gc->files[gc->files_at], true, now_s);
		gc->files_at++;
	}
	while (gc->count.segment == 0 && r == OK && gc->next_number < engine_sealed_below(e))
		r = look_at(e, gc->next_number++, false, now_s);
	return r != OK ? r : gc->count.segment != 0;
}

static int
step(struct engine *e, struct gc_count *c, int64_t now_s)
{
	int r;

	switch (c->phase) {
	case COUNT_SCAN:
		r = gc_scan_step(e, &c->scan, take_body, c);
		break;
	case COUNT_BODIES:
		r = give_rows(e, c, now_s);
		r = r == OK ? c->bodies_at < c->bodies_n : r;
		break;
	case COUNT_SUM:
		r = sum(e, c, now_s);
		break;
	default:
		r = finish(e, c, now_s);
		break;
	}
	if (r == 0)
		c->phase++;
	return r;
}

int
gc_count_step(struct engine *e, int64_t now_s)
{
	struct gc_count *c = &e->gc->count;
	int r = c->segment != 0 ? 1 : next_segment(e, now_s);

	if (r != 1)
		return r;
	r = step(e, c, now_s);
	/* Damage is for the checker to tell of; the segment stays as it is. */
	if (r == ERR_CORRUPT || r == ERR_VERSION) {
		log_event(EV_STORE_FRAME_DAMAGED, F_U64("segment", c->segment), F_ERR(r));
		gc_count_fini(c);
	} else if (c->phase > COUNT_END) {
		gc_count_fini(c);
		e->gc->compact.look = true;
	}
	return r < 0 ? r : 1;
}
