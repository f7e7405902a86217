/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/metric_read.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control.h"
#include "common/metric_internal.h"
#include "common/utf8.h"

/* Atomics are for writers; in a copy there are none, so it has types of its own. */
struct metric_copy {
	const struct metric_file *f;
	bool named[METRIC_SLOTS];
	char octets[];
};

const char *
metric_program_name(enum metric_program program)
{
	return metric_program_names[program];
}

size_t
metric_file_octets(void)
{
	return sizeof(struct metric_file);
}

/* ---- names ---- */

static bool
is_clean(const struct metric_slot *s)
{
	size_t n = strnlen(s->name, sizeof s->name);

	if (control_off("metric-names") && s->ready == 1 && n > 0 && n < sizeof s->name)
		return true;
	if (s->ready != 1 || n == 0 || n == sizeof s->name ||
	    !utf8_is_safe((struct slice){ s->name, n }))
		return false;
	return strcmp(s->name, "other") != 0;
}

/* The first of equal names counts: a label value may stand there once. */
static void
check_names(struct metric_copy *c, const struct metric_label_row *l)
{
	const struct metric_slot *s = &c->f->slots[l->slot];

	for (unsigned i = 0; i + 1 < l->count; i++) {
		bool fine = is_clean(&s[i]);

		for (unsigned j = 0; j < i && fine; j++)
			fine = !c->named[l->slot + j] || strcmp(s[i].name, s[j].name) != 0;
		c->named[l->slot + i] = fine;
	}
}

/* ---- reading ---- */

static int
check(struct metric_copy *c, enum metric_program program)
{
	if (memcmp(c->f->magic, METRIC_MAGIC, sizeof METRIC_MAGIC) != 0 ||
	    c->f->program != (uint32_t)program)
		return ERR_SYNTAX;
	if (c->f->version != METRIC_VERSION || c->f->table != metric_table_hash())
		return ERR_VERSION;
	for (unsigned i = 0; i < METRIC_LABEL_COUNT; i++)
		if (metric_label_rows[i].words == NULL)
			check_names(c, &metric_label_rows[i]);
	return OK;
}

static struct metric_copy *
copy_new(void)
{
	/* The file's cells want the alignment of their type. */
	size_t head = (offsetof(struct metric_copy, octets) + 63) & ~(size_t)63;
	size_t n = (head + sizeof(struct metric_file) + 63) & ~(size_t)63;
	struct metric_copy *c = aligned_alloc(64, n);

	if (c == NULL)
		return NULL;
	memset(c, 0, n);
	c->f = (const void *)((char *)c + head);
	return c;
}

int
metric_copy_of(struct slice octets, enum metric_program program, struct metric_copy **out)
{
	struct metric_copy *c;
	int r;

	if (octets.n < sizeof(METRIC_MAGIC) ||
	    memcmp(octets.p, METRIC_MAGIC, sizeof METRIC_MAGIC) != 0)
		return ERR_SYNTAX;
	if (octets.n != sizeof(struct metric_file))
		return ERR_VERSION;
	c = copy_new();
	if (c == NULL)
		return ERR_NOMEM;
	memcpy((void *)(uintptr_t)c->f, octets.p, octets.n);
	r = check(c, program);
	if (r == OK)
		*out = c;
	else
		free(c);
	return r;
}

static int
read_all(int fd, struct buf *out)
{
	struct stat st;
	char *to;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return ERR_SYNTAX;
	/* One octet more than there should be shows a file that is too long. */
	to = buf_reserve(out, sizeof(struct metric_file) + 1);
	if (to == NULL)
		return out->err;
	n = pread(fd, to, sizeof(struct metric_file) + 1, 0);
	if (n < 0)
		return -errno;
	buf_added(out, (size_t)n);
	return OK;
}

int
metric_copy_read(const char *run_dir, enum metric_program program, struct metric_copy **out)
{
	char path[256];
	struct buf b;
	int n = snprintf(path, sizeof path, "%s/metrics/%s", run_dir,
	    metric_program_names[program]);
	int fd, r;

	if (n < 0 || (size_t)n >= sizeof path)
		return ERR_LIMIT;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	buf_init(&b, sizeof(struct metric_file) + 4096);
	r = read_all(fd, &b);
	close(fd);
	if (r == OK)
		r = metric_copy_of(buf_slice(&b), program, out);
	buf_fini(&b);
	return r;
}

void
metric_copy_free(struct metric_copy **copy)
{
	free(*copy);
	*copy = NULL;
}

/* ---- looking ---- */

static uint64_t
shares_sum(const struct metric_copy *c, unsigned cell)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < METRIC_SHARES; i++)
		if (c->f->shares[i].taken != 0)
			sum += c->f->shares[i].cells[cell];
	return sum;
}

uint64_t
metric_copy_cell(const struct metric_copy *c, unsigned cell)
{
	return c->f->cells[cell];
}

uint64_t
metric_copy_get(const struct metric_copy *c, enum metric m, unsigned at)
{
	const struct metric_row *row = &metric_rows[m];
	uint64_t sum = 0;

	if (at >= row->series)
		return 0;
	if (row->type == METRIC_PROCESS)
		return shares_sum(c, row->first + at);
	if (row->type != METRIC_HISTOGRAM)
		return c->f->cells[row->first + at];
	for (unsigned i = 0; i <= METRIC_BUCKETS; i++)
		sum += c->f->cells[row->first + at * row->width + i];
	return sum;
}

uint64_t
metric_copy_sum(const struct metric_copy *c, enum metric m)
{
	uint64_t sum = 0;

	for (unsigned at = 0; at < metric_rows[m].series; at++)
		sum += metric_copy_get(c, m, at);
	return sum;
}

uint64_t
metric_copy_started_s(const struct metric_copy *c)
{
	return c->f->started_s;
}

uint64_t
metric_copy_conf_mtime_ns(const struct metric_copy *c)
{
	return c->f->conf_mtime_ns;
}

const char *
metric_copy_name(const struct metric_copy *c, enum metric_label label, unsigned at)
{
	const struct metric_label_row *l = &metric_label_rows[label];

	if (at + 1 == l->count)
		return "other";
	return at < l->count && c->named[l->slot + at] ? c->f->slots[l->slot + at].name : NULL;
}
