/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/loop.h"

static struct loop *loop;
static char noted[256];

static void
note(char c)
{
	size_t n = strlen(noted);

	assert_true(n + 1 < sizeof noted);
	noted[n] = c;
	noted[n + 1] = '\0';
}

static int
set_up(void **state)
{
	(void)state;
	noted[0] = '\0';
	return loop_new(&loop);
}

static int
tear_down(void **state)
{
	(void)state;
	clock_test_set(0);
	loop_free(&loop);
	return loop != NULL;
}

/* ---- timers; the clock is moved, nothing waits ---- */

static void
on_timer(struct loop_timer *t)
{
	note(*(const char *)t->arg);
}

static void
timers_fire_in_order_and_once(void **state)
{
	static char names[] = "abcdefgh";
	static const uint64_t due[] = { 500000, 100000, 800000, 200000, 700000, 300000,
		600000, 400000 };
	struct loop_timer t[8] = { { .loop = NULL } };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(loop_timer_set(loop, &t[i], due[i], on_timer, &names[i]), OK);
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "");
	clock_test_set(450000);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_string_equal(noted, "bdfh");
	clock_test_set(2000000);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_string_equal(noted, "bdfhagec");
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "bdfhagec");
}

static void
timers_stop_and_move(void **state)
{
	static char a = 'a', b = 'b', c = 'c';
	struct loop_timer ta = { .loop = NULL }, tb = ta, tc = ta;

	(void)state;
	assert_int_equal(loop_timer_set(loop, &ta, 1000, on_timer, &a), OK);
	assert_int_equal(loop_timer_set(loop, &tb, 2000, on_timer, &b), OK);
	assert_int_equal(loop_timer_set(loop, &tc, 3000, on_timer, &c), OK);
	loop_timer_stop(&tb);
	loop_timer_stop(&tb);
	assert_int_equal(loop_timer_set(loop, &ta, 9000, on_timer, &a), OK);	/* later */
	clock_test_set(5000);
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "c");
	clock_test_set(10000);
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "ca");
}

/* Against a plain array, with many sets, moves and stops at random. */
static void
many_timers_keep_their_order(void **state)
{
	enum { MANY = 200 };
	static struct loop_timer t[MANY];
	static char mark[MANY];
	uint64_t last = 0;

	(void)state;
	srandom(7);
	for (int i = 0; i < 5000; i++) {
		int k = (int)(random() % MANY);

		if (random() % 3 == 0)
			loop_timer_stop(&t[k]);
		else
			assert_int_equal(loop_timer_set(loop, &t[k],
			    1 + (uint64_t)random() % 100000, on_timer, &mark[k]), OK);
	}
	for (int i = 0; i < MANY; i++)
		mark[i] = t[i].loop != NULL ? 'x' : 'y';
	for (int64_t at = 500; at < 110000; at += 500) {
		uint64_t earliest = UINT64_MAX, now;

		noted[0] = '\0';
		clock_test_set(at);
		now = clock_ms();
		assert_int_equal(loop_once(loop, 0), OK);
		assert_null(strchr(noted, 'y'));
		for (int i = 0; i < MANY; i++)
			if (t[i].loop != NULL && t[i].due_ms < earliest)
				earliest = t[i].due_ms;
		assert_true(earliest > now);	/* none is left behind */
		assert_true(earliest >= last);
		last = earliest == UINT64_MAX ? last : earliest;
	}
	for (int i = 0; i < MANY; i++)
		assert_null(t[i].loop);
}

static struct loop_timer *victim;

static void
on_timer_stop_other(struct loop_timer *t)
{
	note(*(const char *)t->arg);
	loop_timer_stop(victim);
}

static void
a_timer_may_stop_another_that_is_due(void **state)
{
	static char a = 'a', b = 'b';
	struct loop_timer ta = { .loop = NULL }, tb = ta;

	(void)state;
	victim = &tb;
	assert_int_equal(loop_timer_set(loop, &ta, 1, on_timer_stop_other, &a), OK);
	assert_int_equal(loop_timer_set(loop, &tb, 2, on_timer, &b), OK);
	clock_test_set(1000);
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "a");
}

/* ---- descriptors ---- */

struct end {
	struct loop_fd lf;
	char	       name;
	unsigned       events;
	struct end    *kill;
};

static void
on_fd(struct loop_fd *lf, unsigned events)
{
	struct end *e = lf->arg;

	note(e->name);
	e->events = events;
	if (e->kill != NULL)
		loop_fd_remove(&e->kill->lf);
}

static void
watch(struct end *e, int fd, unsigned want, char name)
{
	*e = (struct end){ .name = name };
	assert_int_equal(loop_fd_add(loop, &e->lf, fd, want, on_fd, e), OK);
}

static void
readiness_is_told_as_wanted(void **state)
{
	struct end e;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p), 0);
	watch(&e, p[0], LOOP_READ, 'e');
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "");
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_int_equal(e.events, LOOP_READ);
	assert_int_equal(loop_fd_want(&e.lf, LOOP_READ | LOOP_WRITE), OK);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_int_equal(e.events, LOOP_READ | LOOP_WRITE);
	assert_int_equal(loop_fd_want(&e.lf, 0), OK);
	noted[0] = '\0';
	assert_int_equal(loop_once(loop, 0), OK);
	assert_string_equal(noted, "");
	close(p[1]);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_true(e.events & LOOP_HANGUP);
	loop_fd_remove(&e.lf);
	loop_fd_remove(&e.lf);
	assert_int_equal(loop_fd_want(&e.lf, LOOP_READ), ERR_BAD_STATE);
	close(p[0]);
}

/* Two are ready in one round; the first takes the second away (and could free it). */
static void
a_handler_may_remove_another_that_is_ready(void **state)
{
	struct end a, b;
	int p[2], q[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(q), 0);
	watch(&a, p[0], LOOP_READ, 'a');
	watch(&b, q[0], LOOP_READ, 'b');
	a.kill = &b;
	b.kill = &a;
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(write(q[1], "x", 1), 1);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_int_equal(strlen(noted), 1);
	loop_fd_remove(&a.lf);
	loop_fd_remove(&b.lf);
	for (int i = 0; i < 2; i++)
		close(p[i]), close(q[i]);
}

static void
a_descriptor_that_cannot_be_watched_is_an_error(void **state)
{
	struct loop_fd lf = { .loop = NULL };

	(void)state;
	assert_int_equal(loop_fd_add(loop, &lf, -1, LOOP_READ, on_fd, NULL), -EBADF);
	assert_null(lf.loop);
	loop_fd_remove(&lf);
}

/* ---- signals, stopping ---- */

static void
on_signal(void *arg, int signal)
{
	assert_ptr_equal(arg, noted);
	note(signal == SIGUSR1 ? '1' : '2');
	if (signal == SIGUSR2)
		loop_stop(loop);
}

static void
signals_arrive_in_the_loop(void **state)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, 0 };

	(void)state;
	assert_int_equal(loop_signals(loop, signals, on_signal, noted), OK);
	raise(SIGUSR1);
	assert_int_equal(loop_once(loop, 1000), OK);
	assert_string_equal(noted, "1");
	raise(SIGUSR2);
	assert_int_equal(loop_run(loop), OK);
	assert_string_equal(noted, "12");
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest t[] = {
		T(timers_fire_in_order_and_once),
		T(timers_stop_and_move),
		T(many_timers_keep_their_order),
		T(a_timer_may_stop_another_that_is_due),
		T(readiness_is_told_as_wanted),
		T(a_handler_may_remove_another_that_is_ready),
		T(a_descriptor_that_cannot_be_watched_is_an_error),
		T(signals_arrive_in_the_loop),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
