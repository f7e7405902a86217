/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int
memfd_new(const char *name, int *fd_out)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	*fd_out = fd;
	return OK;
}

int
memfd_write(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = slice_from(s, (size_t)n);
	}
	return OK;
}

int
memfd_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0 ? OK : -errno;
}

int
memfd_of(const char *name, struct slice s, int *fd_out)
{
	int fd = -1;
	int r = memfd_new(name, &fd);

	if (r == OK)
		r = memfd_write(fd, s);
	if (r == OK)
		r = memfd_seal(fd);
	if (r != OK) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	*fd_out = fd;
	return OK;
}

int
memfd_map(int fd, size_t max_octets, struct slice *out)
{
	struct stat st;
	void *p;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS || fstat(fd, &st) != 0)
		return ERR_FRAME;
	if (st.st_size < 0 || (uint64_t)st.st_size > max_octets)
		return ERR_LIMIT;
	*out = (struct slice){ NULL, 0 };
	if (st.st_size == 0)
		return OK;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = (struct slice){ p, (size_t)st.st_size };
	return OK;
}

void
memfd_unmap(struct slice *s)
{
	if (s->n > 0)
		munmap((void *)(uintptr_t)s->p, s->n);
	*s = (struct slice){ NULL, 0 };
}
