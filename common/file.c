/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/file.h"

#include <fcntl.h>
#include <unistd.h>

int
file_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = OK;

	if (fd < 0)
		return -errno;
	while (r == OK) {
		char *room = buf_reserve(out, 65536);
		ssize_t n = room == NULL ? 0 : read(fd, room, 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : out->err;
			break;
		}
		buf_added(out, (size_t)n);
	}
	close(fd);
	return r;
}

int
file_write_at(int fd, struct slice s, uint64_t at)
{
	while (s.n > 0) {
		ssize_t n = pwrite(fd, s.p, s.n, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : ERR_IO;
		s = slice_from(s, (size_t)n);
		at += (uint64_t)n;
	}
	return OK;
}

int
file_read_at(int fd, void *dst, size_t n, uint64_t at)
{
	char *to = dst;

	while (n > 0) {
		ssize_t r = pread(fd, to, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : ERR_CORRUPT;
		to += r;
		n -= (size_t)r;
		at += (uint64_t)r;
	}
	return OK;
}
