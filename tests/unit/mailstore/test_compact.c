/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Segments are emptied under a store that is used: what must stay is readable after every step, by
 * readers old and new, and after a kill at any moment; space stays near what lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/metric.h"
#include "reclaim_help.h"

enum { WHO = 3, MAIL_MAX = 6000 };

struct mail {
	unsigned who;
	uint32_t uid, seed;
	size_t	 n;
};

struct churn {
	struct reclaim rc;
	struct mail    m[MAIL_MAX];
	size_t	       n;
	uint32_t       uidnext[WHO + 1], next_seed, rnd;
};

static int
begin(void **state)
{
	struct churn *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->rc.segment_octets = 1 << 20;
	c->rc.now_s = 1800000000;
	c->rnd = getenv("SEED") != NULL ? (uint32_t)strtoul(getenv("SEED"), NULL, 10) :
	    (uint32_t)clock_us();
	print_message("SEED=%u\n", c->rnd);
	for (unsigned i = 0; i <= WHO; i++)
		c->uidnext[i] = 1;
	reclaim_begin(&c->rc);
	*state = c;
	return 0;
}

static int
end(void **state)
{
	struct churn *c = *state;

	reclaim_end(&c->rc);
	free(c);
	return 0;
}

static uint32_t
rnd(struct churn *c, uint32_t n)
{
	c->rnd = c->rnd * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(c->rnd >> 4) * n >> 28);
}

static void
add(struct churn *c, size_t n)
{
	unsigned who = 1 + rnd(c, WHO);
	struct mail m = { who, c->uidnext[who]++, c->next_seed++, n };
	struct slice body = reclaim_body(m.seed, n);

	assert_true(c->n < MAIL_MAX);
	reclaim_deliver(&c->rc, who, body);
	c->m[c->n++] = m;
	free((void *)(uintptr_t)body.p);
}

static void
drop(struct churn *c, size_t i)
{
	reclaim_expunge(&c->rc, c->m[i].who, BOX_INBOX, c->m[i].uid, c->m[i].uid);
	c->m[i] = c->m[--c->n];
}

static void
expect_one(struct churn *c, const struct mail *m)
{
	struct slice body = reclaim_body(m->seed, m->n);

	help_expect(&c->rc.h, c->rc.s, m->who, BOX_INBOX, m->uid, KEYSET_OPEN, body);
	free((void *)(uintptr_t)body.p);
}

static void
expect_all(struct churn *c)
{
	for (size_t i = 0; i < c->n; i++)
		expect_one(c, &c->m[i]);
	reclaim_check(&c->rc);
}

/* Office mail: many small, few large. */
static size_t
any_size(struct churn *c)
{
	uint32_t kind = rnd(c, 100);

	return kind < 70 ? 500 + rnd(c, 8000) : kind < 97 ? 8000 + rnd(c, 90000) :
	    250000 + rnd(c, 300000);
}

static void
gc(struct churn *c)
{
	assert_int_equal(engine_gc_all(c->rc.h.e, c->rc.now_s), OK);
}

/* Frames, segments, files: each has its delay. */
static void
gc_settle(struct churn *c)
{
	for (int i = 0; i < 4; i++) {
		c->rc.now_s += GC_DELAY_S + 1;
		gc(c);
	}
}

static void
space_stays_near_what_lives(void **state)
{
	struct churn *c = *state;
	unsigned rounds = help_long() ? 30 : 4;
	struct reclaim_space sp;

	for (unsigned round = 0; round < rounds; round++) {
		while (c->n < 350)
			add(c, any_size(c));
		for (unsigned i = 0; i < 210; i++) {
			drop(c, rnd(c, (uint32_t)c->n));
			if (i % 30 == 0) {
				c->rc.now_s += GC_DELAY_S / 2;
				gc(c);
				expect_one(c, &c->m[rnd(c, (uint32_t)c->n)]);
			}
		}
		c->rc.threads = round % 2;
		if (round % 2 == 0)
			reclaim_roll(&c->rc);
		gc_settle(c);
		expect_all(c);
		/* Mail that arrives now is in a segment that is not counted yet. */
		reclaim_roll(&c->rc);
		gc_settle(c);
		reclaim_measure(&c->rc, &sp);
		print_message("round %u: %llu octets live, %llu on disk, %u files\n", round,
		    (unsigned long long)sp.live_octets, (unsigned long long)sp.disk_octets,
		    sp.files);
		assert_true(sp.disk_octets * 2 <= sp.live_octets * 3);
		assert_true(sp.files <= 2 * (sp.live_octets >> 20) + 12);
		reclaim_whole(&c->rc);
	}
	assert_true(engine_gc_stats(c->rc.h.e)->damaged_frames == 0);
	assert_int_equal(metric_get(METRIC_STORE_LIVE, 0), sp.live_octets);
	assert_true(metric_get(METRIC_STORE_LIVE, 0) + metric_get(METRIC_STORE_DEAD, 0) >
	    sp.disk_octets / 2);
	assert_true(metric_get(METRIC_SEGMENTS, 0) > 0);
	assert_true(metric_get(METRIC_RECLAIMED, 0) > 0);
	assert_true(metric_get(METRIC_MOVED, 0) > 0);
}

static void
small_segments_are_merged(void **state)
{
	struct churn *c = *state;
	struct reclaim_space sp;

	for (int i = 0; i < 40; i++) {
		add(c, 2000);
		reclaim_roll(&c->rc);
		gc(c);
		reclaim_measure(&c->rc, &sp);
		c->rc.now_s += GC_DELAY_S + 1;
	}
	gc_settle(c);
	reclaim_measure(&c->rc, &sp);
	assert_true(sp.files <= 10);
	expect_all(c);
	reclaim_roll(&c->rc);
	expect_all(c);
}

/* ---- readers ---- */

/* Unlinked segments that this process still has open. */
static unsigned
deleted_open(void)
{
	char path[300], to[300];
	unsigned n = 0;

	for (int fd = 0; fd < 400; fd++) {
		ssize_t r;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		r = readlink(path, to, sizeof to - 1);
		if (r <= 0)
			continue;
		to[r] = '\0';
		n += strstr(to, ".seg (deleted)") != NULL;
	}
	return n;
}

static void
readers_with_an_old_place_look_again(void **state)
{
	struct churn *c = *state;
	struct store_message *msg[8] = { NULL };
	struct store_record rec;
	struct slice body, part;
	char *got = malloc(300000);
	size_t n;

	assert_non_null(got);
	for (int i = 0; i < 32; i++)
		add(c, i % 4 == 0 ? 200000 : 100000);
	for (size_t i = 1; i < 8; i++) {
		struct mail small = c->m[i];

		c->m[i] = c->m[4 * i];
		c->m[4 * i] = small;
	}
	for (int i = 0; i < 8; i++) {
		const struct mail *m = &c->m[i];

		assert_int_equal(store_record(c->rc.s, help_account(&c->rc.h, m->who), BOX_INBOX,
		    m->uid, &rec), OK);
		assert_int_equal(store_message_open(c->rc.s, &rec, help_secret(&c->rc.h, m->who,
		    KEYSET_OPEN), &msg[i]), OK);
		assert_int_equal(store_message_read(msg[i], 0, got, 1000, &n), OK);
		if (i % 2 == 0)
			assert_int_equal(store_message_summary(msg[i], &part), OK);
	}
	while (c->n > 8)
		drop(c, c->n - 1);
	/* A new segment, without closing the reader. */
	segment_writer_limit(c->rc.h.e->seg, 1);
	add(c, 10);
	gc_settle(c);
	assert_true(engine_gc_stats(c->rc.h.e)->moved_frames >= 8);
	assert_true(engine_gc_stats(c->rc.h.e)->unlinked_segments >= 3);
	assert_true(deleted_open() > 0);
	store_tidy(c->rc.s);
	assert_int_equal(deleted_open(), 0);
	assert_int_equal(store_message_read(msg[0], 0, got, 300000, &n), OK);
	for (int i = 0; i < 8; i++) {
		body = reclaim_body(c->m[i].seed, c->m[i].n);
		assert_int_equal(store_message_read(msg[i], 0, got, 300000, &n), OK);
		assert_int_equal(n, body.n);
		assert_memory_equal(got, body.p, n);
		assert_int_equal(store_message_summary(msg[i], &part), OK);
		assert_true(slice_eq(part, SLICE("summary")));
		store_message_close(&msg[i]);
		free((void *)(uintptr_t)body.p);
	}
	expect_all(c);
	free(got);
}

/* ---- damage ---- */

static struct record_blob
place_of(struct churn *c, const struct mail *m, uint64_t *blob)
{
	struct store_record rec;
	struct record_blob b;

	assert_int_equal(store_record(c->rc.s, help_account(&c->rc.h, m->who), BOX_INBOX, m->uid,
	    &rec), OK);
	assert_int_equal(index_begin_read(c->rc.h.e->ix), OK);
	assert_int_equal(index_blob_get(c->rc.h.e->ix, rec.blob, &b), OK);
	index_abort(c->rc.h.e->ix);
	*blob = rec.blob;
	return b;
}

static int
open_segment(struct churn *c, uint32_t segment)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", c->rc.h.state, segment);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void
flip(struct churn *c, const struct record_blob *b, uint64_t at)
{
	int fd = open_segment(c, b->segment);
	char was;

	assert_int_equal(pread(fd, &was, 1, (off_t)(b->offset + at)), 1);
	was ^= 4;
	assert_int_equal(pwrite(fd, &was, 1, (off_t)(b->offset + at)), 1);
	close(fd);
}

static void
damage_is_left_where_it_is(void **state)
{
	struct churn *c = *state;
	struct record_blob body, head, now;
	uint64_t blob;
	struct stat st;
	int fd;

	for (int i = 0; i < 20; i++)
		add(c, 30000);
	reclaim_roll(&c->rc);
	gc(c);
	body = place_of(c, &c->m[4], &blob);
	head = place_of(c, &c->m[6], &blob);
	assert_int_equal(body.segment, head.segment);
	flip(c, &body, body.head_octets + 17000);
	flip(c, &head, 20);
	while (c->n > 9)
		drop(c, c->n - 1);
	gc_settle(c);
	assert_int_equal(engine_gc_stats(c->rc.h.e)->damaged_frames, 2);
	assert_int_equal(metric_get(METRIC_FRAMES_DAMAGED, 0), 2);
	assert_int_equal(engine_gc_stats(c->rc.h.e)->moved_frames, 7);
	now = place_of(c, &c->m[4], &blob);
	assert_memory_equal(&now, &body, sizeof now);
	now = place_of(c, &c->m[6], &blob);
	assert_memory_equal(&now, &head, sizeof now);
	/* Nothing but they takes space there. */
	fd = open_segment(c, body.segment);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 3 * 30000);
	close(fd);
	/* Repaired by a friendly hand, they are as they were; until then the others are fine. */
	flip(c, &body, body.head_octets + 17000);
	flip(c, &head, 20);
	expect_all(c);
	reclaim_roll(&c->rc);
	gc_settle(c);
	expect_all(c);
}

static void
holes_that_a_crash_prevented_are_made_later(void **state)
{
	struct churn *c = *state;
	struct record_blob b;
	struct stat st;
	uint64_t blob;
	char *filler = calloc(1, 600000);
	int fd;

	assert_non_null(filler);
	for (int i = 0; i < 2; i++)
		add(c, 600000);
	add(c, 3000);
	b = place_of(c, &c->m[1], &blob);
	reclaim_roll(&c->rc);
	gc(c);
	drop(c, 1);
	gc_settle(c);
	fd = open_segment(c, b.segment);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 800000);
	assert_int_equal(pwrite(fd, filler, 600000, (off_t)b.offset + 100), 600000);
	assert_int_equal(fdatasync(fd), 0);
	reclaim_roll(&c->rc);
	gc_settle(c);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 800000);
	close(fd);
	free(filler);
	expect_all(c);
}

/* ---- crashes ---- */

static void
fill_for_crash(struct churn *c)
{
	for (int i = 0; i < 60; i++)
		add(c, i % 10 == 0 ? 300000 : 20000);
	reclaim_roll(&c->rc);
	for (int i = 0; i < 40; i++)
		add(c, 5000);
	while (c->n > 30)
		drop(c, rnd(c, (uint32_t)c->n));
	for (int i = 0; i < 6; i++) {
		reclaim_roll(&c->rc);
		add(c, 1000);
	}
	reclaim_roll(&c->rc);
}

/* The store as it is on disk between two steps, opened elsewhere. */
static void
look_at_copy(struct churn *c)
{
	struct churn *copy = malloc(sizeof *copy);
	char cmd[400];

	assert_non_null(copy);
	*copy = *c;
	snprintf(copy->rc.h.dir, sizeof copy->rc.h.dir, "%.50s.copy", c->rc.h.dir);
	snprintf(copy->rc.h.state, sizeof copy->rc.h.state, "%s/state", copy->rc.h.dir);
	snprintf(copy->rc.h.run, sizeof copy->rc.h.run, "%s/run", copy->rc.h.dir);
	snprintf(cmd, sizeof cmd, "cp -a --sparse=always '%s' '%s'", c->rc.h.dir,
	    copy->rc.h.dir);
	assert_int_equal(system(cmd), 0);
	copy->rc.h.e = NULL;
	reclaim_open(&copy->rc);
	expect_all(copy);
	reclaim_whole(&copy->rc);
	gc_settle(copy);
	expect_all(copy);
	reclaim_end(&copy->rc);
	free(copy);
}

static void
every_step_may_be_the_last(void **state)
{
	struct churn *c = *state;
	unsigned steps = 0;

	fill_for_crash(c);
	for (int i = 0; i < 3; i++) {
		uint64_t wait_ms = 0;

		c->rc.now_s += GC_DELAY_S + 1;
		while (wait_ms == 0) {
			assert_int_equal(engine_gc(c->rc.h.e, c->rc.now_s, &wait_ms), OK);
			if (steps++ % 5 == 0)
				look_at_copy(c);
		}
	}
	print_message("%u steps\n", steps);
	assert_true(steps > 20);
	assert_true(engine_gc_stats(c->rc.h.e)->moved_frames > 0);
	assert_true(engine_gc_stats(c->rc.h.e)->unlinked_segments > 0);
	expect_all(c);
}

static void
work_until_killed(struct churn *c)
{
	reclaim_open(&c->rc);
	for (;;) {
		c->rc.now_s += GC_DELAY_S / 3;
		gc(c);
	}
}

static void
killed_at_any_moment(void **state)
{
	struct churn *c = *state;
	unsigned rounds = help_long() ? 300 : 12;

	c->rc.threads = 1;
	fill_for_crash(c);
	for (unsigned i = 0; i < rounds; i++) {
		int status;
		pid_t pid;

		/* There is always something to do. */
		add(c, 40000);
		add(c, 300000);
		drop(c, rnd(c, (uint32_t)c->n));
		drop(c, rnd(c, (uint32_t)c->n));
		reclaim_close(&c->rc);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			work_until_killed(c);
		usleep(2000 + rnd(c, 40000));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		c->rc.now_s += 10 * GC_DELAY_S;
		reclaim_open(&c->rc);
		expect_all(c);
	}
	gc_settle(c);
	expect_all(c);
	reclaim_whole(&c->rc);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest t[] = {
		T(space_stays_near_what_lives), T(small_segments_are_merged),
		T(readers_with_an_old_place_look_again), T(damage_is_left_where_it_is),
		T(holes_that_a_crash_prevented_are_made_later), T(every_step_may_be_the_last),
		T(killed_at_any_moment),
	};

	/* Thousands of syncs, and none of them is what is tested. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(t, NULL, NULL);
}
