/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mailstore/notify.h"
#include "mailstore/store_internal.h"

struct store_watch {
	int		   fd;
	struct sockaddr_un sa;
	const _Atomic uint64_t *counters;
};

static int
map_counters(const char *run_dir, const _Atomic uint64_t **out)
{
	size_t n = NOTIFY_COUNTERS * sizeof **out;
	char path[NOTIFY_PATH_OCTETS];
	struct stat st;
	void *p;
	int fd, r = OK;

	if (snprintf(path, sizeof path, "%s/store.generations", run_dir) >= (int)sizeof path)
		return ERR_LIMIT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? ERR_UNAVAIL : -errno;
	/* Of a shorter file a page could be missing under the mapping. */
	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size < n)
		r = ERR_UNAVAIL;
	p = r == OK ? mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) : NULL;
	if (p == MAP_FAILED)
		r = -errno;
	close(fd);
	if (r == OK)
		*out = p;
	return r;
}

static int
bind_socket(const char *run_dir, struct store_watch *w)
{
	uint64_t name;

	crypt_random(&name, sizeof name);
	w->sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(w->sa.sun_path, sizeof w->sa.sun_path, "%s/watch/%016" PRIx64, run_dir,
	    name) >= (int)sizeof w->sa.sun_path)
		return ERR_LIMIT;
	w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return -errno;
	if (bind(w->fd, (const struct sockaddr *)&w->sa, sizeof w->sa) != 0)
		return errno == ENOENT ? ERR_UNAVAIL : -errno;
	/* For us and for mailstored, which is another user, not of the folder's group: so no reader
	 * reaches the others of that group. The folder keeps out everybody else. */
	return chmod(w->sa.sun_path, 0606) == 0 ? OK : -errno;
}

int
store_watch_new(struct store *s, struct store_watch **out)
{
	struct store_watch *w = calloc(1, sizeof *w);
	int r;

	*out = w;
	if (w == NULL)
		return ERR_NOMEM;
	w->fd = -1;
	r = map_counters(s->run_dir, &w->counters);
	if (r == OK)
		r = bind_socket(s->run_dir, w);
	if (r != OK)
		store_watch_free(out);
	return r;
}

void
store_watch_free(struct store_watch **w)
{
	if (*w == NULL)
		return;
	if ((*w)->counters != NULL)
		munmap((void *)(uintptr_t)(*w)->counters,
		    NOTIFY_COUNTERS * sizeof *(*w)->counters);
	if ((*w)->fd >= 0) {
		close((*w)->fd);
		/* In a sandbox this may fail: mailstored then removes it at the next ring. */
		unlink((*w)->sa.sun_path);
	}
	free(*w);
	*w = NULL;
}

int
store_watch_fd(const struct store_watch *w)
{
	return w->fd;
}

void
store_watch_clear(struct store_watch *w)
{
	char octets[16];

	while (recv(w->fd, octets, sizeof octets, MSG_DONTWAIT) >= 0)
		continue;
}

uint64_t
store_watch_generation(const struct store_watch *w, uint32_t account)
{
	return atomic_load(&w->counters[account % NOTIFY_COUNTERS]);
}
