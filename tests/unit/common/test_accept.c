/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Accepting with real limits of the process: descriptors by setrlimit, sessions by configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/accept.h"
#include "common/clock.h"
#include "common/log.h"

enum { TAKEN_MAX = 64 };

static char dir[] = "/tmp/congvu-accept.XXXXXX";
static struct sockaddr_un at = { .sun_family = AF_UNIX };
static struct conf conf;
static struct conf_listener listener;
static struct loop *loop;
static struct listen_set sockets;
static struct share *table;
static struct share_seat seat;
static struct accept *door;
static struct rlimit nofile;
static unsigned refused_told, paused_told;

static struct {
	struct accept_peer v[TAKEN_MAX];
	size_t		   n;
	unsigned	   full;
	int		   answer;	/* what the function returns */
} taken;

static void
note_log(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg, (void)line;
	refused_told += event == EV_SESSION_REFUSED;
	paused_told += event == EV_ACCEPT_PAUSED;
	if (event != EV_SESSION_REFUSED && event != EV_ACCEPT_PAUSED)
		fail_msg("%.*s", (int)line.n, line.p);
}

static int
on_peer(void *worker, const struct accept_peer *peer)
{
	assert_ptr_equal(worker, &taken);
	assert_string_equal(peer->client, "unix");
	assert_ptr_equal(peer->listener, &listener);
	taken.full += peer->full;
	if (peer->full)
		return ERR_LIMIT;
	if (taken.answer == OK)
		taken.v[taken.n++] = *peer;
	return taken.answer;
}

static int
set_up(void **state)
{
	struct buf why;

	(void)state;
	memset(&taken, 0, sizeof taken);
	refused_told = paused_told = 0;
	snprintf(at.sun_path, sizeof at.sun_path, "%s/s", dir);
	listener = (struct conf_listener){ .title = "l", .address = at.sun_path, .group = "",
	    .role = CONF_LISTEN_LMTP };
	conf = (struct conf){ .listener = &listener, .listener_n = 1 };
	conf.limits.connections = 5;
	conf.limits.connections_per_address = 2;	/* a path has no addresses */
	buf_init(&why, 1000);
	log_test_capture(note_log, NULL);
	if (getrlimit(RLIMIT_NOFILE, &nofile) != 0 || loop_new(&loop) != OK ||
	    share_new(&table) != OK || share_take(table, &seat) != OK ||
	    listen_open(&conf, ~0U, NULL, NULL, &sockets, &why) != OK)
		return 1;
	return accept_new(loop, &sockets, &conf, seat, on_peer, &taken, &door);
}

static int
tear_down(void **state)
{
	(void)state;
	clock_test_set(0);
	setrlimit(RLIMIT_NOFILE, &nofile);
	for (size_t i = 0; i < taken.n; i++)
		close(taken.v[i].fd);
	accept_free(&door);
	unlink(at.sun_path);
	free(sockets.v);	/* the descriptors were the door's */
	share_free(&table);
	loop_free(&loop);
	log_test_capture(NULL, NULL);
	return 0;
}

static int
knock(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void
turn(void)
{
	assert_int_equal(loop_once(loop, 0), OK);
}

static void
leave(size_t i)
{
	close(taken.v[i].fd);
	accept_gone(door, taken.v[i].key);
	taken.v[i] = taken.v[--taken.n];
}

/* The number of descriptors that are open is the limit: not one more. */
static void
no_more_descriptors(void)
{
	struct rlimit rl = nofile;
	int next = dup(0);

	assert_true(next >= 0);
	close(next);
	rl.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

/* ---- */

static void
sessions_are_counted(void **state)
{
	int fd[7];
	char octet;

	(void)state;
	for (int i = 0; i < 7; i++)
		fd[i] = knock();
	turn();
	assert_int_equal(taken.n, 5);
	assert_int_equal(accept_count(door), 5);
	assert_int_equal(share_total(table), 5);
	assert_int_equal(taken.full, 2);
	assert_int_equal(refused_told, 2);
	assert_int_equal(recv(fd[6], &octet, 1, MSG_DONTWAIT), 0);	/* closed */
	assert_int_equal(recv(fd[0], &octet, 1, MSG_DONTWAIT), -1);
	leave(0);
	assert_int_equal(share_total(table), 4);
	close(fd[6]);
	fd[6] = knock();
	turn();
	assert_int_equal(taken.n, 5);
	for (int i = 0; i < 7; i++)
		close(fd[i]);
}

static void
one_that_is_not_taken_does_not_count(void **state)
{
	int fd = knock();
	char octet;

	(void)state;
	taken.answer = ERR_ACCESS;
	turn();
	assert_int_equal(share_total(table), 0);
	assert_int_equal(accept_count(door), 0);
	assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), 0);
	assert_int_equal(paused_told, 0);
	close(fd);
}

static void
the_log_is_not_flooded(void **state)
{
	(void)state;
	taken.answer = ERR_ACCESS;
	for (int i = 0; i < 10 * ACCEPT_TELL; i++) {
		int fd = knock();

		turn();
		close(fd);
	}
	assert_int_equal(refused_told, ACCEPT_TELL);
	clock_test_set(ACCEPT_TELL_MS + 1000);
	close(knock());
	turn();
	assert_int_equal(refused_told, ACCEPT_TELL + 1);
}

/* Rounds of the loop that do something, in so many milliseconds of the real time; two at least, also
 * where nothing runs for longer than that. */
static unsigned
rounds_in(int ms)
{
	uint64_t end = clock_ms() + (uint64_t)ms, now;
	unsigned n = 0;

	while (((now = clock_ms()) < end || n < 2) && n < 100000) {
		assert_int_equal(loop_once(loop, now < end ? (int)(end - now) : ms), OK);
		n++;
	}
	return n;
}

static void
without_descriptors_it_waits(void **state)
{
	int fd[4];
	char octet;

	(void)state;
	for (int i = 0; i < 4; i++)
		fd[i] = knock();
	no_more_descriptors();
	/* Pauses of 50, 100, 200 ms: a handful of rounds, not thousands. */
	assert_true(rounds_in(300) <= 12);
	assert_int_equal(taken.n, 0);
	assert_int_equal(paused_told, 1);
	assert_int_equal(share_total(table), 0);
	assert_int_equal(recv(fd[0], &octet, 1, MSG_DONTWAIT), -1);	/* it waits, too */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &nofile), 0);
	for (int i = 0; i < 1000 && taken.n < 4; i++)
		rounds_in(100);
	assert_int_equal(taken.n, 4);
	assert_int_equal(paused_told, 1);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
}

static void
without_memory_it_waits(void **state)
{
	int fd[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		fd[i] = knock();
	taken.answer = ERR_NOMEM;
	turn();
	clock_test_set(-10 * ACCEPT_PAUSE_MAX_MS);	/* the pause does not end by itself */
	assert_int_equal(refused_told, 1);	/* this one is lost; the others wait */
	assert_int_equal(paused_told, 1);
	turn();
	assert_int_equal(refused_told, 1);
	taken.answer = OK;
	clock_test_set(ACCEPT_PAUSE_MAX_MS);
	turn();
	turn();
	assert_int_equal(taken.n, 2);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

/* Of 64 an eighth is kept: who comes when 56 are in use is told so, and nothing pauses. */
static void
the_last_descriptors_are_for_sessions(void **state)
{
	struct rlimit rl = nofile;
	int filler[64], n = 0, fd;
	struct buf why;

	(void)state;
	accept_free(&door);
	free(sockets.v);
	rl.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	buf_init(&why, 1000);
	assert_int_equal(listen_open(&conf, ~0U, NULL, NULL, &sockets, &why), OK);
	assert_int_equal(accept_new(loop, &sockets, &conf, seat, on_peer, &taken, &door), OK);
	fd = knock();
	turn();
	assert_int_equal(taken.n, 1);
	close(fd);
	while (n < 64 && (filler[n] = dup(0)) >= 0 && filler[n] < 54)
		n++;
	fd = knock();	/* 55 */
	turn();
	assert_int_equal(taken.n, 1);
	assert_int_equal(taken.full, 1);
	assert_int_equal(refused_told, 1);
	assert_int_equal(paused_told, 0);
	close(fd);
	for (int i = 0; i <= n; i++)
		close(filler[i]);
	fd = knock();
	turn();
	assert_int_equal(taken.n, 2);
	close(fd);
}

static void
a_stopped_door_is_closed(void **state)
{
	int fd;

	(void)state;
	accept_stop(door);
	accept_stop(door);
	accept_stop(NULL);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), -1);
	close(fd);
	turn();
	assert_int_equal(taken.n, 0);
}

static int
group_set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
group_tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(sessions_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_not_taken_does_not_count, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(the_log_is_not_flooded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_descriptors_it_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory_it_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_descriptors_are_for_sessions, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(a_stopped_door_is_closed, set_up, tear_down),
	};

	return cmocka_run_group_tests(t, group_set_up, group_tear_down);
}
