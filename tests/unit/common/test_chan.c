/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A service and its clients in one loop, over real sockets; hostile frames are written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memfd.h"

enum { ECHO = 1, SHOUT = 2, PASS = 3, LATER = 4, SECRET = 5, HUGE = 6, TWO_FDS = 7 };

#define TEXT_FIELDS(F, L, T) \
	F(T, STR, text, 200000) \
	F(T, U32, n, 0)
WIRE_STRUCT(text, TEXT_FIELDS)
WIRE_TYPE(text, TEXT_FIELDS)

static struct loop *loop;
static struct chan_server *server;
static int served, gone;
static struct chan_req kept;
static char dir[] = "/tmp/congvu-chan.XXXXXX";
static char path[128];

/* ---- the service ---- */

static void
serve_ECHO(void *service, struct chan_req *req, const void *msg)
{
	served++;
	assert_ptr_equal(service, &served);
	chan_reply(server, req, OK, msg, NULL, 0);
}

static void
serve_SHOUT(void *service, struct chan_req *req, const void *msg)
{
	(void)service, (void)msg;
	served++;
	chan_reply(server, req, ERR_QUOTA, NULL, NULL, 0);
}

/* Reads the descriptor that came, sends another one back. */
static void
serve_PASS(void *service, struct chan_req *req, const void *msg)
{
	struct text reply = { .n = ((const struct text *)msg)->n };
	struct slice body;
	int fd = -1;

	(void)service;
	served++;
	assert_int_equal(memfd_map(req->fds[0], 1000, &body), OK);
	reply.text = body;
	assert_int_equal(memfd_of("t", SLICE("from the service"), &fd), OK);
	chan_reply(server, req, OK, &reply, &fd, 1);
	close(fd);
	memfd_unmap(&body);
}

static void
serve_LATER(void *service, struct chan_req *req, const void *msg)
{
	(void)service, (void)msg;
	served++;
	kept = *req;
}

static void
serve_HUGE(void *service, struct chan_req *req, const void *msg)
{
	char *big = calloc(1, 150000);
	struct text reply = { { big, 150000 }, 1 };

	(void)service, (void)msg;
	served++;
	chan_reply(server, req, OK, &reply, NULL, 0);
	free(big);
}

static void
serve_TWO_FDS(void *service, struct chan_req *req, const void *msg)
{
	serve_ECHO(service, req, msg);
}

#define ROWS(X) \
	X(ECHO, "echo", ROLE_SMTPD | ROLE_IMAPD, 0, text, text) \
	X(SHOUT, "shout", ROLE_SMTPD, 0, text, text) \
	X(PASS, "pass", ROLE_SMTPD, 1, text, text) \
	X(LATER, "later", ROLE_SMTPD, 0, text, text) \
	X(HUGE, "huge", ROLE_SMTPD, 0, text, text) \
	X(TWO_FDS, "two-fds", ROLE_SMTPD, 2, text, text)
static const struct chan_row server_rows[] = { ROWS(CHAN_SERVER_ROW) };
static const struct chan_row client_rows[] = { ROWS(CHAN_CLIENT_ROW) };

static void
on_gone(void *service, uint64_t serial)
{
	(void)service, (void)serial;
	gone++;
}

/* ---- the client ---- */

static struct {
	int	 count, status;
	char	 text[300];
	size_t	 text_n;
	uint32_t n;
	char	 from_fd[64];
} got;

static void
on_answer(void *arg, struct chan_answer *a)
{
	const struct text *t = a->msg;

	assert_ptr_equal(arg, &got);
	got.count++;
	got.status = a->status;
	assert_int_equal(a->status == OK, t != NULL);
	if (t != NULL) {
		got.text_n = t->text.n;
		got.n = t->n;
		snprintf(got.text, sizeof got.text, "%.*s", (int)(t->text.n < 200 ? t->text.n : 200),
		    t->text.p == NULL ? "" : t->text.p);
	}
	if (a->fds_n == 1) {
		struct slice s;

		assert_int_equal(memfd_map(a->fds[0], 1000, &s), OK);
		snprintf(got.from_fd, sizeof got.from_fd, "%.*s", (int)s.n, s.p);
		memfd_unmap(&s);
	}
}

static void
spin(int rounds)
{
	for (int i = 0; i < rounds; i++)
		assert_int_equal(loop_once(loop, 0), OK);
}

static struct chan_client *
client_as(unsigned role)
{
	struct chan_client *c;
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p), 0);
	assert_int_equal(chan_server_adopt(server, p[0], role), OK);
	assert_int_equal(chan_client_adopt(loop, p[1], client_rows, ARRAY_LEN(client_rows), &c), OK);
	return c;
}

static void
call(struct chan_client *c, uint16_t code, const char *text, const int *fds, unsigned fds_n)
{
	struct text msg = { slice_of(text), 7 };

	memset(&got, 0, sizeof got);
	got.status = 1;
	chan_call(c, code, &msg, fds, fds_n, 60000, on_answer, &got, NULL);
	assert_int_equal(got.count, 0);		/* never before chan_call returned */
	for (int i = 0; i < 20 && got.count == 0; i++)
		spin(1);
}

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int fds_before;

static int
set_up(void **state)
{
	(void)state;
	served = gone = 0;
	fds_before = open_fds();
	if (loop_new(&loop) != OK)
		return -1;
	if (chan_server_new(loop, server_rows, ARRAY_LEN(server_rows), &served, &server) != OK)
		return -1;
	chan_server_on_gone(server, on_gone);
	return 0;
}

/* Whatever happened in a test, no descriptor may have been left open. */
static int
tear_down(void **state)
{
	(void)state;
	clock_test_set(0);
	chan_server_free(&server);
	loop_free(&loop);
	if (open_fds() != fds_before)
		print_error("%d descriptors left open\n", open_fds() - fds_before);
	return open_fds() != fds_before;
}

/* ---- what works ---- */

static void
a_request_is_answered(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);

	(void)state;
	call(c, ECHO, "xin chào", NULL, 0);
	assert_int_equal(got.status, OK);
	assert_string_equal(got.text, "xin chào");
	assert_int_equal(got.n, 7);
	call(c, SHOUT, "", NULL, 0);
	assert_int_equal(got.status, ERR_QUOTA);
	assert_int_equal(got.count, 1);
	assert_true(chan_client_up(c));
	chan_client_free(&c);
	spin(3);
	assert_int_equal(gone, 1);
}

static void
descriptors_travel_both_ways(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_of("t", SLICE("from the client"), &fd), OK);
	call(c, PASS, "", &fd, 1);
	assert_int_equal(got.status, OK);
	assert_string_equal(got.text, "from the client");
	assert_string_equal(got.from_fd, "from the service");
	assert_int_equal(close(fd), 0);		/* it stayed ours */
	chan_client_free(&c);
}

static void
large_messages_travel_unseen_in_a_memfd(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	char *big = malloc(150001);

	(void)state;
	memset(big, 'v', 150000);
	big[150000] = '\0';
	call(c, ECHO, big, NULL, 0);
	assert_int_equal(got.status, OK);
	assert_int_equal(got.text_n, 150000);
	call(c, HUGE, "", NULL, 0);
	assert_int_equal(got.status, OK);
	assert_int_equal(got.text_n, 150000);
	free(big);
	chan_client_free(&c);
}

static void
a_request_over_its_bound_is_not_sent(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	char *big = malloc(200002);

	(void)state;
	memset(big, 'v', 200001);
	big[200001] = '\0';
	call(c, ECHO, big, NULL, 0);
	assert_int_equal(got.status, ERR_LIMIT);
	assert_int_equal(served, 0);
	call(c, ECHO, "still up", NULL, 0);
	assert_int_equal(got.status, OK);
	free(big);
	chan_client_free(&c);
}

static void
an_answer_may_come_later_or_not_at_all(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	struct text reply = { SLICE("now"), 1 };
	uint32_t id;

	(void)state;
	call(c, LATER, "", NULL, 0);
	assert_int_equal(got.count, 0);
	chan_reply(server, &kept, OK, &reply, NULL, 0);
	spin(3);
	assert_int_equal(got.status, OK);
	assert_string_equal(got.text, "now");

	memset(&got, 0, sizeof got);
	chan_call(c, LATER, &reply, NULL, 0, 5000, on_answer, &got, &id);
	spin(3);
	clock_test_set(6000);
	spin(3);
	assert_int_equal(got.status, ERR_TIMEOUT);
	chan_reply(server, &kept, OK, &reply, NULL, 0);	/* too late: dropped */
	spin(3);
	assert_int_equal(got.count, 1);

	memset(&got, 0, sizeof got);
	chan_call(c, LATER, &reply, NULL, 0, 5000, on_answer, &got, &id);
	spin(3);
	chan_cancel(c, id);
	chan_reply(server, &kept, OK, &reply, NULL, 0);
	clock_test_set(60000);
	spin(3);
	assert_int_equal(got.count, 0);
	chan_client_free(&c);
}

static void
answering_a_peer_that_has_gone_does_nothing(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	struct text reply = { SLICE("x"), 1 };

	(void)state;
	call(c, LATER, "", NULL, 0);
	chan_client_free(&c);
	assert_int_equal(got.status, ERR_UNAVAIL);
	spin(3);
	assert_int_equal(gone, 1);
	chan_reply(server, &kept, OK, &reply, NULL, 0);
}

static void
many_requests_in_flight_keep_their_answers(void **state)
{
	struct chan_client *c = client_as(ROLE_SMTPD);
	struct text msg = { SLICE("x"), 0 };

	(void)state;
	memset(&got, 0, sizeof got);
	for (int i = 0; i < 3000; i++)		/* more than a socket holds: the queue works */
		chan_call(c, ECHO, &msg, NULL, 0, 60000, on_answer, &got, NULL);
	for (int i = 0; i < 2000 && got.count < 3000; i++)
		spin(1);
	assert_int_equal(got.count, 3000);
	assert_int_equal(served, 3000);
	chan_client_free(&c);
}

/* ---- who may ask what ---- */

static void
a_role_without_the_right_is_refused_unserved(void **state)
{
	struct chan_client *c = client_as(ROLE_IMAPD_INTERNET);

	(void)state;
	call(c, SHOUT, "", NULL, 0);
	assert_int_equal(got.status, ERR_FORBIDDEN);
	assert_int_equal(served, 0);
	call(c, ECHO, "allowed", NULL, 0);
	assert_int_equal(got.status, OK);
	chan_client_free(&c);
	c = client_as(ROLE_CONTROL);
	call(c, ECHO, "", NULL, 0);
	assert_int_equal(got.status, ERR_FORBIDDEN);
	assert_int_equal(served, 1);
	chan_client_free(&c);
}

/* ---- hostile peers: each loses its connection, is not served, leaves nothing open ---- */

static int
raw_peer(unsigned role)
{
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p), 0);
	assert_int_equal(chan_server_adopt(server, p[0], role), OK);
	return p[1];
}

static void
send_raw(int fd, struct slice octets, const int *fds, size_t fds_n)
{
	union { struct cmsghdr align; char mem[CMSG_SPACE(16 * sizeof(int))]; } room;
	struct iovec iov = { (void *)(uintptr_t)octets.p, octets.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&room, 0, sizeof room);
	if (fds_n > 0) {
		m.msg_control = room.mem, m.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, fds_n * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), octets.n);
}

/* A frame of `code`: version 1, flags, id 1, status, then a text message. */
static struct buf
frame(uint8_t version, uint8_t flags, uint16_t code, uint32_t status, bool body)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_add_u8(&b, version);
	buf_add_u8(&b, flags);
	buf_add_u16(&b, code);
	buf_add_u32(&b, 1);
	buf_add_u32(&b, status);
	if (body) {
		buf_add_u32(&b, 2);
		buf_adds(&b, "ab");
		buf_add_u32(&b, 7);
	}
	return b;
}

/* Did the service close the connection, after at most one (error) answer? */
static bool
is_closed(int fd)
{
	char some[256];

	for (int i = 0; i < 3; i++) {
		ssize_t n = recv(fd, some, sizeof some, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
	}
	return false;
}

static unsigned refusals;

static void
count_refusals(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg;
	(void)line;
	refusals += event == EV_FRAME_REFUSED;
}

/* Send a frame with so many descriptors, and see what becomes of the connection, and the log. */
static void
expect(struct buf *b, const int *fds, size_t fds_n, bool closed, int served_want)
{
	int fd = raw_peer(ROLE_SMTPD);
	int before = served;

	refusals = 0;
	log_test_capture(count_refusals, NULL);
	send_raw(fd, buf_slice(b), fds, fds_n);
	spin(4);
	log_test_capture(NULL, NULL);
	/* Nothing at all is how a connection ends. */
	assert_int_equal(refusals, closed && (b->n > 0 || fds_n > 0));
	assert_int_equal(served - before, served_want);
	assert_int_equal(is_closed(fd), closed);
	close(fd);
	spin(2);
	buf_fini(b);
}

static void
a_good_frame_made_by_hand_is_served(void **state)
{
	struct buf b = frame(1, 0, ECHO, 0, true);

	(void)state;
	expect(&b, NULL, 0, false, 1);
}

static void
malformed_headers_close_the_connection(void **state)
{
	static const struct { uint8_t version, flags; uint16_t code; uint32_t status; } cases[] = {
		{ 0, 0, ECHO, 0 }, { 2, 0, ECHO, 0 }, { 1, 2, ECHO, 0 }, { 1, 255, ECHO, 0 },
		{ 1, 0, 0, 0 }, { 1, 0, SECRET, 0 }, { 1, 0, 65535, 0 }, { 1, 0, ECHO, 1 },
		{ 1, 0, ECHO, (uint32_t)ERR_QUOTA }, { 1, 1, ECHO, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = frame(cases[i].version, cases[i].flags, cases[i].code,
		    cases[i].status, true);

		expect(&b, NULL, 0, true, 0);
	}
}

static void
truncation_at_every_length_is_not_served(void **state)
{
	struct buf whole = frame(1, 0, ECHO, 0, true);

	(void)state;
	for (size_t n = 1; n < whole.n; n++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_add(&b, slice_sub(buf_slice(&whole), 0, n));
		/* A broken header ends the connection, a broken message gets an error. */
		expect(&b, NULL, 0, n < 12, 0);
	}
	buf_addc(&whole, 'x');
	expect(&whole, NULL, 0, false, 0);
}

static void
oversized_frames_are_refused(void **state)
{
	static const size_t extra[] = { 1, 2, 1000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
		struct buf b = frame(1, 0, ECHO, 0, false);

		while (b.n < CHAN_FRAME_MAX + extra[i])
			buf_addc(&b, 'x');
		expect(&b, NULL, 0, true, 0);
	}
}

static void
a_wrong_count_of_descriptors_is_refused(void **state)
{
	static const struct { uint16_t code; size_t need; } rows[] = {
		{ ECHO, 0 }, { PASS, 1 }, { TWO_FDS, 2 },
	};
	int fds[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(memfd_of("t", SLICE("x"), &fds[i]), OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 0; n <= 8; n++) {
			struct buf b = frame(1, 0, rows[i].code, 0, true);

			expect(&b, fds, n, n != rows[i].need, n == rows[i].need);
		}
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

/* It looks like the end of the connection; what it brings must be closed all the same. */
static void
an_empty_frame_leaves_no_descriptor(void **state)
{
	int fds[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(memfd_of("t", SLICE("x"), &fds[i]), OK);
	for (size_t n = 0; n <= 4; n++) {
		struct buf b;

		buf_init(&b, 10);
		expect(&b, fds, n, true, 0);
	}
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}

/* One end of a blocking pair is as good: the loop must not stand still in it. */
static void
an_adopted_socket_does_not_block_the_loop(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	assert_int_equal(chan_server_adopt(server, p[0], ROLE_SMTPD), OK);
	assert_true(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	close(p[1]);
	spin(2);
}

/* The message in a memfd: sealed fully and alone, or the connection ends. */
static void
a_large_body_must_be_a_sealed_memfd(void **state)
{
	struct buf body, b;
	int sealed = -1, open_fd = -1, p[2], two[2];

	(void)state;
	buf_init(&body, 1000);
	buf_add_u32(&body, 2);
	buf_adds(&body, "ab");
	buf_add_u32(&body, 7);
	assert_int_equal(memfd_of("t", buf_slice(&body), &sealed), OK);
	assert_int_equal(memfd_new("t", &open_fd), OK);
	assert_int_equal(memfd_write(open_fd, buf_slice(&body)), OK);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	b = frame(1, 1, ECHO, 0, false);
	expect(&b, &sealed, 1, false, 1);
	b = frame(1, 1, ECHO, 0, false);
	expect(&b, &open_fd, 1, true, 0);	/* could change while it is parsed */
	b = frame(1, 1, ECHO, 0, false);
	expect(&b, &p[0], 1, true, 0);
	b = frame(1, 1, ECHO, 0, true);
	expect(&b, &sealed, 1, true, 0);	/* two bodies */
	b = frame(1, 1, ECHO, 0, false);
	two[0] = two[1] = sealed;
	expect(&b, two, 2, true, 0);		/* one descriptor too many */
	b = frame(1, 1, PASS, 0, false);
	expect(&b, two, 2, false, 1);
	close(sealed), close(open_fd), close(p[0]), close(p[1]);
	buf_fini(&body);
}

static void
a_body_over_the_ceiling_is_refused(void **state)
{
	struct buf b = frame(1, 1, ECHO, 0, false);
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_new("t", &fd), OK);
	assert_int_equal(ftruncate(fd, CHAN_BODY_MAX + 1), 0);	/* a hole: no memory is used */
	assert_int_equal(memfd_seal(fd), OK);
	expect(&b, &fd, 1, true, 0);
	close(fd);
}

/* ---- paths, reconnection, blocking calls ---- */

static void
a_client_waits_for_its_service_and_finds_it_again(void **state)
{
	struct chan_client *c;

	(void)state;
	assert_int_equal(chan_client_new(loop, path, client_rows, ARRAY_LEN(client_rows), &c), OK);
	assert_false(chan_client_up(c));
	call(c, ECHO, "", NULL, 0);
	assert_int_equal(got.status, ERR_UNAVAIL);
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	call(c, ECHO, "there", NULL, 0);
	assert_int_equal(got.status, OK);

	/* The service dies with a request open: nobody knows whether it was done. */
	call(c, LATER, "", NULL, 0);
	assert_int_equal(got.count, 0);
	chan_server_free(&server);
	spin(3);
	assert_int_equal(got.status, ERR_UNKNOWN);
	assert_false(chan_client_up(c));
	assert_int_equal(chan_server_new(loop, server_rows, ARRAY_LEN(server_rows), &served,
	    &server), OK);
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	clock_test_set(5000);
	spin(3);
	assert_true(chan_client_up(c));		/* without being asked */
	call(c, ECHO, "again", NULL, 0);
	assert_int_equal(got.status, OK);
	chan_client_free(&c);
	unlink(path);
}

static void
without_descriptors_accepting_pauses_and_goes_on(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct rlimit was, none;
	struct buf b = frame(1, 0, ECHO, 0, true);

	(void)state;
	memcpy(sa.sun_path, path, strlen(path));
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	send_raw(fd, buf_slice(&b), NULL, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	spin(3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	spin(3);
	assert_int_equal(served, 0);		/* it rests, and does not spin */
	clock_test_set(200);
	spin(4);
	assert_int_equal(served, 1);
	close(fd);
	buf_fini(&b);
	unlink(path);
}

static void
the_socket_is_for_its_group(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	unlink(path);
}

static void
paths_are_made_in_one_place(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(chan_path("/run/congvu", "policyd", ROLE_IMAPD_INTERNET, out, sizeof out), OK);
	assert_string_equal(out, "/run/congvu/policyd.imapd-internet.sock");
	assert_int_equal(chan_path("/run/congvu", "policyd", ROLE_IMAPD_INTERNET, out, 39), ERR_LIMIT);
	assert_string_equal(chan_role_name(ROLE_RELAY), "relay");
	assert_string_equal(chan_role_name(0), "?");
	assert_string_equal(chan_role_name(ROLE_IMAPD), "?");
}

static void *
serve_in_thread(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE))
		if (loop_once(loop, 20) != OK)
			break;
	return NULL;
}

static void
a_blocking_call_gets_its_answer(void **state)
{
	struct text msg = { SLICE("sync"), 3 };
	const void *reply = NULL;
	struct arena a;
	bool stop = false;
	pthread_t t;
	int fd = -1;

	(void)state;
	assert_int_equal(chan_sync_connect(path, 1000, &fd), ERR_UNAVAIL);
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	assert_int_equal(pthread_create(&t, NULL, serve_in_thread, &stop), 0);
	assert_int_equal(chan_sync_connect(path, 60000, &fd), OK);
	arena_init(&a, 1 << 20);
	assert_int_equal(chan_sync_call(fd, &client_rows[0], &msg, NULL, 0, 60000, &a, &reply, NULL,
	    NULL), OK);
	assert_true(slice_is(((const struct text *)reply)->text, "sync"));
	assert_int_equal(chan_sync_call(fd, &client_rows[1], &msg, NULL, 0, 60000, &a, &reply, NULL,
	    NULL), ERR_QUOTA);
	assert_null(reply);
	assert_int_equal(chan_sync_call(fd, &client_rows[3], &msg, NULL, 0, 50, &a, &reply, NULL,
	    NULL), ERR_TIMEOUT);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	arena_clear(&a);
	close(fd);
	unlink(path);
}

/* A reply to a call given up earlier lies in the socket when the next call is made. */
static void
a_late_answer_is_not_taken_for_another(void **state)
{
	struct text msg = { SLICE("sync"), 3 };
	struct buf stale = frame(1, 0, ECHO, 0, true);
	const void *reply = NULL;
	struct arena a;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p), 0);
	memset(stale.p + 4, 0xee, 4);		/* another id than any call here has */
	send_raw(p[0], buf_slice(&stale), NULL, 0);
	arena_init(&a, 1 << 20);
	assert_int_equal(chan_sync_call(p[1], &client_rows[0], &msg, NULL, 0, 50, &a, &reply, NULL,
	    NULL), ERR_TIMEOUT);
	assert_null(reply);
	arena_clear(&a);
	buf_fini(&stale);
	close(p[0]), close(p[1]);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/service.smtpd.sock", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest t[] = {
		T(a_request_is_answered),
		T(descriptors_travel_both_ways),
		T(large_messages_travel_unseen_in_a_memfd),
		T(a_request_over_its_bound_is_not_sent),
		T(an_answer_may_come_later_or_not_at_all),
		T(answering_a_peer_that_has_gone_does_nothing),
		T(many_requests_in_flight_keep_their_answers),
		T(a_role_without_the_right_is_refused_unserved),
		T(a_good_frame_made_by_hand_is_served),
		T(malformed_headers_close_the_connection),
		T(truncation_at_every_length_is_not_served),
		T(oversized_frames_are_refused),
		T(a_wrong_count_of_descriptors_is_refused),
		T(an_empty_frame_leaves_no_descriptor),
		T(an_adopted_socket_does_not_block_the_loop),
		T(a_large_body_must_be_a_sealed_memfd),
		T(a_body_over_the_ceiling_is_refused),
		T(a_client_waits_for_its_service_and_finds_it_again),
		T(without_descriptors_accepting_pauses_and_goes_on),
		T(the_socket_is_for_its_group),
		T(paths_are_made_in_one_place),
		T(a_blocking_call_gets_its_answer),
		T(a_late_answer_is_not_taken_for_another),
	};

	return cmocka_run_group_tests(t, make_dir, remove_dir);
}
