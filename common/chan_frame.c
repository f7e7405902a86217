/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/chan_frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/control.h"
#include "common/memfd.h"

enum { HEADER_OCTETS = 12, FLAG_BODY_IN_MEMFD = 1 };

union fd_control {
	struct cmsghdr align;
	char mem[CMSG_SPACE(CHAN_FDS_MAX * sizeof(int))];
};

const char *
chan_role_name(unsigned role)
{
	static const struct {
		unsigned role;
		const char *name;
	} names[] = {
		{ ROLE_SMTPD, "smtpd" }, { ROLE_IMAPD_INTERNAL, "imapd-internal" },
		{ ROLE_IMAPD_INTERNET, "imapd-internet" }, { ROLE_DIRECTORYD, "directoryd" },
		{ ROLE_POLICYD, "policyd" }, { ROLE_MAILSTORED, "mailstored" },
		{ ROLE_RELAY, "relay" }, { ROLE_CONTROL, "control" },
		{ ROLE_TRUST, "trust" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].role == role)
			return names[i].name;
	return "?";
}

int
chan_path(const char *run_dir, const char *service, unsigned role, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s/%s.%s.sock", run_dir, service, chan_role_name(role));

	return n < 0 || (size_t)n >= cap ? ERR_LIMIT : OK;
}

const struct chan_row *
chan_row_find(const struct chan_row *rows, size_t n, uint16_t code)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

int
chan_frame_encode(struct buf *out, uint16_t code, uint32_t id, int status,
    const struct wire_type *type, const void *msg)
{
	buf_clear(out);
	buf_add_u8(out, CHAN_VERSION);
	buf_add_u8(out, 0);
	buf_add_u16(out, code);
	buf_add_u32(out, id);
	buf_add_u32(out, (uint32_t)status);
	if (type != NULL && msg != NULL)
		return wire_encode(type, msg, out);
	return out->err;
}

/* One sendmsg() of a frame that fits. */
static int
send_small(int fd, struct slice frame, const int *fds, unsigned fds_n)
{
	struct iovec iov = { (void *)(uintptr_t)frame.p, frame.n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fd_control control;
	ssize_t n;

	if (fds_n > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		mh.msg_control = control.mem;
		mh.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
	}
	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? ERR_AGAIN : -errno;
	return OK;
}

int
chan_frame_send(int fd, struct slice frame, const int *fds, unsigned fds_n)
{
	int all[CHAN_FDS_MAX];
	char header[HEADER_OCTETS];
	int body_fd = -1;
	int r;

	if (frame.n <= CHAN_FRAME_MAX)
		return send_small(fd, frame, fds, fds_n);
	if (fds_n == CHAN_FDS_MAX)
		return ERR_LIMIT;
	r = memfd_of("congvu-frame", slice_from(frame, HEADER_OCTETS), &body_fd);
	if (r != OK)
		return r;
	memcpy(header, frame.p, sizeof header);
	header[1] = FLAG_BODY_IN_MEMFD;
	if (fds_n > 0)
		memcpy(all, fds, fds_n * sizeof(int));
	all[fds_n] = body_fd;
	r = send_small(fd, (struct slice){ header, sizeof header }, all, fds_n + 1);
	close(body_fd);
	return r;
}

void
chan_fds_close(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void
take_fds(struct msghdr *mh, struct chan_frame *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(out->fds, CMSG_DATA(c), n * sizeof(int));
		out->fds_n = (unsigned)n;
	}
}

/* The last descriptor is the body of the frame. */
static int
map_body(struct chan_frame *f)
{
	int fd, r;

	if (f->fds_n == 0 || f->body.n != 0)
		return ERR_FRAME;
	fd = f->fds[--f->fds_n];
	f->fds[f->fds_n] = -1;
	r = memfd_map(fd, CHAN_BODY_MAX, &f->mapped);
	close(fd);
	f->body = f->mapped;
	return r == OK ? OK : ERR_FRAME;
}

static int
parse_header(struct slice frame, struct chan_frame *out)
{
	struct rd r;
	uint8_t version, flags;

	rd_init(&r, frame);
	version = rd_u8(&r);
	flags = rd_u8(&r);
	out->code = rd_u16(&r);
	out->id = rd_u32(&r);
	out->status = (int)rd_u32(&r);
	out->body = r.s;
	if (r.err != OK || version != CHAN_VERSION || flags > FLAG_BODY_IN_MEMFD)
		return ERR_FRAME;
	return flags == FLAG_BODY_IN_MEMFD ? map_body(out) : OK;
}

int
chan_frame_recv(int fd, char *mem, struct chan_frame *out)
{
	struct iovec iov = { mem, CHAN_FRAME_MAX };
	union fd_control control;
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.mem,
		.msg_controllen = sizeof control.mem };
	ssize_t n;

	*out = (struct chan_frame){ .fds = { -1, -1, -1, -1 } };
	do
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? ERR_AGAIN : -errno;
	out->taken = (struct slice){ mem, (size_t)n };
	take_fds(&mh, out);	/* an empty frame looks like the end, and may bring some, too */
	if (n == 0 && out->fds_n == 0)
		return 0;
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    parse_header((struct slice){ mem, (size_t)n }, out) != OK) {
		chan_fds_close(out->fds, out->fds_n);
		chan_frame_done(out);
		return ERR_FRAME;
	}
	return 1;
}

void
chan_frame_done(struct chan_frame *f)
{
	memfd_unmap(&f->mapped);
	if (f->taken.n > 0 && !control_off("frame-wipe"))
		explicit_bzero((void *)(uintptr_t)f->taken.p, f->taken.n);
	f->taken = (struct slice){ NULL, 0 };
	f->body = (struct slice){ NULL, 0 };
}

/* ---- send queue ---- */

void
chan_sendq_init(struct chan_sendq *q)
{
	*q = (struct chan_sendq){ 0 };
	q->tail = &q->head;
}

static void
drop_head(struct chan_sendq *q)
{
	struct chan_out *o = q->head;

	q->head = o->next;
	if (q->head == NULL)
		q->tail = &q->head;
	q->octets -= o->n;
	chan_fds_close(o->fds, o->fds_n);
	explicit_bzero(o->octets, o->n);
	free(o);
}

void
chan_sendq_fini(struct chan_sendq *q)
{
	while (q->head != NULL)
		drop_head(q);
}

static int
enqueue(struct chan_sendq *q, struct slice frame, const int *fds, unsigned fds_n)
{
	struct chan_out *o;

	if (q->octets + frame.n > CHAN_SENDQ_MAX)
		return ERR_LIMIT;
	o = malloc(sizeof *o + frame.n);
	if (o == NULL)
		return ERR_NOMEM;
	*o = (struct chan_out){ .n = frame.n };
	memcpy(o->octets, frame.p, frame.n);
	for (; o->fds_n < fds_n; o->fds_n++) {
		o->fds[o->fds_n] = fcntl(fds[o->fds_n], F_DUPFD_CLOEXEC, 0);
		if (o->fds[o->fds_n] < 0) {
			int e = -errno;

			chan_fds_close(o->fds, o->fds_n);
			free(o);
			return e;
		}
	}
	q->octets += o->n;
	*q->tail = o;
	q->tail = &o->next;
	return OK;
}

int
chan_sendq_push(struct chan_sendq *q, int fd, struct slice frame, const int *fds, unsigned fds_n)
{
	if (q->head == NULL) {
		int r = chan_frame_send(fd, frame, fds, fds_n);

		if (r != ERR_AGAIN)
			return r;
	}
	return enqueue(q, frame, fds, fds_n);
}

int
chan_sendq_flush(struct chan_sendq *q, int fd)
{
	while (q->head != NULL) {
		struct chan_out *o = q->head;
		int r = chan_frame_send(fd, (struct slice){ o->octets, o->n }, o->fds, o->fds_n);

		if (r != OK)
			return r;
		drop_head(q);
	}
	return OK;
}
