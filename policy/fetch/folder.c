/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { PUBLIC = 0644, NAME_OCTETS = 128 };

int
folder_open(const char *path, struct folder *out)
{
	int r;

	out->lock = -1;
	out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->fd < 0)
		return -errno;
	out->lock = openat(out->fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, PUBLIC);
	if (out->lock >= 0 && flock(out->lock, LOCK_EX | LOCK_NB) == 0)
		return OK;
	r = errno == EWOULDBLOCK ? ERR_EXIST : -errno;
	folder_close(out);
	return r;
}

void
folder_close(struct folder *folder)
{
	if (folder->lock >= 0)
		close(folder->lock);
	if (folder->fd >= 0)
		close(folder->fd);
	*folder = (struct folder){ -1, -1 };
}

int
folder_read(const struct folder *folder, const char *name, struct buf *out)
{
	int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *p;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0) {
		r = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		r = ERR_INVAL;
	} else {
		p = buf_reserve(out, (size_t)st.st_size);
		r = p == NULL ? out->err : file_read_at(fd, p, (size_t)st.st_size, 0);
		if (r == OK)
			buf_added(out, (size_t)st.st_size);
	}
	close(fd);
	return r;
}

int
folder_write(const struct folder *folder, const char *name, struct slice content)
{
	char fresh[NAME_OCTETS];
	int n = snprintf(fresh, sizeof fresh, ".new-%s", name);
	int fd, r;

	if (n < 0 || (size_t)n >= sizeof fresh)
		return ERR_LIMIT;
	if (unlinkat(folder->fd, fresh, 0) != 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder->fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    PUBLIC);
	if (fd < 0)
		return -errno;
	r = file_write_at(fd, content, 0);
	/* policyd is another user, whatever our umask is. */
	if (r == OK && (fchmod(fd, PUBLIC) != 0 || fsync(fd) != 0))
		r = -errno;
	close(fd);
	if (r == OK && (renameat(folder->fd, fresh, folder->fd, name) != 0 ||
	    fsync(folder->fd) != 0))
		r = -errno;
	return r;
}

int
folder_remove(const struct folder *folder, const char *name)
{
	return unlinkat(folder->fd, name, 0) == 0 && fsync(folder->fd) == 0 ? OK : -errno;
}

int
folder_each(const struct folder *folder, folder_fn fn, void *arg)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = OK;

	if (d == NULL) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == OK && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			r = fn(arg, e->d_name);
	closedir(d);
	return r;
}
