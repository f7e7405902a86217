/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/migrate.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/gc.h"
#include "mailstore/segment.h"

enum { ROWS_MAX = 1000 };

int
migrate_needed(struct index *ix)
{
	uint64_t have;
	int r = index_begin_read(ix);

	if (r != OK)
		return r;
	r = index_u64_get(ix, "format", &have);
	index_abort(ix);
	return r != OK ? r : have < INDEX_FORMAT;
}

/* ---- walking ---- */

struct work {
	struct index   *ix;
	struct migrate *m;
	enum index_tree tree;
	/* Write a row of an older version anew; ERR_NOENT: it is of a kind that never changed. */
	int	      (*row)(struct work *w, struct slice key, struct slice val);
};

static struct record_key
copy_key(struct slice key)
{
	struct record_key k = { .n = 0 };

	record_key_octets(&k, slice_sub(key, 0, sizeof k.octets));
	return k;
}

/* From *at on, until a transaction has enough: *more_out, and *at is the last that was looked at. */
static int
walk_some(struct work *w, struct record_key *at, bool *more_out)
{
	unsigned max = w->m->rows_max == 0 ? ROWS_MAX : w->m->rows_max, n = 0;
	struct env_cursor c;
	int r = env_cursor_open(w->ix->t, w->tree, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(at));
	for (; r == 1 && n < max; r = r == 1 ? env_cursor_next(&c) : r) {
		*at = copy_key(c.key);
		if (record_version(c.val) >= RECORD_VERSION_2)
			continue;
		r = w->row(w, record_key_slice(at), c.val);
		if (r == OK)
			n++;
		/* Its readers will say so; the rest of the store is not to wait for it. */
		if (r == ERR_CORRUPT)
			w->m->damaged_rows++;
		/* What was written may have moved what the cursor shows. */
		if (r == OK || r == ERR_NOENT || r == ERR_CORRUPT)
			r = env_cursor_seek(&c, record_key_slice(at));
	}
	env_cursor_close(&c);
	w->m->rows += n;
	*more_out = r == 1;
	return r < 0 ? r : OK;
}

static int
end_transaction(struct index *ix, struct migrate *m, int r)
{
	bool nothing = env_writes(ix->t) == 0;

	if (r == OK && !nothing)
		r = index_commit(ix);
	index_abort(ix);
	return r == OK && !nothing && ++m->commits == m->commits_max ? ERR_AGAIN : r;
}

static int
walk_all(struct index *ix, struct migrate *m, enum index_tree tree,
    int (*row)(struct work *w, struct slice key, struct slice val))
{
	struct work w = { ix, m, tree, row };
	struct record_key at = { .octets = { 0 }, .n = 1 };
	bool more = true;
	int r = OK;

	while (r == OK && more) {
		r = index_begin_write(ix);
		if (r != OK)
			return r;
		r = walk_some(&w, &at, &more);
		r = end_transaction(ix, m, r);
	}
	return r;
}

/* ---- the tree of the accounts ---- */

static int
put(struct work *w, enum index_tree tree, struct slice key)
{
	return w->ix->row.err != OK ? w->ix->row.err :
	    env_put(w->ix->t, tree, key, buf_slice(&w->ix->row));
}

static int
message_row(struct work *w, struct slice key, struct slice val)
{
	struct store_record m;
	int r = record_message_get(key, val, &m);

	if (r != OK)
		return r;
	record_thread_own(m.email_id, m.thread_id);
	record_message_put(key, &m, &w->ix->row);
	return put(w, INDEX_T, key);
}

static int
vanished_row(struct work *w, struct slice key, struct slice val)
{
	struct st_range ranges[RECORD_VANISHED_MAX];
	size_t n;
	int r = record_vanished_get(key, val, ranges, &n);

	if (r != OK)
		return r;
	record_vanished_put(key, (uint32_t)w->m->now_s, ranges, n, &w->ix->row);
	return put(w, INDEX_T, key);
}

static int
account_row(struct work *w, struct slice key, struct slice val)
{
	struct record_account a;
	int r = record_account_get(key, val, &a);

	if (r != OK)
		return r;
	record_account_put(key, &a, &w->ix->row);
	return put(w, INDEX_T, key);
}

static int
box_row(struct work *w, struct slice key, struct slice val)
{
	int r = record_box_get(key, val, &w->ix->box);

	if (r != OK)
		return r;
	record_box_put(key, &w->ix->box, &w->ix->row);
	return put(w, INDEX_T, key);
}

/* Of a kind that has changed. */
static int
account_tree_row(struct work *w, struct slice key, struct slice val)
{
	switch (key.n > 4 ? key.p[4] : 0) {
	case RECORD_ACCOUNT:
		return account_row(w, key, val);
	case RECORD_BOX:
		return box_row(w, key, val);
	case RECORD_MESSAGE:
		return message_row(w, key, val);
	case RECORD_VANISHED:
		return vanished_row(w, key, val);
	default:
		return ERR_NOENT;
	}
}

/* ---- blobs ---- */

/* How long the whole frame at that place is: OK, or ERR_CORRUPT. */
static int
frame_octets(int fd, uint64_t at, struct frame *f, uint64_t *octets_out)
{
	char head[FRAME_HEADER_OCTETS];
	int r = segment_read(fd, at, head, sizeof head);

	if (r == OK)
		r = frame_get_header((struct slice){ head, sizeof head }, f);
	*octets_out = r == OK ? frame_head_octets(f->chunks) + f->stored_octets : 0;
	return r;
}

static int
open_segment(const struct migrate *m, uint32_t segment, int *fd_out)
{
	char path[SEGMENT_PATH_OCTETS];
	int r = segment_name(m->seg_dir, segment, path);

	*fd_out = r == OK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	return r != OK ? r : *fd_out < 0 ? -errno : OK;
}

static int
blob_octets(const struct migrate *m, uint64_t blob, const struct record_blob *b,
    uint64_t *octets_out)
{
	struct frame f;
	int fd, r = open_segment(m, b->segment, &fd);

	*octets_out = 0;
	if (r == OK)
		r = frame_octets(fd, b->offset, &f, octets_out);
	if (r == OK && frame_blob(f.segment, f.lsn) != blob)
		r = ERR_CORRUPT;
	if (r != OK)
		*octets_out = 0;
	if (fd >= 0)
		close(fd);
	return r == -ENOENT ? ERR_CORRUPT : r;
}

static int
blob_row(struct work *w, struct slice key, struct slice val)
{
	uint64_t blob = record_key_read_u64(key, 0);
	struct record_blob b;
	int r = record_blob_get(key, val, &b);

	if (r != OK)
		return r;
	r = blob_octets(w->m, blob, &b, &b.stored_octets);
	if (r == ERR_CORRUPT)
		w->m->damaged_frames++;
	else if (r != OK)
		return r;
	record_blob_put(key, &b, &w->ix->row);
	r = put(w, INDEX_BLOB, key);
	return r == OK && b.refs == 0 ? index_gc_put(w->ix, w->m->now_s + GC_DELAY_S, blob) : r;
}

/* ---- segments ---- */

/* What is in the file, and which of it the index knows. */
static int
measure_file(int fd, uint32_t segment, struct record_segment *out)
{
	char head[SEGMENT_HEADER_OCTETS];
	uint64_t at = sizeof head, octets;
	struct stat st;
	struct frame f;
	int r = fstat(fd, &st) != 0 ? -errno : segment_read(fd, 0, head, sizeof head);

	if (r == OK)
		r = frame_get_segment((struct slice){ head, sizeof head }, segment,
		    out->epoch_public);
	if (r != OK)
		return r;
	out->born_s = (int64_t)st.st_mtime;
	while (at < (uint64_t)st.st_size && frame_octets(fd, at, &f, &octets) == OK &&
	    octets <= (uint64_t)st.st_size - at) {
		out->frames++;
		at += octets;
	}
	out->total_octets = at - sizeof head;
	return OK;
}

static int
count_live(struct index *ix, uint32_t segment, struct record_segment *out)
{
	struct record_key prefix = record_key_segment(segment);
	struct record_blob b;
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_BLOB, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(c.key, &prefix); r = r == OK ? env_cursor_next(&c) : r) {
		r = record_blob_get(c.key, c.val, &b);
		out->live_frames++;
		out->live_octets += b.stored_octets;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

static int
segment_row(struct index *ix, struct migrate *m, uint32_t segment)
{
	struct record_segment s = { .state = SEGMENT_SEALED }, there;
	int fd, r = index_segment_get(ix, segment, &there);

	if (r != ERR_NOENT)
		return r;
	r = open_segment(m, segment, &fd);
	if (r != OK)
		return r;
	r = measure_file(fd, segment, &s);
	close(fd);
	/* A header that was never finished: nothing can refer to it. */
	if (r == ERR_CORRUPT)
		return OK;
	if (r == OK)
		r = count_live(ix, segment, &s);
	/* Of the others control may know: then it is counted with those, later (gc.h). */
	if (r == OK && s.frames != s.live_frames)
		return OK;
	if (r == OK)
		m->rows++;
	return r == OK ? index_segment_put(ix, segment, &s) : r;
}

/* One segment in a transaction: it may have very many blobs. */
static int
segment_rows(struct index *ix, struct migrate *m)
{
	struct dirent *entry;
	DIR *d = opendir(m->seg_dir);
	int r = d == NULL ? -errno : OK;

	while (r == OK && (entry = readdir(d)) != NULL) {
		char *end;
		unsigned long number = strtoul(entry->d_name, &end, 16);

		if (end != entry->d_name + 8 || strcmp(end, ".seg") != 0)
			continue;
		r = index_begin_write(ix);
		if (r != OK)
			break;
		r = segment_row(ix, m, (uint32_t)number);
		r = end_transaction(ix, m, r);
	}
	if (d != NULL)
		closedir(d);
	return r;
}

/* ---- all ---- */

int
migrate_index(struct index *ix, struct migrate *m)
{
	int r;

	m->rows = m->damaged_rows = m->damaged_frames = 0;
	m->commits = 0;
	r = walk_all(ix, m, INDEX_T, account_tree_row);
	if (r == OK)
		r = walk_all(ix, m, INDEX_BLOB, blob_row);
	if (r == OK)
		r = segment_rows(ix, m);
	if (r == OK)
		r = index_begin_write(ix);
	if (r != OK)
		return r;
	r = index_u64_put(ix, "format", INDEX_FORMAT);
	return end_transaction(ix, m, r);
}
