/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/backup_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { HOLE_OCTETS = 4096 };

/* ---- writing ---- */

int
backup_out_open(int dir, const char *name, size_t head, struct backup_out *o)
{
	*o = (struct backup_out){ .dir = dir, .fd = -1, .head = head };
	if (snprintf(o->name, sizeof o->name, "%s", name) >= (int)sizeof o->name)
		return ERR_LIMIT;
	snprintf(o->tmp, sizeof o->tmp, "%s.tmp", o->name);
	if (unlinkat(dir, o->tmp, 0) != 0 && errno != ENOENT)
		return -errno;
	o->fd = openat(dir, o->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	crypto_generichash_init(&o->sum, NULL, 0, BACKUP_SUM_OCTETS);
	return o->fd < 0 ? -errno : OK;
}

static bool
all_zero(struct slice s)
{
	return s.n >= HOLE_OCTETS && s.p[0] == 0 && memcmp(s.p, s.p + 1, s.n - 1) == 0;
}

int
backup_out_write(void *arg, struct slice octets)
{
	struct backup_out *o = arg;
	int r = all_zero(octets) ? OK : file_write_at(o->fd, octets, o->head + o->octets);

	crypto_generichash_update(&o->sum, (const unsigned char *)octets.p, octets.n);
	o->octets += octets.n;
	return r;
}

void
backup_out_sum(struct backup_out *o, uint8_t sum_out[BACKUP_SUM_OCTETS])
{
	crypto_generichash_final(&o->sum, sum_out, BACKUP_SUM_OCTETS);
}

int
backup_out_head(struct backup_out *o, struct slice head)
{
	return head.n == o->head ? file_write_at(o->fd, head, 0) : ERR_INVAL;
}

int
backup_out_done(struct backup_out *o)
{
	int r = OK;

	if (ftruncate(o->fd, (off_t)(o->head + o->octets)) != 0 || fsync(o->fd) != 0 ||
	    renameat(o->dir, o->tmp, o->dir, o->name) != 0 || fsync(o->dir) != 0)
		r = -errno;
	if (r != OK)
		(void)unlinkat(o->dir, o->tmp, 0);
	close(o->fd);
	o->fd = -1;
	return r;
}

void
backup_out_drop(struct backup_out *o)
{
	if (o->fd < 0)
		return;
	(void)unlinkat(o->dir, o->tmp, 0);
	close(o->fd);
	o->fd = -1;
}

/* ---- reading ---- */

static int
read_through(int fd, uint64_t from, backup_read_fn fn, void *arg, uint64_t *octets_out,
    crypto_generichash_state *sum)
{
	char *mem = malloc(BACKUP_READ_OCTETS);
	int r = mem == NULL ? ERR_NOMEM : OK;

	*octets_out = 0;
	while (r == OK) {
		ssize_t n = pread(fd, mem, BACKUP_READ_OCTETS, (off_t)(from + *octets_out));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : OK;
			break;
		}
		*octets_out += (uint64_t)n;
		crypto_generichash_update(sum, (const unsigned char *)mem, (size_t)n);
		if (fn != NULL)
			r = fn(arg, (struct slice){ mem, (size_t)n });
	}
	if (mem != NULL)
		sodium_memzero(mem, BACKUP_READ_OCTETS);	/* it may have been a key */
	free(mem);
	return r;
}

int
backup_read(int dir, const char *name, uint64_t from, backup_read_fn fn, void *arg,
    uint64_t *octets_out, uint8_t sum_out[BACKUP_SUM_OCTETS])
{
	crypto_generichash_state sum;
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	*octets_out = 0;
	memset(sum_out, 0, BACKUP_SUM_OCTETS);
	if (fd < 0)
		return -errno;
	crypto_generichash_init(&sum, NULL, 0, BACKUP_SUM_OCTETS);
	r = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? OK : ERR_CORRUPT;
	if (r == OK)
		r = read_through(fd, from, fn, arg, octets_out, &sum);
	crypto_generichash_final(&sum, sum_out, BACKUP_SUM_OCTETS);
	close(fd);
	return r;
}

/* ---- folders ---- */

int
backup_folder(int dir, const char *name, int *fd_out)
{
	struct stat st;
	int fd;

	if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || ((st.st_mode & 077) != 0 && fchmod(fd, 0700) != 0)) {
		int r = -errno;

		close(fd);
		return r;
	}
	*fd_out = fd;
	return OK;
}

int
backup_names_open(int dir, struct backup_names *n)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	n->d = fd < 0 ? NULL : fdopendir(fd);
	if (n->d != NULL)
		return OK;
	if (fd >= 0)
		close(fd);
	return -errno;
}

int
backup_names_next(struct backup_names *n, const char **name_out)
{
	struct dirent *e;

	for (;;) {
		errno = 0;
		e = readdir(n->d);
		if (e == NULL)
			return errno != 0 ? -errno : 0;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		*name_out = e->d_name;
		return 1;
	}
}

void
backup_names_close(struct backup_names *n)
{
	if (n->d != NULL)
		closedir(n->d);
	n->d = NULL;
}

/* All files of a folder; of its folders those that are empty. */
static int
empty(int fd)
{
	struct backup_names names;
	const char *name;
	int r = backup_names_open(fd, &names);

	while (r == OK && (r = backup_names_next(&names, &name)) == 1)
		r = unlinkat(fd, name, 0) == 0 ||
		    (errno == EISDIR && unlinkat(fd, name, AT_REMOVEDIR) == 0) ? OK : -errno;
	backup_names_close(&names);
	return r;
}

static int
empty_folder(int dir, const char *name, int *fd_out)
{
	*fd_out = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd_out < 0 ? -errno : empty(*fd_out);
}

int
backup_remove(int dir, const char *name)
{
	struct backup_names names;
	const char *below;
	int fd, sub, r;

	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : -errno;
	r = backup_names_open(fd, &names);
	while (r == OK && (r = backup_names_next(&names, &below)) == 1) {
		r = OK;
		if (empty_folder(fd, below, &sub) == OK && sub >= 0)
			close(sub);
	}
	backup_names_close(&names);
	if (r == OK)
		r = empty(fd);
	close(fd);
	if (r == OK && unlinkat(dir, name, AT_REMOVEDIR) != 0)
		r = -errno;
	return r;
}
