/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/accept.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"

struct door {
	struct loop_fd lf;
	struct accept *accept;
	size_t	       index;
};

/* How often something was said lately. */
struct teller {
	uint64_t since_ms, said, unsaid;
};

struct accept {
	struct loop		*loop;
	const struct listen_set *sockets;
	struct share_seat	 seat;
	uint64_t		 max, max_address, count;
	int			 fd_max;	/* from here on descriptors are for sessions */
	accept_fn		 fn;
	void			*worker;
	struct door		*doors;
	size_t			 doors_n;
	struct loop_timer	 pause;
	uint64_t		 pause_ms;
	struct teller		 refused, paused;
};

/* ---- what the log hears ---- */

static bool
may_tell(struct teller *t, uint64_t times)
{
	uint64_t now = clock_ms();

	if (t->said == 0 || now - t->since_ms >= ACCEPT_TELL_MS) {
		t->since_ms = now;
		t->said = 0;
	}
	if (t->said >= times) {
		t->unsaid++;
		return false;
	}
	t->said++;
	return true;
}

static void
tell_refused(struct accept *a, const struct accept_peer *p, int err)
{
	metric_add(METRIC_SESSIONS_REFUSED, 0, 1);
	if (!may_tell(&a->refused, ACCEPT_TELL))
		return;
	log_event(EV_SESSION_REFUSED, F_CSTR("client", p->client),
	    F_CSTR("listener", p->listener->title), F_ERR(err),
	    F_U64("unsaid", a->refused.unsaid));
	a->refused.unsaid = 0;
}

/* ---- a connection ---- */

/* The literal of an address; an IPv4 address that came over IPv6 is shown as IPv4. */
static void
literal(const struct sockaddr_storage *ss, char out[ACCEPT_CLIENT_MAX])
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	const char *s = NULL;

	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof in);
		s = inet_ntop(AF_INET, &in.sin_addr, out, ACCEPT_CLIENT_MAX);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&in6, ss, sizeof in6);
		s = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ?
		    inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], out, ACCEPT_CLIENT_MAX) :
		    inet_ntop(AF_INET6, &in6.sin6_addr, out, ACCEPT_CLIENT_MAX);
	}
	if (s == NULL && ss->ss_family == AF_UNIX)
		memcpy(out, "unix", sizeof "unix");
	else if (s == NULL)
		memcpy(out, "unknown", sizeof "unknown");
}

static void pause_all(struct accept *a, int err);

static void
take(struct door *d, int fd, const struct sockaddr_storage *ss)
{
	struct accept *a = d->accept;
	struct accept_peer p = { .fd = fd, .listener = a->sockets->v[d->index].conf,
	    .index = d->index };
	bool counted = false;
	int one = 1, err = OK;

	literal(ss, p.client);
	share_key((const struct sockaddr *)ss, p.key);
	p.full = fd >= a->fd_max || share_add(a->seat, p.key, a->max, a->max_address) != OK;
	counted = !p.full;
	if (counted && ss->ss_family != AF_UNIX &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
		err = -errno;	/* it has gone already */
	a->count += counted;
	if (err == OK)
		err = a->fn(a->worker, &p);
	if (err == OK)
		return;
	close(fd);
	a->count -= counted;
	if (counted)
		share_remove(a->seat, p.key);
	tell_refused(a, &p, err);
	if (err == ERR_NOMEM)
		pause_all(a, err);
}

void
accept_gone(struct accept *a, const uint8_t key[SHARE_KEY_OCTETS])
{
	a->count--;
	share_remove(a->seat, key);
}

uint64_t
accept_count(const struct accept *a)
{
	return a->count;
}

/* ---- pausing ---- */

static void
want_all(struct accept *a, unsigned want)
{
	for (size_t i = 0; i < a->doors_n; i++)
		if (loop_fd_want(&a->doors[i].lf, want) != OK)
			log_event(EV_INTERNAL_ERROR, F_CSTR("what", "a listener is lost"));
}

static void
on_pause_over(struct loop_timer *t)
{
	want_all(t->arg, LOOP_READ);
}

/* Whoever knocks waits in the queue of the kernel, or goes to another worker; a socket that stays
 * readable would wake the loop again and again. */
static void
pause_all(struct accept *a, int err)
{
	if (a->doors_n == 0 || a->pause.loop != NULL)
		return;
	if (may_tell(&a->paused, 1)) {
		log_event(EV_ACCEPT_PAUSED, F_ERR(err), F_U64("sessions", a->count),
		    F_U64("unsaid", a->paused.unsaid));
		a->paused.unsaid = 0;
	}
	if (loop_timer_set(a->loop, &a->pause, a->pause_ms, on_pause_over, a) != OK)
		return;
	want_all(a, 0);
	a->pause_ms = a->pause_ms * 2 > ACCEPT_PAUSE_MAX_MS ? ACCEPT_PAUSE_MAX_MS : a->pause_ms * 2;
}

/* Errors of one connection, which the kernel hands over here (accept(2), "Error handling"). */
static bool
is_of_peer(int e)
{
	switch (e) {
	case ECONNABORTED: case EINTR: case EPROTO: case ENETDOWN: case ENOPROTOOPT:
	case EHOSTDOWN: case ENONET: case EHOSTUNREACH: case EOPNOTSUPP: case ENETUNREACH:
	case EPERM:
		return true;
	default:
		return false;
	}
}

static void
on_door(struct loop_fd *lf, unsigned events)
{
	struct door *d = lf->arg;
	struct accept *a = d->accept;

	(void)events;
	for (unsigned i = 0; i < ACCEPT_ROUNDS && a->doors_n > 0 && a->pause.loop == NULL; i++) {
		struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
		socklen_t n = sizeof ss;
		int fd = accept4(lf->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			a->pause_ms = ACCEPT_PAUSE_MIN_MS;
			take(d, fd, &ss);
		} else if (errno == EAGAIN) {
			break;
		} else if (!is_of_peer(errno)) {
			pause_all(a, -errno);
		}
	}
}

/* ---- life ---- */

static int
fd_max(void)
{
	struct rlimit rl;
	rlim_t reserve;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur > INT32_MAX)
		return INT32_MAX;
	reserve = rl.rlim_cur / 8 < ACCEPT_RESERVE ? rl.rlim_cur / 8 : ACCEPT_RESERVE;
	return (int)(rl.rlim_cur - reserve);
}

int
accept_new(struct loop *loop, const struct listen_set *sockets, const struct conf *conf,
    struct share_seat seat, accept_fn fn, void *worker, struct accept **out)
{
	struct accept *a = calloc(1, sizeof *a);
	struct door *doors = calloc(sockets->n + 1, sizeof *doors);
	int err = a == NULL || doors == NULL ? ERR_NOMEM : OK;

	if (err != OK) {
		free(a);
		free(doors);
		return err;
	}
	*a = (struct accept){ .loop = loop, .sockets = sockets, .seat = seat,
	    .max = conf->limits.connections, .max_address = conf->limits.connections_per_address,
	    .fd_max = fd_max(), .fn = fn, .worker = worker, .doors = doors,
	    .pause_ms = ACCEPT_PAUSE_MIN_MS };
	*out = a;
	for (size_t i = 0; i < sockets->n && err == OK; i++) {
		doors[i].accept = a;
		doors[i].index = i;
		err = loop_fd_add(loop, &doors[i].lf, sockets->v[i].fd, LOOP_READ, on_door,
		    &doors[i]);
		a->doors_n += err == OK;
	}
	if (err != OK)
		accept_free(out);
	return err;
}

void
accept_stop(struct accept *a)
{
	if (a == NULL)
		return;
	loop_timer_stop(&a->pause);
	for (size_t i = 0; i < a->doors_n; i++) {
		loop_fd_remove(&a->doors[i].lf);
		close(a->doors[i].lf.fd);
	}
	a->doors_n = 0;
}

void
accept_free(struct accept **a)
{
	if (*a == NULL)
		return;
	accept_stop(*a);
	free((*a)->doors);
	free(*a);
	*a = NULL;
}
