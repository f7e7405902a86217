/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What keeps a body: the queue, an intent, a hold; and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/metric.h"
#include "mailstore/queue.h"
#include "reclaim_help.h"

enum { BIG = 600000, SMALL = 3000 };

/* ---- what else refers to a frame ---- */

static struct slice
entry_id(void)
{
	return SLICE("queued-000000001");
}

static void
enqueue(struct reclaim *rc, struct slice m, bool local_too)
{
	char guid[16];
	struct st_local local = { .guid = help_guid(1, guid), .place = ST_PLACE_INBOX };
	struct st_remote remote = { .address = SLICE("b@y.vn"), .route = SLICE("internet"),
		.zone = ZONE_INTERNET };
	struct st_deliver_request req = { .id = entry_id(), .mail_from = SLICE("a@x.vn"),
		.remote = &remote, .remote_n = 1, .local = &local, .local_n = local_too };

	help_account(&rc->h, 1);
	assert_int_equal(help_deliver_request(&rc->h, &req, m, SLICE("summary")), OK);
	while (rc->h.e->intents != NULL)
		assert_int_equal(engine_apply(rc->h.e), OK);
}

struct reading {
	struct control_queue q;
	struct arena a;
};

static int
show_fn(struct engine *e, void *arg)
{
	struct reading *rd = arg;
	struct record_key k = { .n = 0 };

	record_key_octets(&k, entry_id());
	record_key_octets(&k, SLICE("internet"));
	return queue_load(e->ctl, record_key_slice(&k), &rd->a, &rd->q);
}

static void
expect_spooled(struct reclaim *rc, struct slice m)
{
	struct reading rd;
	char *got = malloc(m.n);
	int fd;

	arena_init(&rd.a, 1 << 20);
	assert_int_equal(help_control(&rc->h, show_fn, &rd), OK);
	assert_int_equal(engine_spool_read(rc->h.e, &rd.q, &fd), OK);
	assert_int_equal(segment_read(fd, 0, got, m.n), OK);
	assert_memory_equal(got, m.p, m.n);
	close(fd);
	free(got);
	arena_clear(&rd.a);
}

static int
delete_fn(struct engine *e, void *arg)
{
	struct st_queue_act_request req = { .id = entry_id(), .act = ST_ACT_DELETE };
	struct arena a;
	int r;

	(void)arg;
	arena_init(&a, 1 << 20);
	r = queue_act(e->ctl, &req, 1, &a);
	arena_clear(&a);
	return r;
}

static void
queued(struct reclaim *rc, bool local_too)
{
	struct slice m = reclaim_body(4, SMALL);
	struct reclaim_space sp;

	for (unsigned i = 0; i < 20; i++)
		reclaim_deliver(rc, 2, m);
	enqueue(rc, m, local_too);
	reclaim_roll(rc);
	reclaim_gc(rc);
	if (local_too)
		reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	reclaim_expunge(rc, 2, BOX_INBOX, 1, 20);
	reclaim_until_gone(rc);
	/* Everything else is gone, and it was moved elsewhere. */
	reclaim_measure(rc, &sp);
	assert_true(sp.live_octets > 0);
	assert_true(sp.live_octets < 2 * SMALL);
	assert_int_equal(engine_gc_stats(rc->h.e)->moved_frames, 1);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > 0);
	expect_spooled(rc, m);
	reclaim_roll(rc);
	reclaim_until_gone(rc);
	expect_spooled(rc, m);
	assert_int_equal(help_control(&rc->h, delete_fn, NULL), OK);
	reclaim_until_gone(rc);
	reclaim_measure(rc, &sp);
	assert_int_equal(sp.live_octets, 0);
	reclaim_free(m);
}

static void
the_queue_keeps_its_bodies(void **state)
{
	queued(*state, false);
}

static void
the_queue_keeps_bodies_that_were_expunged(void **state)
{
	queued(*state, true);
}

static int
fail_fn(struct engine *e, void *arg)
{
	struct segment_place at;
	const struct slice *m = arg;
	uint8_t key[CRYPT_KEY_OCTETS] = { 1 };

	return segment_append(e->seg, key, false, SLICE("s"), *m, &at);
}

/* Frames that a job left behind which then failed: nothing names them. */
static void
orphans_are_dead(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(5, SMALL);
	struct record_segment row;
	uint32_t segment;

	reclaim_deliver(rc, 1, m);
	segment = segment_number(rc->h.e->seg);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fail_fn(rc->h.e, &m), OK);
	reclaim_roll(rc);
	while (rc->h.e != NULL) {
		uint64_t wait;
		int r;

		assert_int_equal(engine_gc(rc->h.e, rc->now_s, &wait), OK);
		assert_int_equal(index_begin_read(rc->h.e->ix), OK);
		r = index_segment_get(rc->h.e->ix, segment, &row);
		index_abort(rc->h.e->ix);
		if (r == OK)
			break;
		assert_int_equal(wait, 0);
	}
	assert_int_equal(row.state, SEGMENT_SEALED);
	assert_int_equal(row.live_frames, 1);
	assert_true(row.total_octets > 4 * SMALL);
	assert_true(row.live_octets < 2 * SMALL);
	reclaim_until_gone(rc);
	reclaim_expect(rc, 1, BOX_INBOX, 1, m);
	reclaim_free(m);
}

/* Mailbox rows come late: the segment may have ended, been counted and emptied before. */
static void
an_open_intent_keeps_its_body(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(7, SMALL), other = reclaim_body(8, BIG / 3);
	char guid[16];
	struct st_local local = { .guid = help_guid(1, guid), .place = ST_PLACE_INBOX };
	struct st_deliver_request req = { .id = entry_id(), .local = &local, .local_n = 1 };
	uint64_t blob;

	reclaim_deliver(rc, 1, other);
	assert_int_equal(help_deliver_request(&rc->h, &req, m, SLICE("summary")), OK);
	assert_non_null(rc->h.e->intents);
	segment_writer_limit(rc->h.e->seg, 1);
	req.id = SLICE("another-00000001");
	assert_int_equal(help_deliver_request(&rc->h, &req, m, SLICE("summary")), OK);
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	for (int i = 0; i < 4; i++) {
		rc->now_s += RECLAIM_DAYS_S + 1;
		assert_int_equal(engine_gc_all(rc->h.e, rc->now_s), OK);
	}
	/* It was moved, before any mailbox showed it. */
	assert_int_equal(engine_gc_stats(rc->h.e)->moved_frames, 1);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > 0);
	while (rc->h.e->intents != NULL)
		assert_int_equal(engine_apply(rc->h.e), OK);
	assert_int_equal(engine_close_intents(rc->h.e), OK);
	reclaim_expect(rc, 1, BOX_INBOX, 2, m);
	reclaim_expect(rc, 1, BOX_INBOX, 3, m);
	reclaim_until_gone(rc);
	reclaim_expect(rc, 1, BOX_INBOX, 2, m);
	reclaim_expect(rc, 1, BOX_INBOX, 3, m);
	blob = reclaim_record(rc, 1, BOX_INBOX, 2).blob;
	assert_int_equal(reclaim_place(rc, blob).refs, 1);
	reclaim_roll(rc);
	reclaim_until_gone(rc);
	reclaim_expect(rc, 1, BOX_INBOX, 3, m);
	reclaim_free(m);
	reclaim_free(other);
}

static int
as_of_format_1(struct engine *e, void *arg)
{
	const uint64_t *blobs = arg;
	struct record_blob b;
	int r = OK;

	for (int i = 0; i < 3 && r == OK; i++) {
		r = index_blob_get(e->ix, blobs[i], &b);
		b.stored_octets = 0;
		if (r == OK)
			r = index_blob_put(e->ix, blobs[i], &b);
	}
	return r;
}

static int
without_gc(struct engine *e, void *arg)
{
	struct env_cursor c;
	int r = env_cursor_open(e->ix->t, INDEX_GC, &c);

	(void)arg;
	if (r != OK)
		return r;
	while ((r = env_cursor_seek(&c, (struct slice){ "", 1 })) == 1) {
		r = env_cursor_del(e->ix->t, &c);
		if (r != OK)
			break;
	}
	env_cursor_close(&c);
	return r;
}

/* Rows that do not say how long a frame is, and bodies that lost their last reference without a
 * word. */
static void
a_store_of_format_1_is_counted(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(9, SMALL);
	uint64_t blobs[3];
	struct record_blob was;

	rc->days = 0;
	reclaim_roll(rc);
	for (uint32_t i = 0; i < 3; i++) {
		reclaim_deliver(rc, 1, m);
		blobs[i] = reclaim_record(rc, 1, BOX_INBOX, i + 1).blob;
	}
	was = reclaim_place(rc, blobs[0]);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 2);
	assert_int_equal(help_index(&rc->h, as_of_format_1, blobs), OK);
	assert_int_equal(help_index(&rc->h, without_gc, NULL), OK);
	reclaim_roll(rc);
	reclaim_gc(rc);
	assert_int_equal(reclaim_place(rc, blobs[0]).stored_octets, was.stored_octets);
	assert_int_equal(reclaim_place(rc, blobs[2]).stored_octets, was.stored_octets);
	assert_true(reclaim_has_row(rc, blobs[1]));
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	assert_false(reclaim_has_row(rc, blobs[1]));
	reclaim_expect(rc, 1, BOX_INBOX, 1, m);
	reclaim_expect(rc, 1, BOX_INBOX, 3, m);
	reclaim_free(m);
}

static void
a_clock_set_ahead_expires_nothing_for_a_day(void **state)
{
	struct gc_clock c = { .ahead_ms = 0 };
	int64_t real = INT64_C(1800000000000), mono = 5000, hour = 3600 * 1000;

	(void)state;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000);
	real += hour, mono += hour;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000);
	real += 24 * 365 * hour;
	assert_int_equal(gc_clock_s(&c, real, mono), 1800000000 + 3600);
	real += hour, mono += hour;
	assert_int_equal(gc_clock_s(&c, real, mono), 1800000000 + 2 * 3600);
	/* Set back. */
	real -= 24 * 365 * hour;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000);
	assert_int_equal(c.ahead_ms, 0);
	/* Set ahead, and left so. */
	real += 48 * hour;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000 - 48 * 3600);
	real += GC_TRUST_MS, mono += GC_TRUST_MS;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000);
	/* Behind the time nothing is too early. */
	real -= 1000 * hour;
	assert_int_equal(gc_clock_s(&c, real, mono), real / 1000);
}

/* ---- holds ---- */

static void
a_hold_keeps_everything(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(6, BIG);
	struct reclaim_space before, after;
	struct gc_stats none = { 0 };
	uint64_t hold, again;

	for (int i = 0; i < 6; i++)
		reclaim_deliver(rc, 1, m);
	reclaim_roll(rc);
	reclaim_gc(rc);
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 5);
	/* Something of everything is due: rows E, frames, half-dead segments, files. */
	reclaim_measure(rc, &before);
	none = *engine_gc_stats(rc->h.e);
	assert_int_equal(metric_get(METRIC_STORE_HELD, 0), 0);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	assert_int_equal(metric_get(METRIC_STORE_HELD, 0), 1);
	for (int i = 0; i < 4; i++) {
		rc->now_s += RECLAIM_DAYS_S + GC_DELAY_S;
		reclaim_gc(rc);
	}
	assert_memory_equal(&none, engine_gc_stats(rc->h.e), sizeof none);
	reclaim_measure(rc, &after);
	assert_int_equal(before.disk_octets, after.disk_octets);
	assert_int_equal(before.files, after.files);
	assert_int_equal(engine_hold(rc->h.e, hold, 3600000, &again), OK);
	assert_int_equal(again, hold);
	assert_int_equal(engine_hold(rc->h.e, hold + 1, 3600000, &again), ERR_NOENT);
	/* Rows E expire while nothing holds, the frames do not once it holds again; and so on. */
	assert_int_equal(engine_hold(rc->h.e, hold, 0, &again), OK);
	assert_false(engine_held(rc->h.e));
	reclaim_gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->expired, 5);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->dropped_frames, 0);
	assert_int_equal(engine_gc_stats(rc->h.e)->punched_octets, none.punched_octets);
	assert_int_equal(engine_hold(rc->h.e, hold, 0, &again), OK);
	reclaim_gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->dropped_frames, 5);
	assert_true(engine_gc_stats(rc->h.e)->punched_octets > none.punched_octets);
	none = *engine_gc_stats(rc->h.e);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->unlinked_segments, none.unlinked_segments);
	assert_int_equal(engine_hold(rc->h.e, hold, 0, &again), OK);
	reclaim_gc(rc);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > none.unlinked_segments);
	reclaim_expect(rc, 1, BOX_INBOX, 6, m);
	reclaim_free(m);
}

static void
holds_end_by_themselves(void **state)
{
	struct reclaim *rc = *state;
	uint64_t hold[40], again;
	int n = 0, r;

	assert_int_equal(engine_hold(rc->h.e, 0, 0, &again), ERR_INVAL);
	while ((r = engine_hold(rc->h.e, 0, 3600000, &hold[n])) == OK)
		n++;
	assert_int_equal(r, ERR_LIMIT);
	for (int i = 0; i < n; i++)
		assert_int_equal(engine_hold(rc->h.e, hold[i], 0, &again), OK);
	assert_false(engine_held(rc->h.e));
	assert_int_equal(engine_hold(rc->h.e, 0, 1, &hold[0]), OK);
	usleep(5000);
	assert_false(engine_held(rc->h.e));
	assert_int_equal(engine_hold(rc->h.e, hold[0], 1000, &again), ERR_NOENT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, reclaim_setup, reclaim_teardown)
	const struct CMUnitTest t[] = {
		T(the_queue_keeps_its_bodies), T(the_queue_keeps_bodies_that_were_expunged),
		T(orphans_are_dead), T(an_open_intent_keeps_its_body),
		T(a_store_of_format_1_is_counted), T(a_clock_set_ahead_expires_nothing_for_a_day),
		T(a_hold_keeps_everything), T(holds_end_by_themselves),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
