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
