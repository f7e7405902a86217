/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/metric.h"
#include "mailstore/queue.h"
#include "reclaim_help.h"

enum { DAY = 86400, DAYS = 14, BIG = 600000, SMALL = 3000 };

static int
begin(void **state)
{
	struct reclaim *rc = calloc(1, sizeof *rc);

	assert_non_null(rc);
	rc->days = DAYS;
	rc->segment_octets = 1 << 20;
	rc->now_s = 1800000000;
	reclaim_begin(rc);
	*state = rc;
	return 0;
}

static int
end(void **state)
{
	struct reclaim *rc = *state;

	reclaim_end(rc);
	free(rc);
	return 0;
}

static void
free_body(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

static struct store_record
record(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid)
{
	struct store_record rec;

	assert_int_equal(store_record(rc->s, help_account(&rc->h, who), mailbox, uid, &rec), OK);
	return rec;
}

static struct store_account
account(struct reclaim *rc, unsigned who)
{
	struct store_account a;

	assert_int_equal(store_account(rc->s, help_account(&rc->h, who), &a), OK);
	return a;
}

static void
expect(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid, struct slice m)
{
	help_expect(&rc->h, rc->s, who, mailbox, uid, KEYSET_OPEN, m);
}

static void
gc(struct reclaim *rc)
{
	assert_int_equal(engine_gc_all(rc->h.e, rc->now_s), OK);
	reclaim_check(rc);
}

/* Until nothing that was removed by now is left: expiry, then the delay of the frame, then that of
 * the file. */
static void
gc_until_gone(struct reclaim *rc)
{
	rc->now_s += DAYS * DAY + 1;
	gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
}

/* ---- restoring ---- */

struct unexpunging {
	struct box_scope sc;
	struct st_unexpunge_request req;
	struct st_unexpunge_reply reply;
};

static int
unexpunge_fn(struct engine *e, void *arg)
{
	struct unexpunging *u = arg;

	return box_unexpunge(e->ix, &u->sc, &u->req, &u->reply);
}

static struct st_unexpunge_reply
unexpunge(struct reclaim *rc, unsigned who, struct st_unexpunge_request req)
{
	struct unexpunging u = { { .account = help_account(&rc->h, who), .now_s = rc->now_s },
		req, { 0 } };

	assert_int_equal(help_index(&rc->h, unexpunge_fn, &u), OK);
	reclaim_check(rc);
	return u.reply;
}

struct flagging {
	struct box_scope sc;
	struct st_flags_request req;
};

static int
flag_fn(struct engine *e, void *arg)
{
	struct flagging *f = arg;
	struct st_flags_reply reply;
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = box_flags(e->ix, &f->sc, &f->req, &a, &reply);
	arena_clear(&a);
	return r;
}

static void
flag(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid, uint16_t flags,
    const char *keyword)
{
	struct st_range one = { uid, uid };
	struct st_keyword kw = { slice_of(keyword) };
	struct flagging f = { { .account = help_account(&rc->h, who), .now_s = rc->now_s },
		{ .mailbox = mailbox, .uids = &one, .uids_n = 1, .op = ST_FLAGS_ADD,
		.flags = flags, .keywords = &kw, .keywords_n = 1 } };

	assert_int_equal(help_index(&rc->h, flag_fn, &f), OK);
}

static void
expunged_mail_comes_back_as_it_was(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = help_text(5000);
	struct store_record was, is;
	struct st_unexpunge_reply reply;

	for (int i = 0; i < 5; i++)
		reclaim_deliver(rc, 1, m);
	flag(rc, 1, BOX_INBOX, 2, ST_SEEN | ST_ANSWERED, "khan");
	was = record(rc, 1, BOX_INBOX, 2);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 3);
	assert_int_equal(account(rc, 1).messages, 3);
	assert_int_equal(account(rc, 1).octets, 3 * 5000);
	rc->now_s += (DAYS - 1) * DAY;
	gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->expired, 0);
	assert_int_equal(metric_get(METRIC_RESTORABLE, 0), 2 * 5000);
	/* Another mailbox, another time: nothing. */
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_SENT });
	assert_int_equal(reply.restored, 0);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX,
	    .from_s = (uint64_t)rc->now_s });
	assert_int_equal(reply.target, 0);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX });
	assert_int_equal(reply.restored, 2);
	assert_int_equal(reply.target, BOX_INBOX);
	assert_int_equal(reply.first_uid, 6);
	assert_int_equal(reply.more, 0);
	assert_int_equal(account(rc, 1).messages, 5);
	assert_int_equal(account(rc, 1).octets, 5 * 5000);
	is = record(rc, 1, BOX_INBOX, 6);
	assert_int_equal(is.flags, ST_SEEN | ST_ANSWERED);
	assert_int_equal(is.keywords, was.keywords);
	assert_int_equal(is.internal_date_s, was.internal_date_s);
	assert_int_equal(is.save_date_s, was.save_date_s);
	assert_memory_equal(is.email_id, was.email_id, sizeof is.email_id);
	assert_true(is.modseq > was.modseq);
	expect(rc, 1, BOX_INBOX, 6, m);
	/* Asked again: it is done. */
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX });
	assert_int_equal(reply.restored, 0);
	assert_int_equal(account(rc, 1).messages, 5);
	free_body(m);
}

static void
restoring_takes_several_requests(void **state)
{
	struct reclaim *rc = *state;
	struct st_unexpunge_request req = { .mailbox = BOX_INBOX, .max = 7 };
	struct st_range uids[] = { { 3, 4 }, { 19, 30 } };
	struct st_unexpunge_reply reply;
	unsigned n = 0;

	for (int i = 0; i < 40; i++)
		reclaim_deliver(rc, 1, SLICE("x"));
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 20);
	rc->now_s += 100;
	reclaim_expunge(rc, 1, BOX_INBOX, 21, 40);
	req.uids = uids;
	req.uids_n = 2;
	req.max = 1000;
	reply = unexpunge(rc, 1, req);
	assert_int_equal(reply.restored, 14);
	req.uids_n = 0;
	req.max = 7;
	do {
		reply = unexpunge(rc, 1, req);
		assert_true(reply.restored <= 7);
		n += reply.restored;
		req.from_s = reply.next_s;
	} while (reply.more);
	assert_int_equal(n, 26);
	assert_int_equal(account(rc, 1).messages, 40);
}

struct naming {
	struct box_scope sc;
	struct slice name;
	uint32_t id;
	bool del;
};

static int
name_fn(struct engine *e, void *arg)
{
	struct naming *n = arg;

	return n->del ? box_delete(e->ix, &n->sc, n->name) :
	    box_create(e->ix, &n->sc, n->name, ST_USE_NONE, &n->id);
}

static uint32_t
name(struct reclaim *rc, const char *text, bool del)
{
	struct naming n = { { .account = help_account(&rc->h, 1), .now_s = rc->now_s },
		slice_of(text), 0, del };

	assert_int_equal(help_index(&rc->h, name_fn, &n), OK);
	return n.id;
}

struct moving {
	struct box_scope sc;
	struct st_copy_request req;
};

static int
move_fn(struct engine *e, void *arg)
{
	struct moving *m = arg;
	struct st_copy_reply reply;
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = box_copy(e->ix, &m->sc, &m->req, &a, &reply);
	arena_clear(&a);
	return r;
}

static void
move(struct reclaim *rc, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi)
{
	struct st_range r = { lo, hi };
	struct moving m = { { .account = help_account(&rc->h, 1), .now_s = rc->now_s },
		{ .mailbox = from, .target = to, .move = 1, .uids = &r, .uids_n = 1 } };

	assert_int_equal(help_index(&rc->h, move_fn, &m), OK);
}

static void
a_deleted_mailbox_comes_back(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = help_text(500);
	struct st_unexpunge_reply reply;
	uint32_t id;

	for (int i = 0; i < 6; i++)
		reclaim_deliver(rc, 1, m);
	id = name(rc, "Dự án/Cầu", false);
	move(rc, BOX_INBOX, id, 1, 4);
	/* What was moved was not expunged. */
	assert_int_equal(unexpunge(rc, 1, (struct st_unexpunge_request){
	    .mailbox = BOX_INBOX }).restored, 0);
	flag(rc, 1, id, 1, ST_SEEN, "gấp");
	name(rc, "Dự án/Cầu", true);
	assert_int_equal(account(rc, 1).messages, 2);
	reclaim_check(rc);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = id });
	assert_int_equal(reply.restored, 4);
	assert_int_not_equal(reply.target, id);
	assert_int_equal(record(rc, 1, reply.target, 1).flags, ST_SEEN);
	assert_int_equal(record(rc, 1, reply.target, 1).keywords, 1);
	expect(rc, 1, reply.target, 4, m);
	assert_int_equal(account(rc, 1).messages, 6);
	/* To a mailbox by name. */
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 100);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX,
	    .name = SLICE("Phục hồi") });
	assert_int_equal(reply.restored, 2);
	expect(rc, 1, reply.target, 2, m);
	/* Never into another keyset. */
	reclaim_expunge(rc, 1, reply.target, 1, 100);
	{
		struct unexpunging u = { { .account = help_account(&rc->h, 1),
			.now_s = rc->now_s }, { .mailbox = reply.target, .name = SLICE("Mật") },
			{ 0 } };

		assert_int_equal(help_index(&rc->h, unexpunge_fn, &u), ERR_ACCESS);
	}
	free_body(m);
}

/* ---- the end of a message ---- */

/* How many octets of needle-like pieces of the frame at that place are still in the file? */
static size_t
left_of(struct reclaim *rc, const char *frame, size_t n, uint32_t segment, uint64_t offset)
{
	char path[200], *now = calloc(1, n);
	size_t same = 0;
	ssize_t got;
	int fd;

	assert_non_null(now);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, segment);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		got = pread(fd, now, n, (off_t)offset);
		for (ssize_t i = 0; i < got; i++)
			same += now[i] == frame[i] && frame[i] != 0;
		close(fd);
	}
	free(now);
	return same;
}

static struct record_blob
place(struct reclaim *rc, uint64_t blob)
{
	struct record_blob b;

	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	assert_int_equal(index_blob_get(rc->h.e->ix, blob, &b), OK);
	index_abort(rc->h.e->ix);
	return b;
}

static bool
has_row(struct reclaim *rc, uint64_t blob)
{
	struct record_blob b;
	int r;

	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	r = index_blob_get(rc->h.e->ix, blob, &b);
	index_abort(rc->h.e->ix);
	return r == OK;
}

static void
after_its_days_a_message_is_gone_from_the_disk(void **state)
{
	struct reclaim *rc = *state;
	struct slice big = reclaim_body(1, BIG), keep = reclaim_body(2, SMALL);
	struct store_record rec, other;
	struct record_blob b;
	char path[200], *frame;
	size_t body;
	int fd;

	reclaim_deliver(rc, 1, keep);
	reclaim_deliver(rc, 1, big);
	reclaim_deliver(rc, 2, keep);
	rec = record(rc, 1, BOX_INBOX, 2);
	other = record(rc, 1, BOX_INBOX, 1);
	b = place(rc, rec.blob);
	frame = malloc(b.stored_octets);
	assert_non_null(frame);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, b.segment);
	fd = open(path, O_RDONLY);
	assert_int_equal(segment_read(fd, b.offset, frame, b.stored_octets), OK);
	close(fd);
	reclaim_roll(rc);
	gc(rc);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 2);
	body = left_of(rc, frame, b.stored_octets, b.segment, b.offset);
	assert_true(body > BIG * 9 / 10);
	rc->now_s += DAYS * DAY - 10;
	gc(rc);
	rc->now_s += GC_DELAY_S + 1;	/* the days are over, its row E goes */
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->expired, 1);
	assert_true(has_row(rc, rec.blob));
	assert_int_equal(left_of(rc, frame, b.stored_octets, b.segment, b.offset), body);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_false(has_row(rc, rec.blob));
	assert_true(left_of(rc, frame, b.stored_octets, b.segment, b.offset) <= b.head_octets);
	assert_int_equal(unexpunge(rc, 1, (struct st_unexpunge_request){
	    .mailbox = BOX_INBOX }).restored, 0);
	expect(rc, 1, BOX_INBOX, 1, keep);
	expect(rc, 2, BOX_INBOX, 1, keep);
	/* A small one goes with its segment. */
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	b = place(rc, other.blob);
	gc_until_gone(rc);
	assert_false(has_row(rc, other.blob));
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, b.segment);
	assert_int_not_equal(access(path, F_OK), 0);
	expect(rc, 2, BOX_INBOX, 1, keep);
	free(frame);
	free_body(big);
	free_body(keep);
}

static void
a_copy_keeps_the_frame(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(3, BIG);
	unsigned who[] = { 1, 2, 3 };
	uint64_t blob;

	assert_int_equal(help_deliver(&rc->h, 100, who, 3, ST_PLACE_INBOX, m), OK);
	blob = record(rc, 1, BOX_INBOX, 1).blob;
	reclaim_roll(rc);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(has_row(rc, blob));
		expect(rc, i, BOX_INBOX, 1, m);
		reclaim_expunge(rc, i, BOX_INBOX, 1, 1);
		gc_until_gone(rc);
	}
	assert_false(has_row(rc, blob));
	free_body(m);
}

static void
zero_days_keep_nothing(void **state)
{
	struct reclaim *rc = *state;
	uint64_t blob;

	rc->days = 0;
	reclaim_roll(rc);
	reclaim_deliver(rc, 1, SLICE("x"));
	blob = record(rc, 1, BOX_INBOX, 1).blob;
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	assert_int_equal(unexpunge(rc, 1, (struct st_unexpunge_request){
	    .mailbox = BOX_INBOX }).restored, 0);
	gc(rc);
	assert_true(has_row(rc, blob));
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_false(has_row(rc, blob));
}

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
	gc(rc);
	if (local_too)
		reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	reclaim_expunge(rc, 2, BOX_INBOX, 1, 20);
	gc_until_gone(rc);
	/* Everything else is gone, and it was moved elsewhere. */
	reclaim_measure(rc, &sp);
	assert_true(sp.live_octets > 0);
	assert_true(sp.live_octets < 2 * SMALL);
	assert_int_equal(engine_gc_stats(rc->h.e)->moved_frames, 1);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > 0);
	expect_spooled(rc, m);
	reclaim_roll(rc);
	gc_until_gone(rc);
	expect_spooled(rc, m);
	assert_int_equal(help_control(&rc->h, delete_fn, NULL), OK);
	gc_until_gone(rc);
	reclaim_measure(rc, &sp);
	assert_int_equal(sp.live_octets, 0);
	free_body(m);
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
	gc_until_gone(rc);
	expect(rc, 1, BOX_INBOX, 1, m);
	free_body(m);
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
		rc->now_s += DAYS * DAY + 1;
		assert_int_equal(engine_gc_all(rc->h.e, rc->now_s), OK);
	}
	/* It was moved, before any mailbox showed it. */
	assert_int_equal(engine_gc_stats(rc->h.e)->moved_frames, 1);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > 0);
	while (rc->h.e->intents != NULL)
		assert_int_equal(engine_apply(rc->h.e), OK);
	assert_int_equal(engine_close_intents(rc->h.e), OK);
	expect(rc, 1, BOX_INBOX, 2, m);
	expect(rc, 1, BOX_INBOX, 3, m);
	gc_until_gone(rc);
	expect(rc, 1, BOX_INBOX, 2, m);
	expect(rc, 1, BOX_INBOX, 3, m);
	blob = record(rc, 1, BOX_INBOX, 2).blob;
	assert_int_equal(place(rc, blob).refs, 1);
	reclaim_roll(rc);
	gc_until_gone(rc);
	expect(rc, 1, BOX_INBOX, 3, m);
	free_body(m);
	free_body(other);
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
		blobs[i] = record(rc, 1, BOX_INBOX, i + 1).blob;
	}
	was = place(rc, blobs[0]);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 2);
	assert_int_equal(help_index(&rc->h, as_of_format_1, blobs), OK);
	assert_int_equal(help_index(&rc->h, without_gc, NULL), OK);
	reclaim_roll(rc);
	gc(rc);
	assert_int_equal(place(rc, blobs[0]).stored_octets, was.stored_octets);
	assert_int_equal(place(rc, blobs[2]).stored_octets, was.stored_octets);
	assert_true(has_row(rc, blobs[1]));
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_false(has_row(rc, blobs[1]));
	expect(rc, 1, BOX_INBOX, 1, m);
	expect(rc, 1, BOX_INBOX, 3, m);
	free_body(m);
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
	gc(rc);
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 5);
	/* Something of everything is due: rows E, frames, half-dead segments, files. */
	reclaim_measure(rc, &before);
	none = *engine_gc_stats(rc->h.e);
	assert_int_equal(metric_get(METRIC_STORE_HELD, 0), 0);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	assert_int_equal(metric_get(METRIC_STORE_HELD, 0), 1);
	for (int i = 0; i < 4; i++) {
		rc->now_s += DAYS * DAY + GC_DELAY_S;
		gc(rc);
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
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->expired, 5);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->dropped_frames, 0);
	assert_int_equal(engine_gc_stats(rc->h.e)->punched_octets, none.punched_octets);
	assert_int_equal(engine_hold(rc->h.e, hold, 0, &again), OK);
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->dropped_frames, 5);
	assert_true(engine_gc_stats(rc->h.e)->punched_octets > none.punched_octets);
	none = *engine_gc_stats(rc->h.e);
	assert_int_equal(engine_hold(rc->h.e, 0, 3600000, &hold), OK);
	rc->now_s += GC_DELAY_S + 1;
	gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->unlinked_segments, none.unlinked_segments);
	assert_int_equal(engine_hold(rc->h.e, hold, 0, &again), OK);
	gc(rc);
	assert_true(engine_gc_stats(rc->h.e)->unlinked_segments > none.unlinked_segments);
	expect(rc, 1, BOX_INBOX, 6, m);
	free_body(m);
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
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest t[] = {
		T(expunged_mail_comes_back_as_it_was), T(restoring_takes_several_requests),
		T(a_deleted_mailbox_comes_back),
		T(after_its_days_a_message_is_gone_from_the_disk), T(a_copy_keeps_the_frame),
		T(zero_days_keep_nothing), T(the_queue_keeps_its_bodies),
		T(the_queue_keeps_bodies_that_were_expunged), T(orphans_are_dead),
		T(an_open_intent_keeps_its_body), T(a_store_of_format_1_is_counted),
		T(a_clock_set_ahead_expires_nothing_for_a_day),
		T(a_hold_keeps_everything), T(holds_end_by_themselves),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
