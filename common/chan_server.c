/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/chan_frame.h"
#include "common/control.h"
#include "common/identity.h"
#include "common/log.h"

enum {
	LISTENERS_MAX = 8,
	REQUEST_ARENA_MAX = 32 * 1024 * 1024,
	ROUNDS_PER_EVENT = 32,	/* one busy peer must not starve the others */
	ACCEPT_PAUSE_MS = 100,	/* when no descriptor is left */
};

struct chan_peer {
	struct chan_peer   *next, **prev;
	struct chan_server *server;
	uint64_t	    serial;
	unsigned	    role;
	bool		    as_root;	/* see ROLE_CONTROL_ROOT */
	struct loop_fd	    lf;
	struct chan_sendq   sendq;
	bool		    dead;	/* free it when control is back in the loop handler */
};

struct listener {
	struct chan_server *server;
	struct loop_fd	    lf;
	struct loop_timer   pause;
	unsigned	    role;
};

struct chan_server {
	struct loop	      *loop;
	const struct chan_row *rows;
	size_t		       rows_n;
	void		      *service;
	chan_gone_fn	       gone;
	struct listener	       listeners[LISTENERS_MAX];
	size_t		       listeners_n;
	struct chan_peer      *peers;
	uint64_t	       serial;
	struct arena	       arena;
	struct buf	       out;
	char		       in[CHAN_FRAME_MAX];
};

int
chan_server_new(struct loop *loop, const struct chan_row *rows, size_t n, void *service,
    struct chan_server **out)
{
	struct chan_server *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_NOMEM;
	s->loop = loop;
	s->rows = rows;
	s->rows_n = n;
	s->service = service;
	arena_init(&s->arena, REQUEST_ARENA_MAX);
	buf_init(&s->out, CHAN_BODY_MAX);
	*out = s;
	return OK;
}

static void
peer_free(struct chan_peer *p)
{
	struct chan_server *s = p->server;
	uint64_t serial = p->serial;

	loop_fd_remove(&p->lf);
	close(p->lf.fd);
	chan_sendq_fini(&p->sendq);
	*p->prev = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	free(p);
	if (s->gone != NULL)
		s->gone(s->service, serial);
}

void
chan_server_free(struct chan_server **server)
{
	struct chan_server *s = *server;

	if (s == NULL)
		return;
	s->gone = NULL;
	while (s->peers != NULL)
		peer_free(s->peers);
	for (size_t i = 0; i < s->listeners_n; i++) {
		loop_timer_stop(&s->listeners[i].pause);
		loop_fd_remove(&s->listeners[i].lf);
		close(s->listeners[i].lf.fd);
	}
	arena_clear(&s->arena);
	buf_fini(&s->out);
	free(s);
	*server = NULL;
}

void
chan_server_on_gone(struct chan_server *server, chan_gone_fn fn)
{
	server->gone = fn;
}

void
chan_exit_on_gone(void *service, uint64_t peer_serial)
{
	(void)service;
	(void)peer_serial;
	_exit(0);
}

static void
log_refused(const struct chan_peer *p, unsigned code, int err)
{
	log_event(EV_FRAME_REFUSED, F_CSTR("peer", chan_role_name(p->role)), F_U64("code", code),
	    F_ERR(err));
}

static bool
may_ask(const struct chan_peer *p, const struct chan_row *row)
{
	unsigned role = p->role;

	if (role == ROLE_CONTROL && (p->as_root || control_off("root-only")))
		role |= ROLE_CONTROL_ROOT;
	return (row->roles & role) != 0;
}

/* Check a frame against its row and serve it. False: the peer broke the rules. */
static bool
serve(struct chan_peer *p, struct chan_frame *f)
{
	struct chan_server *s = p->server;
	const struct chan_row *row = chan_row_find(s->rows, s->rows_n, f->code);
	struct chan_req req = { .peer = p, .peer_serial = p->serial, .id = f->id, .code = f->code,
		.role = p->role, .fds_n = f->fds_n, .arena = &s->arena };
	void *msg;
	int r;

	memcpy(req.fds, f->fds, sizeof req.fds);
	if (row == NULL || row->serve == NULL || f->status != OK || f->fds_n != row->fds) {
		chan_fds_close(req.fds, req.fds_n);
		return false;
	}
	if (!may_ask(p, row)) {
		log_refused(p, f->code, ERR_FORBIDDEN);
		chan_reply(s, &req, ERR_FORBIDDEN, NULL, NULL, 0);
		chan_fds_close(req.fds, req.fds_n);
		return !p->dead;
	}
	msg = arena_alloc(&s->arena, row->request->size);
	r = msg == NULL ? s->arena.err : wire_decode(row->request, f->body, &s->arena, msg);
	if (r == OK)
		row->serve(s->service, &req, msg);
	else
		chan_reply(s, &req, r, NULL, NULL, 0);
	chan_fds_close(req.fds, req.fds_n);
	arena_clear(&s->arena);
	return !p->dead;
}

static void
on_peer(struct loop_fd *lf, unsigned events)
{
	struct chan_peer *p = lf->arg;
	struct chan_frame f;
	int r = 1;

	if ((events & LOOP_WRITE) != 0) {
		r = chan_sendq_flush(&p->sendq, lf->fd);
		if (r == OK)
			r = loop_fd_want(lf, LOOP_READ);
		r = r == OK || r == ERR_AGAIN ? 1 : 0;
	}
	if ((events & (LOOP_READ | LOOP_HANGUP)) != 0)
		for (int i = 0; r == 1 && i < ROUNDS_PER_EVENT; i++) {
			r = chan_frame_recv(lf->fd, p->server->in, &f);
			if (r == 1 && !serve(p, &f))
				r = ERR_FRAME;
			if (r == ERR_FRAME)
				log_refused(p, f.code, r);
			if (r == 1 || r == ERR_FRAME)
				chan_frame_done(&f);
		}
	if ((r != 1 && r != ERR_AGAIN) || p->dead)
		peer_free(p);
}

static bool
is_root(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid());
}

int
chan_server_adopt(struct chan_server *server, int fd, unsigned role)
{
	struct chan_peer *p;
	int r;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
		return -errno;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return ERR_NOMEM;
	p->server = server;
	p->role = role;
	p->as_root = is_root(fd);
	p->serial = ++server->serial;
	chan_sendq_init(&p->sendq);
	r = loop_fd_add(server->loop, &p->lf, fd, LOOP_READ, on_peer, p);
	if (r != OK) {
		free(p);
		return r;
	}
	p->next = server->peers;
	p->prev = &server->peers;
	if (p->next != NULL)
		p->next->prev = &p->next;
	server->peers = p;
	return OK;
}

static void
on_pause_over(struct loop_timer *t)
{
	struct listener *l = t->arg;

	if (loop_fd_want(&l->lf, LOOP_READ) != OK)
		(void)!loop_timer_set(l->server->loop, t, ACCEPT_PAUSE_MS, on_pause_over, l);
}

/* Without a descriptor to give, a connection that waits would wake the loop again and again. */
static void
pause_accept(struct listener *l)
{
	if (loop_timer_set(l->server->loop, &l->pause, ACCEPT_PAUSE_MS, on_pause_over, l) == OK)
		(void)!loop_fd_want(&l->lf, 0);
}

/* ---- who may connect ---- */

static const struct {
	unsigned	   role;
	enum identity_role who;
} users[] = {
	{ ROLE_SMTPD, IDENTITY_SMTPD }, { ROLE_RELAY, IDENTITY_RELAY },
	{ ROLE_IMAPD_INTERNAL, IDENTITY_IMAPD_INTERNAL },
	{ ROLE_IMAPD_INTERNET, IDENTITY_IMAPD_INTERNET },
	{ ROLE_DIRECTORYD, IDENTITY_DIRECTORYD }, { ROLE_POLICYD, IDENTITY_POLICYD },
	{ ROLE_MAILSTORED, IDENTITY_MAILSTORED }, { ROLE_TRUST, IDENTITY_TRUST },
};

static const struct identity *
user_of(unsigned role)
{
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		if (users[i].role == role)
			return identity_of(users[i].who);
	return NULL;
}

/* Only the role's group may connect. The file stays ours, so that a service cannot open it to
 * others later. */
static int
give_to(const char *path, unsigned role)
{
	const struct identity *who = user_of(role);
	gid_t gid = who == NULL ? 0 : who->gid;

	if (role == ROLE_CONTROL && !identity_admin_group(&gid))
		gid = 0;
	if (control_off("socket-group"))
		return chmod(path, 0666) == 0 ? OK : -errno;
	if (gid != 0 && lchown(path, (uid_t)-1, gid) != 0)
		return -errno;
	return chmod(path, 0660) == 0 ? OK : -errno;
}

/* A second look at what the socket's mode has let in. */
static bool
may_speak(int fd, unsigned role)
{
	const struct identity *who = user_of(role);
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (who == NULL || control_off("peer-user"))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	    (peer.uid == who->uid || peer.uid == 0))
		return true;
	log_event(EV_FRAME_REFUSED, F_CSTR("peer", chan_role_name(role)), F_U64("uid", peer.uid),
	    F_ERR(ERR_FORBIDDEN));
	return false;
}

static void
on_accept(struct loop_fd *lf, unsigned events)
{
	struct listener *l = lf->arg;
	int fd;

	(void)events;
	fd = accept4(lf->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
		pause_accept(l);
	if (fd >= 0 && (!may_speak(fd, l->role) ||
	    chan_server_adopt(l->server, fd, l->role) != OK))
		close(fd);
}

int
chan_listen(const char *path, unsigned role, int *fd_out)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct slice name = slice_of(path);
	mode_t mask;
	int fd, r;

	if (name.n >= sizeof sa.sun_path)
		return ERR_LIMIT;
	memcpy(sa.sun_path, name.p, name.n);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);	/* nobody connects before it is given away */
	r = (unlink(path) != 0 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 ? -errno : OK;
	umask(mask);
	if (r == OK)
		r = give_to(path, role);
	if (r == OK && listen(fd, 128) != 0)
		r = -errno;
	if (r != OK) {
		close(fd);
		return r;
	}
	*fd_out = fd;
	return OK;
}

int
chan_server_serve(struct chan_server *server, int fd, unsigned role)
{
	struct listener *l = &server->listeners[server->listeners_n];
	int r;

	if (server->listeners_n == LISTENERS_MAX)
		return ERR_LIMIT;
	l->server = server;
	l->role = role;
	r = loop_fd_add(server->loop, &l->lf, fd, LOOP_READ, on_accept, l);
	if (r == OK)
		server->listeners_n++;
	return r;
}

int
chan_server_listen(struct chan_server *server, const char *path, unsigned role)
{
	int fd, r = chan_listen(path, role, &fd);

	if (r != OK)
		return r;
	r = chan_server_serve(server, fd, role);
	if (r != OK)
		close(fd);
	return r;
}

/* The peer may have gone, and its memory been freed, since the request was kept. */
static struct chan_peer *
find_peer(struct chan_server *s, const struct chan_req *req)
{
	for (struct chan_peer *p = s->peers; p != NULL; p = p->next)
		if (p == req->peer && p->serial == req->peer_serial)
			return p;
	return NULL;
}

void
chan_reply(struct chan_server *server, const struct chan_req *req, int status, const void *msg,
    const int *fds, unsigned fds_n)
{
	const struct chan_row *row = chan_row_find(server->rows, server->rows_n, req->code);
	struct chan_peer *p = find_peer(server, req);
	int r;

	if (p == NULL || p->dead || row == NULL)
		return;
	r = chan_frame_encode(&server->out, req->code, req->id, status,
	    status == OK ? row->reply : NULL, msg);
	if (r != OK) {
		fds_n = 0;
		r = chan_frame_encode(&server->out, req->code, req->id, r, NULL, NULL);
	}
	if (r == OK)
		r = chan_sendq_push(&p->sendq, p->lf.fd, buf_slice(&server->out), fds, fds_n);
	buf_wipe(&server->out);
	if (r == OK && p->sendq.head != NULL)
		r = loop_fd_want(&p->lf, LOOP_READ | LOOP_WRITE);
	if (r != OK) {
		/* Shut down now, free later: a caller up the stack may still use the peer. */
		p->dead = true;
		shutdown(p->lf.fd, SHUT_RDWR);
	}
}
