/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/notify.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READERS_MAX = 256, SETTLE_S = 2 };

struct notify {
	char		   dir[NOTIFY_PATH_OCTETS];
	_Atomic uint64_t  *counters;
	int		   fd;
	bool		   touched;
	struct timespec	   seen;	/* mtime of dir when it was read */
	struct sockaddr_un readers[READERS_MAX];
	size_t		   readers_n;
};

static int
map_counters(const char *path, _Atomic uint64_t **out)
{
	size_t n = NOTIFY_COUNTERS * sizeof **out;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	void *p;
	int r;

	if (fd < 0)
		return -errno;
	/* The same file stays in use over restarts: readers have it mapped. Its blocks are taken now:
	 * a hole that cannot be filled on a full disk would end the process at the first touch. */
	r = posix_fallocate(fd, 0, (off_t)n);
	if (r != 0) {
		close(fd);
		return -r;
	}
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return OK;
}

int
notify_paths(const char *run_dir, char watch_out[NOTIFY_PATH_OCTETS],
    char counters_out[NOTIFY_PATH_OCTETS])
{
	return snprintf(counters_out, NOTIFY_PATH_OCTETS, "%s/store.generations", run_dir) >=
	    NOTIFY_PATH_OCTETS ||
	    snprintf(watch_out, NOTIFY_PATH_OCTETS, "%s/watch", run_dir) >= NOTIFY_PATH_OCTETS ?
	    ERR_LIMIT : OK;
}

int
notify_open(const char *run_dir, struct notify **out)
{
	struct notify *n = calloc(1, sizeof *n);
	char path[NOTIFY_PATH_OCTETS];
	int r;

	*out = n;
	if (n == NULL)
		return ERR_NOMEM;
	n->fd = -1;
	r = notify_paths(run_dir, n->dir, path);
	if (r == OK && mkdir(n->dir, 02770) != 0 && errno != EEXIST)
		r = -errno;
	if (r == OK)
		r = map_counters(path, &n->counters);
	if (r != OK)
		goto fail;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = n->fd < 0 ? -errno : OK;
fail:
	if (r != OK)
		notify_close(out);
	return r;
}

void
notify_close(struct notify **n)
{
	if (*n == NULL)
		return;
	if ((*n)->counters != NULL)
		munmap((void *)(*n)->counters, NOTIFY_COUNTERS * sizeof *(*n)->counters);
	if ((*n)->fd >= 0)
		close((*n)->fd);
	free(*n);
	*n = NULL;
}

void
notify_touch(struct notify *n, uint32_t account)
{
	atomic_fetch_add(&n->counters[account % NOTIFY_COUNTERS], 1);
	n->touched = true;
}

static void
read_dir(struct notify *n)
{
	DIR *d = opendir(n->dir);
	struct dirent *e;

	n->readers_n = 0;
	if (d == NULL)
		return;
	while (n->readers_n < READERS_MAX && (e = readdir(d)) != NULL) {
		struct sockaddr_un sa = { .sun_family = AF_UNIX };

		if (e->d_name[0] != '.' && snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s",
		    n->dir, e->d_name) < (int)sizeof sa.sun_path)
			n->readers[n->readers_n++] = sa;
	}
	closedir(d);
}

/* A change within the grain of the file system's clock would not show: while the last one is
 * recent, look every time. */
static void
refresh(struct notify *n)
{
	struct stat st;

	if (stat(n->dir, &st) != 0)
		return;
	if (st.st_mtim.tv_sec == n->seen.tv_sec && st.st_mtim.tv_nsec == n->seen.tv_nsec &&
	    st.st_mtim.tv_sec + SETTLE_S < time(NULL))
		return;
	n->seen = st.st_mtim;
	read_dir(n);
}

void
notify_ring(struct notify *n)
{
	if (!n->touched)
		return;
	n->touched = false;
	refresh(n);
	for (size_t i = 0; i < n->readers_n; i++)
		if (sendto(n->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&n->readers[i], sizeof n->readers[i]) < 0 &&
		    errno == ECONNREFUSED)	/* its reader has gone */
			unlink(n->readers[i].sun_path);
}
