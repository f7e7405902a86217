/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/imap_wire.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/utf8.h"

enum { READ_OCTETS = 65536 };

int
imap_wire_fail(struct imap_wire *w, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->why, sizeof w->why, fmt, ap);
	va_end(ap);
	for (char *c = w->why; *c != '\0'; c++)	/* it may be a stranger's text */
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	return err;
}

void
imap_wire_init(struct imap_wire *w, uint64_t literal_octets)
{
	*w = (struct imap_wire){ .fd = -1, .literal_octets = literal_octets };
	buf_init(&w->in, 2 * READ_OCTETS);
	buf_init(&w->reply, (size_t)literal_octets + WIRE_LINES_MAX);
	buf_init(&w->out, WIRE_LINES_MAX);
}

void
imap_wire_fini(struct imap_wire *w)
{
	tls_conn_free(&w->tls);
	tls_ctx_free(&w->ctx);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	buf_fini(&w->in);
	buf_fini(&w->reply);
	buf_fini(&w->out);
}

/* ---- octets ---- */

static int
wait_for(struct imap_wire *w, short events)
{
	struct pollfd p = { .fd = w->fd, .events = events };
	int n;

	do
		n = poll(&p, 1, WIRE_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 ? OK : imap_wire_fail(w, ERR_TIMEOUT, "the server does not answer");
}

/* Wait for what a call of TLS or the kernel asked for. */
static int
wait_result(struct imap_wire *w, int r)
{
	if (r == TLS_WANT_READ)
		return wait_for(w, POLLIN);
	if (r == TLS_WANT_WRITE)
		return wait_for(w, POLLOUT);
	if (w->tls != NULL)
		return imap_wire_fail(w, r == OK ? ERR_CLOSED : r, "TLS: %s",
		    r == OK ? "the server closed" : tls_conn_why(w->tls));
	return imap_wire_fail(w, r == OK ? ERR_CLOSED : r, "%s",
	    r == OK ? "the server closed" : err_text(r));
}

static int
read_some(struct imap_wire *w, char *to, size_t n)
{
	ssize_t got;

	if (w->tls != NULL)
		return tls_conn_read(w->tls, to, n);
	got = read(w->fd, to, n);
	if (got >= 0)
		return (int)got;
	return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : -errno;
}

static int
write_some(struct imap_wire *w, const char *from, size_t n)
{
	ssize_t put;

	if (w->tls != NULL)
		return tls_conn_write(w->tls, from, n);
	put = send(w->fd, from, n, MSG_NOSIGNAL);
	if (put >= 0)
		return (int)put;
	return errno == EAGAIN || errno == EINTR ? TLS_WANT_WRITE : -errno;
}

/* At least one octet more in w->in. */
static int
more(struct imap_wire *w)
{
	char *dst;
	int n;

	if (w->at > 0) {
		buf_consume(&w->in, w->at);
		w->at = 0;
	}
	dst = buf_reserve(&w->in, READ_OCTETS);
	if (dst == NULL)
		return w->in.err;
	while ((n = read_some(w, dst, READ_OCTETS)) <= 0) {
		int r = wait_result(w, n);

		if (r != OK)
			return r;
	}
	buf_added(&w->in, (size_t)n);
	return OK;
}

int
imap_wire_write(struct imap_wire *w, struct slice s)
{
	while (s.n > 0) {
		int n = write_some(w, s.p, s.n < READ_OCTETS ? s.n : READ_OCTETS);
		int r = n > 0 ? OK : wait_result(w, n);

		if (r != OK)
			return r;
		s = slice_from(s, n > 0 ? (size_t)n : 0);
	}
	return OK;
}

int
imap_wire_send(struct imap_wire *w, struct slice command)
{
	w->replies = 0;
	buf_clear(&w->out);
	buf_addf(&w->out, "c%u ", ++w->tag);
	buf_add(&w->out, command);
	buf_adds(&w->out, "\r\n");
	return w->out.err == OK ? imap_wire_write(w, buf_slice(&w->out)) : w->out.err;
}

/* ---- responses ---- */

/* Append the next line without its end to w->reply. Looks at each octet once. */
static int
take_line(struct imap_wire *w, size_t *begin_out)
{
	*begin_out = w->reply.n;
	for (;;) {
		struct slice rest = slice_from(buf_slice(&w->in), w->at);
		ptrdiff_t lf = slice_chr(rest, '\n');
		size_t n = lf < 0 ? rest.n : (size_t)lf;
		int r;

		if (w->reply.n - *begin_out + n > WIRE_LINES_MAX)
			return imap_wire_fail(w, ERR_LIMIT, "the server sends a line without end");
		buf_add(&w->reply, slice_sub(rest, 0, n));
		w->at += n + (lf >= 0);
		if (w->reply.err != OK)
			return imap_wire_fail(w, w->reply.err, "the server sends too much");
		if (lf >= 0)
			break;
		r = more(w);
		if (r != OK)
			return r;
	}
	if (w->reply.n > *begin_out && w->reply.p[w->reply.n - 1] == '\r')
		w->reply.n--;
	return OK;
}

static int
take_octets(struct imap_wire *w, uint64_t n, bool keep)
{
	while (n > 0) {
		struct slice rest = slice_from(buf_slice(&w->in), w->at);
		size_t some = n < rest.n ? (size_t)n : rest.n;
		int r;

		if (keep)
			buf_add(&w->reply, slice_sub(rest, 0, some));
		w->at += some;
		n -= some;
		if (w->reply.err != OK)
			return imap_wire_fail(w, w->reply.err, "the server sends too much");
		r = n > 0 ? more(w) : OK;
		if (r != OK)
			return r;
	}
	return OK;
}

/* A literal that is too long stands as an empty one. */
static int
take_literal(struct imap_wire *w, size_t line, uint64_t n)
{
	bool keep = n <= w->literal_octets && n <= w->reply.max - w->reply.n - WIRE_LINES_MAX / 2;

	if (n > (uint64_t)1 << 40)
		return imap_wire_fail(w, ERR_LIMIT, "the server announces a literal of nonsense");
	if (!keep) {
		w->dropped = true;
		while (w->reply.n > line && w->reply.p[w->reply.n - 1] != '{')
			w->reply.n--;
		buf_adds(&w->reply, "0}");
	}
	buf_adds(&w->reply, "\r\n");
	return take_octets(w, n, keep);
}

int
imap_wire_reply(struct imap_wire *w, struct imap_reply *out)
{
	size_t line;
	uint64_t n;
	int r;

	if (++w->replies > WIRE_REPLIES_MAX)
		return imap_wire_fail(w, ERR_LIMIT, "the server sends responses without end");
	buf_clear(&w->reply);
	w->dropped = false;
	for (;;) {
		r = take_line(w, &line);
		if (r != OK || !imap_literal_announced(slice_from(buf_slice(&w->reply), line), &n))
			break;
		if (w->reply.n > w->reply.max - WIRE_LINES_MAX / 2)
			return imap_wire_fail(w, ERR_LIMIT, "the server sends too much");
		r = take_literal(w, line, n);
		if (r != OK)
			break;
	}
	if (r != OK)
		return r;
	r = imap_reply_read(buf_slice(&w->reply), out);
	return r == OK ? OK : imap_wire_fail(w, r, "the server does not speak IMAP");
}

bool
imap_wire_is_end(const struct imap_wire *w, const struct imap_reply *r)
{
	char tag[16];

	snprintf(tag, sizeof tag, "c%u", w->tag);
	return r->kind == IMAP_TAGGED && slice_is(r->tag, tag);
}

/* ---- connecting ---- */

static int
try_one(struct imap_wire *w, const struct addrinfo *ai)
{
	int error = 0, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof error;

	if (fd < 0)
		return -errno;
	w->fd = fd;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			error = errno;
		else if (wait_for(w, POLLOUT) != OK)
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
			error = errno;
	}
	if (error != 0) {
		close(fd);
		w->fd = -1;
	}
	return -error;
}

int
imap_wire_connect(struct imap_wire *w, const char *host, const char *port, char peer_out[64])
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int e = getaddrinfo(host, port, &hints, &list), r = ERR_NOENT;

	if (e != 0)
		return imap_wire_fail(w, ERR_NOENT, "%s: %s", host, gai_strerror(e));
	snprintf(w->host, sizeof w->host, "%s", host);
	for (const struct addrinfo *ai = list; ai != NULL && w->fd < 0; ai = ai->ai_next) {
		r = try_one(w, ai);
		if (r == OK && getnameinfo(ai->ai_addr, ai->ai_addrlen, peer_out, 64, NULL, 0,
		    NI_NUMERICHOST) != 0)
			peer_out[0] = '\0';
	}
	freeaddrinfo(list);
	return r == OK ? OK : imap_wire_fail(w, r, "%s port %s: %s", host, port, err_text(r));
}

int
imap_wire_tls(struct imap_wire *w, const char *ca_file)
{
	const struct tls_client_conf conf = { .ca_file = ca_file };
	struct buf why;
	int r;

	/* What came before TLS is nobody's word. */
	if (w->in.n > w->at)
		return imap_wire_fail(w, ERR_TLS, "the server sends too early");
	buf_init(&why, 1000);
	r = tls_ctx_new_client(&conf, &why, &w->ctx);
	if (r != OK)
		r = imap_wire_fail(w, r, "%s", buf_cstr(&why));
	buf_fini(&why);
	if (r == OK)
		r = tls_conn_new(w->ctx, w->fd, w->host, &w->tls);
	while (r == OK) {
		int h = tls_conn_handshake(w->tls);

		if (h == OK)
			return OK;
		r = wait_result(w, h);
	}
	return r;
}
