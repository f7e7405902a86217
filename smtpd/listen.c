/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
address(const struct conf_listener *l, struct sockaddr_storage *ss, socklen_t *n_out)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)l->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port) };

	memset(ss, 0, sizeof *ss);
	if (inet_pton(AF_INET, l->address, &in.sin_addr) == 1) {
		memcpy(ss, &in, sizeof in);
		*n_out = sizeof in;
		return true;
	}
	memcpy(ss, &in6, sizeof in6);
	*n_out = sizeof in6;
	if (inet_pton(AF_INET6, l->address, &in6.sin6_addr) != 1)
		return false;
	memcpy(ss, &in6, sizeof in6);
	return true;
}

static int
open_one(const struct conf_listener *l, int *fd_out)
{
	struct sockaddr_storage ss;
	socklen_t n;
	int one = 1;

	if (!address(l, &ss, &n))
		return ERR_INVAL;
	*fd_out = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd_out < 0)
		return -errno;
	if (setsockopt(*fd_out, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    (ss.ss_family != AF_INET6 ||
	    setsockopt(*fd_out, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
	    bind(*fd_out, (struct sockaddr *)&ss, n) == 0 && listen(*fd_out, LISTEN_BACKLOG) == 0)
		return OK;
	one = -errno;
	close(*fd_out);
	return one;
}

static int
find(const struct worker_socket *v, size_t n, const struct conf_listener *l)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].conf->port == l->port && strcmp(v[i].conf->address, l->address) == 0)
			return v[i].fd;
	return -1;
}

static bool
has_fd(const struct worker_socket *v, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].fd == fd)
			return true;
	return false;
}

void
listen_close(struct worker_socket *old, size_t old_n, const struct worker_socket *now, size_t now_n)
{
	for (size_t i = 0; i < old_n; i++)
		if (!has_fd(now, now_n, old[i].fd))
			close(old[i].fd);
	free(old);
}

static int
open_or_keep(const struct conf_listener *l, const struct worker_socket *old, size_t old_n,
    int *fd_out)
{
	*fd_out = find(old, old_n, l);
	return *fd_out >= 0 ? OK : open_one(l, fd_out);
}

/* Before anything is opened: is there something to do, and nothing that we cannot do? */
static int
check_roles(const struct conf *conf, struct buf *why)
{
	size_t ours = 0;

	for (size_t i = 0; i < conf->listener_n; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->role == CONF_LISTEN_LMTP) {
			buf_addf(why, "listener \"%s\": role lmtp is not supported yet", l->title);
			return ERR_CONF;
		}
		ours += l->role != CONF_LISTEN_IMAP;
	}
	if (ours == 0)
		buf_adds(why, "no listener has the role mx or submission");
	return ours > 0 ? OK : ERR_CONF;
}

int
listen_open(const struct conf *conf, const struct worker_socket *old, size_t old_n,
    struct worker_socket **out, size_t *n_out, struct buf *why)
{
	struct worker_socket *v = calloc(conf->listener_n + 1, sizeof *v);
	size_t n = 0;
	int err = v == NULL ? ERR_NOMEM : check_roles(conf, why);

	for (size_t i = 0; i < conf->listener_n && err == OK; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->role == CONF_LISTEN_IMAP)
			continue;
		v[n].conf = l;
		err = open_or_keep(l, old, old_n, &v[n].fd);
		if (err == OK)
			n++;
		else
			buf_addf(why, "listener \"%s\": %s port %llu: %s", l->title, l->address,
			    (unsigned long long)l->port, err_text(err));
	}
	if (err != OK) {
		listen_close(v, n, old, old_n);
		return err;
	}
	*out = v;
	*n_out = n;
	return OK;
}
