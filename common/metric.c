/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/metric.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/metric_internal.h"

/* Where it is counted before metric_open(), and after metric_leave(). */
static struct metric_file own;
static struct metric_file *file = &own;

/* The share of this process: 0 is the parent's, NULL none. */
static struct metric_share *share = &own.shares[0];

/* ---- the file ---- */

static int
program_index(const char *program)
{
	for (int i = 0; i < METRIC_PROGRAM_COUNT; i++)
		if (strcmp(metric_program_names[i], program) == 0)
			return i;
	return ERR_NOENT;
}

/* A new file each time: processes of an earlier start may still count in the old one. */
static int
make_file(const char *path, int *fd_out)
{
	int fd, r = OK;

	if (unlink(path) != 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* Room for all of it now: a full disk must not end us by SIGBUS later. */
	r = -posix_fallocate(fd, 0, (off_t)sizeof(struct metric_file));
	if (r == OK && fchmod(fd, 0644) != 0)	/* whatever the umask: there are no secrets in it */
		r = -errno;
	if (r != OK)
		close(fd);
	else
		*fd_out = fd;
	return r;
}

static int
make_folder(const char *run_dir, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s/metrics", run_dir);

	if (n < 0 || (size_t)n >= cap)
		return ERR_LIMIT;
	if (mkdir(out, 0755) != 0)
		return errno == EEXIST ? OK : -errno;
	return chmod(out, 0755) == 0 ? OK : -errno;	/* whatever the umask */
}

static void
fill_head(struct metric_file *f, uint32_t program)
{
	f->version = METRIC_VERSION;
	f->program = program;
	f->table = metric_table_hash();
	f->started_s = (uint64_t)clock_real_s();
	atomic_store_explicit(&f->shares[0].taken, 1, memory_order_relaxed);
	/* Last: a reader takes a file without it for one that is not ready. */
	atomic_thread_fence(memory_order_release);
	memcpy(f->magic, METRIC_MAGIC, sizeof METRIC_MAGIC);
}

int
metric_open(const char *run_dir, const char *program)
{
	char folder[200], path[256];
	int at = program_index(program), fd = -1;
	int r = at < 0 ? at : make_folder(run_dir, folder, sizeof folder);
	void *map;

	if (r == OK) {
		snprintf(path, sizeof path, "%s/%s", folder, program);
		r = make_file(path, &fd);
	}
	if (r != OK)
		return r;
	map = mmap(NULL, sizeof(struct metric_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r = map == MAP_FAILED ? -errno : OK;
	close(fd);
	if (r != OK)
		return r;
	file = map;
	share = &file->shares[0];
	fill_head(file, (uint32_t)at);
	return OK;
}

void
metric_leave(void)
{
	if (file != &own)
		munmap(file, sizeof *file);
	file = &own;
	share = &own.shares[0];
}

/* ---- counting ---- */

unsigned
metric_at(enum metric m, unsigned a, unsigned b, unsigned c)
{
	const enum metric_label *l = metric_rows[m].labels;
	unsigned n1 = metric_label_rows[l[0]].count, n2 = metric_label_rows[l[1]].count;
	unsigned n3 = metric_label_rows[l[2]].count;

	return a < n1 && b < n2 && c < n3 ? (a * n2 + b) * n3 + c : metric_rows[m].series;
}

/* The first cell of a series, or NULL: it has none here. */
static _Atomic uint64_t *
cell(enum metric m, unsigned at)
{
	const struct metric_row *row = &metric_rows[m];

	if (at >= row->series)
		return NULL;
	if (row->type == METRIC_PROCESS)
		return share == NULL ? NULL : &share->cells[row->first + at];
	return &file->cells[row->first + at * row->width];
}

void
metric_add(enum metric m, unsigned at, uint64_t n)
{
	_Atomic uint64_t *c = cell(m, at);

	if (c != NULL)
		atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

void
metric_sub(enum metric m, unsigned at, uint64_t n)
{
	metric_add(m, at, 0 - n);
}

void
metric_session(unsigned at, bool begins)
{
	if (begins) {
		metric_add(METRIC_SESSIONS_OPEN, at, 1);
		metric_add(METRIC_SESSIONS, at, 1);
	} else {
		metric_sub(METRIC_SESSIONS_OPEN, at, 1);
	}
}

void
metric_set(enum metric m, unsigned at, uint64_t value)
{
	_Atomic uint64_t *c = cell(m, at);

	if (c != NULL)
		atomic_store_explicit(c, value, memory_order_relaxed);
}

uint64_t
metric_get(enum metric m, unsigned at)
{
	_Atomic uint64_t *c = cell(m, at);

	return c == NULL ? 0 : atomic_load_explicit(c, memory_order_relaxed);
}

void
metric_observe_us(enum metric m, unsigned at, uint64_t us)
{
	_Atomic uint64_t *c = cell(m, at);
	unsigned i = 0;

	if (c == NULL)
		return;
	while (i < METRIC_BUCKETS && us > metric_bounds_us[i])
		i++;
	atomic_fetch_add_explicit(&c[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c[METRIC_BUCKETS + 1], us, memory_order_relaxed);
}

/* ---- names ---- */

/* As much of a name as fits, without half a character at its end. */
static size_t
fitting(const char *name, size_t n)
{
	if (n <= METRIC_NAME_MAX)
		return n;
	for (n = METRIC_NAME_MAX; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80; n--)
		continue;
	return n;
}

unsigned
metric_slot_find(enum metric_label label, const char *name, size_t n)
{
	const struct metric_label_row *l = &metric_label_rows[label];
	struct metric_slot *s = &file->slots[l->slot];
	unsigned i = 0;

	n = fitting(name, n);
	for (; i + 1 < l->count; i++) {
		if (atomic_load_explicit(&s[i].ready, memory_order_acquire) == 0)
			return l->count - 1;
		if (strncmp(s[i].name, name, n) == 0 && s[i].name[n] == '\0')
			return i;
	}
	return i;
}

unsigned
metric_slot(enum metric_label label, const char *name)
{
	const struct metric_label_row *l = &metric_label_rows[label];
	struct metric_slot *s = &file->slots[l->slot];
	size_t n = fitting(name, strlen(name));
	unsigned at = metric_slot_find(label, name, n);

	if (at + 1 < l->count)
		return at;
	for (at = 0; at + 1 < l->count; at++)
		if (atomic_load_explicit(&s[at].ready, memory_order_relaxed) == 0) {
			memcpy(s[at].name, name, n);
			atomic_store_explicit(&s[at].ready, 1, memory_order_release);
			break;
		}
	return at;
}

/* ---- shares ---- */

int
metric_share_take(void)
{
	for (int i = 1; i < METRIC_SHARES; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(&file->shares[i].taken, &none, 1))
			return i;
	}
	return -1;
}

void
metric_share_enter(int at)
{
	share = at > 0 && at < METRIC_SHARES ? &file->shares[at] : NULL;
}

void
metric_share_give(int at)
{
	if (at <= 0 || at >= METRIC_SHARES)
		return;
	for (unsigned i = 0; i < METRIC_OWN_CELLS; i++)
		atomic_store_explicit(&file->shares[at].cells[i], 0, memory_order_relaxed);
	atomic_store(&file->shares[at].taken, 0);
}

/* ---- configuration ---- */

void
metric_config_loaded(const char *path)
{
	struct stat st = { 0 };
	bool first = metric_get(METRIC_CONFIG_GENERATION, 0) == 0;

	if (stat(path, &st) == 0)
		atomic_store(&file->conf_mtime_ns, (uint64_t)st.st_mtim.tv_sec * 1000000000U +
		    (uint64_t)st.st_mtim.tv_nsec);
	metric_set(METRIC_CONFIG_LOADED, 0, (uint64_t)clock_real_s());
	metric_set(METRIC_CONFIG_FAILED, 0, 0);	/* both may be in one second */
	if (!first)
		metric_add(METRIC_RELOADS, METRIC_OK, 1);
	metric_add(METRIC_CONFIG_GENERATION, 0, 1);
}

void
metric_config_failed(void)
{
	metric_set(METRIC_CONFIG_FAILED, 0, (uint64_t)clock_real_s());
	metric_add(METRIC_RELOADS, METRIC_BAD, 1);
}
