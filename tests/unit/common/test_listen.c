/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/listen.h"
#include "common/log.h"
#include "common/systemd.h"

enum { ROLES = LISTEN_ROLE(CONF_LISTEN_MX) | LISTEN_ROLE(CONF_LISTEN_LMTP) };

static char dir[] = "/tmp/congvu-listen.XXXXXX";
static char path[100], logged[4096];
static uint64_t port[4];	/* free ones */

static void
note_log(void *arg, enum log_event_id event, struct slice line)
{
	size_t n = strlen(logged);

	(void)arg, (void)event;
	snprintf(logged + n, sizeof logged - n, "%.*s\n", (int)line.n, line.p);
}

/* ---- little helpers ---- */

static int
tcp(int family, const char *literal, uint64_t at, bool serve)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)at) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)at) };
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	socklen_t n = family == AF_INET ? sizeof in : sizeof in6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(family, literal, family == AF_INET ? (void *)&in.sin_addr :
	    (void *)&in6.sin6_addr), 1);
	if ((serve ? bind(fd, sa, n) : connect(fd, sa, n)) != 0 || (serve && listen(fd, 5) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint64_t
port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t n = sizeof in;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	return ntohs(in.sin_port);
}

static int
at_path(const char *p, bool serve)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", p);
	assert_true(fd >= 0);
	if ((serve ? bind(fd, (struct sockaddr *)&un, sizeof un) :
	    connect(fd, (struct sockaddr *)&un, sizeof un)) != 0 || (serve && listen(fd, 5) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
accepts(uint64_t at)
{
	int fd = tcp(AF_INET, "127.0.0.1", at, false);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
open_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static struct conf_listener
inet(const char *title, const char *address, uint64_t at)
{
	return (struct conf_listener){ .title = title, .address = address, .port = at,
	    .role = CONF_LISTEN_MX };
}

static struct conf_listener
unix_at(const char *address)
{
	return (struct conf_listener){ .title = "path", .address = address, .group = "",
	    .role = CONF_LISTEN_LMTP };
}

static int
group_set_up(void **state)
{
	(void)state;
	for (int i = 3; i < 10; i++)	/* passed sockets begin there */
		close(i);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/lmtp.sock", dir);
	for (size_t i = 0; i < ARRAY_LEN(port); i++) {
		int fd = tcp(AF_INET, "127.0.0.1", 0, true);

		port[i] = port_of(fd);
		close(fd);
	}
	log_test_capture(note_log, NULL);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	log_test_capture(NULL, NULL);
	unlink(path);
	return rmdir(dir);
}

/* ---- opening and keeping ---- */

static gid_t
group_of(const char *at)
{
	struct stat st;

	assert_int_equal(lstat(at, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	return st.st_gid;
}

/* A program in front of this server is in that group and has nothing else of ours. */
static void
a_socket_belongs_to_its_group(void **state)
{
	struct conf_listener l[] = { unix_at(path) };
	struct conf conf = { .listener = l, .listener_n = 1 };
	struct listen_set old, now, none = { NULL, 0 };
	struct buf why;

	(void)state;
	buf_init(&why, 1000);
	l[0].group = "no-such-group-here";
	assert_int_not_equal(listen_open(&conf, ROLES, NULL, NULL, &old, &why), OK);
	assert_non_null(strstr(buf_cstr(&why), "there is no such group"));
	l[0].group = "";
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &old, &why), OK);
	assert_int_equal(group_of(path), getegid());
	if (geteuid() == 0) {
		l[0].group = "59999";
		assert_int_equal(listen_open(&conf, ROLES, &old, NULL, &now, &why), OK);
		assert_int_equal(group_of(path), 59999);
		listen_close(&old, &now);
		old = now;
	}
	listen_close(&old, &none);
	buf_fini(&why);
}

static void
a_reload_keeps_what_both_name(void **state)
{
	struct conf_listener one[] = { inet("a", "127.0.0.1", port[0]),
	    inet("b", "127.0.0.1", port[1]), inet("c", "::1", port[0]), unix_at(path),
	    { .title = "imap", .address = "127.0.0.1", .port = port[3], .role = CONF_LISTEN_IMAP } };
	struct conf_listener two[] = { inet("c", "0::1", port[0]), unix_at(path),
	    inet("new", "127.0.0.1", port[2]), inet("renamed", "127.0.0.1", port[0]) };
	struct conf first = { .listener = one, .listener_n = 5 };
	struct conf second = { .listener = two, .listener_n = 4 };
	struct listen_set old, now;
	struct buf why;
	struct stat st;
	int before = open_count();

	(void)state;
	buf_init(&why, 1000);
	assert_int_equal(listen_open(&first, ROLES, NULL, NULL, &old, &why), OK);
	assert_int_equal(old.n, 4);	/* imap is another program's */
	assert_true(accepts(port[0]) && accepts(port[1]) && !accepts(port[2]) && !accepts(port[3]));
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);

	assert_int_equal(listen_open(&second, ROLES, &old, NULL, &now, &why), OK);
	assert_int_equal(now.n, 4);
	assert_int_equal(now.v[0].fd, old.v[2].fd);
	assert_int_equal(now.v[1].fd, old.v[3].fd);
	assert_int_equal(now.v[3].fd, old.v[0].fd);
	assert_true(accepts(port[1]) && accepts(port[2]));
	listen_close(&old, &now);
	assert_true(accepts(port[0]) && !accepts(port[1]) && accepts(port[2]));
	assert_int_equal(stat(path, &st), 0);
	listen_close(&now, NULL);
	assert_true(!accepts(port[0]) && !accepts(port[2]));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(open_count(), before);
	assert_int_equal(why.n, 0);
	buf_fini(&why);
}

static void
every_failure_is_said_and_nothing_is_left(void **state)
{
	struct conf_listener v[] = { inet("a", "127.0.0.1", port[0]),
	    inet("b", "127.0.0.1", port[1]), inet("c", "192.0.2.77", port[1]),
	    inet("d", "127.0.0.1", port[2]), inet("e", "127.0.0.1", port[2]) };
	struct conf conf = { .listener = v, .listener_n = 5 };
	int busy = tcp(AF_INET, "127.0.0.1", port[1], true), before = open_count();
	struct listen_set set = { NULL, 7 };
	struct buf why;

	(void)state;
	buf_init(&why, 1000);
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &set, &why), -EADDRINUSE);
	assert_non_null(strstr(buf_cstr(&why), "listener \"b\": 127.0.0.1 port "));
	assert_non_null(strstr(buf_cstr(&why), "is in use; does another server run?\n"));
	assert_non_null(strstr(buf_cstr(&why), "listener \"c\": 192.0.2.77 port "));
	assert_non_null(strstr(buf_cstr(&why), "listener \"e\": 127.0.0.1 port "));
	assert_null(strstr(buf_cstr(&why), "listener \"a\""));
	assert_int_equal(set.n, 7);	/* untouched */
	assert_int_equal(open_count(), before);
	assert_false(accepts(port[0]));
	buf_fini(&why);
	buf_init(&why, 1000);
	assert_int_equal(listen_open(&conf, LISTEN_ROLE(CONF_LISTEN_IMAP), NULL, NULL, &set, &why),
	    ERR_CONF);
	assert_non_null(strstr(buf_cstr(&why), "no listener has a role"));
	buf_fini(&why);
	close(busy);
}

static void
a_child_keeps_its_own(void **state)
{
	struct conf_listener v[] = { inet("a", "127.0.0.1", port[0]), unix_at(path) };
	struct conf conf = { .listener = v, .listener_n = 2 };
	struct listen_set set;
	struct stat st;
	struct buf why;

	(void)state;
	buf_init(&why, 1000);
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &set, &why), OK);
	listen_keep(&set, listen_is_unix);
	assert_int_equal(set.n, 1);
	assert_ptr_equal(set.v[0].conf, &v[1]);
	assert_false(accepts(port[0]));
	listen_keep(&set, NULL);
	assert_int_equal(set.n, 0);
	assert_int_equal(stat(path, &st), 0);	/* the parent's still */
	unlink(path);
	listen_close(&set, NULL);
	buf_fini(&why);
}

/* ---- files of UNIX sockets ---- */

static void
a_dead_servers_file_is_replaced_and_no_other(void **state)
{
	struct conf_listener l = unix_at(path);
	struct conf conf = { .listener = &l, .listener_n = 1 };
	struct listen_set set;
	struct stat st;
	struct buf why;
	int fd, got;

	(void)state;
	buf_init(&why, 1000);
	fd = at_path(path, true);	/* somebody serves */
	assert_true(fd >= 0);
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &set, &why), -EADDRINUSE);
	assert_non_null(strstr(buf_cstr(&why), "is in use; does another server run?"));
	got = at_path(path, false);
	assert_true(got >= 0);		/* and still does */
	close(got);

	close(fd);			/* it died */
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &set, &why), OK);
	got = at_path(path, false);
	assert_true(got >= 0);
	close(got);
	listen_close(&set, NULL);

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);	/* no socket at all */
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &set, &why), ERR_EXIST);
	assert_non_null(strstr(buf_cstr(&why), "exists and is no socket"));
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(path);
	buf_fini(&why);
}

/* ---- what the service manager passes in ---- */

/* Somebody removed the file: a reload makes it anew. Another server has made its own: it stays. */
static void
a_removed_file_is_made_anew_and_anothers_stays(void **state)
{
	struct conf_listener l = unix_at(path);
	struct conf conf = { .listener = &l, .listener_n = 1 };
	struct listen_set first, second, third;
	struct buf why;
	int fd;

	(void)state;
	buf_init(&why, 1024);
	assert_int_equal(listen_open(&conf, ROLES, NULL, NULL, &first, &why), OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listen_open(&conf, ROLES, &first, NULL, &second, &why), OK);
	assert_int_not_equal(second.v[0].fd, first.v[0].fd);
	listen_close(&first, &second);
	fd = at_path(path, false);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
	fd = at_path(path, true);
	assert_true(fd >= 0);
	assert_int_not_equal(listen_open(&conf, ROLES, &second, NULL, &third, &why), OK);
	listen_close(&second, NULL);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
	buf_fini(&why);
}

static void
pass(const int *fds, int n)
{
	char text[20];

	for (int i = 0; i < n; i++)
		assert_int_equal(dup2(fds[i], 3 + i), 3 + i);
	snprintf(text, sizeof text, "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof text, "%d", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", "smtp:lmtp:odd:file", 1);
}

static void
passed_sockets_are_found_by_their_place(void **state)
{
	struct conf_listener v[] = { inet("a", "127.0.0.1", port[0]), unix_at(path) };
	struct conf_listener busy_v[] = { inet("a", "127.0.0.1", port[0]),
	    inet("x", "127.0.0.1", port[1]) };
	struct conf conf = { .listener = v, .listener_n = 2 };
	struct conf busy = { .listener = busy_v, .listener_n = 2 };
	struct listen_passed passed;
	struct listen_set set;
	struct stat st;
	struct buf why;
	int fds[4], own;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), 3 + i);
	fds[0] = tcp(AF_INET, "127.0.0.1", port[0], true);
	fds[1] = at_path(path, true);
	fds[2] = tcp(AF_INET, "127.0.0.1", port[2], true);
	fds[3] = fcntl(3, F_DUPFD_CLOEXEC, 20);
	own = tcp(AF_INET, "127.0.0.1", port[1], true);
	pass(fds, 4);
	for (int i = 0; i < 4; i++)
		close(fds[i]);

	logged[0] = '\0';
	listen_passed_take(&passed);
	assert_int_equal(passed.n, 3);
	assert_non_null(strstr(logged, "fd=6 why=\"a passed descriptor is no listening"));
	assert_int_equal(fcntl(6, F_GETFD), -1);
	assert_null(getenv("LISTEN_FDS"));
	assert_true((fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0);

	buf_init(&why, 1000);
	assert_int_equal(listen_open(&busy, ROLES, NULL, &passed, &set, &why), -EADDRINUSE);
	assert_int_equal(passed.n, 3);	/* not lost by the failure */
	close(own);
	assert_int_equal(listen_open(&conf, ROLES, NULL, &passed, &set, &why), OK);
	assert_true(set.v[0].passed && set.v[1].passed);
	assert_int_equal(set.v[0].fd, 3);
	assert_int_equal(passed.n, 1);
	assert_true(accepts(port[0]));

	logged[0] = '\0';
	listen_passed_log(&passed);
	assert_non_null(strstr(logged, "no listener has the place of this passed socket"));
	assert_non_null(strstr(logged, "sev=error"));
	listen_close(&set, NULL);
	assert_int_equal(stat(path, &st), 0);	/* its file is the manager's */
	listen_passed_close(&passed);
	assert_false(accepts(port[2]));
	unlink(path);
	buf_fini(&why);
}

/* ---- telling the service manager ---- */

static void
told(int fd, const char *want)
{
	char got[300];
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	got[n] = '\0';
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("%s", got);
}

static void
the_manager_is_told(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char octet;

	(void)state;
	snprintf(un.sun_path, sizeof un.sun_path, "%s/notify", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	systemd_ready();			/* nobody asked: nothing happens */
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
	systemd_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	systemd_ready();
	told(fd, "READY=1");
	systemd_reloading();
	told(fd, "RELOADING=1\nMONOTONIC_USEC=");
	systemd_status("%d of %d\nREADY=1", 1, 2);
	told(fd, "STATUS=1 of 2 READY=1");	/* one line stays one line */
	systemd_stopping();
	told(fd, "STOPPING=1");
	systemd_close();
	systemd_ready();
	assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), -1);
	unlink(un.sun_path);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(passed_sockets_are_found_by_their_place),
		cmocka_unit_test(a_reload_keeps_what_both_name),
		cmocka_unit_test(a_socket_belongs_to_its_group),
		cmocka_unit_test(every_failure_is_said_and_nothing_is_left),
		cmocka_unit_test(a_child_keeps_its_own),
		cmocka_unit_test(a_dead_servers_file_is_replaced_and_no_other),
		cmocka_unit_test(a_removed_file_is_made_anew_and_anothers_stays),
		cmocka_unit_test(the_manager_is_told),
	};

	return cmocka_run_group_tests(t, group_set_up, group_tear_down);
}
