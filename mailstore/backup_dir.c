/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/backup.h"
#include "mailstore/backup_internal.h"
#include "mailstore/crypt.h"
#include "mailstore/path.h"
#include "mailstore/segment.h"

#define MARK	"congvu-backup"
#define MARK_TEXT	"congvu backup 1\n"

int
backup_say(struct backup *b, const char *name, int err)
{
	buf_addf(b->why, "%s/%s: %s\n", b->path, name, err_text(err));
	return err;
}

/* ---- open ---- */

static int
read_mark(struct backup *b)
{
	char text[64] = "";
	unsigned long version;
	ssize_t n = pread(b->lock_fd, text, sizeof text - 1, 0);

	if (n < 0)
		return backup_say(b, MARK, -errno);
	if (strcmp(text, MARK_TEXT) == 0)
		return OK;
	if (strncmp(text, MARK_TEXT, 14) != 0)
		return backup_say(b, MARK, ERR_CORRUPT);
	version = strtoul(text + 14, NULL, 10);
	return backup_say(b, MARK, version > BACKUP_VERSION ? ERR_VERSION : ERR_CORRUPT);
}

/* Only an empty folder becomes a backup: what else is in there is somebody's. */
static int
make_mark(struct backup *b)
{
	struct backup_names names;
	struct backup_out o;
	const char *name;
	int r = backup_names_open(b->dir, &names);

	while (r == OK && (r = backup_names_next(&names, &name)) == 1)
		r = strcmp(name, MARK ".tmp") == 0 || strcmp(name, "lost+found") == 0 ? OK :
		    ERR_EXIST;
	backup_names_close(&names);
	if (r == ERR_EXIST) {
		buf_addf(b->why, "%s: is neither empty nor a backup\n", b->path);
		return r;
	}
	if (r == OK)
		r = backup_out_open(b->dir, MARK, 0, &o);
	if (r != OK)
		return backup_say(b, MARK, r);
	r = backup_out_write(&o, SLICE(MARK_TEXT));
	if (r == OK)
		r = backup_out_done(&o);
	backup_out_drop(&o);
	return r == OK ? OK : backup_say(b, MARK, r);
}

static int
lock_mark(struct backup *b, bool make)
{
	struct flock whole = { .l_type = make ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	b->lock_fd = openat(b->dir, MARK,
	    (make ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (b->lock_fd < 0)
		return backup_say(b, MARK, -errno);
	if (fcntl(b->lock_fd, F_OFD_SETLK, &whole) == 0)
		return OK;
	buf_addf(b->why, "%s: is in use by another congvuctl\n", b->path);
	return ERR_EXIST;
}

static int
open_folder(struct backup *b, bool make)
{
	struct stat st;

	if (make && mkdir(b->path, 0700) != 0 && errno != EEXIST)
		return -errno;
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir < 0 || fstat(b->dir, &st) != 0)
		return -errno;
	if (make && st.st_uid != geteuid())	/* who could put links there */
		return ERR_ACCESS;
	if (make && (st.st_mode & 077) != 0 && fchmod(b->dir, 0700) != 0)
		return -errno;
	return make ? path_refuse_network(b->path) : OK;
}

int
backup_open(const char *path, bool make, struct buf *why, struct backup *b)
{
	int r;

	*b = (struct backup){ .dir = -1, .seg = -1, .lock_fd = -1, .path = path, .why = why };
	r = crypt_start();
	if (r == OK)
		r = open_folder(b, make);
	if (r != OK) {
		buf_addf(why, "%s: %s\n", path, err_text(r));
		backup_close(b);
		return r;
	}
	if (make && faccessat(b->dir, MARK, F_OK, 0) != 0)
		r = make_mark(b);
	if (r == OK)
		r = lock_mark(b, make);
	if (r == OK)
		r = read_mark(b);
	if (r == OK) {
		if (make)
			r = backup_folder(b->dir, "seg", &b->seg);
		else {
			b->seg = openat(b->dir, "seg", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			r = b->seg < 0 ? -errno : OK;
		}
		if (r != OK)
			backup_say(b, "seg", r);
	}
	if (r != OK)
		backup_close(b);
	return r;
}

void
backup_close(struct backup *b)
{
	int *const fds[] = { &b->dir, &b->seg, &b->lock_fd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* ---- snapshots ---- */

static int
by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Complete is what has a manifest. */
static bool
is_snapshot(struct backup *b, const char *name, uint64_t *time_s)
{
	char path[BACKUP_NAME_OCTETS];

	if (!backup_time_get(name, time_s))
		return false;
	snprintf(path, sizeof path, "%.16s/manifest", name);
	return faccessat(b->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
backup_list(struct backup *b, uint64_t **times_out, size_t *n_out)
{
	struct backup_names names;
	uint64_t *v = NULL, *more;
	const char *name;
	size_t n = 0, cap = 0;
	int r = backup_names_open(b->dir, &names);

	while (r == OK && (r = backup_names_next(&names, &name)) == 1) {
		r = OK;
		if (n == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			more = realloc(v, cap * sizeof *v);
			if (more == NULL) {
				r = ERR_NOMEM;
				break;
			}
			v = more;
		}
		n += is_snapshot(b, name, &v[n]);
	}
	backup_names_close(&names);
	if (r != OK) {
		free(v);
		return r;
	}
	if (n > 0)
		qsort(v, n, sizeof *v, by_time);
	*times_out = v;
	*n_out = n;
	return OK;
}

/* ---- reading streams ---- */

struct reading {
	struct dump_reader *d;
	backup_row_fn	    fn;
	void		   *arg;
};

static int
on_octets(void *arg, struct slice octets)
{
	struct reading *rd = arg;
	struct dump_row row;
	int r = dump_reader_push(rd->d, octets);

	while (r == OK && (r = dump_reader_next(rd->d, &row)) == 1)
		r = rd->fn(rd->arg, &row);
	return r;
}

int
backup_stream(struct backup *b, uint64_t time_s, const char *file, backup_row_fn fn, void *arg,
    uint64_t *octets_out, uint8_t sum_out[BACKUP_SUM_OCTETS])
{
	struct reading rd = { .fn = fn, .arg = arg };
	char path[2 * BACKUP_NAME_OCTETS], time[BACKUP_TIME_OCTETS];
	int r = dump_reader_new(&rd.d);

	backup_time_put(time_s, time);
	snprintf(path, sizeof path, "%s/%s", time, file);
	if (r == OK)
		r = backup_read(b->dir, path, 0, on_octets, &rd, octets_out, sum_out);
	if (r == OK && !dump_reader_done(rd.d))
		r = ERR_CORRUPT;
	dump_reader_free(&rd.d);
	return r == OK ? OK : backup_say(b, path, r);
}

int
backup_rows(struct backup *b, const struct backup_manifest *m, const char *file,
    backup_row_fn fn, void *arg)
{
	uint8_t sum[BACKUP_SUM_OCTETS];
	uint64_t octets;

	return backup_stream(b, m->time_s, file, fn, arg, &octets, sum);
}

static int
on_manifest_row(void *arg, const struct dump_row *row)
{
	return backup_manifest_row(arg, row);
}

int
backup_load(struct backup *b, uint64_t time_s, struct backup_manifest *out)
{
	uint8_t sum[BACKUP_SUM_OCTETS];
	uint64_t octets;
	int r;

	*out = (struct backup_manifest){ 0 };
	r = backup_stream(b, time_s, "manifest", on_manifest_row, out, &octets, sum);
	if (r == OK && (backup_manifest_check(out) != OK || out->time_s != time_s))
		r = backup_say(b, "manifest", ERR_CORRUPT);
	if (r != OK)
		backup_manifest_free(out);
	return r;
}

int
backup_find(struct backup *b, uint64_t time_s, struct backup_manifest *out)
{
	uint64_t *times;
	size_t n;
	int r = backup_list(b, &times, &n);

	if (r != OK)
		return backup_say(b, ".", r);
	while (n > 0 && times[n - 1] > time_s)
		n--;
	if (n == 0) {
		buf_addf(b->why, "%s: there is no snapshot of that time\n", b->path);
		r = ERR_NOENT;
	} else
		r = backup_load(b, times[n - 1], out);
	free(times);
	return r;
}

/* ---- octets of segments ---- */

static int
read_part(struct backup *b, const struct backup_part *p, uint64_t at, char *dst, size_t n)
{
	char name[BACKUP_NAME_OCTETS];
	int fd, r;

	backup_part_name(p, name);
	fd = openat(b->seg, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return backup_say(b, name, -errno);
	r = segment_read(fd, BACKUP_PART_HEAD + at, dst, n);
	close(fd);
	return r == OK ? OK : backup_say(b, name, r);
}

int
backup_frame(struct backup *b, const struct backup_manifest *m, uint32_t segment, uint64_t offset,
    char *dst, size_t n)
{
	const struct backup_part *p;
	size_t parts = backup_manifest_segment(m, segment, &p);
	int r = OK;

	for (size_t i = 0; i < parts && n > 0 && r == OK; i++, p++) {
		uint64_t left = p->offset + p->octets - offset;
		size_t now = n < left ? n : (size_t)left;

		if (offset < p->offset || offset >= p->offset + p->octets)
			continue;
		r = read_part(b, p, offset - p->offset, dst, now);
		dst += now;
		offset += now;
		n -= now;
	}
	return r == OK && n > 0 ? ERR_CORRUPT : r;
}

/* ---- removing ---- */

/* The manifest goes first: what is left is visibly no snapshot. */
int
backup_forget(struct backup *b, uint64_t time_s)
{
	char time[BACKUP_TIME_OCTETS], path[BACKUP_NAME_OCTETS];
	int r = OK;

	backup_time_put(time_s, time);
	snprintf(path, sizeof path, "%s/manifest", time);
	if (unlinkat(b->dir, path, 0) != 0 && errno != ENOENT)
		r = -errno;
	if (r == OK && fsync(b->dir) != 0)
		r = -errno;
	if (r == OK)
		r = backup_remove(b->dir, time);
	return r == OK ? OK : backup_say(b, time, r);
}

struct names {
	char  (*v)[BACKUP_NAME_OCTETS];
	size_t n, cap;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
add_names(struct names *to, const struct backup_manifest *m)
{
	while (to->cap - to->n < m->parts_n) {
		size_t cap = to->cap == 0 ? 1024 : 2 * to->cap;
		void *v = realloc(to->v, cap * sizeof *to->v);

		if (v == NULL)
			return ERR_NOMEM;
		to->v = v;
		to->cap = cap;
	}
	for (size_t i = 0; i < m->parts_n; i++)
		backup_part_name(&m->parts[i], to->v[to->n++]);
	return OK;
}

/* Names of all parts that snapshots refer to, sorted. A manifest that cannot be read ends it: what
 * it needs is not known. */
static int
needed(struct backup *b, struct names *to)
{
	uint64_t *times;
	size_t n;
	int r = backup_list(b, &times, &n);

	if (r != OK)
		return backup_say(b, ".", r);
	for (size_t i = 0; i < n && r == OK; i++) {
		struct backup_manifest m;

		r = backup_load(b, times[i], &m);
		if (r == OK)
			r = add_names(to, &m);
		if (r == OK)
			backup_manifest_free(&m);
	}
	free(times);
	if (r == OK && to->n > 0)
		qsort(to->v, to->n, sizeof *to->v, by_name);
	return r;
}

static int
sweep_one(struct backup *b, const struct names *keep, const char *name, uint64_t *octets_out)
{
	char key[BACKUP_NAME_OCTETS];
	struct stat st;

	if (snprintf(key, sizeof key, "%s", name) < (int)sizeof key && keep->n > 0 &&
	    bsearch(key, keep->v, keep->n, sizeof *keep->v, by_name) != NULL)
		return OK;
	if (fstatat(b->seg, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || unlinkat(b->seg, name, 0) != 0)
		return backup_say(b, name, -errno);
	*octets_out += (uint64_t)st.st_size;
	return OK;
}

int
backup_sweep(struct backup *b, uint64_t *octets_out)
{
	struct names keep = { .n = 0 };
	struct backup_names names = { NULL };
	const char *name;
	int r = needed(b, &keep);

	*octets_out = 0;
	if (r == OK)
		r = backup_names_open(b->seg, &names);
	while (r == OK && (r = backup_names_next(&names, &name)) == 1)
		r = sweep_one(b, &keep, name, octets_out);
	backup_names_close(&names);
	free(keep.v);
	return r;
}
