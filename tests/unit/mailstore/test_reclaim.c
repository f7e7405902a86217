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
#include "reclaim_help.h"

enum { DAY = 86400, DAYS = RECLAIM_DAYS, BIG = 600000, SMALL = 3000 };

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
	was = reclaim_record(rc, 1, BOX_INBOX, 2);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 3);
	assert_int_equal(reclaim_account(rc, 1).messages, 3);
	assert_int_equal(reclaim_account(rc, 1).octets, 3 * 5000);
	rc->now_s += (DAYS - 1) * DAY;
	reclaim_gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
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
	assert_int_equal(reclaim_account(rc, 1).messages, 5);
	assert_int_equal(reclaim_account(rc, 1).octets, 5 * 5000);
	is = reclaim_record(rc, 1, BOX_INBOX, 6);
	assert_int_equal(is.flags, ST_SEEN | ST_ANSWERED);
	assert_int_equal(is.keywords, was.keywords);
	assert_int_equal(is.internal_date_s, was.internal_date_s);
	assert_int_equal(is.save_date_s, was.save_date_s);
	assert_memory_equal(is.email_id, was.email_id, sizeof is.email_id);
	assert_true(is.modseq > was.modseq);
	reclaim_expect(rc, 1, BOX_INBOX, 6, m);
	/* Asked again: it is done. */
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX });
	assert_int_equal(reply.restored, 0);
	assert_int_equal(reclaim_account(rc, 1).messages, 5);
	reclaim_free(m);
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
	assert_int_equal(reclaim_account(rc, 1).messages, 40);
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
	assert_int_equal(reclaim_account(rc, 1).messages, 2);
	reclaim_check(rc);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = id });
	assert_int_equal(reply.restored, 4);
	assert_int_not_equal(reply.target, id);
	assert_int_equal(reclaim_record(rc, 1, reply.target, 1).flags, ST_SEEN);
	assert_int_equal(reclaim_record(rc, 1, reply.target, 1).keywords, 1);
	reclaim_expect(rc, 1, reply.target, 4, m);
	assert_int_equal(reclaim_account(rc, 1).messages, 6);
	/* To a mailbox by name. */
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 100);
	reply = unexpunge(rc, 1, (struct st_unexpunge_request){ .mailbox = BOX_INBOX,
	    .name = SLICE("Phục hồi") });
	assert_int_equal(reply.restored, 2);
	reclaim_expect(rc, 1, reply.target, 2, m);
	/* Never into another keyset. */
	reclaim_expunge(rc, 1, reply.target, 1, 100);
	{
		struct unexpunging u = { { .account = help_account(&rc->h, 1),
			.now_s = rc->now_s }, { .mailbox = reply.target, .name = SLICE("Mật") },
			{ 0 } };

		assert_int_equal(help_index(&rc->h, unexpunge_fn, &u), ERR_ACCESS);
	}
	reclaim_free(m);
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
	rec = reclaim_record(rc, 1, BOX_INBOX, 2);
	other = reclaim_record(rc, 1, BOX_INBOX, 1);
	b = reclaim_place(rc, rec.blob);
	frame = malloc(b.stored_octets);
	assert_non_null(frame);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, b.segment);
	fd = open(path, O_RDONLY);
	assert_int_equal(segment_read(fd, b.offset, frame, b.stored_octets), OK);
	close(fd);
	reclaim_roll(rc);
	reclaim_gc(rc);
	reclaim_expunge(rc, 1, BOX_INBOX, 2, 2);
	body = left_of(rc, frame, b.stored_octets, b.segment, b.offset);
	assert_true(body > BIG * 9 / 10);
	rc->now_s += DAYS * DAY - 10;
	reclaim_gc(rc);
	rc->now_s += GC_DELAY_S + 1;	/* the days are over, its row E goes */
	reclaim_gc(rc);
	assert_int_equal(engine_gc_stats(rc->h.e)->expired, 1);
	assert_true(reclaim_has_row(rc, rec.blob));
	assert_int_equal(left_of(rc, frame, b.stored_octets, b.segment, b.offset), body);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	assert_false(reclaim_has_row(rc, rec.blob));
	assert_true(left_of(rc, frame, b.stored_octets, b.segment, b.offset) <= b.head_octets);
	assert_int_equal(unexpunge(rc, 1, (struct st_unexpunge_request){
	    .mailbox = BOX_INBOX }).restored, 0);
	reclaim_expect(rc, 1, BOX_INBOX, 1, keep);
	reclaim_expect(rc, 2, BOX_INBOX, 1, keep);
	/* A small one goes with its segment. */
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	b = reclaim_place(rc, other.blob);
	reclaim_until_gone(rc);
	assert_false(reclaim_has_row(rc, other.blob));
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, b.segment);
	assert_int_not_equal(access(path, F_OK), 0);
	reclaim_expect(rc, 2, BOX_INBOX, 1, keep);
	free(frame);
	reclaim_free(big);
	reclaim_free(keep);
}

static void
a_copy_keeps_the_frame(void **state)
{
	struct reclaim *rc = *state;
	struct slice m = reclaim_body(3, BIG);
	unsigned who[] = { 1, 2, 3 };
	uint64_t blob;

	assert_int_equal(help_deliver(&rc->h, 100, who, 3, ST_PLACE_INBOX, m), OK);
	blob = reclaim_record(rc, 1, BOX_INBOX, 1).blob;
	reclaim_roll(rc);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(reclaim_has_row(rc, blob));
		reclaim_expect(rc, i, BOX_INBOX, 1, m);
		reclaim_expunge(rc, i, BOX_INBOX, 1, 1);
		reclaim_until_gone(rc);
	}
	assert_false(reclaim_has_row(rc, blob));
	reclaim_free(m);
}

static void
zero_days_keep_nothing(void **state)
{
	struct reclaim *rc = *state;
	uint64_t blob;

	rc->days = 0;
	reclaim_roll(rc);
	reclaim_deliver(rc, 1, SLICE("x"));
	blob = reclaim_record(rc, 1, BOX_INBOX, 1).blob;
	reclaim_expunge(rc, 1, BOX_INBOX, 1, 1);
	assert_int_equal(unexpunge(rc, 1, (struct st_unexpunge_request){
	    .mailbox = BOX_INBOX }).restored, 0);
	reclaim_gc(rc);
	assert_true(reclaim_has_row(rc, blob));
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	assert_false(reclaim_has_row(rc, blob));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, reclaim_setup, reclaim_teardown)
	const struct CMUnitTest t[] = {
		T(expunged_mail_comes_back_as_it_was), T(restoring_takes_several_requests),
		T(a_deleted_mailbox_comes_back),
		T(after_its_days_a_message_is_gone_from_the_disk), T(a_copy_keeps_the_frame),
		T(zero_days_keep_nothing),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
