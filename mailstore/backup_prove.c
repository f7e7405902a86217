/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/backup_internal.h"
#include "mailstore/control.h"
#include "mailstore/index.h"
#include "mailstore/segment.h"

enum { ROW_ARENA_MAX = 48 << 20, BAD_SHOWN = 20 };

struct proving {
	struct backup		     *b;
	const struct backup_manifest *m;
	struct backup_proof	     *proof;
	struct backup_seen	     *seen;
	struct backup_need	      need;
	const char		     *file;
	bool			      control;
	struct arena		      a;
};

static void
bad(struct proving *p, const char *name, const char *what)
{
	if (++p->proof->bad <= BAD_SHOWN)
		buf_addf(p->b->why, "%s/%s: %s\n", p->b->path, name, what);
}

/* ---- rows ---- */

static int
on_row(void *arg, const struct dump_row *row)
{
	struct proving *p = arg;
	int r = backup_row_is_whole(row->key, row->val) ?
	    backup_need_row(&p->need, row, p->control, &p->a) : ERR_CORRUPT;

	p->proof->rows++;
	if (r == OK || r == ERR_NOMEM)
		return r;
	bad(p, p->file, r == ERR_VERSION ? "has a row of a newer version" : "has a damaged row");
	return OK;
}

/* Rows, and the sum of the file beside them. */
static int
prove_rows(struct proving *p, const struct backup_entry *e)
{
	uint8_t sum[BACKUP_SUM_OCTETS];
	uint64_t octets;
	int r;

	p->file = e->name;
	p->control = strcmp(e->name, "control.dump") == 0;
	r = backup_stream(p->b, p->m->time_s, e->name, on_row, p, &octets, sum);
	if (r == ERR_NOMEM)
		return r;
	if (r != OK)		/* it is told already */
		p->proof->bad++;
	else if (octets != e->octets || memcmp(sum, e->sum, sizeof sum) != 0)
		bad(p, e->name, "is another file than the manifest says");
	p->proof->octets += octets;
	return OK;
}

static int
prove_file(struct proving *p, const struct backup_entry *e)
{
	char path[2 * BACKUP_NAME_OCTETS], time[BACKUP_TIME_OCTETS];
	uint8_t sum[BACKUP_SUM_OCTETS];
	uint64_t octets = 0;
	int r;

	p->proof->files++;
	if (strncmp(e->name, "keys/", 5) != 0)
		return prove_rows(p, e);
	backup_time_put(p->m->time_s, time);
	snprintf(path, sizeof path, "%s/%s", time, e->name);
	r = backup_read(p->b->dir, path, 0, NULL, NULL, &octets, sum);
	if (r == ERR_NOMEM)
		return r;
	if (r != OK)
		bad(p, path, err_text(r));
	else if (octets != e->octets || memcmp(sum, e->sum, sizeof sum) != 0)
		bad(p, path, "is another file than the manifest says");
	return OK;
}

/* ---- parts ---- */

static int
by_name(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct backup_seen_part));
}

static bool
is_seen(const struct backup_seen *seen, const struct backup_seen_part *key)
{
	return seen != NULL && seen->sorted > 0 &&
	    bsearch(key, seen->v, seen->sorted, sizeof *seen->v, by_name) != NULL;
}

static int
note_seen(struct backup_seen *seen, const struct backup_seen_part *key)
{
	if (seen == NULL)
		return OK;
	if (seen->n == seen->cap) {
		size_t cap = seen->cap == 0 ? 1024 : 2 * seen->cap;
		void *v = realloc(seen->v, cap * sizeof *seen->v);

		if (v == NULL)
			return ERR_NOMEM;
		seen->v = v;
		seen->cap = cap;
	}
	seen->v[seen->n++] = *key;
	return OK;
}

void
backup_seen_free(struct backup_seen *seen)
{
	free(seen->v);
	*seen = (struct backup_seen){ .n = 0 };
}

static int
read_head(struct backup *b, const char *name, struct backup_part *out)
{
	char head[BACKUP_PART_HEAD];
	struct stat st;
	int fd = openat(b->seg, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) != 0 ? -errno : segment_read(fd, 0, head, sizeof head);
	close(fd);
	if (r == OK)
		r = backup_part_get((struct slice){ head, sizeof head }, out);
	/* Not read to its end to find that out: it could have any. */
	return r == OK && (uint64_t)st.st_size != BACKUP_PART_HEAD + out->octets ? ERR_CORRUPT : r;
}

static bool
same_part(const struct backup_part *a, const struct backup_part *b)
{
	return a->segment == b->segment && a->offset == b->offset && a->octets == b->octets &&
	    memcmp(a->epoch_public, b->epoch_public, sizeof a->epoch_public) == 0 &&
	    memcmp(a->sum, b->sum, sizeof a->sum) == 0;
}

static int
prove_part(struct proving *p, const struct backup_part *want)
{
	char path[BACKUP_NAME_OCTETS + 8];
	uint8_t sum[BACKUP_SUM_OCTETS];
	struct backup_seen_part key;
	struct backup_part found;
	uint64_t octets = 0;
	const char *name = key.name;
	int r;

	memset(&key, 0, sizeof key);
	backup_part_name(want, key.name);
	memcpy(key.sum, want->sum, sizeof key.sum);
	snprintf(path, sizeof path, "seg/%s", name);
	p->proof->parts++;
	if (is_seen(p->seen, &key))
		return OK;
	r = read_head(p->b, name, &found);
	if (r == OK && !same_part(want, &found))
		r = ERR_CORRUPT;
	if (r == OK)
		r = backup_read(p->b->seg, name, BACKUP_PART_HEAD, NULL, NULL, &octets, sum);
	if (r == ERR_NOMEM)
		return r;
	if (r == OK && (octets != want->octets || memcmp(sum, want->sum, sizeof sum) != 0))
		r = ERR_CORRUPT;
	p->proof->octets += octets;
	if (r == OK)
		return note_seen(p->seen, &key);
	bad(p, path, err_text(r));
	return OK;
}

/* Are the segments there as far as rows refer to them? */
static void
prove_reach(struct proving *p)
{
	const struct backup_part *first;
	char what[100];

	for (size_t i = 0; i < p->need.n; i++) {
		const struct backup_reach *reach = &p->need.v[i];
		size_t n = backup_manifest_segment(p->m, reach->segment, &first);

		if (n > 0 && first[n - 1].offset + first[n - 1].octets >=
		    reach->offset + FRAME_HEADER_OCTETS)
			continue;
		snprintf(what, sizeof what, "lacks segment %08x as far as mail refers to it",
		    reach->segment);
		bad(p, "manifest", what);
	}
}

int
backup_prove(struct backup *b, const struct backup_manifest *m, struct backup_seen *seen,
    struct backup_proof *out)
{
	struct proving p = { .b = b, .m = m, .proof = out, .seen = seen };
	int r = OK;

	*out = (struct backup_proof){ 0 };
	arena_init(&p.a, ROW_ARENA_MAX);
	if (m->format > INDEX_FORMAT) {
		bad(&p, "manifest", "is of a store of a newer congvu");
		r = ERR_VERSION;
	}
	for (size_t i = 0; i < m->files_n && r == OK; i++)
		r = prove_file(&p, &m->files[i]);
	for (size_t i = 0; i < m->parts_n && r == OK; i++)
		r = prove_part(&p, &m->parts[i]);
	if (r == OK)
		prove_reach(&p);
	if (seen != NULL && seen->n > seen->sorted) {
		qsort(seen->v, seen->n, sizeof *seen->v, by_name);
		seen->sorted = seen->n;
	}
	free(p.need.v);
	arena_clear(&p.a);
	return r == OK && out->bad > 0 ? ERR_CORRUPT : r;
}
