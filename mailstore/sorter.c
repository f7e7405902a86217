/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/sorter.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

enum { RUNS_MAX = 1024, READ_ITEMS = 2048, ITEMS_MIN = 16 };

/* A sorted run in the file, and what of it is in memory now. */
struct run {
	uint64_t	    at, end;	/* items in the file not yet read */
	struct sorter_item *page;
	size_t		    n, next;
};

struct sorter {
	const char	   *dir;
	struct sorter_item *items;
	size_t		    n, cap, room;	/* room: allocated so far */
	size_t		    next;
	uint64_t	    count;
	int		    fd;
	uint64_t	    ends[RUNS_MAX];	/* where run i ends in the file, in items */
	size_t		    runs_n;
	struct run	   *runs;		/* while merging: a heap, smallest first */
	size_t		    heap_n;
};

int
sorter_new(const char *dir, size_t memory_octets, struct sorter **out)
{
	struct sorter *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return ERR_NOMEM;
	s->dir = dir;
	s->fd = -1;
	s->cap = memory_octets / sizeof *s->items;
	if (s->cap < ITEMS_MIN)
		s->cap = ITEMS_MIN;
	return OK;
}

static void
free_runs(struct sorter *s)
{
	for (size_t i = 0; s->runs != NULL && i < s->runs_n; i++)
		free(s->runs[i].page);
	free(s->runs);
	s->runs = NULL;
}

void
sorter_free(struct sorter **sp)
{
	struct sorter *s = *sp;

	if (s == NULL)
		return;
	free_runs(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->items);
	free(s);
	*sp = NULL;
}

static int
compare(const void *x, const void *y)
{
	const struct sorter_item *p = x, *q = y;

	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	if (p->b != q->b)
		return p->b < q->b ? -1 : 1;
	return p->c < q->c ? -1 : p->c > q->c;
}

/* ---- the file ---- */

static int
make_file(struct sorter *s)
{
	char path[300];

	s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return OK;
	/* Not every file system knows files without a name. */
	if (snprintf(path, sizeof path, "%s/congvu-sort-XXXXXX", s->dir) >= (int)sizeof path)
		return ERR_LIMIT;
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	unlink(path);
	return OK;
}

static int
spill(struct sorter *s)
{
	uint64_t begin = s->runs_n == 0 ? 0 : s->ends[s->runs_n - 1];
	int r = OK;

	if (s->n == 0)
		return OK;
	if (s->runs_n == RUNS_MAX)
		return ERR_LIMIT;
	if (s->fd < 0)
		r = make_file(s);
	qsort(s->items, s->n, sizeof *s->items, compare);
	if (r == OK)
		r = file_write_at(s->fd, (struct slice){ (const char *)s->items,
		    s->n * sizeof *s->items }, begin * sizeof *s->items);
	if (r != OK)
		return r;
	s->ends[s->runs_n++] = begin + s->n;
	s->n = 0;
	return OK;
}

static int
grow(struct sorter *s)
{
	size_t room = s->room == 0 ? ITEMS_MIN : 2 * s->room;
	struct sorter_item *p;

	if (room > s->cap)
		room = s->cap;
	p = realloc(s->items, room * sizeof *p);
	if (p == NULL)
		return ERR_NOMEM;
	s->items = p;
	s->room = room;
	return OK;
}

int
sorter_add(struct sorter *s, uint64_t a, uint64_t b, uint64_t c)
{
	int r = OK;

	if (s->n == s->cap)
		r = spill(s);
	else if (s->n == s->room)
		r = grow(s);
	if (r != OK)
		return r;
	s->items[s->n++] = (struct sorter_item){ a, b, c };
	s->count++;
	return OK;
}

uint64_t
sorter_count(const struct sorter *s)
{
	return s->count;
}

/* ---- merging ---- */

/* The next page of a run: 1, 0 at its end. */
static int
fill(struct sorter *s, struct run *run)
{
	uint64_t left = run->end - run->at;
	int r;

	run->n = left < READ_ITEMS ? (size_t)left : READ_ITEMS;
	run->next = 0;
	if (run->n == 0)
		return 0;
	r = file_read_at(s->fd, run->page, run->n * sizeof *run->page,
	    run->at * sizeof *run->page);
	run->at += run->n;
	return r == OK ? 1 : r;
}

static bool
before(const struct run *x, const struct run *y)
{
	return compare(&x->page[x->next], &y->page[y->next]) < 0;
}

static void
sift_down(struct sorter *s, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->heap_n; child++)
			if (before(&s->runs[child], &s->runs[least]))
				least = child;
		if (least == i)
			return;

		struct run t = s->runs[i];

		s->runs[i] = s->runs[least];
		s->runs[least] = t;
		i = least;
	}
}

static int
begin_merge(struct sorter *s)
{
	s->runs = calloc(s->runs_n, sizeof *s->runs);
	if (s->runs == NULL)
		return ERR_NOMEM;
	s->heap_n = s->runs_n;
	for (size_t i = 0; i < s->runs_n; i++) {
		struct run *run = &s->runs[i];
		int r;

		run->at = i == 0 ? 0 : s->ends[i - 1];
		run->end = s->ends[i];
		run->page = malloc(READ_ITEMS * sizeof *run->page);
		if (run->page == NULL)
			return ERR_NOMEM;
		r = fill(s, run);
		if (r != 1)
			return r < 0 ? r : ERR_IO;
	}
	for (size_t i = s->heap_n; i > 0; i--)
		sift_down(s, i - 1);
	return OK;
}

int
sorter_sort(struct sorter *s)
{
	int r;

	s->next = 0;
	free_runs(s);
	if (s->fd < 0) {
		if (s->n > 0)
			qsort(s->items, s->n, sizeof *s->items, compare);
		return OK;
	}
	r = spill(s);
	return r == OK ? begin_merge(s) : r;
}

static int
next_merged(struct sorter *s, struct sorter_item *out)
{
	struct run *first = s->runs;
	int r = 1;

	if (s->heap_n == 0)
		return 0;
	*out = first->page[first->next++];
	if (first->next == first->n)
		r = fill(s, first);
	if (r < 0)
		return r;
	if (r == 0) {	/* the run is at its end: keep it behind the heap, to be freed */
		struct run done = *first;

		*first = s->runs[--s->heap_n];
		s->runs[s->heap_n] = done;
	}
	if (s->heap_n > 0)
		sift_down(s, 0);
	return 1;
}

int
sorter_next(struct sorter *s, struct sorter_item *out)
{
	if (s->fd >= 0)
		return next_merged(s, out);
	if (s->next == s->n)
		return 0;
	*out = s->items[s->next++];
	return 1;
}
