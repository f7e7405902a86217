/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Readers of an environment: more than there are slots, killed ones, one that is stuck. Nothing waits
 * for a slot, and nothing but a reader needs one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "mailstore/env.h"

enum { SLOTS = 8, CHILDREN = 12, MAP = 16 * 1024 * 1024, PATIENCE_S = 300 };

static const char *const trees[] = { "tree" };

struct reader {
	pid_t pid;
	int   result, say, hear;	/* what opening and beginning gave; pipes from and to it */
};

struct world {
	char	      dir[64];
	struct env   *env;		/* the writer's */
	struct reader readers[CHILDREN];
	unsigned      n;
};

/* ---- children ---- */

static void
tell(int fd, int result)
{
	if (write(fd, &result, sizeof result) != (ssize_t)sizeof result)
		_exit(2);
}

/* Take a view and keep it until the other end is closed; or tell why there is none, and go. */
static void
read_on(const char *dir, int say, int hear)
{
	struct env_txn *t = NULL;
	struct env *env;
	char octet;
	int r = env_open(dir, MAP, true, trees, 1, &env);

	if (r == OK)
		r = env_begin_read(env, &t);
	tell(say, r);
	while (r == OK && read(hear, &octet, 1) < 0 && errno == EINTR)
		continue;
	env_abort(&t);
	env_close(&env);
	_exit(0);
}

static int
add_reader(struct world *w)
{
	struct reader *r = &w->readers[w->n++];
	int from[2], to[2];

	assert_true(w->n <= CHILDREN);
	assert_int_equal(pipe(from), 0);
	assert_int_equal(pipe(to), 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(PATIENCE_S);
		close(from[0]);
		close(to[1]);
		for (unsigned i = 0; i < CHILDREN; i++)
			if (w->readers[i].pid > 0)
				close(w->readers[i].hear);
		read_on(w->dir, from[1], to[0]);
	}
	close(from[1]);
	close(to[0]);
	r->say = from[0];
	r->hear = to[1];
	assert_int_equal(read(r->say, &r->result, sizeof r->result), sizeof r->result);
	return r->result;
}

static void
end_reader(struct reader *r, int signal)
{
	if (r->pid <= 0)
		return;
	if (signal != 0)
		kill(r->pid, signal);
	close(r->hear);
	close(r->say);
	assert_int_equal(waitpid(r->pid, NULL, 0), r->pid);
	r->pid = 0;
}

/* ---- the world ---- */

static int
begin(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	alarm(PATIENCE_S);
	snprintf(w->dir, sizeof w->dir, "%s/congvu-readers-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(env_open_for(SLOTS, w->dir, MAP, false, trees, 1, &w->env), OK);
	*state = w;
	return 0;
}

static int
end(void **state)
{
	struct world *w = *state;
	char cmd[100];

	for (unsigned i = 0; i < w->n; i++)
		end_reader(&w->readers[i], SIGKILL);
	env_close(&w->env);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	alarm(0);
	return 0;
}

static void
change(struct world *w, const char *value)
{
	struct env_txn *t;

	assert_int_equal(env_begin_write(w->env, &t), OK);
	assert_int_equal(env_put(t, 0, SLICE("key"), slice_of(value)), OK);
	assert_int_equal(env_commit(&t), OK);
}

static struct env_readers
look(struct world *w)
{
	struct env_readers r;

	assert_int_equal(env_readers(w->env, &r), OK);
	return r;
}

static void
fill(struct world *w)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		assert_int_equal(add_reader(w), i < SLOTS ? OK : ERR_UNAVAIL);
	assert_int_equal(look(w).used, SLOTS);
}

/* ---- tests ---- */

static void
more_readers_than_slots(void **state)
{
	struct world *w = *state;
	struct env_txn *t;
	uint64_t used, size;

	fill(w);
	assert_int_equal(env_begin_read(w->env, &t), ERR_UNAVAIL);
	assert_int_equal(env_begin_read(w->env, &t), ERR_UNAVAIL);
	change(w, "written");
	env_touch(w->env, 0, &SLICE("key"), 1);
	assert_int_equal(env_room(w->env, 2), OK);
	assert_int_equal(env_size(w->env, &used, &size), OK);
	/* One that ends in order makes room. */
	end_reader(&w->readers[3], 0);
	assert_int_equal(env_begin_read(w->env, &t), OK);
	env_abort(&t);
	assert_int_equal(env_begin_read(w->env, &t), OK);
	env_abort(&t);
}

/* Whoever needs a slot finds those of the dead; the living keep theirs. */
static void
slots_of_the_dead(void **state)
{
	struct world *w = *state;
	struct env_txn *t;
	struct slice val;

	change(w, "seen");
	fill(w);
	for (unsigned i = 0; i < 3; i++)
		end_reader(&w->readers[i * 2], SIGKILL);
	assert_int_equal(look(w).used, SLOTS);
	assert_int_equal(env_begin_read(w->env, &t), OK);
	assert_int_equal(env_get(t, 0, SLICE("key"), &val), OK);
	assert_true(slice_is(val, "seen"));
	env_abort(&t);
	assert_int_equal(look(w).used, SLOTS - 3 + 1);
	w->n = 0;	/* so that two more can be kept; 0 and 2 are gone */
	assert_int_equal(add_reader(w), OK);
	w->n = 2;
	assert_int_equal(add_reader(w), OK);
	w->n = 4;
	assert_int_equal(add_reader(w), ERR_UNAVAIL);
	w->n = CHILDREN;
	assert_int_equal(look(w).used, SLOTS);
}

/* A child that opens the environment finds them, too. */
static void
slots_of_the_dead_for_who_opens(void **state)
{
	struct world *w = *state;

	fill(w);
	end_reader(&w->readers[5], SIGKILL);
	w->n = 5;
	assert_int_equal(add_reader(w), OK);
	w->n = CHILDREN;
}

static void
reaped(void **state)
{
	struct world *w = *state;

	fill(w);
	for (unsigned i = 0; i < CHILDREN; i++)
		end_reader(&w->readers[i], SIGKILL);
	assert_int_equal(look(w).used, SLOTS);
	env_reap_readers(w->env);
	assert_int_equal(look(w).used, 0);
	assert_int_equal(look(w).pid, 0);
}

static void
the_oldest(void **state)
{
	struct world *w = *state;
	struct env_readers first, now;

	assert_int_equal(look(w).used, 0);
	change(w, "1");
	assert_int_equal(add_reader(w), OK);
	first = look(w);
	assert_int_equal(first.used, 1);
	assert_int_equal(first.pid, w->readers[0].pid);
	assert_false(first.behind);
	change(w, "2");
	assert_int_equal(add_reader(w), OK);
	now = look(w);
	assert_int_equal(now.used, 2);
	assert_int_equal(now.pid, w->readers[0].pid);
	assert_int_equal(now.txn, first.txn);
	assert_true(now.behind);
	end_reader(&w->readers[0], 0);
	now = look(w);
	assert_int_equal(now.pid, w->readers[1].pid);
	assert_true(now.txn > first.txn);
	assert_false(now.behind);
}

/* A place is kept between views, and then it looks at nothing. */
static void
a_reader_at_rest(void **state)
{
	struct world *w = *state;
	struct env_txn *t;

	assert_int_equal(env_begin_read(w->env, &t), OK);
	assert_int_equal(look(w).pid, getpid());
	env_abort(&t);
	change(w, "1");
	assert_int_equal(look(w).used, 1);
	assert_int_equal(look(w).pid, 0);
	assert_false(look(w).behind);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(more_readers_than_slots, begin, end),
		cmocka_unit_test_setup_teardown(slots_of_the_dead, begin, end),
		cmocka_unit_test_setup_teardown(slots_of_the_dead_for_who_opens, begin, end),
		cmocka_unit_test_setup_teardown(reaped, begin, end),
		cmocka_unit_test_setup_teardown(the_oldest, begin, end),
		cmocka_unit_test_setup_teardown(a_reader_at_rest, begin, end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
