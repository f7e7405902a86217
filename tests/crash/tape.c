/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tape.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

uint64_t
crash_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(3);
}

/* ---- the tape ---- */

struct tape *
tape_new(uint64_t octets)
{
	struct tape *t = mmap(NULL, octets, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (t == MAP_FAILED)
		die("tape");
	t->cap = octets - sizeof *t;
	return t;
}

void
tape_free(struct tape *t)
{
	munmap(t, t->cap + sizeof *t);
}

static uint64_t
rounded(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

void
tape_add(struct tape *t, const struct tape_record *r, const void *data)
{
	if (t->cap - t->used < sizeof *r + rounded(r->octets)) {
		t->full = true;
		return;
	}
	memcpy(t->mem + t->used, r, sizeof *r);
	if (r->octets > 0)
		memcpy(t->mem + t->used + sizeof *r, data, r->octets);
	t->used += sizeof *r + rounded(r->octets);
	t->count++;
}

const struct tape_record *
tape_next(const struct tape *t, uint64_t *at, const void **data_out)
{
	const struct tape_record *r = (const void *)(t->mem + *at);

	if (*at >= t->used)
		return NULL;
	*data_out = t->mem + *at + sizeof *r;
	*at += sizeof *r + rounded(r->octets);
	return r;
}

/* ---- the disk ---- */

/* A change of a file that is not known to be durable; its data stay on the tape. */
struct change {
	const struct tape_record *r;
	const unsigned char	 *data;
	bool must, doomed;
};

struct file {
	unsigned char *p;
	size_t	       n, cap;
	struct change *changes;
	size_t	       changes_n, changes_cap;
};

enum { FOLDER = UINT32_MAX };

struct entry {
	char	 path[DISK_PATH];
	uint32_t file;			/* FOLDER: it is one */
};

struct entry_change {
	uint32_t kind, file;
	char	 from[DISK_PATH], to[DISK_PATH];
};

struct entries {
	struct entry v[DISK_FILES];
	size_t	     n;
};

struct disk {
	struct file	    files[DISK_FILES];
	size_t		    files_n;
	struct entries	    entries;
	struct entry_change pending[DISK_FILES];
	size_t		    pending_n;
};

struct disk *
disk_new(void)
{
	struct disk *d = calloc(1, sizeof *d);

	if (d == NULL)
		die("disk");
	return d;
}

void
disk_free(struct disk *d)
{
	for (size_t i = 0; i < d->files_n; i++) {
		free(d->files[i].p);
		free(d->files[i].changes);
	}
	free(d);
}

static void
need(struct file *f, size_t n)
{
	if (n > f->cap) {
		f->cap = n + n / 2 + 4096;
		f->p = realloc(f->p, f->cap);
		if (f->p == NULL)
			die("disk");
	}
	if (n > f->n) {
		memset(f->p + f->n, 0, n - f->n);
		f->n = n;
	}
}

static void
put(struct file *f, uint64_t at, const unsigned char *p, size_t n)
{
	need(f, at + n);
	if (n > 0)
		memcpy(f->p + at, p, n);
}

static void
resize(struct file *f, uint64_t n)
{
	if (n < f->n)
		f->n = n;
	need(f, n);
}

/* seed NULL: the whole of it; else of a write some sectors. */
static void
apply(struct file *f, const struct change *c, uint64_t *seed)
{
	uint64_t end = c->r->at + c->r->n;

	switch (c->r->kind) {
	case TAPE_SIZE:
		resize(f, c->r->at);
		return;
	case TAPE_HOLE:
		if (c->r->at < f->n)
			memset(f->p + c->r->at, 0, (end < f->n ? end : f->n) - c->r->at);
		return;
	default:
		break;
	}
	for (uint64_t at = c->r->at; at < end;) {
		uint64_t to = (at / SECTOR + 1) * SECTOR;

		to = to < end && seed != NULL ? to : end;
		if (seed == NULL || crash_random(seed) % 2 == 0)
			put(f, at, c->data + (at - c->r->at), to - at);
		at = to;
	}
}

/* Changes that are durable and have none before them that is unsure. */
static void
settle(struct file *f)
{
	size_t n = 0;

	while (n < f->changes_n && f->changes[n].must)
		apply(f, &f->changes[n++], NULL);
	f->changes_n -= n;
	if (n > 0 && f->changes_n > 0)
		memmove(f->changes, f->changes + n, f->changes_n * sizeof *f->changes);
}

static struct file *
file_of(struct disk *d, uint32_t number)
{
	if (number >= DISK_FILES)
		die("too many files");
	if (number >= d->files_n)
		d->files_n = number + 1;
	return &d->files[number];
}

static void
add_change(struct file *f, const struct tape_record *r, const void *data)
{
	if (f->changes_n == f->changes_cap) {
		f->changes_cap = f->changes_cap * 2 + 16;
		f->changes = realloc(f->changes, f->changes_cap * sizeof *f->changes);
		if (f->changes == NULL)
			die("disk");
	}
	f->changes[f->changes_n++] = (struct change){ .r = r, .data = data,
		.must = r->kind == TAPE_WRITE_DURABLE };
	settle(f);
}

static void
sync_file(struct file *f, bool failed)
{
	for (size_t i = 0; i < f->changes_n; i++) {
		if (failed)
			f->changes[i].doomed = true;
		else if (!f->changes[i].doomed)
			f->changes[i].must = true;
	}
	settle(f);
}

/* ---- names ---- */

static size_t
entry_find(const struct entries *es, const char *path)
{
	for (size_t i = 0; i < es->n; i++)
		if (strcmp(es->v[i].path, path) == 0)
			return i;
	return es->n;
}

static void
entry_apply(struct entries *es, const struct entry_change *c)
{
	const char *target = c->kind == TAPE_RENAME ? c->to : c->from;
	size_t i;

	if (c->kind == TAPE_RENAME || c->kind == TAPE_UNLINK) {
		i = entry_find(es, c->from);
		if (i < es->n)
			es->v[i] = es->v[--es->n];
	}
	if (c->kind == TAPE_UNLINK)
		return;
	i = entry_find(es, target);
	if (i == es->n && es->n++ == DISK_FILES)
		die("too many names");
	snprintf(es->v[i].path, sizeof es->v[i].path, "%s", target);
	es->v[i].file = c->kind == TAPE_MKDIR ? FOLDER : c->file;
}

static void
add_entry_change(struct disk *d, const struct tape_record *r, const char *paths)
{
	struct entry_change *c = &d->pending[d->pending_n];

	if (d->pending_n++ == DISK_FILES)
		die("too many changes of names");
	*c = (struct entry_change){ .kind = r->kind, .file = r->file };
	snprintf(c->from, sizeof c->from, "%s", paths);
	if (r->kind == TAPE_RENAME)
		snprintf(c->to, sizeof c->to, "%s", paths + strlen(paths) + 1);
}

static bool
is_in(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	return n == strlen(dir) && strncmp(path, dir, n) == 0;
}

static void
sync_dir(struct disk *d, const char *dir)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->pending_n; i++) {
		struct entry_change *c = &d->pending[i];

		if (is_in(c->from, dir) || (c->kind == TAPE_RENAME && is_in(c->to, dir)))
			entry_apply(&d->entries, c);
		else
			d->pending[kept++] = *c;
	}
	d->pending_n = kept;
}

void
disk_play(struct disk *d, const struct tape_record *r, const void *data)
{
	switch (r->kind) {
	case TAPE_CREATE:
		(void)file_of(d, r->file);
		add_entry_change(d, r, data);
		break;
	case TAPE_MKDIR:
	case TAPE_UNLINK:
	case TAPE_RENAME:
		add_entry_change(d, r, data);
		break;
	case TAPE_SYNC:
	case TAPE_SYNC_FAILED:
		sync_file(file_of(d, r->file), r->kind == TAPE_SYNC_FAILED);
		break;
	case TAPE_SYNC_DIR:
		sync_dir(d, data);
		break;
	case TAPE_NOTE:
		break;
	default:
		add_change(file_of(d, r->file), r, data);
	}
}

bool
disk_unsure(const struct disk *d)
{
	for (size_t i = 0; i < d->files_n; i++)
		if (d->files[i].changes_n > 0)
			return true;
	return d->pending_n > 0;
}

/* ---- an image ---- */

/* Which changes a random cut keeps: about half, nearly all, or nearly none. */
struct luck {
	enum disk_variant v;
	uint64_t seed;
	unsigned of_ten;
};

static bool
kept(struct luck *l)
{
	return l->v == DISK_ALL || (l->v == DISK_RANDOM && crash_random(&l->seed) % 10 < l->of_ten);
}

static void
write_whole(const char *path, const struct file *f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd < 0)
		die(path);
	for (size_t at = 0; at < f->n;) {
		ssize_t w = write(fd, f->p + at, f->n - at);

		if (w <= 0)
			die(path);
		at += (size_t)w;
	}
	close(fd);
}

static void
write_file(const struct file *f, struct luck *l, const char *path)
{
	static struct file out;		/* its memory is used again */

	if (f->changes_n == 0) {
		write_whole(path, f);
		return;
	}
	out.n = 0;
	put(&out, 0, f->p, f->n);
	for (size_t i = 0; i < f->changes_n; i++) {
		const struct change *c = &f->changes[i];
		bool torn;

		if (c->must) {
			apply(&out, c, NULL);
			continue;
		}
		if (!kept(l))
			continue;
		torn = l->v == DISK_RANDOM && crash_random(&l->seed) % 3 == 0;
		apply(&out, c, torn ? &l->seed : NULL);
	}
	write_whole(path, &out);
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

void
disk_write(const struct disk *d, enum disk_variant v, uint64_t seed, const char *dir)
{
	static const unsigned of_ten[] = { 5, 9, 1 };
	struct luck l = { v, seed, of_ten[seed % 3] };
	static struct entries es;
	char path[DISK_PATH + 200];

	es = d->entries;
	for (size_t i = 0; i < d->pending_n; i++)
		if (kept(&l))
			entry_apply(&es, &d->pending[i]);
	qsort(es.v, es.n, sizeof es.v[0], by_path);	/* a folder before what is in it */
	for (size_t i = 0; i < es.n; i++) {
		struct stat st;
		char *slash;

		snprintf(path, sizeof path, "%s/%s", dir, es.v[i].path);
		slash = strrchr(path, '/');
		*slash = '\0';
		if (stat(path, &st) != 0)	/* its folder got lost */
			continue;
		*slash = '/';
		if (es.v[i].file != FOLDER)
			write_file(&d->files[es.v[i].file], &l, path);
		else if (mkdir(path, 0750) != 0)
			die(path);
	}
}
