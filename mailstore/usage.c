/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mailstore/path.h"
#include "mailstore/segment.h"

const char *
usage_state(const struct usage_segment *s)
{
	static const char *const names[] = { "open", "sealed", "condemned", "gone" };

	return !s->counted || s->row.state >= ARRAY_LEN(names) ? "uncounted" :
	    names[s->row.state];
}

/* ---- accounts ---- */

static int
add_accounts(struct index *ix, struct usage *u)
{
	struct record_account acct;
	struct env_cursor c;
	uint64_t number;
	int r = env_cursor_open(ix->t, INDEX_GUID, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, (struct slice){ "", 1 });
	for (; r == 1; r = env_cursor_next(&c)) {
		if (record_u64_get(c.key, c.val, &number) != OK ||
		    index_account_get(ix, (uint32_t)number, &acct) != OK)
			continue;	/* that is for the checker to tell of */
		u->accounts++;
		u->messages += acct.messages;
		u->octets += acct.octets;
		u->restorable_messages += acct.expunged_messages;
		u->restorable_octets += acct.expunged_octets;
	}
	env_cursor_close(&c);
	return r;
}

/* ---- segments ---- */

/* Room for so many, of which n are there. */
static int
grow(struct usage *u, struct arena *a, size_t *cap)
{
	size_t more = *cap == 0 ? 256 : 2 * *cap;
	struct usage_segment *v;

	if (u->segments_n < *cap)
		return OK;
	v = arena_array(a, more, sizeof *v);
	if (v == NULL)
		return a->err;
	if (u->segments_n > 0)
		memcpy(v, u->segments, u->segments_n * sizeof *v);
	u->segments = v;
	*cap = more;
	return OK;
}

static int
by_number(const void *a, const void *b)
{
	const struct usage_segment *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int
add_rows(struct index *ix, struct arena *a, struct usage *u, size_t *cap)
{
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_SEG, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, (struct slice){ "", 1 });
	while (r == 1) {
		struct usage_segment s = { .number = record_key_read_u32(c.key, 0),
			.counted = true };

		r = grow(u, a, cap);
		if (r == OK && record_segment_get(c.key, c.val, &s.row) == OK)
			u->segments[u->segments_n++] = s;
		if (r == OK)
			r = env_cursor_next(&c);
	}
	env_cursor_close(&c);
	return r;
}

static int
add_file(const char *dir, uint32_t number, size_t rows_n, struct arena *a, struct usage *u,
    size_t *cap)
{
	struct usage_segment key = { .number = number }, *s = NULL;
	char path[SEGMENT_PATH_OCTETS];
	struct stat st;
	int r = segment_name(dir, number, path);

	if (r != OK || stat(path, &st) != 0)
		return r;	/* unlinked meanwhile */
	if (rows_n > 0)
		s = bsearch(&key, u->segments, rows_n, sizeof key, by_number);
	if (s == NULL) {
		r = grow(u, a, cap);
		if (r != OK)
			return r;
		s = &u->segments[u->segments_n++];
		*s = key;
	}
	s->there = true;
	s->file_octets = (uint64_t)st.st_size;
	s->disk_octets = (uint64_t)st.st_blocks * 512;
	return OK;
}

static int
add_files(const char *dir, struct arena *a, struct usage *u, size_t *cap)
{
	size_t rows_n = u->segments_n;
	struct dirent *d;
	DIR *list = opendir(dir);
	int r = OK;

	if (list == NULL)
		return -errno;
	while (r == OK && (d = readdir(list)) != NULL) {
		char *end;
		unsigned long v = strtoul(d->d_name, &end, 16);

		if (end == d->d_name + 8 && strcmp(end, ".seg") == 0)
			r = add_file(dir, (uint32_t)v, rows_n, a, u, cap);
	}
	closedir(list);
	return r;
}

static void
add_up(struct usage *u)
{
	if (u->segments_n > 1)
		qsort(u->segments, u->segments_n, sizeof *u->segments, by_number);
	for (size_t i = 0; i < u->segments_n; i++) {
		const struct usage_segment *s = &u->segments[i];

		u->disk_octets += s->disk_octets;
		if (!s->counted) {
			u->uncounted_octets += s->file_octets;
			continue;
		}
		u->live_octets += s->row.live_octets;
		if (s->row.total_octets > s->row.live_octets)
			u->dead_octets += s->row.total_octets - s->row.live_octets;
	}
}

/* ---- */

int
usage_read(struct index *ix, const char *state_dir, struct arena *a, struct usage *out)
{
	char dir[PATH_OCTETS];
	struct statfs fs;
	size_t cap = 0;
	int r = index_begin_read(ix);

	*out = (struct usage){ 0 };
	if (r != OK)
		return r;
	r = add_accounts(ix, out);
	if (r == OK)
		r = add_rows(ix, a, out, &cap);
	if (r == OK)
		r = env_count(ix->t, INDEX_GC, &out->waiting);
	index_abort(ix);
	if (r == OK)
		r = path_store(state_dir, "seg", dir);
	if (r == OK)
		r = add_files(dir, a, out, &cap);
	if (r == OK)
		r = env_size(ix->env, &out->index_used_octets, &out->index_size_octets);
	if (r == OK && statfs(dir, &fs) == 0)
		out->free_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
	add_up(out);
	return r;
}

int
usage_look(const char *state_dir, uint64_t map_octets, struct arena *a, struct usage *out)
{
	char path[PATH_OCTETS];
	struct index *ix = NULL;
	int r = path_store(state_dir, "index", path);

	if (r == OK)
		r = index_open(path, map_octets, true, &ix);
	if (r == OK)
		r = usage_read(ix, state_dir, a, out);
	index_close(&ix);
	return r;
}
