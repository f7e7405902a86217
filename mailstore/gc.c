/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/gc_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/metric.h"

enum { COPY_MS = 5, IDLE_MS = 5000, FAILED_MS = 60000, HELD_MS = 1000, LOOK_AGAIN_S = 300 };

/* ---- the files that are there ---- */

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
add_file(struct gc *gc, size_t *cap, uint32_t number)
{
	if (gc->files_n == *cap) {
		size_t more = *cap == 0 ? 64 : 2 * *cap;
		uint32_t *v = realloc(gc->files, more * sizeof *v);

		if (v == NULL)
			return ERR_NOMEM;
		gc->files = v;
		*cap = more;
	}
	gc->files[gc->files_n++] = number;
	return OK;
}

static int
list_files(struct gc *gc, uint32_t below)
{
	struct dirent *d;
	DIR *dir = opendir(gc->dir);
	size_t cap = 0;
	int r = OK;

	if (dir == NULL)
		return -errno;
	while (r == OK && (d = readdir(dir)) != NULL) {
		char *end;
		unsigned long v = strtoul(d->d_name, &end, 16);

		if (end == d->d_name + 8 && strcmp(end, ".seg") == 0 && v < below)
			r = add_file(gc, &cap, (uint32_t)v);
	}
	closedir(dir);
	if (gc->files_n > 1)
		qsort(gc->files, gc->files_n, sizeof *gc->files, by_number);
	return r;
}

int
gc_new(struct engine *e, struct gc **out)
{
	struct gc *gc = calloc(1, sizeof *gc);
	int r;

	*out = gc;
	if (gc == NULL)
		return ERR_NOMEM;
	gc->count.fd = gc->compact.target_fd = gc->compact.from_fd = -1;
	gc->next_number = segment_number(e->seg);
	gc->compact.look = true;
	r = path_store(e->conf.state_dir, "seg", gc->dir);
	if (r == OK)
		r = list_files(gc, gc->next_number);
	if (r != OK)
		gc_free(out);
	return r;
}

void
gc_free(struct gc **gcp)
{
	struct gc *gc = *gcp;

	if (gc == NULL)
		return;
	gc_count_fini(&gc->count);
	gc_compact_fini(&gc->compact);
	free(gc->files);
	free(gc);
	*gcp = NULL;
}

const struct gc_stats *
engine_gc_stats(const struct engine *e)
{
	return &e->gc->stats;
}

/* ---- shared ---- */

int
gc_commit(struct engine *e)
{
	e->stats.syncs += 2;
	return engine_committed(e, index_commit(e->ix));
}

int
gc_open(const struct gc *gc, uint32_t segment, int flags, int *fd_out)
{
	char path[SEGMENT_PATH_OCTETS];
	int r = segment_name(gc->dir, segment, path);

	if (r != OK)
		return r;
	*fd_out = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return *fd_out < 0 ? -errno : OK;
}

/* A file system that knows no holes keeps the octets until the segment is emptied. */
void
gc_punch(struct engine *e, int fd, uint64_t offset, uint64_t octets)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
	    (off_t)octets) != 0)
		return;
	e->gc->stats.punched_octets += octets;
	metric_add(METRIC_RECLAIMED, 0, octets);
}

int
gc_condemn_empty(struct engine *e, uint32_t segment, struct record_segment *row, int64_t now_s)
{
	int r;

	if (row->state != SEGMENT_SEALED || row->live_frames > 0)
		return OK;
	row->state = SEGMENT_CONDEMNED;
	r = index_segment_put(e->ix, segment, row);
	return r == OK ? index_gc_put(e->ix, now_s + GC_DELAY_S, frame_blob(segment, 0)) : r;
}

/* ---- numbers ---- */

int
gc_last_segment(struct index *ix, uint32_t *out)
{
	struct env_cursor c;
	uint64_t last = 0;
	int r = index_begin_read(ix);

	*out = 0;
	if (r != OK)
		return r;
	r = index_u64_get(ix, gc_meta_last, &last);
	if (r == OK || r == ERR_NOENT)
		r = env_cursor_open(ix->t, INDEX_SEG, &c);
	if (r == OK) {
		r = env_cursor_last(&c);
		if (r == 1 && record_key_read_u32(c.key, 0) > last)
			last = record_key_read_u32(c.key, 0);
		env_cursor_close(&c);
	}
	index_abort(ix);
	*out = (uint32_t)last;
	return r < 0 ? r : OK;
}

/* ---- time ---- */

int64_t
gc_clock_s(struct gc_clock *gc, int64_t real_ms, int64_t mono_ms)
{
	enum { AHEAD_MS = 3600 * 1000 };
	int64_t by_ms = queue_clock_step(&gc->clock, real_ms, mono_ms);

	if (by_ms >= AHEAD_MS) {
		gc->ahead_ms += by_ms;
		gc->since_ms = mono_ms;
	} else if (by_ms < 0)
		gc->ahead_ms = gc->ahead_ms + by_ms > 0 ? gc->ahead_ms + by_ms : 0;
	if (gc->ahead_ms > 0 && mono_ms - gc->since_ms >= GC_TRUST_MS)
		gc->ahead_ms = 0;
	return (real_ms - gc->ahead_ms) / 1000;
}

/* ---- holds ---- */

static struct gc_hold *
find_hold(struct gc *gc, uint64_t id, uint64_t now_ms)
{
	for (size_t i = 0; i < GC_HOLDS_MAX; i++) {
		struct gc_hold *h = &gc->holds[i];

		if (h->id != 0 && h->until_ms <= now_ms)
			h->id = 0;
		if (h->id == id)
			return h;
	}
	return NULL;
}

int
engine_hold(struct engine *e, uint64_t hold, uint32_t lease_ms, uint64_t *hold_out)
{
	uint64_t now_ms = clock_ms();
	struct gc_hold *h = find_hold(e->gc, hold, now_ms);

	*hold_out = 0;
	if (hold == 0 && lease_ms == 0)
		return ERR_INVAL;
	if (h == NULL)
		return hold == 0 ? ERR_LIMIT : ERR_NOENT;
	while (h->id == 0)
		crypt_random(&h->id, sizeof h->id);
	h->until_ms = now_ms + lease_ms;
	*hold_out = h->id;
	metric_set(METRIC_STORE_HELD, 0, engine_held(e));
	return OK;
}

bool
engine_held(struct engine *e)
{
	uint64_t now_ms = clock_ms();

	for (size_t i = 0; i < GC_HOLDS_MAX; i++)
		if (e->gc->holds[i].id != 0 && e->gc->holds[i].until_ms > now_ms &&
		    !control_off("gc-hold"))
			return true;
	return false;
}

/* ---- expiring ---- */

static int
expire_account(struct engine *e, uint32_t account, int64_t now_s)
{
	int64_t until_s = now_s - (int64_t)e->conf.expunged_days * 86400;
	unsigned n = 0;
	struct record_account row;
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = box_expires(e->ix, account, until_s);
	if (r == 0 && index_account_get(e->ix, account, &row) == OK)
		e->gc->restorable_octets += row.expunged_octets;
	index_abort(e->ix);
	if (r != 1)
		return r;
	r = index_begin_write(e->ix);
	if (r == OK)
		r = box_expire(e->ix, account, until_s, now_s, GC_TXN_ROWS, &n);
	if (r == OK)
		r = gc_commit(e);
	index_abort(e->ix);
	e->gc->stats.expired += r == OK ? n : 0;
	return r == OK ? 1 : r;
}

static int
expire_step(struct engine *e, int64_t now_s)
{
	struct gc *gc = e->gc;
	uint32_t last = accounts_count(e->accounts);
	int r = 0;

	if (gc->expire_account == 0 && now_s - gc->expire_s >= 0 &&
	    now_s - gc->expire_s < GC_EXPIRE_S)
		return 0;
	if (gc->expire_account == 0) {
		gc->expire_s = now_s;
		gc->expire_account = 1;
		gc->restorable_octets = 0;
	}
	for (unsigned i = 0; r == 0 && i < GC_LOOK_ROWS && gc->expire_account <= last; i++) {
		r = expire_account(e, gc->expire_account, now_s);
		if (r != 1)	/* also past one whose rows are damaged */
			gc->expire_account++;
	}
	if (gc->expire_account > last) {
		gc->expire_account = 0;
		metric_set(METRIC_RESTORABLE, 0, gc->restorable_octets);
	}
	return r < 0 ? r : gc->expire_account != 0;
}

/* ---- a step ---- */

static int
step(struct engine *e, int64_t now_s)
{
	int r = gc_count_step(e, now_s);

	if (r == 0 && engine_held(e))
		return 0;
	if (r == 0)
		r = expire_step(e, now_s);
	if (r == 0)
		r = gc_drop_step(e, now_s);
	if (r == 0 && now_s - e->gc->compact.looked_s >= LOOK_AGAIN_S)
		e->gc->compact.look = true;
	return r == 0 ? gc_compact_step(e, now_s) : r;
}

int
engine_gc(struct engine *e, int64_t now_s, uint64_t *wait_ms_out)
{
	int r;

	e->gc->rest_ms = 0;
	metric_set(METRIC_STORE_HELD, 0, engine_held(e));
	r = e->broken != OK ? e->broken : step(e, now_s);
	*wait_ms_out = r == 1 ? e->gc->rest_ms : r == 2 ? COPY_MS : r < 0 ? FAILED_MS :
	    engine_held(e) ? HELD_MS : IDLE_MS;
	return r < 0 ? r : OK;
}

int
engine_gc_all(struct engine *e, int64_t now_s)
{
	const struct timespec while_copied = { .tv_nsec = 1000000 };
	int r;

	e->gc->expire_s = now_s - GC_EXPIRE_S;
	e->gc->compact.look = true;
	while ((r = e->broken != OK ? e->broken : step(e, now_s)) > 0)
		if (r == 2)
			nanosleep(&while_copied, NULL);
	return r;
}
