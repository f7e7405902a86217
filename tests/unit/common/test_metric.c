/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/metric_internal.h"
#include "common/metric_read.h"
#include "common/pidfile.h"

enum { ADDERS = 4, ADDS = 20000 };

static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	memcpy(dir, "/tmp/congvu-metric-XXXXXX", sizeof "/tmp/congvu-metric-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(metric_open(dir, "smtpd"), OK);
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "metrics/smtpd", "smtpd.pid", "metrics", "" };
	char path[128];

	(void)state;
	metric_leave();
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)!(i < 2 ? unlink(path) : rmdir(path));
	}
	return 0;
}

static struct metric_copy *
copy(void)
{
	struct metric_copy *c = NULL;

	assert_int_equal(metric_copy_read(dir, METRIC_PROGRAM_SMTPD, &c), OK);
	return c;
}

static uint64_t
sum(enum metric m)
{
	struct metric_copy *c = copy();
	uint64_t v = metric_copy_sum(c, m);

	metric_copy_free(&c);
	return v;
}

/* ---- counting ---- */

static void
add_much(int share)
{
	metric_share_enter(share);
	for (int i = 0; i < ADDS; i++) {
		metric_add(METRIC_COMMANDS, 0, 1);
		metric_observe_us(METRIC_COMMIT_TIME, 0, (uint64_t)i * 10);
		metric_add(METRIC_SESSIONS_OPEN, metric_at(METRIC_SESSIONS_OPEN, 1, 1, 0), 1);
	}
	metric_sub(METRIC_SESSIONS_OPEN, metric_at(METRIC_SESSIONS_OPEN, 1, 1, 0), ADDS - 2);
}

static void
processes_add_at_the_same_time_and_nothing_is_lost(void **state)
{
	pid_t pids[ADDERS];
	int shares[ADDERS], status;

	(void)state;
	for (int i = 0; i < ADDERS; i++) {
		shares[i] = metric_share_take();
		assert_true(shares[i] > 0);
		pids[i] = fork();
		if (pids[i] == 0) {
			add_much(shares[i]);
			_exit(0);
		}
	}
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
	assert_int_equal(sum(METRIC_COMMANDS), ADDERS * ADDS);
	assert_int_equal(sum(METRIC_COMMIT_TIME), ADDERS * ADDS);
	assert_int_equal(sum(METRIC_SESSIONS_OPEN), ADDERS * 2);
	for (int i = 0; i < ADDERS; i++)
		metric_share_give(shares[i]);
	assert_int_equal(sum(METRIC_SESSIONS_OPEN), 0);
}

/* Killed in the middle: what it counted stays, what it held goes. */
static void
a_killed_process_leaves_its_counts_and_no_sessions(void **state)
{
	int share = metric_share_take(), ready[2], status;
	char octet;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		metric_share_enter(share);
		metric_add(METRIC_SESSIONS_OPEN, 0, 7);
		metric_add(METRIC_SESSIONS, 0, 7);
		(void)!write(ready[1], "", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(sum(METRIC_SESSIONS_OPEN), 7);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	metric_share_give(share);
	assert_int_equal(sum(METRIC_SESSIONS_OPEN), 0);
	assert_int_equal(sum(METRIC_SESSIONS), 7);
	assert_int_equal(metric_share_take(), share);
	close(ready[0]);
	close(ready[1]);
}

static void
there_are_so_many_shares_and_then_it_counts_nowhere(void **state)
{
	int n = 0;

	(void)state;
	while (metric_share_take() > 0)
		n++;
	assert_int_equal(n, METRIC_SHARES - 1);
	metric_share_enter(-1);
	metric_add(METRIC_SESSIONS_OPEN, 0, 5);
	metric_share_enter(METRIC_SHARES);
	metric_add(METRIC_SESSIONS_OPEN, 0, 5);
	metric_share_give(0);
	metric_share_give(-1);
	assert_int_equal(sum(METRIC_SESSIONS_OPEN), 0);
	metric_add(METRIC_SESSIONS, 0, 5);
	assert_int_equal(sum(METRIC_SESSIONS), 5);
}

static void
an_index_outside_counts_nowhere(void **state)
{
	static const struct { enum metric m; unsigned a, b, c; } cases[] = {
		{ METRIC_SESSIONS, 4, 0, 0 }, { METRIC_SESSIONS, 0, 3, 0 },
		{ METRIC_SESSIONS, 0, 0, 1 }, { METRIC_SESSIONS, UINT32_MAX, 2, 0 },
		{ METRIC_COMMANDS, 1, 0, 0 }, { METRIC_VERDICTS, 161, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		metric_add(cases[i].m,
		    metric_at(cases[i].m, cases[i].a, cases[i].b, cases[i].c), 9);
		if (sum(cases[i].m) != 0)
			fail_msg("case %zu", i);
	}
	metric_add(METRIC_COMMANDS, UINT32_MAX, 9);
	metric_set(METRIC_CRLS, 1, 9);
	assert_int_equal(sum(METRIC_COMMANDS) + sum(METRIC_CRLS), 0);
}

/* Rows must not share cells: each is set alone and read back alone. */
static void
every_series_of_every_row_has_its_own_place(void **state)
{
	(void)state;
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		unsigned last = metric_rows[m].series - 1;

		if (metric_rows[m].type == METRIC_HISTOGRAM) {
			metric_observe_us((enum metric)m, 0, 1);
			metric_observe_us((enum metric)m, last, UINT32_MAX);
		} else {
			metric_add((enum metric)m, 0, 1);
			metric_add((enum metric)m, last, 1);
		}
	}
	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (sum((enum metric)m) != 2)
			fail_msg("%s", metric_rows[m].name);
}

static void
before_it_is_opened_it_counts_in_the_process(void **state)
{
	(void)state;
	metric_leave();
	metric_add(METRIC_COMMANDS, 0, 3);
	assert_true(metric_get(METRIC_COMMANDS, 0) >= 3);
	assert_int_equal(sum(METRIC_COMMANDS), 0);
	assert_int_equal(metric_open(dir, "nobody"), ERR_NOENT);
	assert_int_equal(metric_open("/nonexistent/x", "smtpd"), ERR_NOENT);
}

static void
a_histogram_puts_each_value_under_its_bound(void **state)
{
	static const struct { uint64_t us; unsigned bucket; } cases[] = {
		{ 0, 0 }, { 100, 0 }, { 101, 1 }, { 1000, 3 }, { 60000000, METRIC_BUCKETS - 1 },
		{ 60000001, METRIC_BUCKETS },
	};
	const struct metric_row *row = &metric_rows[METRIC_JUDGE_TIME];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned first = row->first + 2 * row->width;
		struct metric_copy *c;

		assert_int_equal(metric_open(dir, "smtpd"), OK);
		metric_observe_us(METRIC_JUDGE_TIME, 2, cases[i].us);
		c = copy();
		assert_int_equal(metric_copy_get(c, METRIC_JUDGE_TIME, 2), 1);
		assert_int_equal(metric_copy_get(c, METRIC_JUDGE_TIME, 1), 0);
		assert_int_equal(metric_copy_cell(c, first + cases[i].bucket), 1);
		assert_int_equal(metric_copy_cell(c, first + METRIC_BUCKETS + 1), cases[i].us);
		metric_copy_free(&c);
	}
}

/* ---- names ---- */

static void
names_get_places_and_the_rest_is_other(void **state)
{
	unsigned last = metric_label_rows[METRIC_LABEL_ROUTE].count - 1;
	char name[200];

	(void)state;
	assert_int_equal(metric_slot_find(METRIC_LABEL_ROUTE, "sink", 4), last);
	assert_int_equal(metric_slot(METRIC_LABEL_ROUTE, "sink"), 0);
	assert_int_equal(metric_slot(METRIC_LABEL_RULE, "sink"), 0);
	assert_int_equal(metric_slot(METRIC_LABEL_ROUTE, "Sở"), 1);
	assert_int_equal(metric_slot(METRIC_LABEL_ROUTE, "sink"), 0);
	assert_int_equal(metric_slot_find(METRIC_LABEL_ROUTE, "sinking", 4), 0);
	assert_int_equal(metric_slot_find(METRIC_LABEL_ROUTE, "sinking", 7), last);
	for (unsigned i = 2; i < last + 5; i++) {
		snprintf(name, sizeof name, "route %u", i);
		assert_int_equal(metric_slot(METRIC_LABEL_ROUTE, name), i < last ? i : last);
	}
	assert_int_equal(metric_slot(METRIC_LABEL_RULE, "a"), 1);
}

/* A long name is cut between characters, and is still one name. */
static void
a_long_name_is_cut_and_shown(void **state)
{
	char name[128] = "x";
	struct metric_copy *c;
	unsigned at;

	(void)state;
	while (strlen(name) + 3 < sizeof name)
		memcpy(name + strlen(name), "ộ", sizeof "ộ");
	at = metric_slot(METRIC_LABEL_RULE, name);
	assert_int_equal(metric_slot(METRIC_LABEL_RULE, name), at);
	assert_int_equal(metric_slot_find(METRIC_LABEL_RULE, name, strlen(name)), at);
	c = copy();
	assert_non_null(metric_copy_name(c, METRIC_LABEL_RULE, at));
	assert_int_equal(strlen(metric_copy_name(c, METRIC_LABEL_RULE, at)), 61);
	metric_copy_free(&c);
}

/* ---- hostile files ---- */

static struct metric_file *
own_file(void)
{
	char path[128];
	struct metric_file *f = aligned_alloc(64, (sizeof *f + 63) & ~(size_t)63);
	int fd;

	assert_non_null(f);
	snprintf(path, sizeof path, "%s/metrics/smtpd", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, f, sizeof *f), sizeof *f);
	close(fd);
	return f;
}

static int
take(const void *octets, size_t n)
{
	struct metric_copy *c = NULL;
	int r = metric_copy_of((struct slice){ octets, n }, METRIC_PROGRAM_SMTPD, &c);

	metric_copy_free(&c);
	return r;
}

static void
a_file_of_another_build_or_program_is_refused(void **state)
{
	struct metric_file *f = own_file();
	char *longer = calloc(1, sizeof *f + 1);

	(void)state;
	assert_non_null(longer);
	assert_int_equal(take(f, sizeof *f), OK);
	memcpy(longer, f, sizeof *f);
	assert_int_equal(take(longer, sizeof *f + 1), ERR_VERSION);
	assert_int_equal(take(f, sizeof *f - 1), ERR_VERSION);
	assert_int_equal(take(f, 16), ERR_VERSION);
	assert_int_equal(take(f, 3), ERR_SYNTAX);
	assert_int_equal(take(f, 0), ERR_SYNTAX);
	f->table ^= 1;
	assert_int_equal(take(f, sizeof *f), ERR_VERSION);
	f->table ^= 1;
	f->version++;
	assert_int_equal(take(f, sizeof *f), ERR_VERSION);
	f->version--;
	f->program = METRIC_PROGRAM_IMAPD;
	assert_int_equal(take(f, sizeof *f), ERR_SYNTAX);
	f->program = METRIC_PROGRAM_SMTPD;
	f->magic[0] = 'C';
	assert_int_equal(take(f, sizeof *f), ERR_SYNTAX);
	free(longer);
	free(f);
}

static void
name_of(struct metric_file *f, unsigned i, const char *name)
{
	struct metric_slot *s = &f->slots[metric_label_rows[METRIC_LABEL_RULE].slot + i];

	s->ready = 1;
	memset(s->name, 0, sizeof s->name);
	memcpy(s->name, name, strnlen(name, sizeof s->name));
}

static void
names_that_would_break_the_text_are_not_shown(void **state)
{
	static const struct { const char *name; bool shown; } cases[] = {
		{ "sound", true }, { "line\nend", false }, { "", false }, { "\x1b[2J", false },
		{ "\xc2\x9b" "2J", false }, { "\xe2\x80\xae" "cod", false },
		{ "\xff\xfe", false }, { "other", false }, { "sound", false },
		{ "quo\"te\\", true },
		{ "0123456789012345678901234567890123456789012345678901234567890123", false },
	};
	struct metric_file *f = own_file();
	struct metric_copy *c = NULL;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		name_of(f, i, cases[i].name);
	assert_int_equal(metric_copy_of((struct slice){ (const char *)f, sizeof *f },
	    METRIC_PROGRAM_SMTPD, &c), OK);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		if ((metric_copy_name(c, METRIC_LABEL_RULE, i) != NULL) != cases[i].shown)
			fail_msg("name %u", i);
	metric_copy_free(&c);
	free(f);
}

static void
what_is_no_plain_file_is_not_read(void **state)
{
	struct metric_copy *c = NULL;
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/metrics/smtpd", dir);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_not_equal(metric_copy_read(dir, METRIC_PROGRAM_SMTPD, &c), OK);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(metric_copy_read(dir, METRIC_PROGRAM_SMTPD, &c), ERR_SYNTAX);
	unlink(path);
	assert_int_equal(metric_copy_read(dir, METRIC_PROGRAM_SMTPD, &c), ERR_NOENT);
	assert_null(c);
}

/* ---- the text ---- */

static void
the_text_has_the_form_of_either_format(void **state)
{
	struct metric_state states[METRIC_PROGRAM_COUNT] = { { NULL, false } };
	struct metric_copy *c;
	struct buf b;

	(void)state;
	metric_add(METRIC_SESSIONS, metric_at(METRIC_SESSIONS, 1, 2, 0), 3);
	metric_add(METRIC_RELAY_ATTEMPTS, metric_at(METRIC_RELAY_ATTEMPTS,
	    metric_slot(METRIC_LABEL_ROUTE, "a\"b\\c"), METRIC_DELIVERED, 0), 2);
	c = copy();
	states[METRIC_PROGRAM_SMTPD] = (struct metric_state){ c, true };
	buf_init(&b, 1 << 20);
	metric_text(states, 1000, true, &b);
	assert_true(slice_ends_nocase(buf_slice(&b), SLICE("\n# EOF\n")));
	assert_true(slice_find(buf_slice(&b), SLICE("congvu_up{program=\"smtpd\"} 1\n"
	    "congvu_up{program=\"imapd\"} 0\n")) >= 0);
	assert_true(slice_find(buf_slice(&b), SLICE("# TYPE congvu_sessions counter\n")) >= 0);
	assert_true(slice_find(buf_slice(&b), SLICE("congvu_sessions_total{program=\"smtpd\","
	    "role=\"submission\",zone=\"internet\"} 3\n")) >= 0);
	assert_true(slice_find(buf_slice(&b), SLICE("congvu_relay_attempts_total{program=\"smtpd\","
	    "route=\"a\\\"b\\\\c\",outcome=\"delivered\"} 2\n")) >= 0);
	buf_clear(&b);
	metric_text(states, 1000, false, &b);
	assert_true(slice_find(buf_slice(&b),
	    SLICE("# TYPE congvu_sessions_total counter\n")) >= 0);
	assert_true(slice_find(buf_slice(&b), SLICE("_created")) < 0);
	assert_true(slice_find(buf_slice(&b), SLICE("# EOF")) < 0);
	/* What has ended holds nothing, and has counted what it has. */
	states[METRIC_PROGRAM_SMTPD].up = false;
	buf_clear(&b);
	metric_text(states, 1000, true, &b);
	assert_true(slice_find(buf_slice(&b), SLICE("congvu_sessions_open{")) < 0);
	assert_true(slice_find(buf_slice(&b), SLICE("congvu_sessions_total{")) >= 0);
	buf_fini(&b);
	metric_copy_free(&c);
}

/* ---- who is the program ---- */

/* A child that takes the lock and waits; its pid. */
static pid_t
holder(int *ready)
{
	int ends[2];
	char octet;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* also when an assertion fails */
		octet = (char)(pidfile_take(dir, "smtpd") == OK);
		(void)!write(ends[1], &octet, 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &octet, 1), 1);
	*ready = octet;
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void
one_process_is_the_program_and_only_it_is_signalled(void **state)
{
	pid_t first, second, got = 0;
	int ready, status;

	(void)state;
	assert_int_equal(pidfile_holder(dir, "smtpd", &got), ERR_NOENT);
	assert_int_equal(pidfile_signal(dir, "smtpd", SIGTERM), ERR_NOENT);
	first = holder(&ready);
	assert_true(ready);
	assert_int_equal(pidfile_holder(dir, "smtpd", &got), OK);
	assert_int_equal(got, first);
	second = holder(&ready);
	assert_false(ready);
	assert_int_equal(pidfile_signal(dir, "smtpd", SIGTERM), OK);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	/* Its number still stands in the file; nobody is the program now. */
	assert_int_equal(pidfile_holder(dir, "smtpd", &got), ERR_NOENT);
	assert_int_equal(pidfile_signal(dir, "smtpd", SIGTERM), ERR_NOENT);
	kill(second, SIGKILL);
	waitpid(second, &status, 0);
}

/* Who may only read the file cannot keep the program from starting. */
static void
a_reader_who_locks_the_file_is_passed_by(void **state)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	char path[128];
	pid_t pid, got = 0;
	int fd, ready, status;

	(void)state;
	snprintf(path, sizeof path, "%s/smtpd.pid", dir);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETLK, &fl), 0);
	pid = holder(&ready);
	assert_true(ready);
	assert_int_equal(pidfile_holder(dir, "smtpd", &got), OK);
	assert_int_equal(got, pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest t[] = {
		T(processes_add_at_the_same_time_and_nothing_is_lost),
		T(a_killed_process_leaves_its_counts_and_no_sessions),
		T(there_are_so_many_shares_and_then_it_counts_nowhere),
		T(an_index_outside_counts_nowhere),
		T(every_series_of_every_row_has_its_own_place),
		T(before_it_is_opened_it_counts_in_the_process),
		T(a_histogram_puts_each_value_under_its_bound),
		T(names_get_places_and_the_rest_is_other),
		T(a_long_name_is_cut_and_shown),
		T(a_file_of_another_build_or_program_is_refused),
		T(names_that_would_break_the_text_are_not_shown),
		T(what_is_no_plain_file_is_not_read),
		T(the_text_has_the_form_of_either_format),
		T(one_process_is_the_program_and_only_it_is_signalled),
		T(a_reader_who_locks_the_file_is_passed_by),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
