/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/systemd.h"

/* A place as the kernel knows it. */
union place {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_un	un;
	struct sockaddr_storage all;
};

bool
listen_is_unix(const struct conf_listener *l)
{
	return l->address[0] == '/';
}

static int
place_of(const struct conf_listener *l, union place *out, socklen_t *n_out)
{
	struct slice path = slice_of(l->address);

	memset(out, 0, sizeof *out);
	if (listen_is_unix(l)) {
		if (path.n >= sizeof out->un.sun_path)
			return ERR_LIMIT;
		out->un.sun_family = AF_UNIX;
		memcpy(out->un.sun_path, path.p, path.n);
		*n_out = sizeof out->un;
	} else if (inet_pton(AF_INET, l->address, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons((uint16_t)l->port);
		*n_out = sizeof out->in;
	} else if (memset(out, 0, sizeof *out),
	    inet_pton(AF_INET6, l->address, &out->in6.sin6_addr) == 1) {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons((uint16_t)l->port);
		*n_out = sizeof out->in6;
	} else {
		return ERR_INVAL;
	}
	return OK;
}

static bool
same_place(const union place *a, const union place *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_UNIX:
		return strncmp(a->un.sun_path, b->un.sun_path, sizeof a->un.sun_path) == 0;
	case AF_INET:
		return a->in.sin_port == b->in.sin_port &&
		    a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_port == b->in6.sin6_port &&
		    memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
	default:
		return false;
	}
}

/* ---- what the service manager passed in ---- */

static bool
is_listening_stream(int fd)
{
	int type = 0, listening = 0;
	socklen_t n = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening != 0;
}

void
listen_passed_take(struct listen_passed *out)
{
	int n = systemd_listen_fds();

	out->n = 0;
	if (n < 0)
		log_event(EV_CONFIG_ERROR, F_CSTR("what", "passed sockets"), F_ERR(n));
	for (int fd = 3; n > 0 && fd < 3 + n; fd++)
		if (out->n < LISTEN_PASSED_MAX && is_listening_stream(fd) &&
		    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0) {
			out->fd[out->n++] = fd;
		} else {
			log_event(EV_CONFIG_ERROR, F_I64("fd", fd),
			    F_CSTR("why", "a passed descriptor is no listening stream socket"));
			close(fd);
		}
}

static void
place_text(const union place *p, char *out, size_t cap)
{
	char literal[INET6_ADDRSTRLEN] = "";
	struct buf b;

	buf_init(&b, cap - 1);
	if (p->sa.sa_family == AF_UNIX)
		buf_adds(&b, p->un.sun_path);
	else if (p->sa.sa_family == AF_INET &&
	    inet_ntop(AF_INET, &p->in.sin_addr, literal, sizeof literal) != NULL)
		buf_addf(&b, "%s port %u", literal, ntohs(p->in.sin_port));
	else if (p->sa.sa_family == AF_INET6 &&
	    inet_ntop(AF_INET6, &p->in6.sin6_addr, literal, sizeof literal) != NULL)
		buf_addf(&b, "%s port %u", literal, ntohs(p->in6.sin6_port));
	memset(out, 0, cap);
	if (b.n > 0)
		memcpy(out, b.p, b.n);
	buf_fini(&b);
}

static bool
place_of_fd(int fd, union place *out)
{
	socklen_t n = sizeof *out;

	memset(out, 0, sizeof *out);
	return getsockname(fd, &out->sa, &n) == 0;
}

void
listen_passed_log(const struct listen_passed *passed)
{
	char text[160];
	union place p;

	for (size_t i = 0; i < passed->n; i++) {
		if (!place_of_fd(passed->fd[i], &p))
			continue;
		place_text(&p, text, sizeof text);
		log_event(EV_CONFIG_ERROR, F_I64("fd", passed->fd[i]), F_CSTR("socket", text),
		    F_CSTR("why", "no listener has the place of this passed socket"));
	}
}

void
listen_passed_close(struct listen_passed *passed)
{
	for (size_t i = 0; i < passed->n; i++)
		close(passed->fd[i]);
	passed->n = 0;
}

static int
take_passed(struct listen_passed *passed, const union place *want)
{
	union place p;
	int fd;

	for (size_t i = 0; passed != NULL && i < passed->n; i++)
		if (place_of_fd(passed->fd[i], &p) && same_place(&p, want)) {
			fd = passed->fd[i];
			passed->fd[i] = passed->fd[--passed->n];
			return fd;
		}
	return -1;
}

/* ---- opening ---- */

/* What a server that died has left there is removed; what another one serves is not ours. */
static int
clear_path(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, err = OK;

	if (lstat(un->sun_path, &st) != 0)
		return errno == ENOENT ? OK : -errno;
	if (!S_ISSOCK(st.st_mode))
		return ERR_EXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)un, sizeof *un) == 0 || errno != ECONNREFUSED)
		err = -EADDRINUSE;
	else if (unlink(un->sun_path) != 0)
		err = -errno;
	close(fd);
	return err;
}

static int
bind_unix(int fd, const union place *p)
{
	int err = clear_path(&p->un);
	mode_t was;

	if (err != OK)
		return err;
	was = umask(0117);	/* never open to more than it will be */
	if (bind(fd, &p->sa, sizeof p->un) != 0)
		err = -errno;
	umask(was);
	return err;
}

static int
bind_inet(int fd, const union place *p, socklen_t n)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    (p->sa.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
	    bind(fd, &p->sa, n) != 0)
		return -errno;
	return OK;
}

static int
open_one(const union place *p, socklen_t n, int *fd_out)
{
	int fd = socket(p->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = p->sa.sa_family == AF_UNIX ? bind_unix(fd, p) : bind_inet(fd, p, n);
	if (err == OK && listen(fd, LISTEN_BACKLOG) != 0)
		err = -errno;
	if (err != OK) {
		close(fd);
		return err;
	}
	*fd_out = fd;
	return OK;
}

/* Which file did bind() make? */
static int
remember_file(const struct conf_listener *l, struct listen_socket *s)
{
	struct stat st;

	if (!listen_is_unix(l))
		return OK;
	if (lstat(l->address, &st) != 0)
		return -errno;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return OK;
}

/* Is it there still? Somebody may have removed it, and another server made its own. */
static bool
has_its_file(const struct listen_socket *s)
{
	struct stat st;

	return !listen_is_unix(s->conf) || s->passed || (lstat(s->conf->address, &st) == 0 &&
	    st.st_dev == s->dev && st.st_ino == s->ino);
}

static bool
find(const struct listen_set *set, const union place *want, struct listen_socket *out)
{
	union place p;
	socklen_t n;

	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (place_of(set->v[i].conf, &p, &n) == OK && same_place(&p, want) &&
		    has_its_file(&set->v[i])) {
			*out = set->v[i];
			return true;
		}
	return false;
}

/* Who may connect to a UNIX socket; also when a reload names another group. */
static int
give_to_group(const struct conf_listener *l)
{
	gid_t gid;

	if (!listen_is_unix(l) || *l->group == '\0')
		return OK;
	if (!identity_find_group(l->group, &gid))
		return ERR_NOENT;
	return lchown(l->address, (uid_t)-1, gid) == 0 ? OK : -errno;
}

static int
open_or_keep(const struct conf_listener *l, const struct listen_set *old,
    struct listen_passed *passed, struct listen_socket *out)
{
	union place p;
	socklen_t n;
	bool fresh = false;
	int err = place_of(l, &p, &n);

	if (err == OK && !find(old, &p, out)) {
		out->fd = take_passed(passed, &p);
		out->passed = out->fd >= 0;
		if (!out->passed) {
			err = open_one(&p, n, &out->fd);
			fresh = err == OK;
		}
	}
	out->conf = l;
	if (fresh)
		err = remember_file(l, out);
	if (err == OK && !out->passed)
		err = give_to_group(l);
	if (err != OK && fresh) {
		close(out->fd);
		(void)unlink(l->address);
	}
	return err;
}

static bool
has(const struct listen_set *set, int fd)
{
	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (set->v[i].fd == fd)
			return true;
	return false;
}

static void
say_failed(struct buf *why, const struct conf_listener *l, int err)
{
	const char *text = err == -EADDRINUSE ? "is in use; does another server run?" :
	    err == ERR_EXIST ? "exists and is no socket" :
	    err == ERR_NOENT ? "there is no such group" : err_text(err);

	if (listen_is_unix(l))
		buf_addf(why, "listener \"%s\": %s: %s\n", l->title, l->address, text);
	else
		buf_addf(why, "listener \"%s\": %s port %llu: %s\n", l->title, l->address,
		    (unsigned long long)l->port, text);
}

void
listen_undo(struct listen_set *set, const struct listen_set *old, struct listen_passed *passed)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct listen_socket *s = &set->v[i];

		if (s->passed && !has(old, s->fd) && passed->n < LISTEN_PASSED_MAX)
			passed->fd[passed->n++] = s->fd;
		else
			set->v[n++] = *s;
	}
	set->n = n;
	listen_close(set, old);
}

int
listen_open(const struct conf *conf, unsigned roles, const struct listen_set *old,
    struct listen_passed *passed, struct listen_set *out, struct buf *why)
{
	struct listen_set set = { calloc(conf->listener_n + 1, sizeof *set.v), 0 };
	int first = set.v == NULL ? ERR_NOMEM : OK;

	for (size_t i = 0; i < conf->listener_n && set.v != NULL; i++) {
		struct listen_socket s = { .fd = -1 };
		int err;

		if ((roles & LISTEN_ROLE(conf->listener[i].role)) == 0)
			continue;
		err = open_or_keep(&conf->listener[i], old, passed, &s);
		if (err == OK && has(&set, s.fd))
			err = -EADDRINUSE;	/* "::1" and "0::1" are one place */
		if (err == OK)
			set.v[set.n++] = s;
		else
			say_failed(why, &conf->listener[i], err);
		first = first == OK ? err : first;
	}
	if (first == OK && set.n == 0) {
		buf_adds(why, "no listener has a role of this program\n");
		first = ERR_CONF;
	}
	if (first != OK) {
		listen_undo(&set, old, passed);
		return first;
	}
	*out = set;
	return OK;
}

/* ---- closing ---- */

void
listen_close(struct listen_set *set, const struct listen_set *kept)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct listen_socket *s = &set->v[i];

		if (has(kept, s->fd))
			continue;
		/* First the file: once it refuses, another server may take the place. */
		if (listen_is_unix(s->conf) && !s->passed && has_its_file(s) &&
		    unlink(s->conf->address) != 0 && errno != ENOENT)
			log_event(EV_INTERNAL_ERROR, F_CSTR("what", "unlink"), F_ERR(-errno));
		close(s->fd);
	}
	free(set->v);
	*set = (struct listen_set){ NULL, 0 };
}

void
listen_keep(struct listen_set *set, bool (*serves)(const struct conf_listener *))
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		if (serves != NULL && serves(set->v[i].conf))
			set->v[n++] = set->v[i];
		else
			close(set->v[i].fd);
	set->n = n;
}
